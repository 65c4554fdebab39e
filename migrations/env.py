"""Alembic's environment: the owner's connection is handed in by ``exchange.migrate``."""

from alembic import context

from exchange.orm import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
