"""The API of one's own organisation: members, invitations, letters of authority; and of the working-day calendar."""

from typing import Any

from flask import request

from exchange import calendar
from exchange.members import account_schemas as schemas
from exchange.members import authority, invitations, queries, seats, staff
from exchange.members.models import Appointment, Invitation
from exchange.members.schemas import AppointmentSchema
from exchange.members.states import CONFIRMING
from exchange.web import access
from exchange.web.api import blueprint

seats_blp = blueprint("seats", __name__, "Who sits in one's organisation, in which roles.")
invited = blueprint("invitations", __name__, "Invitations to one's organisation.")
letters = blueprint("authorities", __name__, "Letters of authority: who may sign what for one's organisation.")
years = blueprint("calendar", __name__, "Working days, as announced by the State Council.")
confirmations = blueprint("confirmations", __name__, "Appointments need a second person.", below="appointments")
blps = [seats_blp, invited, letters, years, confirmations]


@seats_blp.route("", methods=["GET"])
@access.member()
@seats_blp.response(200, schemas.MemberItem(many=True))
def list_seats() -> list[dict[str, Any]]:
    """The people of one's organisation, with their roles and letters."""
    return seats.members_of(access.actor().org_id or "")


@seats_blp.route("/<person_id>", methods=["PUT"])
@access.member("owner")
@seats_blp.arguments(schemas.RolesBody)
@seats_blp.response(204)
def change_roles(body: dict[str, Any], person_id: str) -> None:
    """Let a member hold exactly these roles."""
    seats.change_roles(access.actor(), person_id, frozenset(body["roles"]))


@seats_blp.route("/<person_id>", methods=["DELETE"])
@access.member("owner")
@seats_blp.response(204)
def end_seat(person_id: str) -> None:
    """End a member's seat."""
    seats.end_seat(access.actor(), person_id)


@invited.route("", methods=["POST"])
@access.member("owner")
@invited.arguments(schemas.InvitationBody)
@invited.response(201, schemas.InvitationItem)
def invite(body: dict[str, Any]) -> Invitation:
    """Invite somebody; the code to accept with goes by mail."""
    return invitations.invite(access.actor(), **body | {"roles": frozenset(body["roles"])})


@invited.route("", methods=["GET"])
@access.member("owner")
@invited.response(200, schemas.InvitationItem(many=True))
def list_invitations() -> list[dict[str, object]]:
    """The open invitations."""
    return invitations.open_invitations(access.actor().org_id or "")


@invited.route("/<invitation_id>/withdraw", methods=["POST"])
@access.member("owner")
@invited.response(201, schemas.InvitationItem)
def withdraw_invitation(invitation_id: str) -> Invitation:
    """Take an invitation back."""
    return invitations.withdraw_invitation(access.actor(), invitation_id)


@invited.route("/accept", methods=["POST"])
@access.public
@invited.arguments(schemas.NewPassword)
@invited.response(201, schemas.InvitationItem)
def accept_invitation(body: dict[str, Any]) -> Invitation:
    """Take the seat with the code of the letter, and one's own password."""
    return invitations.accept_invitation(access.actor(), **body, origin=request.remote_addr or "unknown")


@letters.route("", methods=["POST"])
@access.member("owner")
@letters.arguments(schemas.AuthorityBody)
@letters.response(201, schemas.AuthorityItem)
def give_authority(body: dict[str, Any]) -> dict[str, Any]:
    """Let a handler sign, up to a ceiling, for a term."""
    return seats.letter_shape(authority.give_authority(access.actor(), **body))


@letters.route("/<letter_id>/revoke", methods=["POST"])
@access.member("owner")
@letters.response(201, schemas.AuthorityItem)
def revoke_authority(letter_id: str) -> dict[str, Any]:
    """Take a letter of authority back."""
    return seats.letter_shape(authority.revoke_authority(access.actor(), letter_id))


@confirmations.route("/<appointment_id>/confirm", methods=["POST"])
@access.staff(*sorted(CONFIRMING))
@confirmations.response(201, AppointmentSchema)
def confirm_appointment(appointment_id: str) -> Appointment:
    """Agree to an appointment as a second person."""
    return staff.confirm_appointment(access.actor(), appointment_id)


@confirmations.route("/<appointment_id>/refuse", methods=["POST"])
@access.staff(*sorted(CONFIRMING))
@confirmations.response(201, AppointmentSchema)
def refuse_appointment(appointment_id: str) -> Appointment:
    """Refuse an appointment as a second person."""
    return staff.refuse_appointment(access.actor(), appointment_id)


@years.route("", methods=["GET"])
@access.signed_in
@years.response(200, schemas.YearItem(many=True))
def list_years() -> list[dict[str, Any]]:
    """The years the calendar holds, with the days that differ from the plain week."""
    return queries.calendar_years()


@years.route("/<int:year>", methods=["PUT"])
@access.staff("administrator")
@years.arguments(schemas.NoticeBody)
@years.response(200, schemas.YearItem)
def announce(body: dict[str, Any], year: int) -> dict[str, Any]:
    """Enter the State Council's notice for a year."""
    entered = calendar.announce(access.actor().with_key(None), year, **body)
    return {"year": entered.year, "provisional": entered.provisional, "source": entered.source}
