"""A Stripe-compatible sandbox, for demonstrations and tests without keys.

It answers the part of Stripe's API that the exchange uses, in Stripe's own words and shapes, so that the real
``stripe`` client cannot tell the difference; its state lives in the schema ``sandbox`` of PostgreSQL. No money moves.

Where it is simpler than Stripe: funds are available at once (Stripe keeps most of them pending for days), an account
may receive transfers as soon as it exists (Stripe onboards it first), payouts arrive at once, and only the parameters
that the sandbox honours are accepted: any other is refused as unknown rather than ignored.
"""
