"""What the parties do with a lot: pay, fetch, confirm, accept, reject, dispute, settle, and agree on refunds."""

from collections.abc import Callable, Iterable
from typing import Any

from flask import Response, current_app, g, render_template, request, url_for
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange.actors import Actor
from exchange.errors import Unavailable
from exchange.web import access
from exchange.web.desk import INBOX_LIMIT, Waiting
from exchange.web.forms import Form
from exchange.web.languages import language
from exchange.web.views import Answer, blueprint, done
from listings.models import Version
from settlement import (
    byte_ranges,
    delivery,
    dispute_files,
    extensions,
    lot_forms,
    lot_queries,
    lots,
    lots_disputes,
    money,
    money_views,
    refunds,
)
from settlement.gateways.stripe_gateway import EXTENSION
from settlement.lot_models import Extension, Refund
from settlement.models import Lot, Order
from settlement.parties import PAYING, SIGNING
from settlement.states import BUYER, SELLER

desk = blueprint("lots", __name__, url_prefix="/desk")
blps = [desk, *money_views.blps]
NAV = money_views.NAV

_DEALING = access.member(*SIGNING)
_SHEETS = "settlement.lot_sheets"


# -- what the partials of a lot ask for -------------------------------------------------------------------------------


@desk.app_template_global("lot_sheet")
def lot_sheet(lot_id: str) -> dict[str, Any]:
    """The lot as its page shows it, read once in a request."""
    sheets: dict[str, dict[str, Any]] = g.setdefault(_SHEETS, {})
    if lot_id not in sheets:
        sheets[lot_id] = lot_queries.lot_sheet(access.caller(), lot_id)
    return sheets[lot_id]


@desk.app_template_global("lot_forms")
def forms_of(lot_id: str, sent: dict[str, Form] | None = None) -> dict[str, Form]:
    """The forms of a lot by action; one that was sent stands in for the empty one."""
    mine = f"_{lot_id}"
    kept = {form.name.removesuffix(mine): form for form in (sent or {}).values() if form.name.endswith(mine)}
    return {action: kept.get(action) or lot_forms.form(action, lot_id) for action in lot_forms.SCHEMAS}


@desk.app_template_global("deliverable")
def deliverable(lot_id: str) -> list[tuple[str, str]]:
    """The files that the reader may deliver a lot from, as options of a field."""
    return lot_queries.deliverable(access.caller(), lot_id)


@desk.app_template_global("acts_in_trades")
def acts_in_trades() -> bool:
    """Whether the reader takes steps for a party in its trades."""
    return not access.caller().roles.isdisjoint(SIGNING)


@desk.get("/lots/<lot_id>")
@access.member()
def show_lot(lot_id: str) -> Answer:
    """One lot by itself."""
    return _page(lot_id)


def _page(lot_id: str, form: Form | None = None) -> str:
    g.pop(_SHEETS, None)
    sheet = lot_sheet(lot_id)
    return render_template("settlement/_lot_page.html", lot=sheet, forms={"sent": form} if form else {})


def _act(action: str, lot_id: str, call: Callable[[Any], object], message: str) -> Answer:
    """Take a step of a lot: on to the trade's page, or the lot's page with what stands against it."""
    form = lot_forms.form(action, lot_id)
    if form.submit(call) is None:
        return form.answer(lambda: _page(lot_id, form))
    return done(message, _trade_of(lot_id))


def _trade_of(lot_id: str) -> str:
    order_id = lot_queries.lot_sheet(access.caller(), lot_id)["order_id"]
    return url_for("trades.show_trade", order_id=order_id, _anchor=f"lot-{lot_id}")


# -- paying -----------------------------------------------------------------------------------------------------------


@desk.post("/lots/<lot_id>/pay")
@access.member(*PAYING)
def pay(lot_id: str) -> Answer:
    """Order the payment; the next page leads to the payment institution once its page is open."""
    form = lot_forms.form("pay", lot_id)
    back = url_for(".payment", lot_id=lot_id, _external=True)
    op = form.submit(lambda _: lots.pay_lot(access.actor(), lot_id, request={"return_url": back}))
    if op is None:
        return form.answer(lambda: _page(lot_id, form))
    try:
        money.carry_out(current_app.extensions[EXTENSION], op.id)
    except Unavailable:  # the worker asks again; the next page says that the answer is awaited
        current_app.logger.info("the payment %s waits for its gateway", op.id)
    return done("", url_for(".payment", lot_id=lot_id))


@desk.get("/lots/<lot_id>/payment")
@access.member(*PAYING)
def payment(lot_id: str) -> Answer:
    """How the payment stands, and what happens next; the payment institution's page leads back here."""
    sheet = lot_sheet(lot_id)
    return render_template("settlement/_lot_payment.html", sheet=sheet, seller=sheet["seller"])


