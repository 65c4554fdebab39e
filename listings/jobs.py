"""What falls due in this room, and what its outbox asks for.

Whether a seller, a declaration or an agreement still has standing is asked by the gates at the moment of each step;
listened for is only what the shelf and open offers have to follow.
"""

from collections.abc import Mapping
from typing import Any

from exchange.handlers import Handler
from exchange.jobs import Carrier, DueHandler
from listings import deposits, exports, intake, notice, prohibited, upstream
from provenance.changes import CHANGED

DUE: Mapping[str, DueHandler] = {
    "deposit.lapse": deposits.lapse_deposit,
    "version.publish": notice.publish,
    "export.remind": exports.remind_renewal,
    "export.lapse": exports.lapse,
    prohibited.SUPERSEDE: prohibited.supersede,
}


def seal(payload: dict[str, Any]) -> None:
    """Seal a completed upload."""
    intake.seal_deposit(payload["deposit_id"])


def profile(payload: dict[str, Any]) -> None:
    """Look into a sealed file."""
    intake.profile_deposit(payload["deposit_id"])


def sweep(payload: dict[str, Any]) -> None:
    """Remove objects that are needed no more."""
    intake.sweep_deposit(payload["deposit_id"])


def scan(payload: dict[str, Any]) -> None:
    """Hand a submitted version on to reviewers."""
    intake.scan_version(intake.EXCHANGE_ACTOR, payload["version_id"])


OUTBOX: Mapping[str, Carrier] = {
    "deposit.seal": seal,
    "deposit.profile": profile,
    "deposit.sweep": sweep,
    "version.scan": scan,
}
HANDLERS: Mapping[str, Handler] = {CHANGED: upstream.reconsider}
