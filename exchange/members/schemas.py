"""Bodies and answers of the members' API."""

from collections.abc import Mapping
from typing import Any

from flask_smorest.fields import Upload
from marshmallow import fields, post_load, validate

from exchange.actors import STAFF_ROLES
from exchange.members.accounts import Applicant
from exchange.members.credentials import MAX_PASSWORD
from exchange.members.identity import Details
from exchange.members.people import MAX_EMAIL, MAX_NAME
from exchange.members.states import CHECK_RESULTS, DOCUMENT_KINDS, REQUIRED_DOCUMENTS
from exchange.members.vetting import MAX_REASON
from exchange.web.api import Body
from exchange.web.times import day

_CODE = validate.Regexp(r"^[0-9]{6}$")


def _password(**options: Any) -> fields.String:
    return fields.String(required=True, load_only=True, validate=validate.Length(1, MAX_PASSWORD), **options)


def _email() -> fields.Email:
    return fields.Email(required=True, load_only=True, validate=validate.Length(max=MAX_EMAIL))


def _name() -> fields.String:
    return fields.String(required=True, validate=validate.Length(1, MAX_NAME))


class ApplicantSchema(Body):
    """The organisation that signs up."""

    kind = fields.String(required=True, validate=validate.OneOf(sorted(REQUIRED_DOCUMENTS)))
    name = _name()
    number = fields.String(
        required=True,
        validate=validate.Length(1, 32),
        metadata={"description": "Unified social credit code; for an individual the resident identity number."},
    )
    territory = fields.String(required=True, validate=validate.Regexp(r"^[A-Z]{2}$"))
    overseas_control = fields.Boolean(required=True)

    @post_load
    def build(self, data: Mapping[str, Any], **_options: Any) -> Applicant:
        """As the operation takes it."""
        return Applicant(**data)


class SignUpSchema(Body):
    """``POST /members``."""

    organisation = fields.Nested(ApplicantSchema, required=True)
    person_name = _name()
    email = _email()
    password = _password()


class SignUpCodeSchema(Body):
    """``POST /members/confirm``: the code of the letter."""

    token = fields.String(required=True, validate=validate.Length(1, 200), load_only=True)


class RegisteredSchema(Body):
    """What a sign-up made."""

    org_id = fields.String(required=True)
    person_id = fields.String(required=True)


class SignInSchema(Body):
    """``POST /sessions``."""

    email = _email()
    password = _password()
    code = fields.String(validate=_CODE, load_only=True)
    recovery_code = fields.String(validate=validate.Length(1, 32), load_only=True)
    org_id = fields.String()


class SignedInSchema(Body):
    """An open session."""

    token = fields.String(required=True)
    expires_at = fields.AwareDateTime(required=True)
    person_id = fields.String(required=True)
    org_id = fields.String(required=True)
    second_factor = fields.String(required=True, validate=validate.OneOf(["passed", "required", "none"]))


class OrganisationSchema(Body):
    """An organisation as it may be shown."""

    id = fields.String(required=True)
    kind = fields.String(required=True)
    name = fields.String(required=True)
    uscc = fields.String(allow_none=True)


class OwnOrganisationSchema(OrganisationSchema):
    """One's own organisation, with the state of its identity case."""

    identity = fields.String(allow_none=True)


class MeSchema(Body):
    """The signed-in person."""

    person_id = fields.String(required=True)
    name = fields.String(required=True)
    email = fields.String(required=True)
    organisation = fields.Nested(OwnOrganisationSchema, required=True)
    roles = fields.List(fields.String(), required=True)
    second_factor = fields.Boolean(required=True)


class EnrolmentSchema(Body):
    """A TOTP secret, shown once."""

    secret = fields.String(required=True)
    uri = fields.String(required=True)


class CodeSchema(Body):
    """A one-time code."""

    code = fields.String(required=True, validate=_CODE, load_only=True)


class AppointSchema(Body):
    """``POST /appointments``: staff, or an officer of an organ when ``organ_name`` and ``organ_uscc`` are given."""

    person_name = _name()
    email = _email()
    roles = fields.List(fields.String(validate=validate.OneOf(sorted(STAFF_ROLES))), load_default=list)
    organ_name = fields.String(validate=validate.Length(1, MAX_NAME))
    organ_uscc = fields.String()