@desk.post("/lots/<lot_id>/cancel")
@_DEALING
def cancel(lot_id: str) -> Answer:
    """Give the lot up before it is paid."""
    return _act("cancel", lot_id, lambda _: lots.cancel_lot(access.actor(), lot_id), gettext("The lot is cancelled."))


# -- delivering and accepting -----------------------------------------------------------------------------------------


@desk.post("/lots/<lot_id>/deliver")
@_DEALING
def deliver(lot_id: str) -> Answer:
    """Deliver, as the seller."""
    message = gettext("Delivered: the buyer can fetch the goods.")
    return _act("deliver", lot_id, lambda body: lots.deliver_lot(access.actor(), lot_id, **body), message)


@desk.post("/lots/<lot_id>/decline")
@_DEALING
def decline(lot_id: str) -> Answer:
    """Decline to deliver, as the seller."""
    message = gettext("Declined: the buyer gets the money back.")
    return _act("decline", lot_id, lambda body: lots.decline_lot(access.actor(), lot_id, **body), message)


@desk.post("/lots/<lot_id>/accept")
@_DEALING
def accept(lot_id: str) -> Answer:
    """Accept, as the buyer."""
    message = gettext("Accepted: the seller is being paid.")
    return _act("accept", lot_id, lambda _: lots.accept_lot(access.actor(), lot_id), message)


@desk.post("/lots/<lot_id>/reject")
@_DEALING
def reject(lot_id: str) -> Answer:
    """Reject, as the buyer."""
    message = gettext("Rejected: the seller delivers again.")
    return _act("reject", lot_id, lambda body: lots.reject_lot(access.actor(), lot_id, **body), message)


@desk.post("/lots/<lot_id>/ticket")
@_DEALING
def ticket(lot_id: str) -> Answer:
    """Get leave to fetch the file, and begin to."""
    form = lot_forms.form("ticket", lot_id)
    issued = form.submit(lambda _: delivery.issue_ticket(access.actor(), lot_id))
    if issued is None:
        return form.answer(lambda: _page(lot_id, form))
    return done("", url_for(".fetch", ticket_id=issued.id))


@desk.get("/goods/<ticket_id>")
@_DEALING
def fetch(ticket_id: str) -> Response:
    """The file of a ticket, or one range of it, for the person it was issued to."""
    return byte_ranges.answer(delivery.open_by_session(access.caller(), ticket_id))


@desk.post("/lots/<lot_id>/receipt")
@_DEALING
def confirm_receipt(lot_id: str) -> Answer:
    """Say which digest the file has that arrived; one that differs is kept and stands against acceptance."""

    def confirm(body: dict[str, str]) -> object:
        digest = bytes.fromhex(body["sha256"].strip())
        return delivery.confirm_receipt(access.actor(), lot_id, digest)

    return _act("receipt", lot_id, confirm, gettext("What arrived is recorded."))


# -- time by consent --------------------------------------------------------------------------------------------------


@desk.post("/lots/<lot_id>/extension")
@_DEALING
def propose_extension(lot_id: str) -> Answer:
    """Propose a later deadline."""
    message = gettext("Proposed: the other side has to agree.")
    return _act("extension", lot_id, lambda body: extensions.propose_extension(access.actor(), lot_id, **body), message)


@desk.post("/extensions/<extension_id>/agree")
@_DEALING
def agree_extension(extension_id: str) -> Answer:
    """Agree to a later deadline."""
    return _answer(extensions.agree_extension, extension_id, gettext("Agreed: the deadline has moved."))


@desk.post("/extensions/<extension_id>/decline")
@_DEALING
def decline_extension(extension_id: str) -> Answer:
    """Decline a later deadline."""
    return _answer(extensions.decline_extension, extension_id, gettext("Declined: the deadline stands."))


@desk.post("/extensions/<extension_id>/withdraw")
@_DEALING
def withdraw_extension(extension_id: str) -> Answer:
    """Take one's own proposal back."""
    return _answer(extensions.withdraw_extension, extension_id, gettext("Withdrawn."))


def _answer(verb: Callable[[Actor, str], Extension | Refund], proposal_id: str, message: str) -> Answer:
    """Answer a proposal about a lot. What stands against it is shown on the lot's page, to its parties only."""
    form = Form(None)
    answered = form.submit(lambda _: verb(access.actor(), proposal_id))
    lot_id = answered.lot_id if answered else lot_queries.lot_of_proposal(access.caller(), proposal_id)
    return done(message, _trade_of(lot_id)) if answered else form.answer(lambda: _page(lot_id))


# -- disputes ---------------------------------------------------------------------------------------------------------


@desk.post("/lots/<lot_id>/dispute")
@_DEALING
def dispute(lot_id: str) -> Answer:
    """Dispute a delivery, as the buyer."""
    message = gettext("In dispute: the clock stops and the money stays held.")
    return _act("dispute", lot_id, lambda body: lots_disputes.dispute_lot(access.actor(), lot_id, **body), message)


