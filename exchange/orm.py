"""The base of every table.

A table is either **journalled** (a business table: each row belongs to the story of a subject, and a committed write
leaves an entry for that subject) or **bookkeeping** (it says why it is exempt). ``exchange.guards`` turns these
marks into triggers and grants.
"""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, DateTime, LargeBinary, MetaData, Table, Text, event
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, Mapper, declared_attr, mapped_column

from exchange.lifecycle import Lifecycle

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """What every table inherits: PostgreSQL types and constraint names."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text(),
        bytes: LargeBinary(),
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB(),
        list[Any]: JSONB(),
    }


class Bookkeeping:
    """A table that no story tells of; ``__bookkeeping__`` says why that is right.

    ``__grants__`` is what the application's role may do with it; ``__sequencer_grants__`` the sequencer's.
    """

    __bookkeeping__: ClassVar[str]
    __append_only__: ClassVar[bool] = False
    __grants__: ClassVar[str] = "SELECT, INSERT, UPDATE, DELETE"
    __sequencer_grants__: ClassVar[str] = ""


class Journalled:
    """A business table. ``__subject__`` names the column that holds the id of the subject a row belongs to.

    Rows are never deleted; those of an ``__append_only__`` table are never changed either.
    """

    __subject__: ClassVar[str] = "id"
    __append_only__: ClassVar[bool] = False


class Stateful(Journalled):
    """A subject with a life cycle.

    ``state`` has one writer, ``exchange.db.Transaction``; ``row_version`` counts changes (optimistic locking and
    ETags).
    """

    __lifecycle__: ClassVar[Lifecycle]

    id: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    row_version: Mapped[int]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805  (SQLAlchemy hands in the class)
        return {"version_id_col": cls.row_version}


@event.listens_for(Base, "instrument_class", propagate=True)
def _mark(_mapper: Mapper[Any], cls: type[Any]) -> None:
    """Carry a class's marks over to its table, and hold ``state`` to the life cycle's states."""
    table = cls.__table__
    if not isinstance(table, Table):
        raise TypeError(f"{cls.__name__} is not mapped to a table")
    if issubclass(cls, Stateful):
        states = ", ".join(f"'{state}'" for state in sorted(cls.__lifecycle__.states))
        table.append_constraint(CheckConstraint(f"state IN ({states})", name="state"))
    if issubclass(cls, Journalled):
        table.info.update(subject=cls.__subject__, append_only=cls.__append_only__)
    elif issubclass(cls, Bookkeeping):
        table.info.update(
            bookkeeping=cls.__bookkeeping__,
            append_only=cls.__append_only__,
            grants=cls.__grants__,
            sequencer_grants=cls.__sequencer_grants__,
        )
    else:
        raise TypeError(f"{cls.__name__} is neither journalled nor bookkeeping")
