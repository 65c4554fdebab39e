"""Organisations, people and what they hold here. Personal fields are sealed under the key of their subject."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from exchange.actors import MEMBER_ROLES, REGULATOR, STAFF_ROLES
from exchange.members.states import APPOINTMENT, AUTHORITY, DOCUMENT_KINDS, IDENTITY, INVITATION
from exchange.money import EXPONENTS, Money
from exchange.orm import Base, Bookkeeping, Journalled, Stateful

ORGANISATION_KINDS = ("company", "department", "individual", "operator", "organ")


def _one_of(column: str, values: frozenset[str] | tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in sorted(values))})"


class Organisation(Base, Journalled):
    """A party (company, government department, natural person), the operator, or an organ of supervision.

    Bodies are keyed on their unified social credit code ``uscc``, natural persons on a blind index of their identity
    number (RULES I-03). ``name`` may be shown to everybody: a natural person's is masked, the full one is sealed.
    ``territory`` is where it is registered (ISO 3166-1); nobody from outside the mainland is admitted yet (I-11).
    """

    __tablename__ = "organisation"
    __table_args__ = (
        CheckConstraint(_one_of("kind", ORGANISATION_KINDS), name="kind"),
        CheckConstraint("(kind = 'individual') = (uscc IS NULL)", name="uscc"),
        CheckConstraint("(kind = 'individual') = (id_index IS NOT NULL)", name="id_index"),
        Index("uq_organisation_operator", "kind", unique=True, postgresql_where="kind = 'operator'"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    name: Mapped[str]
    uscc: Mapped[str | None] = mapped_column(unique=True)
    id_index: Mapped[bytes | None] = mapped_column(unique=True)
    sealed_id_number: Mapped[bytes | None]
    sealed_name: Mapped[bytes | None]
    created_at: Mapped[datetime]
    territory: Mapped[str] = mapped_column(server_default="CN", default="CN")


class Person(Base, Journalled):
    """A natural person who signs in. Without ``password_hash`` the person was appointed and has not yet accepted.

    ``totp_step`` is the last 30-second step whose code was used: no code counts twice (RFC 6238, section 5.2).
    """

    __tablename__ = "person"

    id: Mapped[str] = mapped_column(primary_key=True)
    email_index: Mapped[bytes] = mapped_column(unique=True)
    sealed_email: Mapped[bytes]
    sealed_name: Mapped[bytes]
    password_hash: Mapped[str | None]
    sealed_totp: Mapped[bytes | None]
    totp_confirmed_at: Mapped[datetime | None]
    totp_step: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime]

    def __repr__(self) -> str:
        return f"Person({self.id})"


class Membership(Base, Journalled):
    """A person's role in a member organisation, or as ``regulator`` in an organ, until ``ended_at``."""

    __tablename__ = "membership"
    __subject__ = "org_id"
    __table_args__ = (CheckConstraint(_one_of("role", MEMBER_ROLES | {REGULATOR}), name="role"),)

    person_id: Mapped[str] = mapped_column(ForeignKey(Person.id), primary_key=True)
    org_id: Mapped[str] = mapped_column(ForeignKey(Organisation.id), primary_key=True, index=True)
    role: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class StaffRole(Base, Journalled):
    """A role of the operator's staff. A person who holds one acts for no member organisation."""

    __tablename__ = "staff_role"
    __subject__ = "person_id"
    __table_args__ = (CheckConstraint(_one_of("role", STAFF_ROLES), name="role"),)

    person_id: Mapped[str] = mapped_column(ForeignKey(Person.id), primary_key=True)
    role: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime]


class Appointment(Base, Stateful):
    """A grant of staff roles, or of a regulator's seat in ``org_id``, to be accepted with a one-time token.

    An administrator proposes it and another natural person confirms it: ``proposed_by`` and ``confirmed_by`` differ.
    """

    __tablename__ = "appointment"
    __lifecycle__ = APPOINTMENT

    person_id: Mapped[str] = mapped_column(ForeignKey(Person.id))
    org_id: Mapped[str] = mapped_column(ForeignKey(Organisation.id))
    roles: Mapped[list[Any]]
    token_digest: Mapped[bytes] = mapped_column(unique=True)
    expires_at: Mapped[datetime]
    proposed_by: Mapped[str | None]
    confirmed_by: Mapped[str | None]


