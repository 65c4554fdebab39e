"""What falls due in this room, and the letters it sends."""

from exchange.jobs import Carrier, DueHandler
from exchange.members import accounts, authority, invitations, letters, passwords, staff, vetting

DUE: dict[str, DueHandler] = {
    "identity.remind": vetting.remind_renewal,
    "identity.lapse": vetting.lapse_identity,
    "appointment.lapse": staff.lapse_appointment,
    "authority.expire": authority.expire_authority,
    "invitation.lapse": invitations.lapse_invitation,
}

OUTBOX: dict[str, Carrier] = {
    passwords.RESET_ASKED: passwords.open_reset,
    accounts.LETTER: letters.carry,
}
