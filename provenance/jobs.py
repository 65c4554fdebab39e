"""What falls due in this room, and what its outbox asks for.

Authorisations need no row: their term is looked at whenever standing is asked.
"""

from collections.abc import Mapping

from exchange.handlers import Handler
from exchange.jobs import Carrier
from provenance import changes, findings, register

DUE = {"agreement.end": register.end_agreement, findings.LAPSE: findings.lapse_finding}
OUTBOX: Mapping[str, Carrier] = {changes.REEVALUATE: changes.carry}
HANDLERS: Mapping[str, Handler] = {register.ENDED: changes.agreement_ended}
