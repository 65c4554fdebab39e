"""The public notice (公示): anybody signed in may object; without an open objection the clock publishes at its end."""

from sqlalchemy import select

from exchange import ids
from exchange.db import Transaction, verb
from exchange.errors import Conflict, Forbidden, Invalid, NotFound, Refused, WrongState
from exchange.lifecycle import CLOCK
from exchange.members.gates import not_own_case
from listings import gates
from listings.models import Objection, Product, Version
from listings.states import LISTING, LISTING_PUBLIC, OBJECTION, REVIEWER
from provenance.routing import classify

MAX_STATEMENT = 4000
OBJECTOR = "objector"


@verb
def object_to(tx: Transaction, version_id: str, *, statement: str) -> Objection:
    """Object to a version on public notice. The objection is a subject of its own: the seller does not learn whose.

    Raises:
        NotFound: There is no such version, or it was never shown to the public.
        Conflict: It is not on notice, the notice is over, or the same organisation's objection waits for its answer.
        Invalid: Nothing is said, or too much.
    """
    if tx.actor.person_id is None or tx.actor.org_id is None:
        raise Forbidden("A natural person objects.")
    version = tx.lock(Version, version_id)
    if version.state not in LISTING_PUBLIC:
        raise NotFound("There is no such %(kind)s.", kind="version")
    if version.state != "notice" or version.notice_ends_at is None or version.notice_ends_at <= tx.now:
        raise Conflict("This is not on public notice.", code="not_on_notice")
    said = statement.strip()
    if not 0 < len(said) <= MAX_STATEMENT:
        raise Invalid("An objection has 1 to %(most)s characters.", code="statement_length", most=MAX_STATEMENT)
    waiting = select(Objection.id).where(
        Objection.version_id == version.id,
        Objection.org_id == tx.actor.org_id,
        Objection.state == OBJECTION.initial,
    )
    if tx.first(waiting) is not None:
        raise Conflict("Your objection to this waits for its answer already.", code="objection_waits")
    objection = Objection(
        id=ids.new("obj"), version_id=version.id, org_id=tx.actor.org_id, person_id=tx.actor.person_id, statement=said
    )
    tx.create(objection, "objection.made", by=OBJECTOR, links=[version.id])
    return objection


@verb
def dismiss_objection(tx: Transaction, objection_id: str, *, answer: str) -> Objection:
    """Find that an objection does not stand in the way. After the last one, a notice that is over ends in publication.

    Raises:
        Refused: The reviewer belongs to the seller or to who objected (I-08).
        Invalid: No answer is given.
    """
    version, objection = _decidable(tx, objection_id)
    _decide(tx, objection, "dismiss", answer)
    if version.state == "notice" and version.notice_ends_at is not None and version.notice_ends_at <= tx.now:
        tx.due("version.publish", version.id, tx.now)
    return objection


@verb
def uphold_objection(tx: Transaction, objection_id: str, *, answer: str) -> Objection:
    """Find that an objection is right: the version goes back to the seller.

    Raises:
        Refused: The reviewer belongs to the seller or to who objected (I-08).
        Invalid: No answer is given.
    """
    version, objection = _decidable(tx, objection_id)
    _decide(tx, objection, "uphold", answer)
    if version.state == "notice":
        tx.advance(version, "return", by=REVIEWER, links=[objection.id], facts={"code": "objection_upheld"})
        tx.undue("version.publish", version.id)
    return objection


@verb
def publish(tx: Transaction, version_id: str) -> Version:
    """Publish a version whose notice is over (called by the clock); it supersedes the product's published one.

    An undecided objection holds it back. A gate that says no returns it to the seller, naming the rule.

    Raises:
        WrongState: The version is not on notice, or the notice is not over.
    """
    tx.actor.need(CLOCK)
    version = tx.lock(Version, version_id)
    LISTING.edge(version.state, "publish")
    if version.notice_ends_at is None or version.notice_ends_at > tx.now:
        raise WrongState("The public notice is not over.", code="not_over")
    undecided = select(Objection.id).where(Objection.version_id == version_id, Objection.state == OBJECTION.initial)
    if tx.first(undecided) is not None:
        return version
    try:
        gates.PUBLISH.ask(tx, version)
    except Refused as refusal:
        why = {"rule": refusal.rule_id, "code": refusal.code}
        tx.advance(version, "return", by=CLOCK, facts=why, links=refusal.subjects)
        return version
    declaration_id = gates.declaration_of(version)
    facts = {"number": version.number, "government_derived": classify(tx, declaration_id).government_derived}
    links = [version.product_id, version.org_id, declaration_id]
    tx.lock(Product, version.product_id)  # one version at a time takes the place
    previous = tx.first(
        select(Version)
        .where(Version.product_id == version.product_id, Version.state.in_(("published", "suspended")))
        .with_for_update()
    )
    if previous is not None:
        tx.advance(previous, "supersede", by=CLOCK, links=[version.id])
        tx.session.flush()  # the place of the published version is free before it is taken
        links.append(previous.id)
    version.published_at = tx.now
    digests = {} if version.listing_digest is None else {"document": version.listing_digest}
    tx.advance(version, "publish", by=CLOCK, facts=facts, links=links, digests=digests)
    return version


def _decidable(tx: Transaction, objection_id: str) -> tuple[Version, Objection]:
    """Version and objection, locked in that order as ``object_to`` does."""
    tx.actor.need(REVIEWER)
    version = tx.lock(Version, tx.get(Objection, objection_id).version_id)
    objection = tx.lock(Objection, objection_id)
    not_own_case(tx, version.org_id)
    not_own_case(tx, objection.org_id)
    return version, objection


def _decide(tx: Transaction, objection: Objection, action: str, answer: str) -> None:
    if not 0 < len(answer.strip()) <= MAX_STATEMENT:
        raise Invalid("An answer has 1 to %(most)s characters.", code="statement_length", most=MAX_STATEMENT)
    objection.decided_by, objection.decided_at, objection.answer = tx.actor.person_id, tx.now, answer.strip()
    tx.advance(objection, action, by=REVIEWER, links=[objection.version_id])
