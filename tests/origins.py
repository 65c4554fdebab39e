"""Made-up provenance, brought about by the verbs themselves: records, agreements, declarations, acquisitions."""

import hashlib
import itertools
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from people import Party

from exchange import clock
from exchange.db import transaction
from exchange.workdays import beijing_date
from provenance import declarations, records, register
from provenance.acquisitions import record_acquisition
from provenance.declarations import Content, Grant, Source
from provenance.models import Agreement, CatalogueRecord, Declaration
from provenance.records import RecordEntry
from provenance.register import DataItem, Terms

_numbers = itertools.count(1)
EVIDENCE = hashlib.sha256(b"an evidence file").digest()
COLUMNS = (("time_hour", "Hour of the observation"), ("temp", "Temperature"), ("dep_delay", "Delay at departure"))


def days_from_now(days: int) -> date:
    return date.fromordinal(beijing_date(clock.now()).toordinal() + days)


def record(department: Party, open_attribute: str = "unconditional", **other: Any) -> CatalogueRecord:
    """A record of the department's catalogue."""
    number = f"CQ-{next(_numbers):05}"
    entry = RecordEntry(
        official_number=number,
        title_zh=f"气象观测 {number}",
        title_en=f"Weather observations {number}",
        open_attribute=open_attribute,
        legal_basis="" if open_attribute == "unconditional" else "《中华人民共和国气象法》第十八条",
        fields=COLUMNS,
        update_frequency="hourly",
        source_line_zh=f"数据来源：示例气象局（{number}）",
        source_line_en=f"Source: Example Weather Service ({number})",
    )
    return records.record_catalogue(department.actor, replace(entry, **other))


def terms(*records: CatalogueRecord, **other: Any) -> Terms:
    """Terms that hold all six items and allow the sale of what is made to companies, for a year from today."""
    whole = Terms(
        basis="conditional_opening",
        official_number="",
        data=tuple(DataItem(each.id, ("temp",)) for each in records),
        purposes=("commercial",),
        purpose_text="制作航班延误分析产品",
        application_scenario="航班延误分析",
        security_measures="加密存储，专人管理",
        starts_on=days_from_now(0),
        ends_on=days_from_now(365),
        disposal="期满后删除并出具证明",
        outputs_may_be_sold=True,
        buyers_allowed=("company",),
    )
    return replace(whole, **other)


def agreement(user: Party, department: Party, *records: CatalogueRecord, **other: Any) -> Agreement:
    """An agreement that both sides signed."""
    drafted = register.draft_agreement(user.actor, terms(*records, **other), department_org_id=department.org_id)
    register.sign_agreement(user.actor, drafted.id, password=user.password)
    return register.sign_agreement(department.actor, drafted.id, password=department.password)


def own_source(**other: Any) -> Source:
    """A fully described source that the party collected itself."""
    whole = Source(
        kind="self_collected",
        use="incorporated",
        title="客流计数",
        holder="本公司",
        method="传感器自动采集",
        collected_from=date(2025, 1, 1),
        collected_to=date(2025, 12, 31),
        territory="CN-50",
        licence="自有数据",
        evidence_digest=EVIDENCE,
        not_intrusive=other.get("kind") == "web",
    )
    return replace(whole, **other)


def government_source(of: CatalogueRecord, **other: Any) -> Source:
    """A fully described source out of the government catalogue."""
    kind = "government_open" if of.open_attribute == "unconditional" else "government_authorised"
    described = {
        "kind": kind,
        "title": of.title_zh,
        "holder": "示例气象局",
        "method": "经开放系统身份认证后下载",
        "licence": "开放许可",
        "record_id": of.id,
        "retrieved_at": datetime(2026, 1, 5, 2, 30, tzinfo=UTC),
    }
    return own_source(**described | other)


def grant(**other: Any) -> Grant:
    """An authorisation for every commercial purpose, for a year from today."""
    whole = Grant(
        grantor="示例地铁公司",
        data="客流计数",
        purposes=("commercial",),
        onward_allowed=True,
        starts_on=days_from_now(0),
        ends_on=days_from_now(365),
        evidence_digest=EVIDENCE,
    )
    return replace(whole, **other)


def content(*sources: Source, **other: Any) -> Content:
    """A declaration on ground A that may be signed."""
    whole = Content(
        sources=sources or (own_source(),),
        ground="A",
        anonymisation_method="汇总到小时，删除标识符",
        anonymisation_evidence=EVIDENCE,
        processing_steps=(("clean", "去除空值"),),
        truth_undertaken=True,
    )
    return replace(whole, **other)


def on_grants(*grants: Grant, **other: Any) -> Content:
    """A declaration on ground B that may be signed."""
    return content(ground="B", anonymisation_evidence=None, authorisations=grants, **other)


def signed(party: Party, said: Content) -> Declaration:
    """A signed declaration."""
    drafted = declarations.declare(party.actor, said)
    return declarations.sign_declaration(party.actor, drafted.id, password=party.password)


def acquired(
    buyer: Party, declaration: Declaration, *, onward_allowed: bool = True, purposes: tuple[str, ...] = ("commercial",)
) -> str:
    """What the settlement of a trade tells this room; the id of the acquisition."""
    with transaction(buyer.actor) as tx:
        return record_acquisition(
            tx,
            org_id=buyer.org_id,
            declaration_id=declaration.id,
            reference=f"lot_{next(_numbers):026}",
            onward_allowed=onward_allowed,
            purposes=purposes,
        )


def bought_source(acquisition_id: str, **other: Any) -> Source:
    """A fully described source that was bought here."""
    described = {
        "kind": "purchased_here",
        "title": "延误天气表",
        "holder": "另一公司",
        "acquisition_id": acquisition_id,
    }
    return own_source(**described | other)
