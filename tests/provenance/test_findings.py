"""Findings: questions that pause trades, answers, two votes, an appeal to others, a new declaration as the remedy."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import market as fair
import origins
import pytest
from market import market  # noqa: F401  (a fixture)
from people import Party, approved_company, approved_department, staff

from exchange.actors import Actor
from exchange.db import advance_clock, read, transaction
from exchange.errors import Invalid, NotFound, Refused, WrongState
from listings import gates as listing_gates
from listings import review
from listings.models import Deposit, Offer, Version
from provenance import changes, declarations, findings, jobs, lineage, routing
from provenance.declarations import Content
from provenance.finding_models import Finding
from provenance.findings import Suspicion
from provenance.models import CatalogueRecord, Declaration

ANY = ("commercial", "research")
EVIDENCE = {"rows": 812, "share_permille": 430, "columns": [["站点", "station"], ["日期", "day"]]}


@pytest.fixture
def seller(market: object) -> Party:  # noqa: F811
    return approved_company(market, "甲数据公司")


@pytest.fixture
def record_id(market: object) -> str:  # noqa: F811
    return fair.open_data(market, approved_department(market, "示例交通局")).record_id or ""


def raised(declaration_id: str, **what: Any) -> str:
    suspicion = Suspicion(
        **{"kind": "derivation", "about": "dep_x", "title": "轨道交通客流", "evidence": EVIDENCE} | what
    )
    with transaction(Actor(None, None, frozenset({"exchange"}))) as tx:
        [finding] = findings.raise_findings(tx, declaration_id, [suspicion])
        assert findings.raise_findings(tx, declaration_id, [suspicion]) == []
        return finding.id


def found(finding_id: str) -> Finding:
    with read() as session:
        return session.get_one(Finding, finding_id)


def carried(declaration_id: str, why: str) -> None:
    """The worker walks downstream."""
    changes.carry({"declaration_id": declaration_id, "why": why})


def refused(product: fair.Published) -> Refused:
    with pytest.raises(Refused) as refusal, transaction(Actor.clock()) as tx:
        listing_gates.orderable(tx, product.offer_id)
    return refusal.value


def decided(market: object, finding_id: str, outcome: str) -> list[Actor]:  # noqa: F811
    reviewers = [staff(market, "compliance_reviewer") for _ in range(2)]
    for reviewer in reviewers:
        findings.vote_on_finding(reviewer, finding_id, outcome=outcome, reason="核对了样例行 / rows compared")
    return reviewers


@pytest.mark.rule("P-09")
def test_suspected_trades_pause_until_two_reviewers_dismiss_it(market: object, seller: Party, record_id: str) -> None:  # noqa: F811
    product = fair.published_product(market, seller)
    finding_id = raised(product.declaration_id, record_id=record_id)
    assert (refused(product).rule_id, refused(product).code) == ("P-09", "finding_open")
    with pytest.raises(Invalid):
        findings.refute_finding(seller.actor, finding_id, answer=" ")
    findings.refute_finding(seller.actor, finding_id, answer="自有闸机计数 / our own gates")
    first = staff(market, "compliance_reviewer")
    findings.vote_on_finding(first, finding_id, outcome="dismiss", reason="不同口径 / counted otherwise")
    assert found(finding_id).state == "in_review"
    with pytest.raises(Refused) as twice:
        findings.vote_on_finding(first, finding_id, outcome="dismiss", reason="again")
    assert (twice.value.rule_id, twice.value.code) == ("I-08", "voted_already")
    findings.vote_on_finding(
        staff(market, "compliance_reviewer"), finding_id, outcome="dismiss", reason="同上 / so too"
    )
    assert found(finding_id).state == "dismissed"
    with transaction(Actor.clock()) as tx:
        listing_gates.orderable(tx, product.offer_id)
        assert not routing.classify(tx, product.declaration_id).government_derived


@pytest.mark.rule("P-08")
def test_confirmed_it_counts_as_a_source_and_a_new_declaration_remedies_it(
    market: object,  # noqa: F811
    seller: Party,
    record_id: str,
) -> None:
    product = fair.published_product(market, seller, channel="direct")
    finding_id = raised(product.declaration_id, record_id=record_id)
    findings.refute_finding(seller.actor, finding_id, answer="不是 / no")
    decided(market, finding_id, "confirm")
    with transaction(Actor.clock()) as tx:
        assert routing.classify(tx, product.declaration_id).government_derived
        lines = [line.zh for line in lineage.source_lines(tx.session, product.declaration_id)]
    assert lines == ["数据来源：示例交通局《轨道交通客流》"]
    carried(product.declaration_id, changes.CONFIRMED)
    with read() as session:
        assert session.get_one(Version, product.version_id).state == "suspended"
        assert session.get_one(Offer, product.offer_id).state == "closed"
        record = session.get_one(CatalogueRecord, record_id)
    named = replace(
        fair.OWN_SOURCE, title=record.title_zh, holder="示例交通局", record_id=record_id, kind="government_open",
        retrieved_at=found(finding_id).created_at,
    )  # fmt: skip
    content = Content(
        sources=(fair.OWN_SOURCE, named), ground="A", anonymisation_method="按日汇总", anonymisation_evidence=bytes(32),
        truth_undertaken=True,
    )  # fmt: skip
    newer = declarations.declare(seller.actor, content, replaces_id=product.declaration_id)
    declarations.sign_declaration(seller.actor, newer.id, password=seller.password)
    assert (found(finding_id).state, found(finding_id).remedied_by) == ("remedied", newer.id)


def test_accepted_it_counts_at_once(market: object, seller: Party, record_id: str) -> None:  # noqa: F811
    product = fair.published_product(market, seller)
    finding_id = raised(product.declaration_id, record_id=record_id)
    findings.accept_finding(seller.actor, finding_id, answer="")
    assert refused(product).code in {"agreement_missing", "retrieval_not_evidenced", "finding_established"}
    with pytest.raises(WrongState):
        findings.refute_finding(seller.actor, finding_id, answer="不是")


def test_an_appeal_goes_to_others_and_may_overturn(market: object, seller: Party, record_id: str) -> None:  # noqa: F811
    product = fair.published_product(market, seller)
    finding_id = raised(product.declaration_id, record_id=record_id)
    findings.refute_finding(seller.actor, finding_id, answer="不是 / no")
    before = decided(market, finding_id, "confirm")
    findings.appeal_finding(seller.actor, finding_id, appeal="样例行来自公开报告 / a public report")
    with pytest.raises(Refused) as same:
        findings.vote_on_finding(before[0], finding_id, outcome="dismiss", reason="x")
    assert same.value.code == "voted_already"
    decided(market, finding_id, "dismiss")
    assert found(finding_id).state == "dismissed"
    with pytest.raises(WrongState):
        findings.appeal_finding(seller.actor, finding_id, appeal="again")


def test_nobody_answered_in_five_working_days(market: object, seller: Party, record_id: str) -> None:  # noqa: F811
    product = fair.published_product(market, seller)
    finding_id = raised(product.declaration_id, record_id=record_id)
    with pytest.raises(WrongState):
        jobs.DUE[findings.LAPSE](Actor.clock(), finding_id)
    advance_clock(Actor.clock(), fair.until(found(finding_id).answer_due_at))
    jobs.DUE[findings.LAPSE](Actor.clock(), finding_id)
    assert found(finding_id).state == "overdue"
    assert refused(product).code == "finding_open"
    decided(market, finding_id, "confirm")
    assert found(finding_id).state == "confirmed"


def test_a_finding_upstream_pauses_every_descendant_and_names_who_settles_it(
    market: object,  # noqa: F811
    seller: Party,
    record_id: str,
) -> None:
    product = fair.published_product(market, seller)
    maker = approved_company(market, "乙数据公司")
    with read() as session:
        bought = origins.acquired(maker, session.get_one(Declaration, product.declaration_id), purposes=ANY)
    made = fair.published_product(market, maker, origins.bought_source(bought), content=fair.CSV + b"S9,2026-03-05,1\n")
    assert set(changes.descendants(product.declaration_id)) == {product.declaration_id, made.declaration_id}
    raised(product.declaration_id, record_id=record_id)
    refusal = refused(made)
    assert (refusal.rule_id, refusal.code) == ("P-09", "finding_open")
    assert "seller of what you bought" in refusal.remedy


def test_anothers_findings_are_not_there(market: object, seller: Party, record_id: str) -> None:  # noqa: F811
    product = fair.published_product(market, seller)
    finding_id = raised(product.declaration_id, record_id=record_id)
    other = approved_company(market, "乙数据公司")
    for verb, words in ((findings.accept_finding, {"answer": ""}), (findings.appeal_finding, {"appeal": "x"})):
        with pytest.raises(NotFound):
            verb(other.actor, finding_id, **words)


@pytest.mark.rule("PI-06")
def test_a_file_with_undeclared_telephone_numbers_is_not_approved_until_it_is_answered(
    market: object,  # noqa: F811
    seller: Party,
) -> None:
    rows = "".join(f"张{'伟芳娜敏'[n % 4]},1381234{n:04d},{n}\n" for n in range(200))
    version = fair.submitted(seller, content=f"姓名,手机号,数量\n{rows}".encode())
    [finding_id] = fair.findings_of(version)
    finding = found(finding_id)
    assert (finding.kind, finding.state, finding.about) == ("personal", "open", version.deposit_id)
    assert {"姓名", "手机号"} <= {one["column"] for one in finding.evidence["columns"]}
    assert "13812340001" not in str(finding.evidence)
    with read() as session:
        kept = session.get_one(Deposit, version.deposit_id)
        assert "1381234" not in str(kept.profile)
        assert "张伟" not in str(kept.profile)
    reviewer = staff(market, "compliance_reviewer")
    review.take_up(reviewer, version.id)
    with pytest.raises(Refused) as refusal:
        review.approve(reviewer, version.id, checklist=fair.PASSED)
    assert (refusal.value.rule_id, refusal.value.code) == ("PI-06", "finding_open")


@pytest.mark.rule("PI-07")
def test_people_who_stand_out_are_a_question_to_whoever_claims_anonymity(market: object, seller: Party) -> None:  # noqa: F811
    rows = "".join(f"{1950 + n % 50},{'男女'[n % 2]},4000{n % 97:02d},{n}\n" for n in range(300))
    version = fair.submitted(seller, content=f"出生年份,性别,邮政编码,数量\n{rows}".encode())
    kinds = {found(one).kind: found(one) for one in fair.findings_of(version)}
    assert "anonymity" in kinds
    assert kinds["anonymity"].evidence["groups"][0]["unique_permille"] > 0
    declaration_id = version.declaration_id or ""
    with read() as session:
        assert session.get_one(Declaration, declaration_id).ground == "A"
    assert found(kinds["anonymity"].id).answer_due_at > found(kinds["anonymity"].id).created_at + timedelta(days=4)
