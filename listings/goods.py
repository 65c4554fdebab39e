"""Goods at rest: opened from the object store by ranges, outside any transaction."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from sqlalchemy import select

from exchange import sealing, vault
from exchange.db import Transaction, read
from exchange.errors import InvariantBroken, NotFound
from exchange.storage import Store
from listings.models import Deposit, Version
from listings.streams import reader
from provenance.lineage import SourceLine, source_lines
from provenance.routing import classify

#: Purpose of the envelope around a file key (``exchange.vault``).
FILE_KEY = "file"

_store: Store | None = None


def bind(store: Store) -> None:
    """Keep goods in ``store`` in this process from now on."""
    global _store  # noqa: PLW0603  (a process has one store of goods)
    _store = store


def store() -> Store:
    """The bound store.

    Raises:
        InvariantBroken: ``bind`` was not called.
    """
    if _store is None:
        raise InvariantBroken("no store of goods is bound")
    return _store


def context(deposit_id: str) -> bytes:
    """What the sealed stream of a deposit is sealed as."""
    return b"goods " + deposit_id.encode()


@dataclass(frozen=True, slots=True)
class Goods:
    """A sealed file that can be read.

    Args:
        deposit_id: The deposit it is.
        file_name: Its name, for display and download only.
        media_type: Its media type.
        size_bytes: Size of the plaintext.
        digest: SHA-256 of the plaintext, as committed to at the deposit.
    """

    deposit_id: str
    file_name: str
    media_type: str
    size_bytes: int
    digest: bytes
    _object_key: str = field(repr=False)
    _file_key: bytes = field(repr=False)

    def open_range(self, start: int, stop: int) -> Iterator[bytes]:
        """The plaintext bytes ``start`` to ``stop`` (exclusive; clamped to the end), in pieces of at most 1 MiB.

        The header and the end of the sealed stream are checked before this returns, every byte before it is yielded.

        Raises:
            SealBroken: The stored object is not what was sealed (for a segment of the range: from the iterator).
            StorageUnavailable: The store does not answer.
            ValueError: ``start`` is negative or behind ``stop``.
        """
        source = store().open(self._object_key)
        try:
            pieces = sealing.unseal_range(source, self._file_key, context(self.deposit_id), start, stop)
        except BaseException:
            source.close()
            raise
        return _closing(source, pieces)

    def open(self) -> BinaryIO:
        """The whole plaintext as a file to be read once; reading to its end shows that nothing is missing."""
        source = store().open(self._object_key)
        return reader(_closing(source, sealing.unseal(source, self._file_key, context(self.deposit_id))))


def goods_of(deposit: Deposit) -> Goods:
    """The goods of a deposit that was sealed.

    Raises:
        NotFound: It was not, or it was discarded.
    """
    if deposit.object_key is None or deposit.file_key is None or deposit.digest is None:
        raise NotFound("There are no goods here.", code="no_goods")
    return Goods(
        deposit_id=deposit.id,
        file_name=deposit.file_name,
        media_type=deposit.media_type,
        size_bytes=deposit.size_bytes,
        digest=deposit.digest,
        _object_key=deposit.object_key,
        _file_key=vault.ring().unwrap(deposit.file_key, purpose=FILE_KEY, subject=deposit.id),
    )


@dataclass(frozen=True, slots=True)
class Described:
    """A version as contracts and vouchers name it.

    Args:
        listing_digest: SHA-256 of the canonical document that was submitted, kept in ``exchange.documents``.
        digest: SHA-256 of the goods.
        source_lines: What has to be printed of government sources (RULES G-15).
        government_derived: Whether the duty of Art. 28(2) goes with the goods.
    """

    version_id: str
    product_id: str
    number: int
    org_id: str
    title_zh: str
    title_en: str
    declaration_id: str
    listing_digest: bytes
    file_name: str
    media_type: str
    size_bytes: int
    digest: bytes
    plain_root: bytes
    sealed_root: bytes
    source_lines: tuple[SourceLine, ...]
    government_derived: bool


def describe(tx: Transaction, version_id: str) -> Described:
    """Describe a version that was submitted, as it stands at this moment.

    Raises:
        NotFound: There is no such version, or it was never submitted, or its goods were discarded.
    """
    version = tx.get(Version, version_id)
    if version.deposit_id is None or version.declaration_id is None or version.listing_digest is None:
        raise NotFound("There is no such %(kind)s.", kind="version")
    deposit = tx.get(Deposit, version.deposit_id)
    if deposit.digest is None or deposit.plain_root is None or deposit.sealed_root is None:
        raise NotFound("There are no goods here.", code="no_goods")
    return Described(
        version_id=version.id,
        product_id=version.product_id,
        number=version.number,
        org_id=version.org_id,
        title_zh=version.title_zh,
        title_en=version.title_en,
        declaration_id=version.declaration_id,
        listing_digest=version.listing_digest,
        file_name=deposit.file_name,
        media_type=deposit.media_type,
        size_bytes=deposit.size_bytes,
        digest=deposit.digest,
        plain_root=deposit.plain_root,
        sealed_root=deposit.sealed_root,
        source_lines=tuple(source_lines(tx.session, version.declaration_id)),
        government_derived=classify(tx, version.declaration_id).government_derived,
    )


def open_goods(version_id: str) -> Goods:
    """The goods of a version. The caller has shown that they may be read.

    Raises:
        NotFound: There is no such version, or it has no goods on deposit.
    """
    with read() as session:
        of_version = select(Deposit).join(Version, Version.deposit_id == Deposit.id).where(Version.id == version_id)
        deposit = session.scalars(of_version).one_or_none()
    if deposit is None:
        raise NotFound("There are no goods here.", code="no_goods")
    return goods_of(deposit)


def _closing(source: BinaryIO, pieces: Iterator[bytes]) -> Iterator[bytes]:
    with source:
        yield from pieces
