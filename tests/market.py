"""Made-up goods on the market, brought there by the verbs themselves: deposited, declared, reviewed, published."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from people import Party, approved_department, staff

from exchange import calendar, clock
from exchange.actors import Actor
from exchange.db import advance_clock, read
from exchange.money import Money
from exchange.storage import open_store
from listings import deposits, goods, grading, intake, notice, offers, review, versions
from listings.models import Version
from listings.offers import Terms
from listings.states import CHECKLIST
from listings.versions import Description
from provenance import declarations, finding_queries, records, register
from provenance.declarations import Content, Source
from provenance.grading import ELEMENTS, OBJECTS, Form
from provenance.records import RecordEntry
from provenance.register import DataItem
from provenance.register import Terms as AgreementTerms

CSV = b"station,day,visitors\n" + b"".join(b"S%d,2026-03-%02d,%d\n" % (n % 3, n % 28 + 1, n * 7) for n in range(40))

DESCRIPTION = Description(
    title_zh="车站客流日统计",
    title_en="Daily visitors of stations",
    description_zh="三个车站每日进站人次。",
    description_en="Visitors of three stations, by day.",
    category="transport",
    grade="general",
)
#: A grading form that finds no harm.
GRADED = Form(
    elements=dict.fromkeys(ELEMENTS, "车站日客流，三个车站 / daily sums of three stations"),
    effects=dict.fromkeys(OBJECTS, "none"),
    identified_as="none",
    secrecy="none",
)
TERMS = Terms(
    price=Money(120_000, "HKD"),
    channel="exchange",
    purposes=("commercial.analytics", "research"),
    term_days=365,
    territory="中国境内 / mainland China",
    redistribution=False,
    derivation=True,
    inspection_hours=72,
    delivery="deposit",
    acceptance_criteria="内容与上架摘要一致 / the content has the listed digest",
)
OWN_SOURCE = Source(
    kind="self_collected",
    use="incorporated",
    title="闸机记录 / gate counts",
    holder="示例公司 / the seller",
    method="闸机计数 / counted at the gates",
    collected_from=date(2026, 3, 1),
    collected_to=date(2026, 3, 28),
    territory="重庆市 / Chongqing",
    licence="自有数据 / own data",
    evidence_digest=bytes(range(32)),
)
PASSED = dict.fromkeys(CHECKLIST, "pass")


RECORD = RecordEntry(
    official_number="CQ-JT-0001",
    title_zh="轨道交通客流",
    title_en="Rail passenger flow",
    open_attribute="unconditional",
    legal_basis="",
    fields=(("station", "车站"), ("day", "日期"), ("visitors", "进站人次")),
    update_frequency="daily",
    source_line_zh="数据来源：示例交通局《轨道交通客流》",
    source_line_en="Source: Example Transport Bureau, Rail passenger flow",
)


@dataclass(frozen=True)
class Published:
    """A product on sale."""

    product_id: str
    version_id: str
    offer_id: str
    deposit_id: str
    declaration_id: str


@pytest.fixture
def market(db: object, tmp_path: Path) -> Iterator[object]:
    """The fixture ``db`` with a store for goods and the calendar of working days."""
    goods.bind(open_store(f"file://{tmp_path}/goods"))
    calendar.seed(Actor.clock())
    return db


def deposited(seller: Party, content: bytes = CSV, *, name: str = "visitors.csv", kind: str = "text/csv") -> str:
    """The id of a deposit that was sent, sealed, profiled and swept."""
    deposit_id = received(seller, content, name=name, kind=kind)
    intake.seal_deposit(deposit_id)
    intake.profile_deposit(deposit_id)
    intake.sweep_deposit(deposit_id)
    return deposit_id


def received(seller: Party, content: bytes = CSV, *, name: str = "visitors.csv", kind: str = "text/csv") -> str:
    """The id of a deposit that was sent whole, in two pieces."""
    deposit_id = deposits.open_deposit(seller.actor, file_name=name, size_bytes=len(content), media_type=kind).id
    half = len(content) // 2
    for offset, piece in ((0, content[:half]), (half, content[half:])):
        deposits.append(seller.actor, deposit_id, offset=offset, content=io.BytesIO(piece))
    deposits.complete_deposit(seller.actor, deposit_id)
    return deposit_id


def declared(seller: Party, *sources: Source, personal_information: bool = False) -> str:
    """The id of a signed declaration, on the ground of anonymisation."""
    content = Content(
        sources=sources or (OWN_SOURCE,),
        ground="A",
        anonymisation_method="按日汇总，不含个人记录 / sums by day, no records of people",
        anonymisation_evidence=bytes(32),
        processing_steps=(("aggregate", "sum by station and day"),),
        personal_information=personal_information,
        truth_undertaken=True,
    )
    declaration_id = declarations.declare(seller.actor, content).id
    declarations.sign_declaration(seller.actor, declaration_id, password=seller.password)
    return declaration_id


def drafted(seller: Party, *sources: Source, description: Description = DESCRIPTION) -> Version:
    """A draft with goods and a signed declaration, not graded yet."""
    version = versions.create_product(seller.actor, description)
    deposit_id, declaration_id = deposited(seller), declared(seller, *sources)
    return versions.attach(seller.actor, version.id, deposit_id=deposit_id, declaration_id=declaration_id)


def open_data(db: object, department: Party | None = None) -> Source:
    """A source that a department opened without conditions: what is made with it is government-derived."""
    holder = department or approved_department(db, "示例交通局")
    return replace(_of_record(holder, RECORD), kind="government_open", retrieved_at=clock.real_now())


def agreed_data(
    db: object, user: Party, department: Party | None = None, *, ends_on: date = date(2027, 6, 30), **changes: object
) -> Source:
    """A source open on conditions, with an agreement in force until ``ends_on``; ``changes`` are to its terms."""
    holder = department or approved_department(db, "示例交通局")
    entry = replace(RECORD, official_number="CQ-JT-0002", open_attribute="conditional", legal_basis="《示例条例》第1条")
    source = _of_record(holder, entry)
    terms = AgreementTerms(
        basis="conditional_opening",
        official_number="",
        data=(DataItem(source.record_id or "", ("station", "day")),),
        purposes=("commercial.analytics", "research"),
        purpose_text="客流分析 / analysis of passenger flow",
        application_scenario="选址 / choice of locations",
        security_measures="加密存放 / kept encrypted",
        starts_on=date(2026, 1, 1),
        ends_on=ends_on,
        disposal="期满删除 / deleted at the end",
        outputs_may_be_sold=True,
        buyers_allowed=("company",),
    )
    terms = replace(terms, **changes)  # type: ignore[arg-type]
    agreement_id = register.draft_agreement(user.actor, terms, department_org_id=holder.org_id).id
    for party in (user, holder):
        register.sign_agreement(party.actor, agreement_id, password=party.password)
    return replace(source, kind="government_open", agreement_id=agreement_id)


def _of_record(holder: Party, entry: RecordEntry) -> Source:
    record = records.record_catalogue(holder.actor, entry)
    return replace(OWN_SOURCE, title=entry.title_zh, holder="示例交通局", record_id=record.id)


def submitted(
    seller: Party,
    *sources: Source,
    content: bytes = CSV,
    description: Description = DESCRIPTION,
    product_id: str | None = None,
    personal_information: bool = False,
) -> Version:
    """A version that waits for reviewers."""
    if product_id is None:
        version_id = versions.create_product(seller.actor, description).id
    else:
        version_id = versions.add_version(seller.actor, product_id, description).id
    deposit_id, declaration_id = (
        deposited(seller, content),
        declared(seller, *sources, personal_information=personal_information),
    )
    versions.attach(seller.actor, version_id, deposit_id=deposit_id, declaration_id=declaration_id)
    grading.grade_version(seller.actor, version_id, GRADED)
    versions.submit(seller.actor, version_id)
    return intake.scan_version(intake.EXCHANGE_ACTOR, version_id)


def approved(db: object, version: Version) -> Version:
    """The version on public notice: approved by as many reviewers as it needs."""
    first = staff(db, "compliance_reviewer")
    review.take_up(first, version.id)
    now = review.approve(first, version.id, checklist=PASSED)
    return (
        now if now.state == "notice" else review.approve(staff(db, "compliance_reviewer"), version.id, checklist=PASSED)
    )


def findings_of(version: Version) -> list[str]:
    """The findings against a version's declaration, oldest first."""
    with read() as session:
        return [one["id"] for one in finding_queries.of_declaration(session, version.declaration_id or "")]


def until(moment: object) -> timedelta:
    """How far ``moment`` lies ahead, and a second more."""
    with read():
        return moment - clock.now() + timedelta(seconds=1)  # type: ignore[operator, no-any-return]


def published(version: Version) -> Version:
    """The version after its notice: the demonstration's clock is moved there."""
    advance_clock(Actor.clock(), until(version.notice_ends_at))
    return notice.publish(Actor.clock(), version.id)


def published_product(
    db: object,
    seller: Party,
    *sources: Source,
    content: bytes = CSV,
    description: Description = DESCRIPTION,
    terms: Terms = TERMS,
    personal_information: bool = False,
    **changes: object,
) -> Published:
    """A product on sale with one offer; ``changes`` are to the offer's terms. Needs the fixture ``market``.

    The demonstration's clock moves past the public notice.
    """
    version = published(
        approved(
            db,
            submitted(
                seller, *sources, content=content, description=description, personal_information=personal_information
            ),
        )
    )
    offer = offers.open_offer(seller.actor, version.id, replace(terms, **changes))  # type: ignore[arg-type]
    return Published(version.product_id, version.id, offer.id, version.deposit_id or "", version.declaration_id or "")
