"""The members' API: signing up and in, the own account, appointments, identity cases, parties' standing."""

from typing import Any

from flask import Response, request
from werkzeug.datastructures import FileStorage

from exchange.documents import MAX_BYTES
from exchange.errors import Invalid, NotSignedIn
from exchange.members import account_api, accounts, identity, organisation_api, queries, schemas, staff, vetting
from exchange.members.accounts import Applicant, Enrolment, Registered, SignedIn
from exchange.members.identity import Details
from exchange.members.models import Appointment, IdentityCase
from exchange.members.queries import READERS
from exchange.members.staff import Nomination
from exchange.members.states import IDENTITY
from exchange.web import access
from exchange.web.api import PageQuery, blueprint
from exchange.web.paging import Page

members = blueprint("members", __name__, "Organisations sign up with their first person.")
sessions = blueprint("sessions", __name__, "Signing in and out.")
own = blueprint("me", __name__, "The signed-in person.")
appointments = blueprint("appointments", __name__, "Staff and officers of organs are appointed, and accept.")
cases = blueprint("identity-cases", __name__, "Identity vetting: the party's file and its review.")
parties = blueprint("parties", __name__, "The standing of parties.")
blps = [
    members,
    sessions,
    own,
    appointments,
    cases,
    parties,
    *account_api.blps,
    *organisation_api.blps,
]


def _origin() -> str:
    return request.remote_addr or "unknown"


def _token() -> str | None:
    return request.authorization.token if request.authorization is not None else None


def _state(case: IdentityCase) -> dict[str, Any]:
    """A case after a step, with what the caller may do next."""
    return {
        "id": case.id,
        "org_id": case.org_id,
        "state": case.state,
        "reason": case.reason,
        "valid_until": case.valid_until,
        "actions": IDENTITY.actions(case.state, access.actor().roles),
    }


# -- accounts -----------------------------------------------------------------------------------------------------


@members.route("", methods=["POST"])
@access.public
@members.arguments(schemas.SignUpSchema)
@members.response(202)
def sign_up(body: dict[str, Any]) -> None:
    """Ask to register an organisation and its first person; a letter brings a code. The answer is always the same."""
    applicant: Applicant = body.pop("organisation")
    accounts.sign_up(access.actor(), applicant, origin=_origin(), **body)


@members.route("/confirm", methods=["POST"])
@access.public
@members.arguments(schemas.SignUpCodeSchema)
@members.response(201, schemas.RegisteredSchema)
def confirm_sign_up(body: dict[str, Any]) -> Registered:
    """Register, with the code of the letter."""
    return accounts.confirm_sign_up(access.actor(), origin=_origin(), **body)


@sessions.route("", methods=["POST"])
@access.public
@sessions.arguments(schemas.SignInSchema)
@sessions.response(201, schemas.SignedInSchema)
def sign_in(body: dict[str, Any]) -> SignedIn:
    """Sign in; a session that the request came with ends."""
    return accounts.sign_in(access.actor(), origin=_origin(), replaces=_token(), **body)


@sessions.route("/current", methods=["DELETE"])
@access.signed_in
@sessions.response(204)
def sign_out() -> None:
    """End the session that the request came with."""
    token = _token()
    if token is None:
        raise NotSignedIn("Sign in first.")
    accounts.sign_out(access.actor(), token)


@own.route("", methods=["GET"])
@access.signed_in
@own.response(200, schemas.MeSchema)
def me() -> dict[str, Any]:
    """Who is signed in, for which organisation, in which roles."""
    return queries.me(access.actor())


@own.route("/second-factor", methods=["POST"])
@access.signed_in
@own.response(201, schemas.EnrolmentSchema)
def enrol_second_factor() -> Enrolment:
    """Get a TOTP secret, shown once; it counts when a code confirms it."""
    return accounts.enrol_second_factor(access.actor())


@own.route("/second-factor/confirm", methods=["POST"])
@access.signed_in
@own.arguments(schemas.CodeSchema)
@own.response(201, schemas.SignedInSchema)
def confirm_second_factor(body: dict[str, Any]) -> SignedIn:
    """Put the second factor in force. All sessions end; the answer holds a new one."""
    return accounts.confirm_second_factor(access.actor(), body["code"])


# -- appointments -------------------------------------------------------------------------------------------------


@appointments.route("", methods=["POST"])
@access.staff("administrator")
@appointments.arguments(schemas.AppointSchema)
@appointments.response(201, schemas.NominationSchema)
def appoint(body: dict[str, Any]) -> Nomination:
    """Appoint staff, or an organ's officer. The token is shown once: hand it over in person."""
    person = {"person_name": body["person_name"], "email": body["email"]}
    organ = {name: body[name] for name in ("organ_name", "organ_uscc") if name in body}
    if not organ:
        return staff.appoint_staff(access.actor(), roles=frozenset(body["roles"]), **person)
    if body["roles"] or len(organ) < 2:  # noqa: PLR2004  (name and code)
        raise Invalid("Name either staff roles, or the organ with its code.", code="ambiguous_appointment")
    return staff.appoint_regulator(access.actor(), **organ, **person)


@appointments.route("/accept", methods=["POST"])
@access.public
@appointments.arguments(schemas.AcceptSchema)
@appointments.response(201, schemas.AppointmentSchema)
def accept_appointment(body: dict[str, Any]) -> Appointment:
    """Accept an appointment; then sign in and enrol a second factor."""
    return staff.accept_appointment(access.actor(), **body)


# -- identity cases -----------------------------------------------------------------------------------------------


