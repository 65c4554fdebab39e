"""The entrance: signing up, in and out, an invitation or appointment accepted, a forgotten password."""

from typing import Any
from urllib.parse import urlsplit

from flask import current_app, request, session, url_for
from flask_babel import gettext
from marshmallow import fields, validate

from exchange.members import account_schemas, account_views, accounts, invitations, organisation_views, passwords, staff
from exchange.members.accounts import SignedIn
from exchange.members.credentials import MAX_PASSWORD
from exchange.members.people import MAX_EMAIL
from exchange.members.schemas import AcceptSchema, SignUpCodeSchema, SignUpSchema
from exchange.members.states import REQUIRED_DOCUMENTS
from exchange.web import access
from exchange.web.api import Body
from exchange.web.forms import Form
from exchange.web.views import Answer, blueprint, done

entrance = blueprint("entrance", __name__)
blps = [entrance, account_views.account, organisation_views.organisation]
NAV = (*account_views.NAV, *organisation_views.NAV)
INBOX = (*organisation_views.INBOX,)

_TOTP_DIGITS = 6


class SignInForm(Body):
    """The page's form: one field takes either kind of code."""

    email = fields.Email(required=True, validate=validate.Length(max=MAX_EMAIL))
    password = fields.String(required=True, validate=validate.Length(1, MAX_PASSWORD))
    code = fields.String(load_default="", validate=validate.Length(max=32))


@entrance.app_context_processor
def _signing_out() -> dict[str, str]:
    return {"sign_out_url": url_for("entrance.sign_out")}


@entrance.get("/sign-in")
@access.public
def show_sign_in() -> Answer:
    """The form to sign in with."""
    return Form(SignInForm).page("members/sign_in.html", next=local_path(request.args.get("next")))


@entrance.post("/sign-in")
@access.public
def sign_in() -> Answer:
    """Open a session; the one the browser came with ends, and nothing of it is carried over."""
    wanted = local_path(request.args.get("next"))
    form = Form(SignInForm)
    opened = form.submit(_open)
    if opened is None:
        return form.page("members/sign_in.html", next=wanted)
    enrol = url_for("account.show") + "#second-factor"
    return account_views.enter(opened, enrol if opened.second_factor == "required" else wanted or url_for("desk.own"))


@entrance.post("/sign-out")
@access.public
def sign_out() -> Answer:
    """End the session."""
    token = request.cookies.get(access.COOKIE)
    if token:
        accounts.sign_out(access.caller(), token)
    session.clear()
    answer = done(gettext("You are signed out."), url_for("pages.home"))
    answer.delete_cookie(
        access.COOKIE, httponly=True, samesite="Lax", secure=current_app.config["SESSION_COOKIE_SECURE"]
    )
    return answer


@entrance.get("/sign-up")
@access.public
def show_sign_up() -> Answer:
    """The form to sign up with."""
    values = {"organisation.kind": "company", "organisation.territory": "CN", "organisation.overseas_control": "false"}
    return _sign_up_page(Form(SignUpSchema, values=values))


@entrance.post("/sign-up")
@access.public
def sign_up() -> Answer:
    """Ask to be registered; the next step is the code that comes by mail."""
    form = Form(SignUpSchema)

    def ask(body: dict[str, Any]) -> str:
        applicant = body.pop("organisation")
        return accounts.sign_up(access.caller(), applicant, origin=_origin(), **body)

    if form.submit(ask) is None:
        return _sign_up_page(form)
    return done("", url_for(".show_confirm"))


@entrance.get("/sign-up/confirm")
@access.public
def show_confirm() -> Answer:
    """The form for the code of the letter."""
    return Form(SignUpCodeSchema).page("members/confirm.html")


