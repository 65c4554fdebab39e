"""Connected accounts, transfers to them, reversals, payouts, balances."""

from typing import Any

from settlement.sandbox.errors import ApiError, NotBegun
from settlement.sandbox.params import Params
from settlement.sandbox.store import PLATFORM, Call, Object, new_id

#: How long an onboarding link works, in seconds.
LINK_SECONDS = 300


def _account(fields: Object) -> Object:
    return {
        "charges_enabled": True,
        "details_submitted": True,
        "payouts_enabled": True,
        "metadata": {},
        **fields,
    }


def create_account(call: Call, params: Params) -> Object:
    """POST /v1/accounts. The account has passed onboarding by itself."""
    country = (params.text("country") or "HK").upper()
    controller = params.hash("controller")
    for hash_, name in (("fees", "payer"), ("losses", "payments"), ("stripe_dashboard", "type")):
        part = controller.hash(hash_)
        part.text(name)
        part.finish()
    controller.text("requirement_collection")
    controller.finish()
    transfers = params.hash("capabilities").hash("transfers")
    requested = transfers.boolean("requested")
    transfers.finish()
    email, metadata = params.text("email"), params.metadata()
    params.finish()
    fields = {
        "capabilities": {"transfers": "active"} if requested else {},
        "country": country,
        "email": email,
        "metadata": metadata,
        "type": "none",
    }
    made = call.insert("account", _account(fields))
    call.emit("account.updated", made)
    return made


def retrieve_account(call: Call, params: Params, id_: str) -> Object:
    """GET /v1/accounts/{id}."""
    params.finish()
    return call.get("account", id_, param="account")


def retrieve_platform(call: Call, params: Params) -> Object:
    """GET /v1/account: the one the call speaks for."""
    params.finish()
    if call.account != PLATFORM:
        return Call(call.connection).get("account", call.account)
    return _account({"id": PLATFORM, "object": "account", "country": "HK", "type": "standard"})


def create_link(call: Call, params: Params) -> Object:
    """POST /v1/account_links; the page behind the link asks nothing and returns."""
    account, return_url = params.required("account"), params.required("return_url")
    params.required("refresh_url")
    params.choice("type", ("account_onboarding", "account_update"))
    params.finish()
    call.get("account", account, param="account")
    expires_at = call.now + LINK_SECONDS
    kept = call.insert("account_link", {"return_url": return_url, "expires_at": expires_at})
    return {
        "object": "account_link",
        "created": call.now,
        "expires_at": expires_at,
        "url": f"{call.public_url}/onboarding/{kept['id']}",
    }


def create_transfer(call: Call, params: Params) -> Object:
    """POST /v1/transfers.

    With ``source_transaction`` up to the charge's amount in all, whatever the balance is; without, from the balance.
    """
    amount, currency, destination = params.amount(), params.currency(), params.required("destination")
    source, group = params.text("source_transaction"), params.text("transfer_group")
    description, metadata = params.text("description"), params.metadata()
    params.finish()
    account = call.get("account", destination, param="destination")
    if account["capabilities"].get("transfers") != "active":
        raise ApiError(
            400,
            "Your destination account needs the transfers capability.",
            code="insufficient_capabilities_for_transfer",
        )
    if source is not None:
        charge = call.get("charge", source, param="source_transaction", lock=True)
        _check_source(call, charge, amount, currency)
        group = group or charge["transfer_group"]
    made = call.insert(
        "transfer",
        {
            "amount": amount,
            "amount_reversed": 0,
            "currency": currency,
            "description": description,
            "destination": destination,
            "metadata": metadata,
            "reversed": False,
            "source_transaction": source,
            "source_type": "card",
            "transfer_group": group,
        },
    )
    line = call.post(-amount, currency, "transfer", made["id"], covered=source is None)
    arrived = _arrival(call, made)
    made |= {"balance_transaction": line["id"], "destination_payment": arrived["id"]}
    call.save(made)
    call.emit("transfer.created", made)
    return made


def _arrival(call: Call, transfer: Object) -> Object:
    """The payment by which a transfer shows in the account it goes to."""
    owner, amount, currency = transfer["destination"], transfer["amount"], transfer["currency"]
    id_ = new_id("py_")
    line = call.post(amount, currency, "payment", id_, account=owner)
    return call.insert(
        "charge",
        {
            "amount": amount,
            "balance_transaction": line["id"],
            "currency": currency,
            "metadata": {},
            "payment_intent": None,
            "source_transfer": transfer["id"],
            "status": "succeeded",
            "transfer_group": None,
        },
        account=owner,
        id_=id_,
    )


def _check_source(call: Call, charge: Object, amount: int, currency: str) -> None:
    if not charge["captured"] or charge["currency"] != currency:
        raise ApiError(400, f"Charge {charge['id']} cannot fund this transfer.", param="source_transaction")
    earlier = sum(transfer["amount"] for transfer in call.find("transfer", source_transaction=charge["id"]))
    if earlier + amount > charge["amount_captured"]:
        raise ApiError(
            400,
            f"Transfers of {earlier} already use charge {charge['id']} of {charge['amount_captured']}.",
            code="transfer_source_balance_parameters_mismatch",
            param="amount",
        )


