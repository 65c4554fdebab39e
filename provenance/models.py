"""Where data came from: catalogue records, agreements, declarations with their sources, and what was bought here."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from exchange.members.models import Organisation
from exchange.orm import Base, Journalled, Stateful
from provenance.states import (
    AGREEMENT,
    AGREEMENT_BASES,
    ANSWER_DAYS,
    DATA_REQUEST,
    DECLARATION,
    GROUNDS,
    OPEN_ATTRIBUTES,
    SOURCE_KINDS,
    SOURCE_USES,
)


def _one_of(column: str, values: Iterable[str]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


#: One of the six items of Art. 19(2) is missing, as ``Agreement.missing_items`` finds it.
INCOMPLETE = (
    "data = '[]' OR purposes = '[]' OR application_scenario = '' OR security_measures = ''"
    " OR starts_on IS NULL OR ends_at IS NULL OR disposal = ''"
)
#: The department still owes the authority its copy, as ``Agreement.copy_overdue`` finds it.
COPY_OWED = "state = 'in_force' AND copy_sent_at IS NULL"
#: An incomplete agreement that somebody builds on, or is about to.
INCOMPLETE_AND_OPEN = f"state IN ('offered', 'brought', 'in_force') AND ({INCOMPLETE})"


class CatalogueRecord(Base, Journalled):
    """An entry of the unified government data catalogue (Art. 12), mirrored under its official number.

    ``fields`` lists ``{"name", "description"}``; the source lines are what users of the data must print (Art. 20(1)).
    A conditional or closed attribute cites its legal basis (RULES G-05). ``revision`` counts the corrections;
    ``words`` holds the tokens of titles, number and columns that a search looks in.
    """

    __tablename__ = "catalogue_record"
    __table_args__ = (
        CheckConstraint(_one_of("open_attribute", OPEN_ATTRIBUTES), name="open_attribute"),
        CheckConstraint("open_attribute = 'unconditional' OR legal_basis <> ''", name="legal_basis"),
        UniqueConstraint("department_org_id", "official_number"),
        Index(None, "department_org_id", "id"),
        Index(None, "open_attribute", "id"),
        Index(None, "words", postgresql_using="gin"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    department_org_id: Mapped[str] = mapped_column(ForeignKey(Organisation.id))
    official_number: Mapped[str]
    title_zh: Mapped[str]
    title_en: Mapped[str]
    open_attribute: Mapped[str]
    legal_basis: Mapped[str]
    fields: Mapped[list[Any]]
    update_frequency: Mapped[str]
    source_line_zh: Mapped[str]
    source_line_en: Mapped[str]
    recorded_at: Mapped[datetime]
    revision: Mapped[int] = mapped_column(server_default="1", default=1)
    words: Mapped[Any] = mapped_column(TSVECTOR, server_default="", deferred=True)


class Agreement(Base, Stateful):
    """A government data use agreement (Art. 19) between a department and the user of its data.

    The six items of Art. 19(2) may be empty in a draft, and are ``missing_items`` then: ``data`` (a list of
    ``{"record_id", "columns"}``), ``purposes``, ``application_scenario``, ``security_measures``, the term, and
    ``disposal`` of the data when the term ends. ``ends_at`` is the first instant after the term. ``document_digest``
    names the bytes both parties sign; of an agreement that was signed elsewhere they name the scan's ``scan_digest``
    and only the department signs them, to confirm the scan. ``standard`` says from which standard terms the agreement
    started (`provenance.standard_terms`), ``registration_number`` is that of the public data resource (RULES G-21).
    """

    __tablename__ = "agreement"
    __lifecycle__ = AGREEMENT
    __table_args__ = (
        CheckConstraint(_one_of("basis", AGREEMENT_BASES), name="basis"),
        CheckConstraint("department_org_id <> user_org_id", name="two_parties"),
        CheckConstraint("state NOT IN ('offered', 'in_force') OR document_digest IS NOT NULL", name="document"),
        CheckConstraint("state <> 'brought' OR scan_digest IS NOT NULL", name="scan"),
        CheckConstraint("octet_length(scan_digest) = 32", name="scan_digest"),
        Index(None, "department_org_id", "id"),
        Index(None, "user_org_id", "id"),
        Index(None, "department_org_id", "state", "id"),
        Index(None, "user_org_id", "state", "id"),
        Index("ix_agreement_copy_owed", "id", postgresql_where=text(COPY_OWED)),
        Index("ix_agreement_incomplete", "id", postgresql_where=text(INCOMPLETE_AND_OPEN)),
    )

    department_org_id: Mapped[str] = mapped_column(ForeignKey(Organisation.id))
    user_org_id: Mapped[str] = mapped_column(ForeignKey(Organisation.id))
    basis: Mapped[str]
    official_number: Mapped[str]
    data: Mapped[list[Any]]
    purposes: Mapped[list[Any]]
    purpose_text: Mapped[str]
    application_scenario: Mapped[str]
    security_measures: Mapped[str]
    starts_on: Mapped[date | None] = mapped_column(Date)
    ends_at: Mapped[datetime | None]
    disposal: Mapped[str]
    outputs_may_be_sold: Mapped[bool]
    buyers_allowed: Mapped[list[Any]]
    document_digest: Mapped[bytes | None]
    user_signature_id: Mapped[str | None]
    department_signature_id: Mapped[str | None]
    copy_sent_at: Mapped[datetime | None]
    copy_sent_to: Mapped[str | None]
    closing_reason: Mapped[str | None]
    scan_digest: Mapped[bytes | None]
    standard: Mapped[str] = mapped_column(server_default="", default="")
    registration_number: Mapped[str] = mapped_column(server_default="", default="")

    @property
    def missing_items(self) -> tuple[str, ...]:
        """Which of the six items of Art. 19(2) are missing, by stable name, in the article's order."""
        items = {
            "data_list": bool(self.data),
            "purpose": bool(self.purposes),
            "application_scenario": bool(self.application_scenario),
            "security_measures": bool(self.security_measures),
            "term": self.starts_on is not None and self.ends_at is not None,
            "disposal": bool(self.disposal),
        }
        return tuple(name for name, present in items.items() if not present)

    @property
    def copy_overdue(self) -> bool:
        """Whether the department still owes the authority its copy (抄送, RULES G-09). Nothing waits for it."""
        return self.state == "in_force" and self.copy_sent_at is None

    def covers_record(self, record_id: str) -> bool:
        """Whether the list of data names the catalogue record."""
        return any(item["record_id"] == record_id for item in self.data)


