"""The trade page of both sides, and what leads to a contract: request, negotiation, signature, messages."""

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from flask import Response, redirect, render_template, request, url_for
from flask_babel import gettext
from sqlalchemy.orm import Session

from exchange.actors import Actor
from exchange.errors import ExchangeError, Invalid
from exchange.journal import canonical
from exchange.marks import N_
from exchange.money import Money
from exchange.web import access, filters
from exchange.web.desk import INBOX_LIMIT, NavItem, Waiting
from exchange.web.forms import Form
from exchange.web.languages import language
from exchange.web.views import Answer, blueprint, done
from listings import queries as listings
from provenance import purposes
from settlement import (
    chain,
    contract_sheet,
    deadlines,
    messages,
    negotiation,
    negotiation_schemas,
    order_queries,
    orders,
    printing,
    queries,
    schemas,
    voucher_views,
)
from settlement.parties import SIGNING
from settlement.proposals import RANGES
from settlement.states import BUYER, ORDER, SELLER

desk = blueprint("trades", __name__, url_prefix="/desk")
blps = [desk, *voucher_views.blps]

_DEALING = access.member(*SIGNING)
_SIDES = (BUYER, SELLER)


# -- lists and the trade page -----------------------------------------------------------------------------------------


@desk.get("/trades")
@access.member()
def list_trades() -> Answer:
    """The trades of one's own organisation, buying or selling."""
    side = request.args.get("side")
    state, soon = request.args.get("state") or None, request.args.get("soon") == "true"
    if side not in {None, *_SIDES} or (state is not None and state not in ORDER.states):
        raise Invalid("There is no such list of trades.", code="invalid_filter")
    asked = functools.partial(order_queries.trades, state=state, soon=soon, cursor=request.args.get("cursor"))
    found = asked(access.actor(), side=side or BUYER)
    if side is None:  # who only sells is shown what it sells
        side = BUYER
        if not found.items and (sold := asked(access.actor(), side=SELLER)).items:
            side, found = SELLER, sold
    return render_template("settlement/trades.html", page=found, side=side, state=state, soon=soon, states=_STATES)


@desk.get("/trades/<order_id>")
@access.member()
def show_trade(order_id: str) -> Answer:
    """One trade: what happened, what is next, and everything that belongs to it."""
    return _trade_page(order_id)


def _trade_page(order_id: str, *, forms: dict[str, Form] | None = None) -> str:
    actor = access.caller()
    order = queries.order(actor, order_id)
    if not actor.roles & set(SIGNING):
        order["actions"] = []  # somebody who does not sign for the side looks on
    side = BUYER if order["buyer"]["id"] == actor.org_id else SELLER
    shown = {"message": Form(negotiation_schemas.MessageBody), "reason": Form(schemas.ReasonBody)} | (forms or {})
    story = [
        told | {"url": url_for(".show_entry", order_id=order_id, entry_id=told["id"])}
        for told in order_queries.story(actor, order_id)
    ]
    return render_template(
        "settlement/trade.html",
        order=order,
        side=side,
        other=order["seller" if side == BUYER else "buyer"],
        story=story,
        contract=canonical.loads(queries.contract(actor, order_id)),
        proposals=order_queries.proposals(actor, order_id),
        signatures=order_queries.signatures(actor, order_id),
        messages=messages.between(actor, order_id, cursor=request.args.get("messages")),
        voucher_number=order_queries.voucher_number(actor, order_id),
        forms=shown,
        told=_told,
        fee=contract_sheet.percent_of(order["fee_basis_points"]),
        may_write=bool(actor.roles & set(messages.ROLES)),
    )


def _told(value: Any) -> str:
    """A term of the contract in words."""
    if isinstance(value, bool):
        return str(gettext("allowed") if value else gettext("not allowed"))
    return filters.money(contract_sheet.amount_of(value)) if isinstance(value, dict) else str(value)


@desk.get("/trades/<order_id>/entries/<entry_id>")
@access.member()
def show_entry(order_id: str, entry_id: str) -> Answer:
    """One entry of the journal that tells of this trade, byte for byte, and the proof that it stands in the log."""
    entry = order_queries.entry(access.actor(), order_id, entry_id)
    return render_template("settlement/entry.html", entry=entry, order_id=order_id)


# -- the contract -----------------------------------------------------------------------------------------------------


@desk.get("/trades/<order_id>/contract")
@access.member()
def show_contract(order_id: str) -> Answer:
    """The contract as it stands, to read and to print."""
    _, sheet = _contract(order_id)
    return render_template("settlement/contract.html", sheet=sheet, order_id=order_id)


