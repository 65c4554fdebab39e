"""The government catalogue, mirrored by official numbers.

The exchange opens and shares nothing itself (Art. 11): a record points to the unified catalogue and says what a seller
has to know of the data.
"""

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, literal_column
from sqlalchemy.exc import IntegrityError

from exchange import ids
from exchange.db import Transaction, verb
from exchange.errors import Conflict, Forbidden, Invalid, NotFound, StaleVersion
from exchange.members.gates import vetted
from exchange.members.models import Organisation
from exchange.members.people import org_of
from provenance import gates, search
from provenance.models import CatalogueRecord
from provenance.states import DEPARTMENT, OPEN_ATTRIBUTES


@dataclass(frozen=True, slots=True)
class RecordEntry:
    """A catalogue record as its department enters it. ``fields`` are pairs of name and description."""

    official_number: str
    title_zh: str
    title_en: str
    open_attribute: str
    legal_basis: str
    fields: tuple[tuple[str, str], ...]
    update_frequency: str
    source_line_zh: str
    source_line_en: str


@verb
def record_catalogue(tx: Transaction, entry: RecordEntry) -> CatalogueRecord:
    """Mirror a record of the unified catalogue that the actor's department holds.

    Raises:
        Forbidden: The actor is no owner, or acts for something other than a department.
        Refused: The department is not vetted (I-01, I-02), or a limited attribute has no legal basis (G-05).
        Conflict: The department recorded that number before.
    """
    department = _department(tx)
    _check(tx, department, entry)
    record = CatalogueRecord(
        id=ids.new("cat"), department_org_id=department.id, recorded_at=tx.now, revision=1, **_columns(entry)
    )
    tx.add(record)
    _flush(tx, entry)
    facts = {"official_number": record.official_number, "open_attribute": record.open_attribute}
    tx.record(record.id, "catalogue.recorded", by=DEPARTMENT, facts=facts, links=[department.id])
    return record


@verb
def revise_record(tx: Transaction, record_id: str, entry: RecordEntry, *, revision: int) -> CatalogueRecord:
    """Correct a record, as its department; ``revision`` is that of the record which the change was made from.

    What is declared on the record is judged by the corrected record from this moment.

    Raises:
        NotFound: It is no record of the actor's department.
        StaleVersion: Somebody else changed it in the meantime.
        Forbidden, Refused, Conflict: As for ``record_catalogue``.
    """
    department = _department(tx)
    record = tx.lock(CatalogueRecord, record_id)
    if record.department_org_id != department.id:
        raise NotFound("There is no such %(kind)s.", kind="catalogue_record")
    if record.revision != revision:
        raise StaleVersion("This was changed by somebody else in the meantime; read it again.")
    _check(tx, department, entry)
    columns = _columns(entry)
    changed = sorted(name for name in asdict(entry) if columns[name] != getattr(record, name))
    for name, value in columns.items():
        setattr(record, name, value)
    record.revision += 1
    _flush(tx, entry)
    facts = {
        "official_number": record.official_number,
        "open_attribute": record.open_attribute,
        "revision": record.revision,
        "changed": ",".join(changed),
    }
    tx.record(record.id, "catalogue.revised", by=DEPARTMENT, facts=facts, links=[department.id])
    return record


def _department(tx: Transaction) -> Organisation:
    """The department that the actor keeps the catalogue for."""
    tx.actor.need("owner")
    department = org_of(tx, tx.actor.org_id or "")
    if department.kind != DEPARTMENT:
        raise Forbidden("Only a government department keeps catalogue records.", code="not_a_department")
    return department


def _check(tx: Transaction, department: Organisation, entry: RecordEntry) -> None:
    if entry.open_attribute not in OPEN_ATTRIBUTES:
        raise Invalid("There is no such open attribute.", code="unknown_attribute")
    vetted(tx, department.id)
    gates.legal_basis_cited(tx, department.id, entry.open_attribute, entry.legal_basis)


def _columns(entry: RecordEntry) -> dict[str, Any]:
    """The record's columns that an entry fills."""
    described = [{"name": name, "description": description} for name, description in entry.fields]
    plain = {**asdict(entry), "legal_basis": entry.legal_basis.strip(), "fields": described}
    return {**plain, "words": _words(entry)}


def _words(entry: RecordEntry) -> ColumnElement[Any]:
    """What a search finds the record by."""
    columns = (text for pair in entry.fields for text in pair)
    words = search.tokens(entry.title_zh, entry.title_en, entry.official_number, *columns)
    return func.to_tsvector(literal_column("'simple'"), words)


def _flush(tx: Transaction, entry: RecordEntry) -> None:
    try:
        tx.session.flush()
    except IntegrityError:
        raise Conflict(
            "The catalogue number %(number)s is recorded already.", code="number_taken", number=entry.official_number
        ) from None