class DataRequest(Base, Stateful):
    """A request for government data that its department answers in working days, under its external number.

    ``kind`` sets the period (`states.ANSWER_DAYS`). The decision is taken in the unified system (Art. 11), not here.
    ``due_at`` is the first instant that is too late; it is ``provisional`` while the period runs into a year whose
    holidays are not announced (RULES G-13). ``approved_by`` names the office whose head approved the longer period.
    """

    __tablename__ = "data_request"
    __lifecycle__ = DATA_REQUEST
    __table_args__ = (
        CheckConstraint(_one_of("kind", ANSWER_DAYS), name="kind"),
        CheckConstraint("department_org_id <> applicant_org_id", name="two_parties"),
        CheckConstraint("state <> 'refused' OR (reason <> '' AND legal_basis <> '')", name="refusal"),
        CheckConstraint("extended_days = 0 OR approved_by <> ''", name="extension"),
        UniqueConstraint("department_org_id", "official_number"),
        Index(None, "department_org_id", "id"),
        Index(None, "applicant_org_id", "id"),
        Index("ix_data_request_open", "due_at", "id", postgresql_where="state IN ('received', 'extended')"),
    )

    department_org_id: Mapped[str] = mapped_column(ForeignKey(Organisation.id))
    applicant_org_id: Mapped[str] = mapped_column(ForeignKey(Organisation.id))
    kind: Mapped[str]
    official_number: Mapped[str]
    record_id: Mapped[str] = mapped_column(ForeignKey(CatalogueRecord.id))
    received_on: Mapped[date] = mapped_column(Date)
    due_at: Mapped[datetime]
    provisional: Mapped[bool]
    extended_days: Mapped[int]
    approved_by: Mapped[str]
    reason: Mapped[str]
    legal_basis: Mapped[str]


class Declaration(Base, Stateful):
    """A party's explanation of where the data of a product came from (数据来源说明, Art. 28(1)(一)).

    Sources and authorisations are rows of the present ``revision``; earlier revisions of a draft stay as they were.
    ``replaces_id`` is the signed declaration that this one takes the place of.
    """

    __tablename__ = "declaration"
    __lifecycle__ = DECLARATION
    __table_args__ = (
        CheckConstraint(f"ground IS NULL OR {_one_of('ground', GROUNDS)}", name="ground"),
        CheckConstraint("state <> 'signed' OR (truth_undertaken AND document_digest IS NOT NULL)", name="signed"),
        Index(None, "org_id", "id"),
        Index(None, "id", postgresql_where="state = 'signed'"),
        Index("ix_declaration_draft", "org_id", "id", postgresql_where="state = 'draft'"),
        Index(None, "replaces_id"),
    )

    org_id: Mapped[str] = mapped_column(ForeignKey(Organisation.id))
    replaces_id: Mapped[str | None] = mapped_column(ForeignKey("declaration.id"))
    revision: Mapped[int]
    ground: Mapped[str | None]
    anonymisation_method: Mapped[str]
    anonymisation_evidence: Mapped[bytes | None]
    processing_steps: Mapped[list[Any]]
    personal_information: Mapped[bool]
    truth_undertaken: Mapped[bool]
    document_digest: Mapped[bytes | None]
    signature_id: Mapped[str | None]
    signed_at: Mapped[datetime | None]