@entrance.post("/sign-up/confirm")
@access.public
def confirm_sign_up() -> Answer:
    """Register the party; the next step is to sign in."""
    form = Form(SignUpCodeSchema)
    if form.submit(lambda body: accounts.confirm_sign_up(access.caller(), origin=_origin(), **body)) is None:
        return form.page("members/confirm.html")
    return done(
        gettext("You are registered. Sign in; the next step is the identity file of your organisation."),
        url_for(".show_sign_in", next=url_for("organisation.show") + "#identity"),
    )


@entrance.get("/accept/<any(invitation, appointment):what>")
@access.public
def show_accept(what: str) -> Answer:
    """The form for the code of an invitation or of an appointment."""
    return Form(_accepting(what)).page("members/accept.html", what=what)


@entrance.post("/accept/<any(invitation, appointment):what>")
@access.public
def accept(what: str) -> Answer:
    """Take the seat or the office that was offered."""
    form = Form(_accepting(what))

    def take(body: dict[str, Any]) -> object:
        if what == "appointment":
            return staff.accept_appointment(access.caller(), **body)
        return invitations.accept_invitation(access.caller(), **body, origin=_origin())

    if form.submit(take) is None:
        return form.page("members/accept.html", what=what)
    return done(gettext("Accepted. Sign in with your password."), url_for(".show_sign_in"))


@entrance.get("/password-reset")
@access.public
def show_reset() -> Answer:
    """Both forms: to ask for a letter, and to use its code."""
    return _reset_page(Form(account_schemas.ResetAsked, name="ask"), Form(account_schemas.NewPassword, name="use"))


@entrance.post("/password-reset/ask")
@access.public
def ask_reset() -> Answer:
    """Have a letter sent, if anybody here has that address: the answer is the same."""
    form = Form(account_schemas.ResetAsked, name="ask")

    def ask(body: dict[str, Any]) -> bool:
        passwords.ask_reset(access.caller(), email=body["email"], origin=_origin())
        return True

    if form.submit(ask) is None:
        return _reset_page(form, Form(account_schemas.NewPassword, name="use"))
    return done(
        gettext("If this address belongs to somebody here, a letter with a code is on its way."), url_for(".show_reset")
    )


@entrance.post("/password-reset/use")
@access.public
def use_reset() -> Answer:
    """Set a new password with the code of the letter."""
    form = Form(account_schemas.NewPassword, name="use")

    def use(body: dict[str, Any]) -> bool:
        passwords.reset_password(access.caller(), **body, origin=_origin())
        return True

    if form.submit(use) is None:
        return _reset_page(Form(account_schemas.ResetAsked, name="ask"), form)
    return done(gettext("Your password is changed and your signing key replaced. Sign in."), url_for(".show_sign_in"))


# -- inside -----------------------------------------------------------------------------------------------------------


def _open(body: dict[str, Any]) -> SignedIn:
    code = body.pop("code").strip()
    one_time = code.isdecimal() and len(code) == _TOTP_DIGITS
    return accounts.sign_in(
        access.caller(),
        **body,
        code=code if one_time else None,
        recovery_code=None if one_time else code or None,
        origin=_origin(),
        replaces=request.cookies.get(access.COOKIE),
    )


def _accepting(what: str) -> type[Body]:
    return AcceptSchema if what == "appointment" else account_schemas.NewPassword


def _sign_up_page(form: Form) -> Answer:
    return form.page("members/sign_up.html", kinds=sorted(REQUIRED_DOCUMENTS))


def _reset_page(ask: Form, use: Form) -> Answer:
    sent = ask if ask.status != 200 else use  # noqa: PLR2004  (the one that was refused)
    return sent.page("members/password_reset.html", ask=ask, use=use)


def local_path(url: str | None) -> str | None:
    """``url`` if it is a path on this site: anything a browser could take for another site is dropped."""
    if not url or not url.startswith("/") or url.startswith("//") or "\\" in url or not url.isprintable():
        return None
    place = urlsplit(url)
    return None if place.scheme or place.netloc else url


def _origin() -> str:
    return request.remote_addr or "unknown"
