"""The whole schema made from the models, for comparison with the migrations and for fresh test databases."""

from sqlalchemy import Connection

from exchange import guards
from exchange.orm import Base

#: Statements of rooms that need more than tables (functions of the ledger), run after the tables exist.
_extra: list[str] = []


def also(*statements: str) -> None:
    """Add statements of a room, once each, in the order given."""
    _extra.extend(statement for statement in statements if statement not in _extra)


def create(connection: Connection) -> None:
    """Create all tables, guards, grants and the rooms' own statements, as the database's owner."""
    Base.metadata.create_all(connection)
    cursor = connection.connection.cursor()  # the driver itself: nothing here is a parameter
    for statement in (*guards.statements(Base.metadata), *_extra):
        cursor.execute(statement)
    cursor.close()