class Acquisition(Base, Journalled):
    """What a party bought here and may build on: the declaration behind the goods and the licence it got.

    ``reference`` is the trade (a lot) it came from, known here by its id only.
    """

    __tablename__ = "acquisition"
    __append_only__ = True
    __table_args__ = (UniqueConstraint("reference"), Index(None, "org_id", "id"), Index(None, "declaration_id"))

    id: Mapped[str] = mapped_column(primary_key=True)
    org_id: Mapped[str] = mapped_column(ForeignKey(Organisation.id))
    declaration_id: Mapped[str] = mapped_column(ForeignKey(Declaration.id))
    reference: Mapped[str]
    onward_allowed: Mapped[bool]
    purposes: Mapped[list[Any]]
    acquired_at: Mapped[datetime]


class DeclaredSource(Base, Journalled):
    """One source of a declaration's revision (RULES P-02). ``holder`` names an organisation or a group of people.

    ``kind`` is the declaring party's label; what obliges is who holds the data: ``holder_org_id``, ``record_id``.
    ``external_number`` is what the source goes by elsewhere (a voucher of another exchange, a licence, a contract);
    ``not_intrusive`` states that gathering it neither intruded into nor disturbed a network service (RULES P-07).
    """

    __tablename__ = "declared_source"
    __subject__ = "declaration_id"
    __append_only__ = True
    __table_args__ = (
        CheckConstraint(_one_of("kind", SOURCE_KINDS), name="kind"),
        CheckConstraint(_one_of('"use"', SOURCE_USES), name="use"),
        CheckConstraint("octet_length(evidence_digest) = 32", name="evidence_digest"),
        Index(None, "acquisition_id", postgresql_where="acquisition_id IS NOT NULL"),
        Index(None, "agreement_id", postgresql_where="agreement_id IS NOT NULL"),
    )

    declaration_id: Mapped[str] = mapped_column(ForeignKey(Declaration.id), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    title: Mapped[str]
    holder: Mapped[str]
    holder_org_id: Mapped[str | None] = mapped_column(ForeignKey(Organisation.id))
    method: Mapped[str]
    collected_from: Mapped[date | None] = mapped_column(Date)
    collected_to: Mapped[date | None] = mapped_column(Date)
    territory: Mapped[str]
    licence: Mapped[str]
    evidence_digest: Mapped[bytes | None]
    retrieved_at: Mapped[datetime | None]
    record_id: Mapped[str | None] = mapped_column(ForeignKey(CatalogueRecord.id))
    agreement_id: Mapped[str | None] = mapped_column(ForeignKey(Agreement.id))
    acquisition_id: Mapped[str | None] = mapped_column(ForeignKey(Acquisition.id))
    use: Mapped[str]
    external_number: Mapped[str] = mapped_column(server_default="", default="")
    not_intrusive: Mapped[bool] = mapped_column(server_default="false", default=False)


class Authorisation(Base, Journalled):
    """An authorisation that ground B rests on (RULES P-04). ``grantor`` is an organisation or a group, never a person.

    The grantee is the declaring party. ``columns`` are those of the data it covers, all of them when none is named;
    ``ends_at`` is the first instant at which it no longer holds.
    """

    __tablename__ = "source_authorisation"
    __subject__ = "declaration_id"
    __table_args__ = (
        CheckConstraint("octet_length(evidence_digest) = 32", name="evidence_digest"),
        CheckConstraint("starts_at < ends_at", name="term"),
        Index(None, "declaration_id", "revision"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    declaration_id: Mapped[str] = mapped_column(ForeignKey(Declaration.id))
    revision: Mapped[int]
    grantor: Mapped[str]
    data: Mapped[str]
    purposes: Mapped[list[Any]]
    onward_allowed: Mapped[bool]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    evidence_digest: Mapped[bytes]
    withdrawn_at: Mapped[datetime | None]
    withdrawal_reason: Mapped[str | None]
    columns: Mapped[list[Any]] = mapped_column(server_default="[]", default=list)