class Invitation(Base, Stateful):
    """A seat in ``org_id`` offered to whoever reads the mail of an address; the address is sealed under this id."""

    __tablename__ = "invitation"
    __lifecycle__ = INVITATION
    __table_args__ = (Index(None, "org_id", "id"),)

    org_id: Mapped[str] = mapped_column(ForeignKey(Organisation.id))
    sealed_email: Mapped[bytes]
    sealed_name: Mapped[bytes]
    roles: Mapped[list[Any]]
    expires_at: Mapped[datetime]


class RecoveryCode(Base, Journalled):
    """A code that stands in once for the second factor; ``digest`` is a keyed one. Ended when used or replaced."""

    __tablename__ = "recovery_code"
    __subject__ = "person_id"
    __table_args__ = (Index("ix_recovery_code_live", "person_id", postgresql_where="ended_at IS NULL"),)

    digest: Mapped[bytes] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey(Person.id))
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class PasswordReset(Base, Journalled):
    """A way to a new password for who reads the person's mail; times are real. Ended when used or overtaken."""

    __tablename__ = "password_reset"
    __subject__ = "person_id"
    __table_args__ = (Index("ix_password_reset_live", "person_id", postgresql_where="ended_at IS NULL"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey(Person.id))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class SignUp(Base, Bookkeeping):
    """A party that asked to be registered and has not shown yet that the address is its own; times are real.

    ``sealed`` holds, under a key of the row's own, what was entered. Nothing exists of the party until the code of the
    letter comes back; of a row that is not used nothing is left.
    """

    __tablename__ = "sign_up"
    __bookkeeping__ = "nobody is registered yet: entries begin when the address is confirmed"
    __table_args__ = (Index(None, "expires_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    sealed: Mapped[bytes]
    password_hash: Mapped[str]
    public_key: Mapped[bytes]
    sealed_key: Mapped[bytes]
    expires_at: Mapped[datetime]


class SessionRow(Base, Bookkeeping):
    """A session, known by the SHA-256 of its token; times are real. ``org_id`` is the organisation acted for."""

    __tablename__ = "session_token"
    __bookkeeping__ = "sign-ins and sign-outs are entries; this is the handle"
    __table_args__ = (Index(None, "person_id", postgresql_where="revoked_at IS NULL"),)

    token_digest: Mapped[bytes] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey(Person.id))
    org_id: Mapped[str] = mapped_column(ForeignKey(Organisation.id))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    second_factor_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Attempt(Base, Bookkeeping):
    """How often something was tried in the present window (real time); ``bucket`` names what and, blindly, who."""

    __tablename__ = "attempt"
    __bookkeeping__ = "a counter against guessing"
    __table_args__ = (Index(None, "window_started_at"),)

    bucket: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]
    window_started_at: Mapped[datetime]


class MemberKey(Base, Journalled):
    """A person's signing key, sealed under the person's password; ``grade`` says who can use it."""

    __tablename__ = "member_key"
    __subject__ = "person_id"
    __table_args__ = (
        CheckConstraint("octet_length(public_key) = 32", name="public_key"),
        Index("uq_member_key_live", "person_id", unique=True, postgresql_where="revoked_at IS NULL"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey(Person.id))
    grade: Mapped[str]
    public_key: Mapped[bytes]
    sealed_key: Mapped[bytes]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class LetterOfAuthority(Base, Stateful):
    """授权委托书: ``org_id`` lets its handler ``person_id`` sign what ``scopes`` name, in the term.

    ``ceiling_minor`` is the highest amount of one signature, in minor units of ``currency``; without one there is no
    ceiling. The owner's signature is over the document of ``document_digest``.
    """

    __tablename__ = "letter_of_authority"
    __lifecycle__ = AUTHORITY
    __table_args__ = (
        CheckConstraint("starts_at < ends_at", name="term"),
        CheckConstraint("ceiling_minor > 0", name="ceiling_minor"),
        CheckConstraint("(ceiling_minor IS NULL) = (currency IS NULL)", name="currency_with_ceiling"),
        CheckConstraint(_one_of("currency", tuple(EXPONENTS)), name="currency"),
        Index(None, "person_id", "org_id", "id"),
        Index(None, "org_id", "id"),
    )

    org_id: Mapped[str] = mapped_column(ForeignKey(Organisation.id))
    person_id: Mapped[str] = mapped_column(ForeignKey(Person.id))
    scopes: Mapped[list[Any]]
    ceiling_minor: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[str | None]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    document_digest: Mapped[bytes]
    signature_id: Mapped[str]

    @property
    def ceiling(self) -> Money | None:
        """The highest amount of one signature."""
        if self.ceiling_minor is None or self.currency is None:
            return None
        return Money(self.ceiling_minor, self.currency)


class Signature(Base, Journalled):
    """An Ed25519 signature over a document of ``subject``; ``digest`` is the SHA-256 of the bytes signed.

    ``authority_id`` is the letter of authority a handler signed under; an owner signs by the seat.
    """

    __tablename__ = "signature"
    __subject__ = "subject"
    __append_only__ = True
    __table_args__ = (
        CheckConstraint("octet_length(digest) = 32", name="digest"),
        CheckConstraint("octet_length(signature) = 64", name="signature"),
        Index(None, "subject", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str]
    key_id: Mapped[str] = mapped_column(ForeignKey(MemberKey.id))
    org_id: Mapped[str] = mapped_column(ForeignKey(Organisation.id))
    public_key: Mapped[bytes]
    digest: Mapped[bytes]
    signature: Mapped[bytes]
    at: Mapped[datetime]
    authority_id: Mapped[str | None] = mapped_column(ForeignKey(LetterOfAuthority.id))


class IdentityCase(Base, Stateful):
    """The vetting of one organisation. A party has one case that is not refused; it is submitted again after a lapse.

    ``sealed_details`` holds the legal representative, phone and address, under the organisation's key. ``reason`` is
    what the officer tells the applicant.
    """

    __tablename__ = "identity_case"
    __lifecycle__ = IDENTITY
    __table_args__ = (
        Index("uq_identity_case_live", "org_id", unique=True, postgresql_where="state <> 'refused'"),
        Index(None, "org_id", "id"),
        Index(None, "state", "id"),
        Index(
            "ix_identity_case_waiting",
            "submitted_at",
            "id",
            postgresql_where="state IN ('submitted', 'in_review', 'renewing')",
        ),
    )

    org_id: Mapped[str] = mapped_column(ForeignKey(Organisation.id))
    sealed_details: Mapped[bytes]
    licence_expires_on: Mapped[date | None]
    submitted_by: Mapped[str | None]
    submitted_at: Mapped[datetime | None]
    reviewer_id: Mapped[str | None]
    checklist: Mapped[dict[str, Any] | None]
    reason: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    valid_until: Mapped[datetime | None]


class IdentityDocument(Base, Journalled):
    """A scan of an identity case, sealed under the organisation's key; ``digest`` is of the plain bytes."""

    __tablename__ = "identity_document"
    __subject__ = "case_id"
    __append_only__ = True
    __table_args__ = (
        CheckConstraint(_one_of("kind", DOCUMENT_KINDS), name="kind"),
        Index(None, "case_id", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey(IdentityCase.id))
    kind: Mapped[str]
    media_type: Mapped[str]
    size_bytes: Mapped[int]
    digest: Mapped[bytes]
    sealed: Mapped[bytes] = mapped_column(deferred=True)
    added_at: Mapped[datetime]
