"""Findings (疑点): raised by scans and reports, answered by the party, decided by reviewers, remedied anew.

Suspected, a declaration stands still: new trades on it and on what was made with it are refused, and the party has five
working days to answer. Confirmed, what was found counts as a source from that moment: classification, duties and
channel follow, for every descendant too (`provenance.changes`). A finding is a question, never guilt by itself.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import and_, func, select

from exchange import calendar, clock, documents, ids
from exchange.db import Transaction, verb
from exchange.errors import Forbidden, Invalid, NotFound, Refused, WrongState
from exchange.gates import gate
from exchange.journal import canonical
from exchange.lifecycle import CLOCK
from exchange.members.gates import not_own_case
from provenance.changes import CONFIRMED, DISMISSED, reevaluate_later
from provenance.finding_models import Finding, FindingVote
from provenance.lineage import SourceLink, trace
from provenance.models import Acquisition, Declaration, DeclaredSource
from provenance.states import EXCHANGE, FINDING, FINDING_KINDS, REVIEWER, SELLER

#: 五个工作日: how long a party has to answer (DESIGN 5).
ANSWER_DAYS = 5
#: Reviewers who have to agree.
VOTES = 2
#: A finding that nobody answered in time.
LAPSE = "finding.lapse"
MAX_WORDS = 4000
MAX_EVIDENCE_BYTES = 60_000


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What a scan or a report found.

    Args:
        kind: One of `provenance.states.FINDING_KINDS`.
        about: The id of what was looked at.
        title: What was found, by name: the source that was not declared, or the kind of information.
        evidence: Facts for both sides: counts, aligned columns, masked samples. No floats (it is signed over).
        record_id: The catalogue record that was found.
        source_declaration_id: The declaration of the product sold here that was found.
        position: The declared source whose use is in question.
        key: What tells this suspicion from others about the same thing.
    """

    kind: str
    about: str
    title: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    record_id: str | None = None
    source_declaration_id: str | None = None
    position: int | None = None
    key: str = ""

    @property
    def fingerprint(self) -> bytes:
        """The same suspicion has the same fingerprint, whenever it comes up again."""
        named = self.record_id or self.source_declaration_id or self.key or self.title
        return hashlib.sha256(f"{self.kind}\0{named}\0{self.position}".encode()).digest()


def raise_findings(tx: Transaction, declaration_id: str, suspicions: Sequence[Suspicion]) -> list[Finding]:
    """Put to the party what speaks against its declaration; what was put before is left as it stands.

    Raises:
        NotFound: There is no such declaration.
        Invalid: An unknown kind, or more evidence than a finding holds.
    """
    declaration = tx.get(Declaration, declaration_id)
    known = set(tx.all(select(Finding.fingerprint).where(Finding.declaration_id == declaration_id)))
    raised = []
    for suspicion in suspicions:
        if suspicion.fingerprint not in known:
            known.add(suspicion.fingerprint)
            raised.append(_raise(tx, declaration, suspicion))
    return raised


def question_uses(tx: Transaction, declaration_id: str, about: str) -> list[Finding]:
    """Put every declared use of government data that passes nothing on to two reviewers (DESIGN 6).

    Trained on, validated against, used as a reference list: what that means is decided by people, and open to appeal.
    """
    links = trace(tx.session, declaration_id)
    behind = {link.declaration.id for link in links if link.government and not link.passing}
    suspicions = [
        Suspicion(
            kind="use",
            about=about,
            title=link.source.title,
            evidence={"use": link.source.use, "holder": link.source.holder},
            record_id=link.source.record_id,
            position=link.source.position,
        )
        for link in links
        if link.depth == 0
        and not link.passing
        and not link.found
        and (link.government or _leads_to(link, links, behind))
    ]
    raised = raise_findings(tx, declaration_id, suspicions)
    for finding in raised:
        tx.advance(finding, "put", by=EXCHANGE)
        tx.undue(LAPSE, finding.id)
    return raised


def _leads_to(link: SourceLink, links: Sequence[SourceLink], wanted: Collection[str]) -> bool:
    """Whether what was bought has, somewhere behind it, a declaration among ``wanted``."""
    if link.acquisition is None:
        return False
    seen, waiting = set(), [link.acquisition.declaration_id]
    while waiting:
        declaration_id = waiting.pop()
        if declaration_id in wanted:
            return True
        if declaration_id not in seen:
            seen.add(declaration_id)
            waiting += [
                each.acquisition.declaration_id
                for each in links
                if each.declaration.id == declaration_id and each.acquisition is not None
            ]
    return False


