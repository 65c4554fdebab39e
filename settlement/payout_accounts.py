"""Sellers' payout accounts: where the payment gateway sends what a seller earned.

The row is committed first and its id is the idempotency key of the call, which the worker makes from the outbox. Once
the account is ready it stands in ``gateway_account``, where transfers look for it.
"""

from typing import Final

from sqlalchemy import ColumnElement, select

from exchange import clock, ids
from exchange.actors import Actor
from exchange.db import Transaction, read, verb
from exchange.errors import Conflict, Invalid, NotFound
from exchange.lifecycle import GATEWAY
from exchange.members import gates as member_gates
from exchange.members.models import Organisation
from exchange.web.paging import DEFAULT_LIMIT, Page, page
from settlement.delivery_models import PayoutAccount
from settlement.delivery_states import PAYOUT_ACCOUNT
from settlement.gateways.errors import GatewayRefused
from settlement.gateways.stripe_gateway import StripeGateway
from settlement.money import KEY_LIFETIME
from settlement.money_models import STRIPE, GatewayAccount
from settlement.states import SELLER

#: The outbox row that asks for an account: ``{"payout_account_id": …}``, carried by ``create_at_gateway``.
CREATE: Final = "payout_account.create"
#: The gateway gave no answer while it still knew the key, and asking again might open a second account.
NEVER_ANSWERED = "never_answered"

#: Who answers for a seller's money.
ROLES = ("owner", "finance")
_COUNTRY_LETTERS = 2


@verb
def request_account(tx: Transaction, *, country: str) -> PayoutAccount:
    """Ask the gateway for an account of the actor's organisation in ``country`` (ISO 3166-1 alpha-2).

    Raises:
        Invalid: ``country`` is no country code.
        Conflict: There is one already, or it was asked for.
        Refused: The organisation is not vetted (I-01, I-02).
    """
    tx.actor.need(*ROLES)
    if len(country) != _COUNTRY_LETTERS or not (country.isascii() and country.isalpha() and country.isupper()):
        raise Invalid("A country is two capital letters.", code="invalid_country")
    org_id = tx.lock(Organisation, tx.actor.org_id).id  # two requests of one seller come one after the other
    if _first(tx, org_id, PayoutAccount.state != "failed") is not None:
        raise Conflict("There is a payout account already.", code="payout_account_exists")
    member_gates.vetted(tx, org_id)
    account = PayoutAccount(
        id=ids.new("pac"),
        org_id=org_id,
        gateway=STRIPE,
        country=country,
        key_expires_at=clock.real_now() + KEY_LIFETIME,
    )
    tx.create(account, "payout_account.requested", by=SELLER, facts={"country": country}, links=[org_id])
    tx.send(CREATE, payout_account_id=account.id)
    return account


def create_at_gateway(gateway: StripeGateway, payout_account_id: str) -> None:
    """Ask the gateway for the account, outside any transaction, and record its answer. Repeating it is harmless.

    Raises:
        Unavailable: The gateway did not answer; the same call under the same key will do.
    """
    with read() as session:
        account = session.get_one(PayoutAccount, payout_account_id)
    if account.state != PAYOUT_ACCOUNT.initial:
        return
    if account.key_expires_at <= clock.real_now():
        fail_account(Actor.gateway(), account.id, code=NEVER_ANSWERED)
        return
    try:
        account_id = gateway.create_account(account.id, reference=account.org_id, country=account.country)
    except GatewayRefused as refusal:
        fail_account(Actor.gateway(), account.id, code=refusal.code)
    else:
        make_account_ready(Actor.gateway(), account.id, account_id=account_id)


@verb
def make_account_ready(tx: Transaction, payout_account_id: str, *, account_id: str) -> PayoutAccount:
    """The gateway opened the account: transfers find it from now on."""
    account = tx.lock(PayoutAccount, payout_account_id)
    account.account_id = account_id
    tx.advance(account, "make_ready", by=tx.actor.need(GATEWAY), links=[account.org_id])
    row = GatewayAccount(
        gateway=account.gateway, org_id=account.org_id, account_id=account_id, opened_at=clock.real_now()
    )
    tx.session.add(row)
    return account


@verb
def fail_account(tx: Transaction, payout_account_id: str, *, code: str) -> PayoutAccount:
    """The gateway opens no such account; ``code`` says why."""
    account = tx.lock(PayoutAccount, payout_account_id)
    account.problem = code
    tx.advance(account, "fail", by=tx.actor.need(GATEWAY), facts={"code": code}, links=[account.org_id])
    return account


def ready_account(tx: Transaction, org_id: str) -> PayoutAccount:
    """The account that a seller is paid into.

    Raises:
        Conflict: ``no_payout_account``: it has none yet.
    """
    account = _first(tx, org_id, PayoutAccount.state == "ready")
    if account is None:
        raise Conflict("The seller has no payout account yet.", code="no_payout_account")
    return account


def payout_account(actor: Actor, payout_account_id: str) -> PayoutAccount:
    """One of the actor's own accounts.

    Raises:
        NotFound: There is no such account, or it is another party's.
    """
    with read() as session:
        account = session.get(PayoutAccount, payout_account_id)
    if account is None or account.org_id != actor.org_id:
        raise NotFound("There is no such %(kind)s.", kind=PayoutAccount.__tablename__)
    return account


def accounts_of(actor: Actor, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[PayoutAccount]:
    """The accounts of the actor's organisation, newest first."""
    statement = select(PayoutAccount.id, PayoutAccount).where(PayoutAccount.org_id == actor.org_id)
    with read() as session:
        return page(
            session, statement, [PayoutAccount.id], cursor=cursor, limit=limit, shape=lambda row: row.PayoutAccount
        )


def _first(tx: Transaction, org_id: str, condition: ColumnElement[bool]) -> PayoutAccount | None:
    return tx.first(select(PayoutAccount).where(PayoutAccount.org_id == org_id, condition))
