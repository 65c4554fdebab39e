"""Vouchers on pages: checked by anybody, by number or by text; whole and as PDF for the two parties."""

from typing import Any

from flask import Response, redirect, render_template, request, url_for
from flask_babel import gettext
from marshmallow import fields, validate

from exchange.errors import NotFound
from exchange.journal import canonical
from exchange.marks import N_, Words
from exchange.web import access
from exchange.web.api import Body
from exchange.web.forms import Form
from exchange.web.views import Answer, blueprint
from settlement import printing, voucher_checks, voucher_sheet, vouchers
from settlement.delivery_schemas import VoucherText
from settlement.states import BUYER, SELLER

public = blueprint("voucher_check", __name__, url_prefix="/vouchers")
desk = blueprint("vouchers", __name__, url_prefix="/desk/vouchers")
blps = [public, desk]

_MAX_NUMBER = 40
#: What a check of a text came to, in words.
VERDICTS: Words = {
    "genuine": N_("Genuine and valid: this exchange issued it, and nothing was changed."),
    "suspended": N_("Genuine but suspended: this exchange issued it and is looking into its trade."),
    "void": N_("Void: this exchange issued it and has cancelled it."),
    "altered": N_("Altered: the text is not the one that was signed."),
    "not_ours": N_("Not signed by this exchange: the signature does not hold."),
    "unknown": N_("Unknown: the exchange has no such voucher."),
    "unreadable": N_("This is not the text of a voucher."),
}


class NumberForm(Body):
    """The number to check."""

    number = fields.String(required=True, validate=validate.Length(1, _MAX_NUMBER))


# -- anybody ----------------------------------------------------------------------------------------------------------


@public.get("")
@access.public
def enter() -> Answer:
    """The forms to check a voucher with."""
    return _check_page(Form(NumberForm), Form(VoucherText))


@public.post("")
@access.public
def find() -> Answer:
    """To the page of the number that was entered."""
    form = Form(NumberForm)
    number = form.submit(lambda body: body["number"])
    if number is None:
        return form.answer(lambda: _check_page(form, Form(VoucherText)))
    return redirect(url_for(".show", number=number.strip().upper()), 303)


@public.get("/<number>")
@access.public
def show(number: str) -> Answer:
    """What anybody may know of a voucher; a wrong number gets the same page whatever is wrong with it."""
    try:
        found = voucher_checks.by_number(number, origin=_origin())
    except NotFound:
        return _check_page(Form(NumberForm), Form(VoucherText), missing=True), 404
    return render_template("settlement/voucher_public.html", voucher=found)


@public.post("/check")
@access.public
def check() -> Answer:
    """The verdict on a voucher's text."""
    form = Form(VoucherText)
    verdict = form.submit(lambda body: voucher_checks.by_text(body["text"], origin=_origin()))
    words = None if verdict is None else gettext(VERDICTS[verdict.code])
    return form.answer(lambda: _check_page(Form(NumberForm), form, verdict=verdict, words=words))


def _check_page(number_form: Form, text_form: Form, **found: object) -> str:
    return render_template("settlement/voucher_check.html", number_form=number_form, text_form=text_form, **found)


def _origin() -> str:
    return request.remote_addr or "unknown"


# -- the parties ------------------------------------------------------------------------------------------------------


@desk.get("")
@access.member()
def list_vouchers() -> Answer:
    """The vouchers of one's own organisation."""
    side = SELLER if request.args.get("side") == SELLER else BUYER
    found = vouchers.vouchers_of(access.actor(), side=side, cursor=request.args.get("cursor"))
    return render_template("settlement/vouchers.html", page=found, side=side)


@desk.get("/<number>")
@access.member()
def show_voucher(number: str) -> Answer:
    """A voucher whole, to read and to print."""
    content = vouchers.document(access.actor(), number)
    checked = vouchers.check(number)
    sheet = _sheet(content, checked["state"], number)
    return render_template(
        "settlement/voucher.html",
        sheet=sheet,
        qr=printing.data_url(sheet["qr"]),
        voucher=checked,
        order_id=canonical.loads(content)["order"],
    )


@desk.get("/<number>/voucher.pdf")
@access.member()
def voucher_pdf(number: str) -> Answer:
    """A voucher as PDF, with the QR code that leads to its check."""
    content = vouchers.document(access.actor(), number)
    checked = vouchers.check(number)
    made = printing.pdf("document.typ", _sheet(content, checked["state"], number), at=checked["issued_at"])
    return _download(made, f"{checked['number']}.pdf", printing.MEDIA_TYPE)


@desk.get("/<number>/voucher.txt")
@access.member()
def voucher_text(number: str) -> Answer:
    """A voucher's text: the document that was signed and the exchange's note on it."""
    text = voucher_checks.text_of(access.actor(), number)
    return _download(text.encode(), f"{number.strip().upper()}.txt", "text/plain")


def _sheet(content: bytes, state: str, number: str) -> dict[str, Any]:
    check_url = url_for("voucher_check.show", number=number.strip().upper(), _external=True)
    return voucher_sheet.sheet(content, state=state, check_url=check_url)


def _download(content: bytes, name: str, media_type: str) -> Response:
    answer = Response(content, mimetype=media_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
