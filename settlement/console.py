"""The console of dispute officers and settlement officers."""

from collections.abc import Callable, Iterable
from typing import Any

from flask import Response, render_template, request, url_for
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange.actors import Actor
from exchange.marks import N_, Words
from exchange.web import access
from exchange.web.desk import INBOX_LIMIT, NavItem, Waiting
from exchange.web.forms import Form
from exchange.web.views import Answer, blueprint, done
from settlement import (
    dispute_files,
    lot_forms,
    lot_queries,
    lots_disputes,
    money_queries,
    money_views,
    payment_orders,
    voucher_console,
)
from settlement.lot_models import AGAIN, DECIDED_REFUND, RETURN, PaymentOrder
from settlement.lot_states import PAYMENT_ORDER
from settlement.models import Lot
from settlement.states import OFFICER, SETTLEMENT_OFFICER

disputes = blueprint("dispute_console", __name__, url_prefix="/console/disputes")
desk = blueprint("money_console", __name__, url_prefix="/console/money")
blps = [disputes, desk, *voucher_console.blps]

NAV = (
    NavItem("console", N_("Disputes"), "dispute_console.queue", roles=frozenset({OFFICER, "auditor"}), place=40),
    NavItem(
        "console", N_("Money desk"), "money_console.index", roles=frozenset({SETTLEMENT_OFFICER, "auditor"}), place=45
    ),
    *voucher_console.NAV,
)

#: What a payment order asks for, in words.
KINDS: Words = {
    AGAIN: N_("Order a failed movement once more"),
    RETURN: N_("Give held money back to the buyer"),
    DECIDED_REFUND: N_("Refund by a decision"),
}
_OFFICER = access.staff(SETTLEMENT_OFFICER)
_READING = access.staff(SETTLEMENT_OFFICER, "auditor")


# -- disputes ---------------------------------------------------------------------------------------------------------


@disputes.get("")
@access.staff(OFFICER, "auditor")
def queue() -> Answer:
    """The open disputes, those whose time to answer ends first at the top."""
    found = lot_queries.open_disputes(cursor=request.args.get("cursor"))
    return render_template("settlement/console_disputes.html", page=found)


@disputes.get("/<lot_id>")
@access.staff(OFFICER, "auditor")
def case(lot_id: str) -> Answer:
    """One dispute: what both sides said and gave, the contract's clauses, and the decision."""
    return _case(lot_id, lot_forms.form("rule", lot_id))


def _case(lot_id: str, form: Form) -> str:
    found = lot_queries.dispute_case(access.caller(), lot_id)
    return render_template("settlement/console_dispute.html", case=found, form=form, officer=OFFICER)


@disputes.post("/<lot_id>/rule")
@access.staff(OFFICER)
def rule(lot_id: str) -> Answer:
    """Decide on the seller's share."""
    form = lot_forms.form("rule", lot_id)
    if form.submit(lambda body: lots_disputes.rule_dispute(access.actor(), lot_id, **body)) is None:
        return form.answer(lambda: _case(lot_id, form))
    return done(gettext("Decided. Either party may object in time."), url_for(".case", lot_id=lot_id))


@disputes.get("/evidence/<evidence_id>")
@access.staff(OFFICER)
def read_evidence(evidence_id: str) -> Response:
    """A document of evidence, as a download; that it was read is recorded."""
    return money_views.attachment(dispute_files.read_evidence(access.caller(), evidence_id))


# -- the money desk ---------------------------------------------------------------------------------------------------


@desk.get("")
@_READING
def index() -> Answer:
    """What waits for a second officer, what failed, what is held for too long, what nobody can explain."""
    return _index()


def _index(form: Form | None = None) -> str:
    return render_template(
        "settlement/console_money.html",
        orders=money_queries.payment_orders(),
        failed=money_queries.failed_operations(),
        held=money_queries.held_too_long(),
        suspended=money_queries.suspended_items(cursor=request.args.get("cursor")),
        unmet=money_queries.unmet_lines(),
        kinds=KINDS,
        moved=money_views.KINDS,
        sent=form,
        form_of=_form_of(form),
        officer=SETTLEMENT_OFFICER,
    )


def _form_of(sent: Form | None) -> Callable[[str, str], Form]:
    def form_of(action: str, subject: str) -> Form:
        made = lot_forms.form(action, subject)
        return sent if sent is not None and sent.name == made.name else made

    return form_of


def _act(form: Form, call: Callable[[Any], object], message: str) -> Answer:
    if form.submit(call) is None:
        return form.answer(lambda: _index(form))
    return done(message, url_for(".index"))


