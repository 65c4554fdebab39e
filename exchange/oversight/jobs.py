"""What falls due in this room, and what the worker does each round."""

from exchange.jobs import DueHandler, Round
from exchange.oversight import case_files, directives, looks, projection

DUE: dict[str, DueHandler] = {
    looks.LAPSE: looks.lapse_inspection,
    directives.OVERDUE: directives.mark_overdue,
    case_files.DISCARD: case_files.discard_case_file,
}
ROUNDS: tuple[Round, ...] = (projection.follow, case_files.build_next)