@desk.post("/lots/<lot_id>/answer")
@_DEALING
def answer(lot_id: str) -> Answer:
    """Answer a dispute, as the seller."""
    message = gettext("Your answer is recorded.")
    return _act("answer", lot_id, lambda body: dispute_files.answer_dispute(access.actor(), lot_id, **body), message)


@desk.post("/lots/<lot_id>/evidence")
@_DEALING
def add_evidence(lot_id: str) -> Answer:
    """Lay a document before the officer."""
    uploaded = request.files.get(f"evidence_{lot_id}-file")
    content = uploaded.stream.read(dispute_files.MAX_BYTES + 1) if uploaded else b""

    def add(body: dict[str, Any]) -> object:
        return dispute_files.add_evidence(access.actor(), lot_id, content=content, **body)

    return _act("evidence", lot_id, add, gettext("The document is part of the dispute."))


@desk.get("/evidence/<evidence_id>")
@access.member()
def read_evidence(evidence_id: str) -> Response:
    """A document of evidence, as a download."""
    return money_views.attachment(dispute_files.read_evidence(access.caller(), evidence_id))


@desk.post("/lots/<lot_id>/settle")
@_DEALING
def settle(lot_id: str) -> Answer:
    """Propose how to divide the money, or agree to what was proposed."""
    message = gettext("Recorded. The same share from both sides settles the dispute.")
    return _act("settle", lot_id, lambda body: lots_disputes.settle_dispute(access.actor(), lot_id, **body), message)


@desk.post("/lots/<lot_id>/object")
@_DEALING
def object_to_ruling(lot_id: str) -> Answer:
    """Object to the first decision."""
    message = gettext("Objected: another officer decides once more.")
    return _act("object", lot_id, lambda body: lots_disputes.object_to_ruling(access.actor(), lot_id, **body), message)


# -- refunds ----------------------------------------------------------------------------------------------------------


@desk.post("/lots/<lot_id>/refund")
@_DEALING
def propose_refund(lot_id: str) -> Answer:
    """Propose that settled money goes back."""
    message = gettext("Proposed: the other side has to agree.")
    return _act("refund", lot_id, lambda body: refunds.propose_refund(access.actor(), lot_id, **body), message)


@desk.post("/refunds/<refund_id>/agree")
@_DEALING
def agree_refund(refund_id: str) -> Answer:
    """Agree to a refund."""
    return _answer(refunds.agree_refund, refund_id, gettext("Agreed: the money is called back from the seller."))


@desk.post("/refunds/<refund_id>/decline")
@_DEALING
def decline_refund(refund_id: str) -> Answer:
    """Decline a refund."""
    return _answer(refunds.decline_refund, refund_id, gettext("Declined: nothing moves."))


@desk.post("/refunds/<refund_id>/withdraw")
@_DEALING
def withdraw_refund(refund_id: str) -> Answer:
    """Take one's own proposal back."""
    return _answer(refunds.withdraw_refund, refund_id, gettext("Withdrawn."))


# -- what waits -------------------------------------------------------------------------------------------------------


def waiting_lots(session: Session, actor: Actor) -> Iterable[Waiting]:
    """The lots on which the member's organisation has to act, nearest deadline first."""
    acts = {BUYER: {"due", "delivered", "disputed", "ruled"}, SELLER: {"funded", "disputed", "ruled"}}
    if not actor.roles & frozenset(SIGNING):
        acts = {BUYER: {"due"}, SELLER: set()} if actor.roles & frozenset(PAYING) else {}
    for side, states in acts.items():
        mine = Order.buyer_org_id if side == BUYER else Order.seller_org_id
        rows = session.execute(
            select(Lot, Version.title_zh if language() == "zh" else Version.title_en)
            .join(Order, Order.id == Lot.order_id)
            .join(Version, Version.id == Order.version_id)
            .where(mine == actor.org_id, Order.state == "open", Lot.state.in_(states))
            .order_by(Lot.deadline_at)
            .limit(INBOX_LIMIT)
        )
        for lot, title in rows:
            place = url_for("trades.show_trade", order_id=lot.order_id, _anchor=f"lot-{lot.id}")
            yield Waiting(lot.id, _words(lot.state, title), place, lot.deadline_at, lot.changed_at)


def _words(state: str, title: str) -> str:
    """What waits of a lot in ``state``, and of which product."""
    words = {
        "due": gettext("A lot waits for its payment: %(title)s", title=title),
        "funded": gettext("A paid lot waits for its delivery: %(title)s", title=title),
        "delivered": gettext("Goods wait to be checked and accepted: %(title)s", title=title),
        "disputed": gettext("A dispute is open (%(title)s): answer it, give evidence or settle", title=title),
        "ruled": gettext("A decision can be objected to: %(title)s", title=title),
    }
    return str(words[state])


INBOX = (waiting_lots, *money_views.INBOX)