@desk.post("/operations/<op_id>/again")
@_OFFICER
def propose_again(op_id: str) -> Answer:
    """Propose to order a failed movement once more."""
    form = lot_forms.form("return", op_id)
    return _act(form, lambda body: payment_orders.propose_again(access.actor(), op_id, **body), _proposed())


@desk.post("/lots/<lot_id>/return")
@_OFFICER
def propose_return(lot_id: str) -> Answer:
    """Propose that held money goes back."""
    form = lot_forms.form("return", lot_id)
    return _act(form, lambda body: payment_orders.propose_return(access.actor(), lot_id, **body), _proposed())


@desk.post("/lots/<lot_id>/holding")
@_OFFICER
def extend_holding(lot_id: str) -> Answer:
    """Let money be held for longer."""
    form = lot_forms.form("holding", lot_id)
    message = gettext("The money comes back to the desk on that day.")
    return _act(form, lambda body: payment_orders.extend_holding(access.actor(), lot_id, **body), message)


@desk.get("/refunds/new")
@_OFFICER
def new_refund() -> Answer:
    """The form of a refund that a court or an authority decided."""
    return _decided(request.args.get("lot", ""))


@desk.post("/refunds/new")
@_OFFICER
def propose_refund() -> Answer:
    """Propose a refund that a court or an authority decided."""
    lot_id = request.form.get("lot_id", "").strip()
    form = lot_forms.form("decided", "new")
    call = payment_orders.propose_decided_refund
    if form.submit(lambda body: call(access.actor(), lot_id, **body)) is None:
        return form.answer(lambda: _decided(lot_id, form))
    return done(_proposed(), url_for(".index"))


def _decided(lot_id: str, form: Form | None = None) -> str:
    made = form or lot_forms.form("decided", "new")
    return render_template("settlement/console_refund.html", form=made, lot_id=lot_id)


@desk.post("/orders/<payment_order_id>/confirm")
@_OFFICER
def confirm(payment_order_id: str) -> Answer:
    """Confirm another officer's order."""
    message = gettext("Confirmed: it is being carried out.")
    call = payment_orders.confirm_payment_order
    return _act(Form(None), lambda _: call(access.actor(), payment_order_id), message)


@desk.post("/orders/<payment_order_id>/reject")
@_OFFICER
def reject(payment_order_id: str) -> Answer:
    """Reject another officer's order."""
    call = payment_orders.reject_payment_order
    return _act(Form(None), lambda _: call(access.actor(), payment_order_id), gettext("Rejected."))


@desk.post("/orders/<payment_order_id>/withdraw")
@_OFFICER
def withdraw(payment_order_id: str) -> Answer:
    """Take one's own order back."""
    call = payment_orders.withdraw_payment_order
    return _act(Form(None), lambda _: call(access.actor(), payment_order_id), gettext("Withdrawn."))


def _proposed() -> str:
    return str(gettext("Proposed: another settlement officer has to confirm it."))


# -- what waits -------------------------------------------------------------------------------------------------------


def waiting_disputes(_session: Session, actor: Actor) -> Iterable[Waiting]:
    """The disputes that dispute officers decide."""
    if OFFICER not in actor.roles:
        return
    for card in lot_queries.open_disputes(limit=INBOX_LIMIT).items:
        place = url_for("dispute_console.case", lot_id=card["lot_id"])
        yield Waiting(card["lot_id"], gettext("A dispute"), place, card["answer_due_at"], card["opened_at"])


def waiting_money(session: Session, actor: Actor) -> Iterable[Waiting]:
    """What settlement officers have to decide: others' orders, and money that is held for too long."""
    if SETTLEMENT_OFFICER not in actor.roles:
        return
    place = url_for("money_console.index")
    proposed = select(PaymentOrder).where(
        PaymentOrder.state == PAYMENT_ORDER.initial, PaymentOrder.proposed_by != actor.person_id
    )
    for order in session.scalars(proposed.order_by(PaymentOrder.id).limit(INBOX_LIMIT)):
        yield Waiting(order.id, gettext("A payment waits for a second officer"), place, None, order.created_at)
    held = select(Lot).where(Lot.held_too_long_at.is_not(None)).order_by(Lot.held_too_long_at).limit(INBOX_LIMIT)
    for lot in session.scalars(held):
        yield Waiting(
            lot.id, gettext("Money is held for too long"), place, None, lot.held_too_long_at or lot.changed_at
        )


INBOX = (waiting_disputes, waiting_money)