def _raise(tx: Transaction, declaration: Declaration, suspicion: Suspicion) -> Finding:
    if suspicion.kind not in FINDING_KINDS:
        raise Invalid("There is no such kind of finding.", code="unknown_kind")
    evidence = canonical.dumps(dict(suspicion.evidence))
    if len(evidence) > MAX_EVIDENCE_BYTES:
        raise Invalid("A finding's evidence has at most %(most)s bytes.", code="too_long", most=MAX_EVIDENCE_BYTES)
    due = calendar.working_days_after(tx.session, tx.now, ANSWER_DAYS)
    finding = Finding(
        id=ids.new("fnd"),
        declaration_id=declaration.id,
        org_id=declaration.org_id,
        kind=suspicion.kind,
        about=suspicion.about,
        title=suspicion.title,
        record_id=suspicion.record_id,
        source_declaration_id=suspicion.source_declaration_id,
        position=suspicion.position,
        fingerprint=suspicion.fingerprint,
        evidence=dict(suspicion.evidence),
        evidence_digest=hashlib.sha256(evidence).digest(),
        answer_due_at=due.ends_at,
        stage=1,
    )
    named = (suspicion.record_id, suspicion.source_declaration_id, declaration.id, declaration.org_id)
    facts = {"kind": suspicion.kind, "answer_due_at": clock.text(due.ends_at)}
    links = [name for name in named if name is not None]
    tx.create(finding, "finding.raised", by=EXCHANGE, facts=facts, links=links, digests=_digests(finding))
    tx.due(LAPSE, finding.id, due.ends_at)
    return finding


def _digests(finding: Finding) -> dict[str, bytes]:
    return {"evidence": finding.evidence_digest}


# -- the party --------------------------------------------------------------------------------------------------------


@verb
def accept_finding(tx: Transaction, finding_id: str, *, answer: str) -> Finding:
    """Say that it is so; a new declaration then names what was found, and remedies the finding.

    Raises:
        NotFound: There is none, or it is another party's.
        WrongState: It is answered or settled already.
    """
    finding = _own(tx, finding_id)
    _answer(tx, finding, "accept", answer)
    reevaluate_later(tx, finding.declaration_id, CONFIRMED)
    return finding


@verb
def refute_finding(tx: Transaction, finding_id: str, *, answer: str) -> Finding:
    """Say why it is not so; two reviewers decide.

    Raises:
        NotFound: There is none, or it is another party's.
        WrongState: It is answered or settled already.
        Invalid: No reason is given.
    """
    finding = _own(tx, finding_id)
    if not answer.strip():
        raise Invalid("Say why it is not so: the reviewers read this.", code="reason_missing")
    _answer(tx, finding, "refute", answer)
    return finding


@verb
def appeal_finding(tx: Transaction, finding_id: str, *, appeal: str) -> Finding:
    """Ask two other reviewers, once.

    Raises:
        NotFound: There is none, or it is another party's.
        WrongState: It is not confirmed, or was appealed before.
        Invalid: No reason is given.
    """
    finding = _own(tx, finding_id)
    if not appeal.strip():
        raise Invalid("Say why the decision is wrong.", code="reason_missing")
    finding.appeal, finding.stage = _words(appeal), 2
    tx.advance(finding, "appeal", by=SELLER, digests={"appeal": _kept(tx, finding, appeal)})
    return finding


def remedy(tx: Transaction, declaration: Declaration) -> None:
    """Settle what a signed declaration remedies: the findings, against the one it replaces, that it answers by naming.

    A finding about a source is answered when the new declaration names that source; one about personal information when
    it says that there is some; the rest when it was established and the party declares anew.
    """
    if declaration.replaces_id is None:
        return
    established = select(Finding).where(
        Finding.declaration_id == declaration.replaces_id,
        Finding.state.in_(("accepted", "confirmed", "affirmed")),
    )
    for finding in tx.all(established.order_by(Finding.id).with_for_update()):
        if _says(tx, declaration, finding):
            finding.remedied_by = declaration.id
            tx.advance(finding, "remedy", by=SELLER, links=[declaration.id])


def _says(tx: Transaction, declaration: Declaration, finding: Finding) -> bool:
    if finding.kind == "personal":
        return declaration.personal_information
    if finding.kind in {"anonymity", "use"}:
        return True
    named = and_(DeclaredSource.declaration_id == declaration.id, DeclaredSource.revision == declaration.revision)
    if finding.record_id is not None:
        return tx.first(select(DeclaredSource).where(named, DeclaredSource.record_id == finding.record_id)) is not None
    if finding.source_declaration_id is not None:
        bought = select(DeclaredSource).join(Acquisition, Acquisition.id == DeclaredSource.acquisition_id)
        found = bought.where(named, Acquisition.declaration_id == finding.source_declaration_id)
        return tx.first(found) is not None
    return True


