"""Rows of this room that serve their time (``exchange.hygiene``)."""

from datetime import timedelta

from exchange.hygiene import Stale
from exchange.members.models import Attempt, SignUp

#: The longest window of a limit is an hour (``attempts``).
STALE = (
    Stale(Attempt, "window_started_at", timedelta(days=1)),
    Stale(SignUp, "expires_at", timedelta()),
)
