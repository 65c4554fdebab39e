"""Migrations: run as the database's owner, never by the application's role."""

from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

FOLDER = Path(__file__).resolve().parent.parent / "migrations"


def upgrade(owner_url: str, revision: str = "head") -> None:
    """Bring the schema to ``revision``; each migration commits as a whole or not at all."""
    _run(owner_url, lambda config: command.upgrade(config, revision))


def downgrade(owner_url: str, revision: str = "base") -> None:
    """Take the schema back to ``revision``. What the newer tables held is lost."""
    _run(owner_url, lambda config: command.downgrade(config, revision))


def _run(owner_url: str, action: Callable[[Config], None]) -> None:
    engine = create_engine(owner_url)
    try:
        with engine.begin() as connection:
            config = Config()
            config.set_main_option("script_location", str(FOLDER))
            config.attributes["connection"] = connection
            action(config)
    finally:
        engine.dispose()
