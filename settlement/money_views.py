"""A party's money, payout account, rights to use, and filed deals: pages that belong to no single trade."""

from collections.abc import Iterator

from flask import Response, render_template, request, url_for
from flask_babel import gettext
from sqlalchemy.orm import Session

from exchange import clock
from exchange.actors import Actor
from exchange.marks import N_, Words
from exchange.web import access
from exchange.web.desk import INBOX_LIMIT, NavItem, Waiting
from exchange.web.forms import Form
from exchange.web.views import Answer, blueprint, done
from settlement import (
    delivery_schemas,
    exports,
    filings,
    grants,
    lot_schemas,
    money_queries,
    payout_accounts,
    schemas,
)
from settlement.dispute_files import Content
from settlement.parties import PAYING, SIGNING

money_desk = blueprint("money", __name__, url_prefix="/desk/money")
grant_desk = blueprint("grants", __name__, url_prefix="/desk/grants")
filing_desk = blueprint("filings", __name__, url_prefix="/desk/filings")
blps = [money_desk, grant_desk, filing_desk]

NAV = (
    NavItem("desk", N_("Money"), "money.index", roles=frozenset(PAYING), place=40),
    NavItem("desk", N_("Rights to use"), "grants.grants_index", place=45),
    NavItem("desk", N_("Filed deals"), "filings.filings_index", place=46),
)

#: The kinds of a statement's lines in words.
KINDS: Words = {
    "payment": N_("Paid into the hold"),
    "refund": N_("Paid back"),
    "transfer": N_("Paid out"),
    "reversal": N_("Called back"),
    "chargeback": N_("Claimed back by the bank"),
}
_DEALING = access.member(*SIGNING)


# -- money ------------------------------------------------------------------------------------------------------------


@money_desk.get("")
@access.member(*PAYING)
def index() -> Answer:
    """What is held, coming and on its way, and the statement."""
    actor = access.caller()
    lines = money_queries.statement(actor, cursor=request.args.get("cursor"))
    return render_template("settlement/money/index.html", money=money_queries.overview(actor), page=lines, kinds=KINDS)


@money_desk.get("/statement.csv")
@access.member(*PAYING)
def statement_csv() -> Response:
    """The statement as CSV."""
    head, rows = _table(access.caller())
    return _download("".join(exports.csv_lines(head, rows)).encode(), exports.CSV_TYPE, "statement.csv")


@money_desk.get("/statement.xlsx")
@access.member(*PAYING)
def statement_xlsx() -> Response:
    """The statement as XLSX."""
    head, rows = _table(access.caller())
    content = exports.xlsx(head, rows, sheet=gettext("Statement"))
    return _download(content, exports.XLSX_TYPE, "statement.xlsx")


def _table(actor: Actor) -> tuple[exports.Row, Iterator[exports.Row]]:
    head = [
        gettext("Time (Beijing)"),
        gettext("Movement"),
        gettext("Amount"),
        gettext("Currency"),
        gettext("Order"),
        gettext("Lot"),
        gettext("Operation"),
    ]
    words = {kind: gettext(word) for kind, word in KINDS.items()}
    rows = (
        [
            clock.beijing(line["at"]),
            words[line["kind"]],
            str(line["amount"].decimal),
            line["amount"].currency,
            line["order_id"],
            line["lot_id"],
            line["id"],
        ]
        for line in money_queries.whole_statement(actor)
    )
    return head, rows


@money_desk.get("/account")
@access.member(*payout_accounts.ROLES)
def account() -> Answer:
    """Where sales are paid to."""
    return _account(Form(delivery_schemas.PayoutAccountBody, values={"country": "CN"}))


@money_desk.post("/account")
@access.member(*payout_accounts.ROLES)
def request_account() -> Answer:
    """Ask the payment institution for an account."""
    form = Form(delivery_schemas.PayoutAccountBody)
    if form.submit(lambda body: payout_accounts.request_account(access.actor(), **body)) is None:
        return form.answer(lambda: _account(form))
    return done(gettext("Asked for: the payment institution opens the account."), url_for(".account"))


def _account(form: Form) -> str:
    found = payout_accounts.accounts_of(access.caller(), cursor=request.args.get("cursor"))
    return render_template("settlement/money/account.html", form=form, page=found)


# -- rights to use ----------------------------------------------------------------------------------------------------


