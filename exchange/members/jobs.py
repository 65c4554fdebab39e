"""What falls due in this room."""

from exchange.jobs import DueHandler
from exchange.members import staff, vetting

DUE: dict[str, DueHandler] = {
    "identity.lapse": vetting.lapse_identity,
    "appointment.lapse": staff.lapse_appointment,
}