@desk.get("/trades/<order_id>/contract.pdf")
@access.member()
def contract_pdf(order_id: str) -> Answer:
    """The contract as PDF, made from the bytes that were signed."""
    content, sheet = _contract(order_id)
    made_at = datetime.fromisoformat(canonical.loads(content)["made_at"]["utc"])
    return _download(printing.pdf("document.typ", sheet, at=made_at), f"{order_id}.pdf", printing.MEDIA_TYPE)


@desk.get("/trades/<order_id>/contract.json")
@access.member()
def contract_bytes(order_id: str) -> Answer:
    """The contract, byte for byte as it is signed."""
    return _download(queries.contract(access.actor(), order_id), f"{order_id}.json", "application/json")


@desk.get("/trades/<order_id>/prov.json")
@access.member()
def provenance_chain(order_id: str) -> Answer:
    """The way of the data from its sources to its deliveries, as PROV-JSON."""
    document = chain.provenance_chain(access.actor(), order_id, f"{request.url_root}prov#")
    content = json.dumps(document, ensure_ascii=False, indent=2).encode()
    return _download(content, f"{order_id}.prov.json", "application/json")


def _contract(order_id: str) -> tuple[bytes, dict[str, Any]]:
    actor = access.caller()
    content = queries.contract(actor, order_id)
    return content, contract_sheet.sheet(content, order_queries.signatures(actor, order_id))


