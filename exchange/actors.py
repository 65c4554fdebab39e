"""Who acts: the one value every verb is given first."""

from dataclasses import dataclass, replace
from typing import Self

from exchange.errors import Forbidden
from exchange.lifecycle import CLOCK, GATEWAY

#: Roles of the operator's staff (DESIGN: people). The first six decide cases; none of them may trade.
STAFF_ROLES = frozenset(
    {
        "vetting_officer",
        "compliance_reviewer",
        "settlement_officer",
        "dispute_officer",
        "security_administrator",
        "auditor",
        "administrator",
    }
)
#: Roles inside a member organisation.
MEMBER_ROLES = frozenset({"owner", "trader", "approver", "finance", "viewer"})
REGULATOR = "regulator"


@dataclass(frozen=True, slots=True)
class Actor:
    """A natural person acting for an organisation, or the clock, or a gateway.

    Args:
        person_id: The natural person; ``None`` for the clock and gateways.
        org_id: The organisation acted for; the operator's own for staff, the organ for a regulator.
        roles: What the person may act as there.
        request_key: The caller's idempotency key for the next verb, when it sent one.
        expects: A subject's id and the ``row_version`` the caller read; the next verb refuses when it has moved on.
    """

    person_id: str | None
    org_id: str | None
    roles: frozenset[str]
    request_key: str | None = None
    expects: tuple[str, int] | None = None

    @classmethod
    def clock(cls) -> Self:
        """Time itself: takes the edges that deadlines take."""
        return cls(None, None, frozenset({CLOCK}))

    @classmethod
    def gateway(cls) -> Self:
        """A payment gateway's confirmed answer."""
        return cls(None, None, frozenset({GATEWAY}))

    @property
    def name(self) -> str:
        """The scope of this actor's request keys: the person at this organisation's desk, else the one role."""
        return f"{self.person_id}@{self.org_id}" if self.person_id else next(iter(self.roles))

    def with_key(self, request_key: str | None) -> Self:
        """The same actor, sending an idempotency key."""
        return replace(self, request_key=request_key)

    def expecting(self, expects: tuple[str, int] | None) -> Self:
        """The same actor, acting on a subject as it was read."""
        return replace(self, expects=expects)

    def need(self, *roles: str) -> str:
        """The first of ``roles`` that this actor holds.

        Raises:
            Forbidden: It holds none of them.
        """
        for role in roles:
            if role in self.roles:
                return role
        raise Forbidden("This needs one of the roles: %(roles)s.", roles=", ".join(roles))
