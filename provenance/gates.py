"""What a declaration must be before anything made on it is traded.

``STANDING`` is computed at the moment it is asked, over the whole lineage: when an agreement ends or an authorisation
is withdrawn, new trades stop at that moment, those of descendants included. Nothing is copied that could go stale.
"""

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import and_, or_, select

from exchange import clock
from exchange.db import Transaction
from exchange.errors import Refused
from exchange.gates import Step, gate
from exchange.oversight.restraints import refuse_restrained
from provenance import purposes
from provenance.finding_models import Finding
from provenance.government import government_sources_stand
from provenance.lineage import trace
from provenance.models import Authorisation, Declaration, DeclaredSource
from provenance.states import ANONYMISED, AUTHORISED, SUSPECTED, UNSETTLED


@gate("G-05")
def legal_basis_cited(_tx: Transaction, department_org_id: str, open_attribute: str, legal_basis: str) -> None:
    """A conditional or closed attribute cites the law or national document it rests on (Art. 17(2))."""
    if open_attribute != "unconditional" and not legal_basis.strip():
        raise Refused(
            "G-05",
            "Data that is open on conditions, or not open, needs a legal basis for that.",
            remedy="Cite the law, administrative regulation or national document.",
            code="legal_basis_missing",
            subjects=(department_org_id,),
        )


# -- the declaration itself ---------------------------------------------------------------------------------------


@gate("P-01", "P-05")
def signed(tx: Transaction, declaration_id: str) -> None:
    """There is a declaration, and it is signed: from then on it cannot change."""
    if tx.get(Declaration, declaration_id).state != "signed":
        raise Refused(
            "P-01",
            "The declaration of provenance is not signed.",
            remedy="Sign the declaration first.",
            code="declaration_not_signed",
            subjects=(declaration_id,),
        )


@gate("P-05")
def truth_undertaken(tx: Transaction, declaration_id: str) -> None:
    """Who signs undertakes that the declaration is true (数据来源合法承诺)."""
    if not tx.get(Declaration, declaration_id).truth_undertaken:
        raise Refused(
            "P-05",
            "The undertaking that the sources are lawful and truly stated is missing.",
            remedy="Give the undertaking in the declaration.",
            code="undertaking_missing",
            subjects=(declaration_id,),
        )


@gate("P-02")
def described(tx: Transaction, declaration_id: str) -> None:
    """Every source says its holder, method, date range, territory and legal basis, and names an evidence file."""
    sources = _sources(tx, declaration_id)
    incomplete = {source.position + 1: _missing(source) for source in sources if _missing(source)}
    if sources and not incomplete:
        return
    raise Refused(
        "P-02",
        "The declaration has to describe its sources in full; missing: %(missing)s.",
        remedy="Complete every source with its evidence.",
        code="sources_incomplete",
        subjects=(declaration_id,),
        missing="; ".join(f"{position}: {', '.join(names)}" for position, names in incomplete.items()) or "sources",
    )


@gate("P-03")
def grounded(tx: Transaction, declaration_id: str) -> None:
    """One of the two grounds of Art. 26 is chosen and evidenced."""
    declaration = tx.get(Declaration, declaration_id)
    if declaration.ground == ANONYMISED and declaration.anonymisation_method and declaration.anonymisation_evidence:
        return
    if declaration.ground == AUTHORISED and _authorisations(tx, [declaration_id]):
        return
    raise Refused(
        "P-03",
        "The data can be traded on one of two grounds, and neither is shown with evidence: processed so that nobody can"
        " be identified and nothing restored, or its origin explained and expressly authorised.",
        remedy="Show the method and evidence of anonymisation, or the authorisations.",
        code="no_ground",
        subjects=(declaration_id,),
    )


@gate("P-04")
def authorised(tx: Transaction, declaration_id: str) -> None:
    """Every authorisation in the lineage holds now and allows the data to be passed on."""
    links = trace(tx.session, declaration_id)
    for authorisation in _authorisations(tx, {declaration_id, *(link.declaration.id for link in links)}):
        if authorisation.withdrawn_at is not None:
            problem, code = "An authorisation was withdrawn by %(grantor)s.", "authorisation_withdrawn"
        elif not authorisation.onward_allowed:
            problem, code = "The authorisation of %(grantor)s does not allow passing on.", "authorisation_not_onward"
        elif tx.now >= authorisation.ends_at:
            problem, code = "The authorisation of %(grantor)s ended at %(end)s.", "authorisation_ended"
        elif tx.now < authorisation.starts_at:
            problem, code = "The authorisation of %(grantor)s has not begun.", "authorisation_not_begun"
        else:
            continue
        raise Refused(
            "P-04",
            problem,
            remedy="Get an authorisation that holds, and declare the sources anew.",
            code=code,
            subjects=(declaration_id, authorisation.declaration_id),
            grantor=authorisation.grantor,
            end=clock.beijing(authorisation.ends_at),
        )


@gate("P-06")
def licensed(tx: Transaction, declaration_id: str) -> None:
    """What was bought here names its trade, whose licence allowed building on it and selling that."""
    for link in trace(tx.session, declaration_id):
        if link.acquisition is None and link.source.kind == "purchased_here":
            problem, code = "«%(title)s» was bought here, and the trade is not named.", "trade_not_named"
        elif link.acquisition is not None and not link.acquisition.onward_allowed:
            problem, code = "The licence of «%(title)s» does not allow processing for sale.", "onward_not_allowed"
        else:
            continue
        raise Refused(
            "P-06",
            problem,
            remedy="Name a trade whose licence allows onward use, or leave the source out.",
            code=code,
            subjects=(declaration_id,),
            title=link.source.title,
        )