# -- reviewers --------------------------------------------------------------------------------------------------------


@verb
def vote_on_finding(tx: Transaction, finding_id: str, *, outcome: str, reason: str) -> Finding:
    """Hold a finding for true (``confirm``) or not (``dismiss``); with the second agreeing vote it is decided.

    Raises:
        Forbidden: The actor is no reviewer.
        Refused: The reviewer belongs to the party, voted already, or voted before the appeal (I-08).
        WrongState: There is nothing to decide.
        Invalid: Another outcome, or no reason.
    """
    tx.actor.need(REVIEWER)
    finding = tx.lock(Finding, finding_id)
    not_own_case(tx, finding.org_id)
    FINDING.edge(finding.state, outcome if outcome in {"confirm", "dismiss"} else "confirm")
    if outcome not in {"confirm", "dismiss"}:
        raise Invalid("A finding is confirmed or dismissed.", code="unknown_outcome")
    if not reason.strip():
        raise Invalid("A decision needs its reason.", code="reason_missing")
    fresh_reviewer(tx, finding)
    vote = FindingVote(
        finding_id=finding.id,
        stage=finding.stage,
        reviewer_id=_person(tx),
        outcome=outcome,
        reason=_words(reason),
        at=tx.now,
    )
    tx.add(vote)
    tx.session.flush()
    digests = {"reason": _kept(tx, finding, reason)}
    agreeing = tx.session.scalar(
        select(func.count())
        .select_from(FindingVote)
        .where(FindingVote.finding_id == finding.id, FindingVote.stage == finding.stage, FindingVote.outcome == outcome)
    )
    if (agreeing or 0) < VOTES:
        tx.record(finding.id, "finding.voted", by=REVIEWER, facts={"stage": finding.stage}, digests=digests)
        return finding
    tx.advance(finding, outcome, by=REVIEWER, links=[finding.declaration_id, finding.org_id], digests=digests)
    tx.undue(LAPSE, finding.id)
    reevaluate_later(tx, finding.declaration_id, CONFIRMED if outcome == "confirm" else DISMISSED)
    return finding


@gate("I-08")
def fresh_reviewer(tx: Transaction, finding: Finding) -> None:
    """Nobody votes twice on a finding, neither at one stage nor on appeal against their own decision."""
    mine = FindingVote.finding_id == finding.id, FindingVote.reviewer_id == tx.actor.person_id
    if tx.first(select(FindingVote).where(*mine)) is not None:
        raise Refused(
            "I-08",
            "You voted on this finding already; other reviewers have to decide.",
            remedy="Leave it to a reviewer who has not voted on it.",
            code="voted_already",
            subjects=(finding.id,),
        )


@verb
def lapse_finding(tx: Transaction, finding_id: str) -> Finding:
    """Nobody answered in time: trades stay paused, and a reviewer may decide (called by the clock)."""
    tx.actor.need(CLOCK)
    finding = tx.lock(Finding, finding_id)
    if finding.answer_due_at > tx.now:
        raise WrongState("The time to answer is not over.", code="not_over")
    tx.advance(finding, "lapse", by=CLOCK, links=[finding.org_id])
    return finding


# -- shared -----------------------------------------------------------------------------------------------------------


def _answer(tx: Transaction, finding: Finding, action: str, answer: str) -> None:
    finding.answer, finding.answered_at = _words(answer), tx.now
    tx.advance(finding, action, by=SELLER, digests={"answer": _kept(tx, finding, answer)})
    tx.undue(LAPSE, finding.id)


def _own(tx: Transaction, finding_id: str) -> Finding:
    finding = tx.lock(Finding, finding_id)
    if finding.org_id != tx.actor.org_id:
        raise NotFound("There is no such %(kind)s.", kind="finding")
    tx.actor.need("owner", "trader")
    return finding


def _person(tx: Transaction) -> str:
    if tx.actor.person_id is None:
        raise Forbidden("A natural person decides.")
    return tx.actor.person_id


def _words(text: str) -> str:
    if len(text) > MAX_WORDS:
        raise Invalid("This has at most %(most)s characters.", code="too_long", most=MAX_WORDS)
    return text.strip()


def _kept(tx: Transaction, finding: Finding, text: str) -> bytes:
    """What was said, kept as a document: words may name people and stand in no entry."""
    content = canonical.dumps({"finding": finding.id, "words": _words(text), "at": clock.text(tx.now)})
    return documents.put(tx, content, subject=finding.id, kind="finding_words", media_type="application/json").digest