def retrieve_transfer(call: Call, params: Params, id_: str) -> Object:
    """GET /v1/transfers/{id}."""
    params.finish()
    return call.get("transfer", id_)


def list_transfers(call: Call, params: Params) -> Object:
    """GET /v1/transfers."""
    return call.page("transfer", "/v1/transfers", params, ("transfer_group", "destination"))


def create_reversal(call: Call, params: Params, id_: str) -> Object:
    """POST /v1/transfers/{id}/reversals; the connected account must still have the money."""
    amount, metadata, description = params.integer("amount"), params.metadata(), params.text("description")
    params.finish()
    transfer = call.get("transfer", id_, lock=True)
    left = transfer["amount"] - transfer["amount_reversed"]
    amount = left if amount is None else amount
    if amount > left or left == 0:
        raise ApiError(400, f"The transfer has {left} left to reverse, not {amount}.", param="amount")
    currency, destination = transfer["currency"], transfer["destination"]
    made = call.insert(
        "transfer_reversal",
        {
            "amount": amount,
            "currency": currency,
            "description": description,
            "metadata": metadata,
            "source_refund": None,
            "transfer": id_,
        },
    )
    line = call.post(amount, currency, "transfer_refund", made["id"])
    call.post(-amount, currency, "payment_refund", made["id"], account=destination, covered=True)
    made["balance_transaction"] = line["id"]
    transfer["amount_reversed"] += amount
    transfer["reversed"] = transfer["amount_reversed"] == transfer["amount"]
    call.save(made)
    call.save(transfer)
    call.emit("transfer.reversed", transfer)
    return made


def list_reversals(call: Call, params: Params, id_: str) -> Object:
    """GET /v1/transfers/{id}/reversals."""
    call.get("transfer", id_)
    wanted = Params({**params.values, "transfer": id_})
    return call.page("transfer_reversal", f"/v1/transfers/{id_}/reversals", wanted, ("transfer",))


def create_payout(call: Call, params: Params) -> Object:
    """POST /v1/payouts, of the account the call speaks for; it arrives at once."""
    amount, currency = params.amount(), params.currency()
    metadata, description = params.metadata(), params.text("description")
    statement = params.text("statement_descriptor")
    params.finish()
    made = call.insert(
        "payout",
        {
            "amount": amount,
            "arrival_date": call.now,
            "automatic": False,
            "currency": currency,
            "description": description,
            "failure_code": None,
            "metadata": metadata,
            "method": "standard",
            "source_type": "card",
            "statement_descriptor": statement,
            "status": "pending",
            "type": "bank_account",
        },
    )
    line = call.post(-amount, currency, "payout", made["id"], covered=True)
    made["balance_transaction"] = line["id"]
    call.emit("payout.created", made)
    made["status"] = "paid"
    call.save(made)
    call.emit("payout.paid", made)
    return made


def fail_payout(call: Call, id_: str) -> Object:
    """The bank sends a payout back: the account has the money again.

    Raises:
        ApiError: It has failed already.
    """
    payout = call.get("payout", id_, lock=True)
    if payout["status"] != "paid":
        raise ApiError(400, f"Payout {id_} has a status of {payout['status']}.")
    line = call.post(payout["amount"], payout["currency"], "payout_failure", payout["id"])
    payout |= {
        "failure_balance_transaction": line["id"],
        "failure_code": "account_closed",
        "status": "failed",
    }
    call.save(payout)
    call.emit("payout.failed", payout)
    return payout


def retrieve_payout(call: Call, params: Params, id_: str) -> Object:
    """GET /v1/payouts/{id}."""
    params.finish()
    return call.get("payout", id_)


def list_payouts(call: Call, params: Params) -> Object:
    """GET /v1/payouts."""
    return call.page("payout", "/v1/payouts", params, ("status",))


def balance(call: Call, params: Params) -> Object:
    """GET /v1/balance."""
    params.finish()
    rows = call.connection.execute(
        "SELECT currency, available_minor FROM sandbox.balances WHERE account = %s ORDER BY currency",
        [call.account],
    ).fetchall()

    def funds(amounts: list[tuple[Any, ...]]) -> list[Object]:
        return [{"amount": a, "currency": c, "source_types": {"card": a}} for c, a in amounts]

    rows = rows or [("hkd", 0)]
    return {
        "object": "balance",
        "livemode": False,
        "available": funds(rows),
        "pending": funds([(currency, 0) for currency, _ in rows]),
    }


def retrieve_line(call: Call, params: Params, id_: str) -> Object:
    """GET /v1/balance_transactions/{id}."""
    params.finish()
    return call.get("balance_transaction", id_)


def list_lines(call: Call, params: Params) -> Object:
    """GET /v1/balance_transactions."""
    filters = ("type", "source", "currency")
    return call.page("balance_transaction", "/v1/balance_transactions", params, filters)


def speaks_for(call: Call, account: str) -> None:
    """Check the header ``Stripe-Account``.

    Raises:
        NotBegun: The platform has no such connected account.
    """
    try:
        call.get("account", account)
    except ApiError as missing:
        raise NotBegun(
            403,
            f"The provided key does not have access to account '{account}' (or that account does not exist).",
            code="account_invalid",
        ) from missing
