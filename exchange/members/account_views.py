"""The pages of one's own account: password, second factor, recovery codes, sessions, desks, signing key."""

from typing import Any

import segno
from flask import current_app, render_template, request, session, url_for
from flask_babel import gettext

from exchange import clock
from exchange.db import read
from exchange.errors import NotSignedIn
from exchange.marks import N_
from exchange.members import account_schemas as schemas
from exchange.members import accounts, passwords, people, queries, recovery, sessions
from exchange.members.accounts import SignedIn
from exchange.members.models import Organisation
from exchange.members.schemas import CodeSchema
from exchange.web import access
from exchange.web.desk import NavItem
from exchange.web.forms import Form
from exchange.web.views import Answer, blueprint, done

account = blueprint("account", __name__, url_prefix="/desk/account")
NAV = (NavItem("own", N_("My account"), "account.show", place=90),)


@account.get("")
@access.signed_in
def show() -> Answer:
    """Everything about the own account on one page."""
    return _page()


@account.post("/password")
@access.signed_in
def change_password() -> Answer:
    """Choose another password."""
    form = Form(schemas.PasswordChange, name="change")

    def change(body: dict[str, Any]) -> bool:
        passwords.change_password(access.caller(), token=_token(), **body)
        return True

    if form.submit(change) is None:
        return form.answer(lambda: _page(change=form))
    return done(gettext("Your password is changed. Your other sessions have ended."), url_for(".show"))


@account.post("/second-factor")
@access.signed_in
def enrol_second_factor() -> Answer:
    """Show a new secret, this once, as text and as a picture for an authenticator app."""
    form = Form(None)
    made = form.submit(lambda _: accounts.enrol_second_factor(access.caller()))
    if made is None:
        return form.answer(_page)
    picture = segno.make(made.uri, error="m").svg_data_uri(scale=5, border=4, light="#fff", dark="#000")
    return render_template(
        "members/second_factor.html", form=Form(CodeSchema, name="confirm"), secret=made.secret, picture=picture
    )


@account.post("/second-factor/confirm")
@access.signed_in
def confirm_second_factor() -> Answer:
    """Put the second factor in force; all sessions end, this browser gets a new one."""
    form = Form(CodeSchema, name="confirm")
    opened = form.submit(lambda body: accounts.confirm_second_factor(access.caller(), body["code"]))
    if opened is None:
        return form.page("members/second_factor.html", secret=None, picture=None)
    return enter(
        opened,
        url_for(".show") + "#recovery",
        gettext("Your second factor is in force. Now get recovery codes and keep them in a safe place."),
    )


@account.post("/recovery-codes")
@access.signed_in
def new_recovery_codes() -> Answer:
    """Show ten new recovery codes, this once."""
    form = Form(schemas.StepUp, name="recovery")
    codes = form.submit(lambda body: sessions.new_recovery_codes(access.caller(), _token(), body["code"]))
    if codes is None:
        return form.answer(lambda: _page(recovery_form=form))
    return render_template("members/recovery_codes.html", codes=codes)


@account.post("/sessions/<session_id>/end")
@access.signed_in
def end_session(session_id: str) -> Answer:
    """End one of the own sessions."""
    form = Form(None)

    def end(_body: dict[str, Any]) -> bool:
        sessions.end_session(access.caller(), session_id)
        return True

    if form.submit(end) is None:
        return form.answer(_page)
    return done(gettext("The session has ended."), url_for(".show") + "#sessions")


@account.post("/sessions/end-others")
@access.signed_in
def end_other_sessions() -> Answer:
    """End all own sessions but this one."""
    sessions.end_other_sessions(access.caller(), _token())
    return done(gettext("Your other sessions have ended."), url_for(".show") + "#sessions")


@account.post("/desk/<org_id>")
@access.signed_in
def switch_desk(org_id: str) -> Answer:
    """Act for another organisation."""
    form = Form(None)
    opened = form.submit(lambda _: sessions.switch_desk(access.caller(), _token(), org_id))
    if opened is None:
        return form.answer(_page)
    return enter(opened, url_for("desk.own"))


@account.post("/signing-key")
@access.signed_in
def replace_signing_key() -> Answer:
    """Revoke the signing key and make another one."""
    form = Form(schemas.PasswordBody, name="key")
    made = form.submit(lambda body: passwords.replace_signing_key(access.caller(), **body))
    if made is None:
        return form.answer(lambda: _page(key=form))
    return done(gettext("Your old signing key is revoked; a new one is in force."), url_for(".show") + "#key")


def enter(opened: SignedIn, url: str, message: str = "") -> Answer:
    """Go to ``url`` with a new session's cookie; nothing of the browser's earlier session is kept."""
    session.clear()
    answer = done(message, url)
    answer.set_cookie(
        access.COOKIE,
        opened.token,
        max_age=int((opened.expires_at - clock.real_now()).total_seconds()),
        httponly=True,
        samesite="Lax",
        secure=current_app.config["SESSION_COOKIE_SECURE"],
    )
    return answer


def _token() -> str:
    token = request.cookies.get(access.COOKIE)
    if token is None:
        raise NotSignedIn("Sign in first.")
    return token


def _page(**forms: Form) -> str:
    actor = access.caller()
    shown = {
        "change": Form(schemas.PasswordChange, name="change"),
        "recovery_form": Form(schemas.StepUp, name="recovery"),
        "key": Form(schemas.PasswordBody, name="key"),
    } | forms
    with read() as found:
        standing = people.standing(found, actor.person_id or "")
        left = recovery.left(found, actor.person_id or "")
        desks = [
            {"id": org_id, "name": found.get_one(Organisation, org_id).name, "roles": sorted(roles)}
            for org_id, roles in standing.seats.items()
        ]
    return render_template(
        "members/account.html",
        me=queries.me(actor),
        must_enrol=not actor.roles,
        desks=[] if standing.staff else desks,
        sessions=sessions.sessions_of(actor, request.cookies.get(access.COOKIE)),
        keys=queries.keys_of(actor),
        codes_left=left,
        **shown,
    )
