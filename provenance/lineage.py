"""Lineage: every source behind a declaration, through all that was bought here, in one recursive query."""

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, case, exists, func, literal, or_, select
from sqlalchemy.orm import Session

from exchange.errors import NotFound
from exchange.members.models import Organisation
from provenance.finding_models import Finding
from provenance.models import Acquisition, Agreement, CatalogueRecord, Declaration, DeclaredSource
from provenance.states import ESTABLISHED, GOVERNMENT_KINDS, PASSING_USES

#: Positions of sources that were found lie beyond all that are declared.
_FOUND_FROM = 1_000_000
#: Kinds of organisation whose data is government data (Art. 10, 66(2)), whatever a source is labelled.
_GOVERNMENT_HOLDERS = frozenset({"department", "organ"})


@dataclass(frozen=True, slots=True)
class SourceLink:
    """One source of one declaration in the closure, with all that it names.

    ``passing`` says that what the source holds stands in the product: some path from the root to it was incorporated or
    derived all along. ``depth`` is 0 for the root's own sources and grows by one with each purchase. ``found``: not the
    declaration names the source but an established finding. ``settled``: reviewers held that the use passes nothing on.
    """

    declaration: Declaration
    source: DeclaredSource
    record: CatalogueRecord | None
    agreement: Agreement | None
    acquisition: Acquisition | None
    holder: Organisation | None
    passing: bool
    depth: int
    found: bool = False
    settled: bool = False

    @property
    def government(self) -> bool:
        """Whether this is government data: by catalogue record, agreement or holder; a label can add, never remove."""
        return (
            self.record is not None
            or self.agreement is not None
            or self.source.kind in GOVERNMENT_KINDS
            or (self.holder is not None and self.holder.kind in _GOVERNMENT_HOLDERS)
        )

    @property
    def from_own_catalogue(self) -> bool:
        """Whether the declaring party is the department that holds the data: it needs no agreement with itself."""
        return self.record is not None and self.record.department_org_id == self.declaration.org_id


@dataclass(frozen=True, slots=True)
class SourceLine:
    """What must be printed of a government source (注明数据来源, Art. 20(1))."""

    zh: str
    en: str


def trace(session: Session, declaration_id: str) -> tuple[SourceLink, ...]:
    """All sources behind a declaration, nearest first. Each is there once, however many paths lead to it.

    Raises:
        NotFound: There is no such declaration.
    """
    rows = session.execute(_closure(), {"root": declaration_id}).all()
    if not rows:
        raise NotFound("There is no such %(kind)s.", kind="declaration")
    by_declaration: dict[str, dict[int, Any]] = defaultdict(dict)
    passing: set[tuple[str, int]] = set()
    for row in rows:
        source = row.DeclaredSource
        if source is None:  # a draft without sources yet
            continue
        by_declaration[source.declaration_id][source.position] = row
        if row.passing and row.passes:
            passing.add((source.declaration_id, source.position))
    depths = _depths(declaration_id, by_declaration)
    links = [
        SourceLink(
            declaration=row.Declaration,
            source=row.DeclaredSource,
            record=row.CatalogueRecord,
            agreement=row.Agreement,
            acquisition=row.Acquisition,
            holder=row.Organisation,
            passing=(declaration, position) in passing,
            depth=depth,
            settled=row.settled,
        )
        for declaration, depth in depths.items()
        for position, row in sorted(by_declaration[declaration].items())
    ]
    against = {finding_id for row in rows for finding_id in row.found or ()}
    if not against:
        return tuple(links)
    reached = {row.Declaration.id for row in rows if row.passing}
    return (*links, *_found(_established(session, against), by_declaration, depths, reached))


def _established(session: Session, finding_ids: Iterable[str]) -> Sequence[Any]:
    """Findings of undeclared sources, oldest first, each with the record it names and the department that holds it."""
    statement = (
        select(Finding, CatalogueRecord, Organisation)
        .join(CatalogueRecord, CatalogueRecord.id == Finding.record_id)
        .join(Organisation, Organisation.id == CatalogueRecord.department_org_id)
        .where(Finding.id.in_(sorted(finding_ids)))
        .order_by(Finding.id)
    )
    return session.execute(statement).all()


def _found(
    established: Iterable[Any],
    by_declaration: Mapping[str, Mapping[int, Any]],
    depths: Mapping[str, int],
    reached: Collection[str],
) -> Iterator[SourceLink]:
    """Sources that nobody declared and findings established, as if they stood in the declaration they speak against."""
    for row in established:
        finding = row.Finding
        present = by_declaration[finding.declaration_id]
        source = DeclaredSource(  # of no session: nobody declared it
            declaration_id=finding.declaration_id,
            revision=0,
            position=_FOUND_FROM + int(finding.fingerprint[:3].hex(), 16),
            kind="government_open",
            title=finding.title,
            holder=row.Organisation.name,
            holder_org_id=row.Organisation.id,
            method="",
            territory="",
            licence="",
            record_id=finding.record_id,
            use="derived",
            external_number="",
            not_intrusive=False,
        )
        yield SourceLink(
            declaration=next(iter(present.values())).Declaration,
            source=source,
            record=row.CatalogueRecord,
            agreement=None,
            acquisition=None,
            holder=row.Organisation,
            passing=finding.declaration_id in reached,
            depth=depths[finding.declaration_id],
            found=True,
        )


