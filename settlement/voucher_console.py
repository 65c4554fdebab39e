"""Vouchers at the settlement officers' desk: found by number; suspended, restored or made void, with a reason."""

from flask import redirect, render_template, request, url_for
from flask_babel import gettext

from exchange.marks import N_, Words
from exchange.web import access
from exchange.web.desk import NavItem
from exchange.web.forms import Form
from exchange.web.views import Answer, blueprint, done
from settlement import vouchers
from settlement.delivery_schemas import ReasonBody
from settlement.states import SETTLEMENT_OFFICER

console = blueprint("voucher_console", __name__, url_prefix="/console/vouchers")
blps = [console]
_READERS = (SETTLEMENT_OFFICER, "auditor")
NAV = (NavItem("console", N_("Vouchers"), "voucher_console.index", roles=frozenset(_READERS), place=46),)

#: What an officer does to a voucher: the verb and what the page says afterwards.
DECISIONS = {
    "suspend": vouchers.suspend_voucher,
    "restore": vouchers.restore_voucher,
    "void": vouchers.void_voucher,
}
SAID: Words = {
    "suspend": N_("Suspended: whoever checks the voucher is told so."),
    "restore": N_("The voucher is valid again."),
    "void": N_("The voucher is void for good."),
}


@console.get("")
@access.staff(*_READERS)
def index() -> Answer:
    """All vouchers, newest first, or straight to the one whose number was asked for."""
    number = request.args.get("number", "").strip()
    if number:
        return redirect(url_for(".show", number=number.upper()), 303)
    return render_template("settlement/console_vouchers.html", page=vouchers.issued(cursor=request.args.get("cursor")))


@console.get("/<number>")
@access.staff(*_READERS)
def show(number: str) -> Answer:
    """One voucher, its parties, what was decided about it, and what may be decided now."""
    return _show(number)


def _show(number: str, sent: Form | None = None) -> str:
    found = vouchers.case(number)
    roles = access.caller().roles
    forms = {action: _form(action) for action in found["voucher"].__lifecycle__.actions(found["voucher"].state, roles)}
    if sent is not None:
        forms[sent.name] = sent
    return render_template("settlement/console_voucher.html", case=found, forms=forms)


@console.post("/<number>/<any(suspend, restore, void):action>")
@access.staff(SETTLEMENT_OFFICER)
def decide(number: str, action: str) -> Answer:
    """Suspend, restore or cancel a voucher."""
    form = _form(action)
    if form.submit(lambda body: DECISIONS[action](access.actor(), number, **body)) is None:
        return form.answer(lambda: _show(number, form))
    return done(gettext(SAID[action]), url_for(".show", number=number))


def _form(action: str) -> Form:
    return Form(ReasonBody, name=action)
