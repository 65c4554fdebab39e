"""The way from the ``stripe`` client to a sandbox in the same process."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import stripe
from requests.structures import CaseInsensitiveDict
from werkzeug.test import Client

from settlement.sandbox.app import ConnectionDropped, Sandbox


class InProcessClient(stripe.HTTPClient):
    """Hands each request to the WSGI application; retries stay with the base class, as over a network."""

    name = "sandbox"

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__()
        self._sandbox = sandbox

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, **_: Any
    ) -> tuple[str, int, Mapping[str, str]]:
        """Send one request.

        Raises:
            stripe.APIConnectionError: The sandbox dropped the connection.
        """
        parts = urlsplit(url)
        client = Client(self._sandbox, use_cookies=False)
        try:
            answer = client.open(
                parts.path, method=method, query_string=parts.query, headers=dict(headers or {}), data=post_data
            )
        except ConnectionDropped as dropped:
            # The constructor has no annotations.
            raise stripe.APIConnectionError(str(dropped), should_retry=True) from dropped  # type: ignore[no-untyped-call]
        # The client looks names up in lower case as well as in Stripe's spelling.
        return answer.get_data(as_text=True), answer.status_code, CaseInsensitiveDict(answer.headers)

    def close(self) -> None:
        """Nothing is held open here; whoever made the sandbox closes it."""