@grant_desk.get("")
@access.member()
def grants_index() -> Answer:
    """What the organisation may use, and until when."""
    found = grants.grants_of(access.caller(), cursor=request.args.get("cursor"))
    return render_template("settlement/money/grants.html", page=found)


# -- filed deals ------------------------------------------------------------------------------------------------------


@filing_desk.get("")
@access.member()
def filings_index() -> Answer:
    """Deals made outside that the organisation is a party of."""
    found = filings.filings_of(access.caller(), cursor=request.args.get("cursor"))
    return render_template("settlement/money/filings.html", page=found)


@filing_desk.get("/new")
@_DEALING
def new_filing() -> Answer:
    """The form of a deal."""
    values = {"version_id": request.args.get("version", ""), "amount.currency": "CNY"}
    return Form(lot_schemas.FilingBody, values=values).page("settlement/money/filing_new.html")


@filing_desk.post("/new")
@_DEALING
def file_deal() -> Answer:
    """File a deal."""
    form = Form(lot_schemas.FilingBody)
    filed = form.submit(lambda deal: filings.file_deal(access.actor(), deal))
    if filed is None:
        return form.page("settlement/money/filing_new.html")
    return done(gettext("Filed: the other side has to confirm it."), url_for(".show", filing_id=filed.id))


@filing_desk.get("/<filing_id>")
@access.member()
def show(filing_id: str) -> Answer:
    """One filed deal."""
    return _filing(filing_id, Form(schemas.ReasonBody))


def _filing(filing_id: str, form: Form) -> str:
    return render_template("settlement/money/filing.html", filing=filings.filing(access.caller(), filing_id), form=form)


@filing_desk.post("/<filing_id>/confirm")
@_DEALING
def confirm(filing_id: str) -> Answer:
    """Confirm the deal."""
    form = Form(None)
    if form.submit(lambda _: filings.confirm_filing(access.actor(), filing_id)) is None:
        return form.answer(lambda: _filing(filing_id, Form(schemas.ReasonBody)))
    return done(gettext("Confirmed: the receipt is signed."), url_for(".show", filing_id=filing_id))


@filing_desk.post("/<filing_id>/decline")
@_DEALING
def decline(filing_id: str) -> Answer:
    """Say that there was no such deal."""
    form = Form(schemas.ReasonBody)
    if form.submit(lambda body: filings.decline_filing(access.actor(), filing_id, **body)) is None:
        return form.answer(lambda: _filing(filing_id, form))
    return done(gettext("Declined."), url_for(".show", filing_id=filing_id))


@filing_desk.post("/<filing_id>/withdraw")
@_DEALING
def withdraw(filing_id: str) -> Answer:
    """Take one's own filing back."""
    form = Form(None)
    if form.submit(lambda _: filings.withdraw_filing(access.actor(), filing_id)) is None:
        return form.answer(lambda: _filing(filing_id, Form(schemas.ReasonBody)))
    return done(gettext("Withdrawn."), url_for(".show", filing_id=filing_id))


@filing_desk.get("/<filing_id>/receipt.json")
@access.member()
def receipt(filing_id: str) -> Response:
    """The receipt of a confirmed filing, byte for byte as it was signed."""
    content = filings.document(access.caller(), filing_id)
    return _download(content, "application/json", f"{filing_id}.json")


def waiting_filings(_session: Session, actor: Actor) -> Iterator[Waiting]:
    """The deals that the other side filed and this one has to confirm."""
    if not actor.roles & frozenset(SIGNING):
        return
    for filed in filings.filings_of(actor, limit=INBOX_LIMIT).items:
        if "confirm" in filed["actions"]:
            place = url_for("filings.show", filing_id=filed["id"])
            yield Waiting(filed["id"], gettext("A filed deal waits for your word"), place, None, filed["created_at"])


INBOX = (waiting_filings,)


# -- files ------------------------------------------------------------------------------------------------------------


def attachment(found: Content) -> Response:
    """A document of evidence, always as a download: it is another party's and never shown as a page."""
    suffix = {"application/pdf": "pdf", "image/png": "png", "image/jpeg": "jpg"}.get(found.media_type, "txt")
    return _download(found.content, found.media_type, f"{found.name}.{suffix}")


def _download(content: bytes, media_type: str, name: str) -> Response:
    answer = Response(content, content_type=media_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
