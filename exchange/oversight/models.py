"""What overseers put in the way of a subject."""

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from exchange.orm import Base, Journalled


class Restraint(Base, Journalled):
    """A bar on a subject of any kind, known here by its opaque id only, from ``since`` until ``lifted_at``.

    ``org_id`` is the body that ordered it, and that alone may lift it.
    """

    __tablename__ = "restraint"
    __subject__ = "subject"
    __table_args__ = (Index(None, "subject", postgresql_where="lifted_at IS NULL"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str]
    org_id: Mapped[str]
    measure: Mapped[str]
    basis: Mapped[str]
    reason: Mapped[str]
    since: Mapped[datetime]
    lifted_at: Mapped[datetime | None]