class NominationSchema(Body):
    """An appointment and its one-time token."""

    appointment_id = fields.String(required=True)
    person_id = fields.String(required=True)
    org_id = fields.String(required=True)
    token = fields.String(required=True)
    expires_at = fields.AwareDateTime(required=True)
    state = fields.String(required=True)


class AcceptSchema(Body):
    """``POST /appointments/accept``."""

    token = fields.String(required=True, load_only=True, validate=validate.Length(1, 100))
    password = _password()


class AppointmentSchema(Body):
    """An appointment as it stands."""

    id = fields.String(required=True)
    state = fields.String(required=True)
    person_id = fields.String(required=True)
    org_id = fields.String(required=True)
    roles = fields.List(fields.String(), required=True)


class DetailsSchema(Body):
    """What a file says beside its documents."""

    legal_representative = _name()
    phone = fields.String(required=True, validate=validate.Length(1, 32))
    address = fields.String(required=True, validate=validate.Length(1, 300))

    @post_load
    def build(self, data: Mapping[str, Any], **_options: Any) -> Details:
        """As the operation takes it."""
        return Details(**data)


class FileSchema(Body):
    """``POST /identity-cases`` and ``PUT /identity-cases/<id>``."""

    details = fields.Nested(DetailsSchema, required=True)
    licence_expires_on = day(load_default=None, allow_none=True)


class UploadSchema(Body):
    """The file of a document's upload."""

    file = Upload(required=True)


class UploadFormSchema(Body):
    """The form beside the file."""

    kind = fields.String(required=True, validate=validate.OneOf(sorted(DOCUMENT_KINDS)))


class DocumentSchema(Body):
    """A document of a case, named."""

    id = fields.String(required=True)
    kind = fields.String(required=True)
    media_type = fields.String(required=True)
    size_bytes = fields.Integer(required=True)
    digest = fields.String(required=True)
    added_at = fields.AwareDateTime(required=True)


class CaseSchema(Body):
    """An identity case."""

    id = fields.String(required=True)
    state = fields.String(required=True)
    row_version = fields.Integer(required=True)
    organisation = fields.Nested(OrganisationSchema, required=True)
    licence_expires_on = fields.Date(allow_none=True)
    submitted_at = fields.AwareDateTime(allow_none=True)
    decided_at = fields.AwareDateTime(allow_none=True)
    checklist = fields.Dict(keys=fields.String(), values=fields.String(), allow_none=True)
    reason = fields.String(allow_none=True)
    valid_until = fields.AwareDateTime(allow_none=True)
    created_at = fields.AwareDateTime(required=True)
    actions = fields.List(fields.String(), required=True)
    documents = fields.List(fields.Nested(DocumentSchema))


class CaseStateSchema(Body):
    """An identity case after a step: where it stands, and what the caller may do next."""

    id = fields.String(required=True)
    org_id = fields.String(required=True)
    state = fields.String(required=True)
    reason = fields.String(allow_none=True)
    valid_until = fields.AwareDateTime(allow_none=True)
    actions = fields.List(fields.String(), required=True)


class CasePageSchema(Body):
    """A page of cases."""

    items = fields.List(fields.Nested(CaseSchema), required=True)
    next_cursor = fields.String(allow_none=True)


class DecisionSchema(Body):
    """A result for each point of the checklist, and the reason told to the applicant."""

    checklist = fields.Dict(
        required=True, keys=fields.String(), values=fields.String(validate=validate.OneOf(CHECK_RESULTS))
    )
    reason = fields.String(load_default="", validate=validate.Length(max=MAX_REASON))


class ApprovalSchema(DecisionSchema):
    """A decision with the end of its validity, if earlier than it may be."""

    valid_until = fields.AwareDateTime(load_default=None, allow_none=True)


class ReasonSchema(Body):
    """Why a party's standing changes."""

    reason = fields.String(required=True, validate=validate.Length(1, MAX_REASON))
