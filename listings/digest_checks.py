"""Whether a file is one that must be traded at an exchange: asked by anybody, by the file's digest (DESIGN 6).

The answer is minimal: the product's public page, and what its channel is. Nothing is said of files that were never
shown to the public.
"""

from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange.db import read
from exchange.errors import Invalid
from listings.models import Deposit, Version
from listings.states import LISTING_PUBLIC
from provenance.routing import classification

DIGEST_CHARACTERS = 64


class Known(NamedTuple):
    """A file that is a product here; ``exchange_only`` when Art. 28(2) lets it be traded at an exchange only."""

    product_id: str
    title_zh: str
    title_en: str
    exchange_only: bool


def by_digest(digest: str) -> Known | None:
    """The product whose goods have the SHA-256 ``digest`` (hexadecimal); ``None`` when none is known.

    Raises:
        Invalid: It is no SHA-256 digest.
    """
    wanted = digest.strip().lower()
    if len(wanted) != DIGEST_CHARACTERS or set(wanted) - set("0123456789abcdef"):
        problem = "A SHA-256 digest has 64 hexadecimal digits."
        raise Invalid(problem, code="invalid_digest", fields={"digest": [problem]})
    with read() as session:
        return _known(session, bytes.fromhex(wanted))


def _known(session: Session, digest: bytes) -> Known | None:
    """The newest public version with these goods that must be traded here, else the newest of all."""
    statement = (
        select(Version.product_id, Version.title_zh, Version.title_en, Version.declaration_id)
        .join(Deposit, Deposit.id == Version.deposit_id)
        .where(Deposit.digest == digest, Version.state.in_(LISTING_PUBLIC))
        .order_by(Version.id.desc())
        .limit(20)
    )
    found = [_told(session, row) for row in session.execute(statement)]
    return next((one for one in found if one.exchange_only), found[0] if found else None)


def _told(session: Session, row: Any) -> Known:
    derived = row.declaration_id is not None and classification(session, row.declaration_id).government_derived
    return Known(row.product_id, row.title_zh, row.title_en, derived)