@cases.route("", methods=["POST"])
@access.member("owner")
@cases.arguments(schemas.FileSchema)
@cases.response(201, schemas.CaseStateSchema)
def open_identity_case(body: dict[str, Any]) -> dict[str, Any]:
    """Open the file of one's own organisation."""
    return _state(identity.open_identity_case(access.actor(), **body))


@cases.route("", methods=["GET"])
@access.anyone_of("owner", "trader", "approver", "finance", "viewer", *READERS)
@cases.arguments(PageQuery, location="query")
@cases.response(200, schemas.CasePageSchema)
def identity_cases(query: dict[str, Any]) -> Page[dict[str, Any]]:
    """One's own cases; for officers the cases that wait."""
    return queries.identity_cases(access.actor(), **query)


@cases.route("/<case_id>", methods=["GET"])
@access.anyone_of("owner", "trader", "approver", "finance", "viewer", *READERS)
@cases.response(200, schemas.CaseSchema)
def identity_case(case_id: str) -> dict[str, Any]:
    """One case, with its documents named."""
    return queries.identity_case(access.actor(), case_id)


@cases.route("/<case_id>", methods=["PUT"])
@access.member("owner")
@cases.arguments(schemas.FileSchema)
@cases.response(200, schemas.CaseStateSchema)
def amend_identity_case(body: dict[str, Any], case_id: str) -> dict[str, Any]:
    """Replace the details of a file that is with the party."""
    return _state(identity.amend_identity_case(access.actor(), case_id, **body))


@cases.route("/<case_id>/details", methods=["GET"])
@access.anyone_of("owner", identity.OFFICER)
@cases.response(200, schemas.DetailsSchema)
def read_details(case_id: str) -> Details:
    """The sealed details. An officer's look is recorded."""
    return identity.read_details(access.actor(), case_id)


@cases.route("/<case_id>/documents", methods=["POST"])
@access.member("owner")
@cases.arguments(schemas.UploadFormSchema, location="form")
@cases.arguments(schemas.UploadSchema, location="files")
@cases.response(201, schemas.DocumentSchema)
def add_document(form: dict[str, Any], files: dict[str, FileStorage], case_id: str) -> dict[str, Any]:
    """Add a scan (PDF, PNG or JPEG, at most 8 MiB)."""
    content = files["file"].stream.read(MAX_BYTES + 1)
    return queries.document_shape(identity.add_document(access.actor(), case_id, form["kind"], content))


@cases.route("/<case_id>/documents/<document_id>", methods=["GET"])
@access.anyone_of("owner", identity.OFFICER)
@cases.response(200, content_type="application/octet-stream")
def read_document(case_id: str, document_id: str) -> Response:
    """A scan, always as a download. An officer's look is recorded."""
    opened = identity.read_document(access.actor(), case_id, document_id)
    response = Response(opened.content, mimetype=opened.media_type)
    response.headers["Content-Disposition"] = "attachment"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    return response


@cases.route("/<case_id>/submit", methods=["POST"])
@access.member("owner")
@cases.response(201, schemas.CaseStateSchema)
def submit_identity_case(case_id: str) -> dict[str, Any]:
    """Hand the file in for review."""
    return _state(identity.submit_identity_case(access.actor(), case_id))


@cases.route("/<case_id>/take-up", methods=["POST"])
@access.staff(identity.OFFICER)
@cases.response(201, schemas.CaseStateSchema)
def take_up(case_id: str) -> dict[str, Any]:
    """Begin the review."""
    return _state(vetting.take_up(access.actor(), case_id))


@cases.route("/<case_id>/approve", methods=["POST"])
@access.staff(identity.OFFICER)
@cases.arguments(schemas.ApprovalSchema)
@cases.response(201, schemas.CaseStateSchema)
def approve(body: dict[str, Any], case_id: str) -> dict[str, Any]:
    """Find that the party is who it says."""
    return _state(vetting.approve(access.actor(), case_id, **body))


@cases.route("/<case_id>/return", methods=["POST"])
@access.staff(identity.OFFICER)
@cases.arguments(schemas.DecisionSchema)
@cases.response(201, schemas.CaseStateSchema)
def return_case(body: dict[str, Any], case_id: str) -> dict[str, Any]:
    """Give the file back to be completed."""
    return _state(vetting.return_case(access.actor(), case_id, **body))


@cases.route("/<case_id>/refuse", methods=["POST"])
@access.staff(identity.OFFICER)
@cases.arguments(schemas.DecisionSchema)
@cases.response(201, schemas.CaseStateSchema)
def refuse_case(body: dict[str, Any], case_id: str) -> dict[str, Any]:
    """Refuse the party, saying why."""
    return _state(vetting.refuse_case(access.actor(), case_id, **body))


# -- parties ------------------------------------------------------------------------------------------------------


@parties.route("/<org_id>/suspend", methods=["POST"])
@access.staff(identity.OFFICER)
@parties.arguments(schemas.ReasonSchema)
@parties.response(201, schemas.CaseStateSchema)
def suspend_party(body: dict[str, Any], org_id: str) -> dict[str, Any]:
    """Bar an approved party from new trades."""
    return _state(vetting.suspend_party(access.actor(), org_id, **body))


@parties.route("/<org_id>/restore", methods=["POST"])
@access.staff(identity.OFFICER)
@parties.arguments(schemas.ReasonSchema)
@parties.response(201, schemas.CaseStateSchema)
def restore_party(body: dict[str, Any], org_id: str) -> dict[str, Any]:
    """Lift a suspension."""
    return _state(vetting.restore_party(access.actor(), org_id, **body))