@gate("P-07")
def gathered_fairly(tx: Transaction, declaration_id: str) -> None:
    """What automated tools gathered comes with the statement that no network service was intruded on or disturbed."""
    for source in _sources(tx, declaration_id):
        if source.kind == "web" and not source.not_intrusive:
            raise Refused(
                "P-07",
                "«%(title)s» was gathered by automated tools, and the statement that no network service was intruded on"
                " or disturbed is missing.",
                remedy="Give the statement, or leave the source out.",
                code="intrusion_not_excluded",
                subjects=(declaration_id,),
                title=source.title,
            )


@gate("K-05")
def unrestrained(tx: Transaction, declaration_id: str) -> None:
    """Neither the declaration, nor one it builds on, nor an agreement behind it is under a restraint."""
    links = trace(tx.session, declaration_id)
    agreements = (link.agreement.id for link in links if link.agreement is not None)
    refuse_restrained(tx, declaration_id, *(link.declaration.id for link in links), *agreements)


@gate("P-09", "PI-06")
def unsuspected(tx: Transaction, declaration_id: str) -> None:
    """No finding speaks against the declaration, nor against one whose goods stand in it, that is not settled.

    Suspected, new trades pause until the question is answered and decided; established, until a new declaration
    remedies it (DESIGN 5).
    """
    links = trace(tx.session, declaration_id)
    passing = {link.acquisition.declaration_id for link in links if link.acquisition is not None and link.passing}
    against = select(Finding).where(Finding.declaration_id.in_({declaration_id, *passing}))
    # What a use means once it is decided, the classification says: nothing has to be declared anew.
    hinders = or_(Finding.state.in_(SUSPECTED), and_(Finding.state.in_(UNSETTLED), Finding.kind != "use"))
    finding = tx.first(against.where(hinders).order_by(Finding.id))
    if finding is None:
        return
    if finding.state in SUSPECTED:
        problem, code = "A finding speaks against the declaration and is not settled: %(title)s.", "finding_open"
        remedy = "Answer the finding; reviewers decide what you deny."
    else:
        problem, code = "A finding against the declaration was established: %(title)s.", "finding_established"
        remedy = "Sign a new declaration that says so, and list that."
    if finding.declaration_id != declaration_id:
        remedy = "Wait until the seller of what you bought has settled it."
    raise Refused(
        "PI-06" if finding.kind == "personal" else "P-09",
        problem,
        remedy=remedy,
        code=code,
        subjects=(declaration_id, finding.id),
        title=finding.title,
    )


# -- the steps -------------------------------------------------------------------------------------------------------

SIGNING = Step(
    "provenance.sign_declaration", (truth_undertaken, described, grounded, authorised, licensed, gathered_fairly)
)
STANDING = Step(
    "provenance.standing",
    (signed, grounded, authorised, licensed, government_sources_stand, unrestrained, unsuspected),
)


# -- the sale ---------------------------------------------------------------------------------------------------------


@gate("G-17", "P-04", "P-06")
def purposes_covered(tx: Transaction, declaration_id: str, purpose_codes: Iterable[str]) -> None:
    """What a buyer may use the goods for lies inside everything that was granted for what stands in them.

    Raises:
        Invalid: A purpose is not in the tree.
        Refused: By G-17 outside an agreement's purposes, by P-06 outside a licence bought here, by P-04 outside an
            authorisation.
    """
    wanted = purposes.check(purpose_codes)
    links = [link for link in trace(tx.session, declaration_id) if link.passing]
    for link in links:
        if link.agreement is not None:
            _refuse_uncovered("G-17", declaration_id, link.source.title, link.agreement.purposes, wanted)
        if link.acquisition is not None:
            _refuse_uncovered("P-06", declaration_id, link.source.title, link.acquisition.purposes, wanted)
    for authorisation in _authorisations(tx, {declaration_id, *(link.declaration.id for link in links)}):
        _refuse_uncovered("P-04", declaration_id, authorisation.data, authorisation.purposes, wanted)


def _refuse_uncovered(rule_id: str, about: str, title: str, granted: Collection[str], wanted: Sequence[str]) -> None:
    outside = purposes.uncovered(granted, wanted)
    if outside:
        raise Refused(
            rule_id,
            "The purposes granted for «%(title)s» do not cover: %(outside)s.",
            remedy="Offer and ask for purposes inside: %(granted)s.",
            code="purpose_not_covered",
            subjects=(about,),
            title=title,
            outside=", ".join(outside),
            granted=", ".join(granted),
        )


# -- shared -----------------------------------------------------------------------------------------------------------


def _sources(tx: Transaction, declaration_id: str) -> Sequence[DeclaredSource]:
    revision = tx.get(Declaration, declaration_id).revision
    return tx.all(
        select(DeclaredSource)
        .where(DeclaredSource.declaration_id == declaration_id, DeclaredSource.revision == revision)
        .order_by(DeclaredSource.position)
    )


def _missing(source: DeclaredSource) -> list[str]:
    said = {
        "holder": source.holder,
        "method": source.method,
        "period": source.collected_from is not None and source.collected_to is not None,
        "territory": source.territory,
        "legal basis": source.licence,
        "evidence": source.evidence_digest,
    }
    return [name for name, value in said.items() if not value]


def _authorisations(tx: Transaction, declaration_ids: Collection[str]) -> Sequence[Authorisation]:
    """The authorisations of declarations, held against a withdrawal until the transaction ends."""
    return tx.all(
        select(Authorisation)
        .join(
            Declaration,
            and_(Declaration.id == Authorisation.declaration_id, Declaration.revision == Authorisation.revision),
        )
        .where(Declaration.id.in_(declaration_ids), Declaration.ground == AUTHORISED)
        .order_by(Authorisation.id)
        .with_for_update(read=True, of=Authorisation)
        .execution_options(populate_existing=True)
    )