def _download(content: bytes, name: str, media_type: str) -> Response:
    answer = Response(content, mimetype=media_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


# -- request ----------------------------------------------------------------------------------------------------------


@desk.get("/orders/new")
@_DEALING
def new_order() -> Answer:
    """The form that asks for the goods of an offer."""
    offer = listings.offer(access.actor(), request.args.get("offer", ""))
    return _request_page(Form(negotiation_schemas.RequestForm, values=_offered(offer)), offer)


@desk.get("/orders/preview")
@_DEALING
def leave_preview() -> Answer:
    """Back to the form, for whoever comes to a preview's address by a link: its contract was never kept."""
    return redirect(url_for(".new_order", offer=request.args.get("offer", "")))


@desk.post("/orders/preview")
@_DEALING
def preview_order() -> Answer:
    """The contract that the form makes, above the password that signs it."""
    offer = listings.offer(access.caller(), request.form.get("offer_id", ""))
    form = Form(negotiation_schemas.PreviewForm)
    return _request_page(form, offer, form.submit(lambda body: orders.preview(access.caller(), body)))


@desk.post("/orders/new")
@_DEALING
def request_order() -> Answer:
    """Sign the contract that the form makes, as the buyer."""
    offer = listings.offer(access.caller(), request.form.get("offer_id", ""))
    form = Form(negotiation_schemas.RequestForm)
    made = form.submit(lambda body: orders.request_order(access.actor(), body))
    if made is None:
        return _request_page(form, offer, _previewed())
    return done(gettext("The request is signed; the seller has been asked."), _place(made.id))


def _previewed() -> bytes | None:
    """The contract of what was sent, so that it stays above the password; ``None`` where it makes none."""
    try:
        return orders.preview(access.caller(), Form(negotiation_schemas.PreviewForm).body())
    except ExchangeError:
        return None  # why it makes none is what the form says already


def _request_page(form: Form, offer: dict[str, Any], content: bytes | None = None) -> Answer:
    version = listings.version(access.actor(), offer["version_id"])
    return form.page(
        "settlement/order_new.html",
        offer=offer,
        version=version,
        sheet=None if content is None else contract_sheet.sheet(content, []),
        purposes=_purposes(offer["purposes"]),
    )


def _offered(offer: dict[str, Any]) -> dict[str, Any]:
    """What the form begins with: the offer's own terms."""
    days = {"delivery_days": deadlines.DELIVERY.days}
    return _filled(offer | days, offer["price"]) | {"offer_id": offer["id"], "disputes": "officer"}


def _filled(terms: Mapping[str, Any], price: Money) -> dict[str, Any]:
    """The fields of a proposal with the terms as they stand; rights are chosen by word."""
    amount, currency = str(price).split()
    numbers = {name: terms[name] for name in RANGES}
    rights = {name: "true" if terms[name] else "false" for name in ("redistribution", "derivation")}
    words = {"acceptance_criteria": terms["acceptance_criteria"]}
    return {"price": {"amount": amount, "currency": currency}, **numbers, **rights, **words}


def _purposes(offered: Sequence[str]) -> list[tuple[str, str]]:
    """The purposes that an offer covers, in words."""
    covered = [code for code in purposes.PURPOSES if not purposes.uncovered(offered, [code])]
    return [(code, purposes.PURPOSES[code].in_lang(language())) for code in covered]


# -- signature and negotiation ----------------------------------------------------------------------------------------


@desk.get("/trades/<order_id>/sign")
@_DEALING
def sign_page(order_id: str) -> Answer:
    """The contract to be signed, and the password that signs it."""
    return _sign_page(order_id, Form(schemas.SignBody))


@desk.post("/trades/<order_id>/sign")
@_DEALING
def sign_order(order_id: str) -> Answer:
    """Sign what the other side proposed."""
    form = Form(schemas.SignBody)
    signed = form.submit(lambda body: orders.sign_order(access.actor(), order_id, **body))
    if signed is None:
        return _sign_page(order_id, form)
    return done(gettext("The contract is signed by both sides and in force."), _place(order_id))


def _sign_page(order_id: str, form: Form) -> Answer:
    order = queries.order(access.caller(), order_id)
    return form.page("settlement/sign.html", order=order, sheet=_contract(order_id)[1])


@desk.get("/trades/<order_id>/counter")
@_DEALING
def counter_page(order_id: str) -> Answer:
    """The form of a counter-proposal, filled with the terms as they stand."""
    order = queries.order(access.actor(), order_id)
    values = _filled(order["terms"], order["price"]) | {"disputes": order["disputes"]}
    return _counter_page(order_id, Form(negotiation_schemas.CounterForm, values=values))


@desk.post("/trades/<order_id>/counter")
@_DEALING
def counter_order(order_id: str) -> Answer:
    """Answer the other side's proposal with one's own."""
    form = Form(negotiation_schemas.CounterForm)
    made = form.submit(lambda body: negotiation.counter_order(access.actor(), order_id, **body))
    if made is None:
        return _counter_page(order_id, form)
    return done(gettext("Your proposal is signed; the other side has been asked."), _place(order_id))


def _counter_page(order_id: str, form: Form) -> Answer:
    return form.page("settlement/counter.html", order=queries.order(access.caller(), order_id))


# -- ends and messages ------------------------------------------------------------------------------------------------


@desk.post("/trades/<order_id>/decline")
@_DEALING
def decline_order(order_id: str) -> Answer:
    """Decline, as the seller."""
    form = Form(schemas.ReasonBody)
    ended = form.submit(lambda body: orders.decline_order(access.actor(), order_id, **body))
    return _ended(order_id, form, ended, gettext("You declined."))


@desk.post("/trades/<order_id>/withdraw")
@_DEALING
def withdraw_order(order_id: str) -> Answer:
    """Withdraw, as the buyer."""
    form = Form(None)
    ended = form.submit(lambda _body: orders.withdraw_order(access.actor(), order_id))
    return _ended(order_id, form, ended, gettext("The request is withdrawn."))


@desk.post("/trades/<order_id>/terminate")
@_DEALING
def terminate_order(order_id: str) -> Answer:
    """End the contract, as either side, before money is held for it."""
    form = Form(schemas.ReasonBody)
    ended = form.submit(lambda body: orders.terminate_order(access.actor(), order_id, **body))
    return _ended(order_id, form, ended, gettext("The contract is ended."))


def _ended(order_id: str, form: Form, ended: object, message: str) -> Answer:
    if ended is None:
        return form.answer(lambda: _trade_page(order_id, forms={"reason": form}))
    return done(message, _place(order_id))


@desk.post("/trades/<order_id>/messages")
@access.member(*messages.ROLES)
def send_message(order_id: str) -> Answer:
    """Say something to the other side."""
    form = Form(negotiation_schemas.MessageBody)
    sent = form.submit(lambda body: messages.send_message(access.actor(), order_id, **body))
    if sent is None:
        return form.answer(lambda: _trade_page(order_id, forms={"message": form}))
    return done(gettext("The message is sent."), _place(order_id) + "#messages")


def _place(order_id: str) -> str:
    return url_for("trades.show_trade", order_id=order_id)


# -- menu and inbox ---------------------------------------------------------------------------------------------------


def waits(session: Session, actor: Actor) -> Iterable[Waiting]:
    """Orders that wait for the actor to sign them or to answer."""
    if not actor.roles & set(SIGNING):
        return
    for row in order_queries.waiting_orders(session, actor, INBOX_LIMIT):
        title = row.title_zh if language() == "zh" else row.title_en
        words = (
            gettext("A request to sign: %(title)s", title=title)
            if row.proposals == 1
            else gettext("A counter-proposal to answer: %(title)s", title=title)
        )
        yield Waiting(row.id, words, _place(row.id), row.deadline_at, row.changed_at)


_STATES = ("requested", "open", "completed", "refunded", "cancelled", "terminated")
INBOX = (waits,)
NAV = (
    NavItem("public", N_("Check a voucher"), "voucher_check.enter", place=30),
    NavItem("desk", N_("Trades"), "trades.list_trades", place=10),
    NavItem("desk", N_("Vouchers"), "vouchers.list_vouchers", place=40),
)