def rows_behind(connection: Connection, declaration_id: str) -> list[Any]:
    """The rows that ``trace`` would read, as they are: two that are equal make equal lineages."""
    return list(connection.execute(_closure(), {"root": declaration_id}))


def path(root_id: str, links: Sequence[SourceLink], target: SourceLink) -> list[SourceLink]:
    """A shortest way from the root to ``target``, over passing links alone when ``target`` is passing."""
    leading: dict[str, SourceLink] = {}
    waiting = deque([root_id])
    while waiting:
        declaration_id = waiting.popleft()
        for link in links:
            if link.acquisition is None or link.declaration.id != declaration_id or target.passing > link.passing:
                continue
            bought = link.acquisition.declaration_id
            if bought != root_id and bought not in leading:
                leading[bought] = link
                waiting.append(bought)
    way, at = [target], target.declaration.id
    while at != root_id:
        way.append(leading[at])
        at = leading[at].declaration.id
    return way[::-1]


def source_lines(session: Session, declaration_id: str) -> list[SourceLine]:
    """The lines to print for the government sources behind a declaration, each once, nearest first (RULES G-15).

    Every use counts: the draft asks for the line in whatever was made with the data.

    Raises:
        NotFound: There is no such declaration.
    """
    return source_lines_of(trace(session, declaration_id))


def source_lines_of(links: Sequence[SourceLink]) -> list[SourceLine]:
    """As ``source_lines``, of a lineage that was traced."""
    lines: dict[SourceLine, None] = {}
    for link in links:
        if link.record is not None:
            lines[SourceLine(link.record.source_line_zh, link.record.source_line_en)] = None
        elif link.government:
            holder, title = link.source.holder, link.source.title
            lines[SourceLine(f"数据来源：{holder}《{title}》", f"Source: {holder}, {title}")] = None
    return list(lines)


@cache
def _closure() -> Select[*tuple[Any, ...]]:
    """Sources of every declaration reachable over acquisitions from ``root``.

    UNION drops what was reached before, so a cycle ends and shared ancestors are walked once; ``passing`` doubles the
    declarations at most.
    """
    upstream = (
        select(Declaration.id.label("declaration_id"), literal(True).label("passing"))
        .where(Declaration.id == bindparam("root"))
        .cte("upstream", recursive=True)
    )
    further = (
        select(Acquisition.declaration_id, and_(upstream.c.passing, _passes()))
        .select_from(upstream)
        .join(Declaration, Declaration.id == upstream.c.declaration_id)
        .join(DeclaredSource, _present_source())
        .join(Acquisition, Acquisition.id == DeclaredSource.acquisition_id)
    )
    closure = upstream.union(further)
    # What a party collected itself is held by the party: a department's own data is government data too.
    holder_id = func.coalesce(
        DeclaredSource.holder_org_id, case((DeclaredSource.kind == "self_collected", Declaration.org_id))
    )
    return (
        select(
            closure.c.passing,
            _passes().label("passes"),
            _use_found("dismissed").label("settled"),
            _found_against().label("found"),
            Declaration,
            DeclaredSource,
            CatalogueRecord,
            Agreement,
            Acquisition,
            Organisation,
        )
        .select_from(closure)
        .join(Declaration, Declaration.id == closure.c.declaration_id)
        .outerjoin(DeclaredSource, _present_source())
        .outerjoin(CatalogueRecord, CatalogueRecord.id == DeclaredSource.record_id)
        .outerjoin(Agreement, Agreement.id == DeclaredSource.agreement_id)
        .outerjoin(Acquisition, Acquisition.id == DeclaredSource.acquisition_id)
        .outerjoin(Organisation, Organisation.id == holder_id)
    )


def _passes() -> ColumnElement[bool]:
    """Whether what a source holds stands in what was made with it: as declared, or as reviewers found."""
    return or_(DeclaredSource.use.in_(PASSING_USES), _use_found(*ESTABLISHED))


def _use_found(*states: str) -> ColumnElement[bool]:
    """Whether a finding about how a source was used is in one of ``states``."""
    return exists().where(
        Finding.declaration_id == DeclaredSource.declaration_id,
        Finding.kind == "use",
        Finding.position == DeclaredSource.position,
        Finding.state.in_(states),
    )


def _found_against() -> ColumnElement[Any]:
    """The ids of established findings of government sources that the declaration does not name."""
    return (
        select(func.array_agg(Finding.id))
        .where(
            Finding.declaration_id == Declaration.id,
            Finding.kind == "derivation",
            Finding.record_id.is_not(None),
            Finding.state.in_(ESTABLISHED),
        )
        .correlate(Declaration)
        .scalar_subquery()
    )


def _present_source() -> Any:
    return and_(DeclaredSource.declaration_id == Declaration.id, DeclaredSource.revision == Declaration.revision)


def _depths(root_id: str, by_declaration: Mapping[str, Mapping[int, Any]]) -> dict[str, int]:
    """How many purchases away each declaration is, nearest first."""
    depths, waiting = {root_id: 0}, deque([root_id])
    while waiting:
        declaration_id = waiting.popleft()
        for _, row in sorted(by_declaration.get(declaration_id, {}).items()):
            if row.Acquisition is not None and row.Acquisition.declaration_id not in depths:
                depths[row.Acquisition.declaration_id] = depths[declaration_id] + 1
                waiting.append(row.Acquisition.declaration_id)
    return depths
