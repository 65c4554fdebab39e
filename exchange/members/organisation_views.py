"""The pages of one's own organisation: facts, members and invitations, letters of authority, the identity file."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any

from flask import Response, render_template, request, url_for
from flask_babel import gettext
from marshmallow import fields, pre_load, validate
from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange import clock
from exchange.actors import MEMBER_ROLES, Actor
from exchange.documents import MAX_BYTES
from exchange.marks import N_
from exchange.members import account_schemas as schemas
from exchange.members import authority, identity, invitations, queries, seats
from exchange.members.authority import Terms
from exchange.members.credentials import MAX_PASSWORD
from exchange.members.models import IdentityCase
from exchange.members.schemas import FileSchema, UploadFormSchema
from exchange.members.states import IDENTITY_OPEN, REQUIRED_DOCUMENTS, SCOPES
from exchange.money import Money
from exchange.web import access
from exchange.web.api import Body, MoneyField
from exchange.web.desk import NavItem, Waiting
from exchange.web.forms import Form
from exchange.web.times import day
from exchange.web.views import Answer, blueprint, done

organisation = blueprint("organisation", __name__, url_prefix="/desk/organisation")
NAV = (NavItem("desk", N_("Organisation"), "organisation.show", place=80),)


class LetterForm(Body):
    """A letter of authority by days: from the beginning of the first one to the end of the last, in Beijing."""

    person_id = fields.String(required=True, validate=validate.Length(1, 64))
    scopes = fields.List(fields.String(validate=validate.OneOf(SCOPES)), required=True)
    ceiling = MoneyField(load_default=None, allow_none=True)
    first_day = day(required=True)
    last_day = day(required=True)
    password = fields.String(required=True, load_only=True, validate=validate.Length(1, MAX_PASSWORD))

    @pre_load
    def without_ceiling(self, data: dict[str, Any], **_options: Any) -> dict[str, Any]:
        """A form always sends the currency: alone it says that there is no ceiling."""
        given = data.get("ceiling")
        return {**data, "ceiling": None} if isinstance(given, dict) and "amount" not in given else data


@organisation.get("")
@access.member()
def show() -> Answer:
    """Everything about the own organisation on one page."""
    return _page()


# -- members and invitations ------------------------------------------------------------------------------------------


@organisation.post("/invitations")
@access.member("owner")
def invite() -> Answer:
    """Invite somebody by mail."""
    form = Form(schemas.InvitationBody, name="invite")
    made = form.submit(lambda body: invitations.invite(access.actor(), **body | {"roles": frozenset(body["roles"])}))
    if made is None:
        return form.answer(lambda: _page(invite=form))
    return done(gettext("The invitation is on its way by mail."), url_for(".show") + "#members")


@organisation.post("/invitations/<invitation_id>/withdraw")
@access.member("owner")
def withdraw_invitation(invitation_id: str) -> Answer:
    """Take an invitation back."""
    form = Form(None)
    if form.submit(lambda _: invitations.withdraw_invitation(access.actor(), invitation_id)) is None:
        return form.answer(_page)
    return done(gettext("The invitation is withdrawn."), url_for(".show") + "#members")


@organisation.post("/members/<person_id>/roles")
@access.member("owner")
def change_roles(person_id: str) -> Answer:
    """Let a member hold other roles."""
    form = Form(schemas.RolesBody, name=f"roles-{person_id}")
    made = form.submit(lambda body: seats.change_roles(access.actor(), person_id, frozenset(body["roles"])))
    if made is None:
        return form.answer(lambda: _page(roles={person_id: form}))
    return done(gettext("The roles are changed."), url_for(".show") + "#members")


@organisation.post("/members/<person_id>/end")
@access.member("owner")
def end_seat(person_id: str) -> Answer:
    """End a member's seat."""
    form = Form(None)
    if form.submit(lambda _: seats.end_seat(access.actor(), person_id)) is None:
        return form.answer(_page)
    return done(gettext("The seat has ended."), url_for(".show") + "#members")


# -- letters of authority ---------------------------------------------------------------------------------------------


@organisation.post("/authorities")
@access.member("owner")
def give_authority() -> Answer:
    """Sign a letter of authority for a handler."""
    form = Form(LetterForm, name="letter")
    if form.submit(_give) is None:
        return form.answer(lambda: _page(letter=form))
    return done(gettext("The letter of authority is in force."), url_for(".show") + "#letters")


@organisation.post("/authorities/<letter_id>/revoke")
@access.member("owner")
def revoke_authority(letter_id: str) -> Answer:
    """Take a letter of authority back."""
    form = Form(None)
    if form.submit(lambda _: authority.revoke_authority(access.actor(), letter_id)) is None:
        return form.answer(_page)
    return done(gettext("The letter of authority is revoked."), url_for(".show") + "#letters")


def _give(body: dict[str, Any]) -> object:
    ceiling = body["ceiling"]
    first, last = (datetime.combine(body[name], time(), clock.BEIJING) for name in ("first_day", "last_day"))
    terms = Terms(
        scopes=frozenset(body["scopes"]),
        ceiling=None if ceiling is None else Money.parse(ceiling["amount"], ceiling["currency"]),
        starts_at=first,
        ends_at=last + timedelta(days=1),
    )
    return authority.give_authority(access.actor(), body["person_id"], terms, password=body["password"])


# -- the identity file ------------------------------------------------------------------------------------------------


@organisation.post("/identity")
@access.member("owner")
def save_identity_case() -> Answer:
    """Open the file, or replace its details."""
    form = Form(FileSchema, name="file")
    case_id = _case_id(access.caller())

    def save(body: dict[str, Any]) -> IdentityCase:
        if case_id is None:
            return identity.open_identity_case(access.actor(), **body)
        return identity.amend_identity_case(access.actor(), case_id, **body)

    if form.submit(save) is None:
        return form.answer(lambda: _page(file=form))
    return done(gettext("Saved. Add the documents, then submit the file."), url_for(".show") + "#identity")


@organisation.post("/identity/<case_id>/documents")
@access.member("owner")
def add_document(case_id: str) -> Answer:
    """Add a scan to the file."""
    form = Form(UploadFormSchema, name="upload")
    sent = request.files.get("upload-file")
    content = b"" if sent is None else sent.stream.read(MAX_BYTES + 1)
    if form.submit(lambda body: identity.add_document(access.actor(), case_id, body["kind"], content)) is None:
        return form.answer(lambda: _page(upload=form))
    return done(gettext("The document is in the file."), url_for(".show") + "#identity")


@organisation.get("/identity/<case_id>/documents/<document_id>")
@access.member("owner")
def read_document(case_id: str, document_id: str) -> Answer:
    """A scan of the own file, as a download."""
    return download(access.caller(), case_id, document_id)


@organisation.post("/identity/<case_id>/submit")
@access.member("owner")
def submit_identity_case(case_id: str) -> Answer:
    """Hand the file in."""
    form = Form(None)
    if form.submit(lambda _: identity.submit_identity_case(access.actor(), case_id)) is None:
        return form.answer(_page)
    return done(gettext("The file is submitted. An officer decides; you will be told."), url_for(".show") + "#identity")


def download(actor: Actor, case_id: str, document_id: str) -> Response:
    """A scan, never shown inside a page of this site."""
    opened = identity.read_document(actor, case_id, document_id)
    answer = Response(opened.content, mimetype=opened.media_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="{document_id}"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


# -- inside -----------------------------------------------------------------------------------------------------------


def _page(roles: dict[str, Form] | None = None, **forms: Form) -> str:
    actor = access.caller()
    org_id = actor.org_id or ""
    members = seats.members_of(org_id)
    case_id = _case_id(actor)
    case = None if case_id is None else queries.identity_case(actor, case_id)
    me = queries.me(actor)
    owner = "owner" in actor.roles
    role_forms = {
        member["person_id"]: Form(
            schemas.RolesBody, values={"roles": member["roles"]}, name=f"roles-{member['person_id']}"
        )
        for member in members
    } | (roles or {})
    shown = {
        "invite": Form(schemas.InvitationBody, name="invite"),
        "letter": Form(LetterForm, name="letter"),
        "file": Form(FileSchema, values=_file_values(actor, case), name="file"),
        "upload": Form(UploadFormSchema, name="upload"),
    } | forms
    return render_template(
        "members/organisation.html",
        me=me,
        owner=owner,
        members=members,
        handlers=[member for member in members if authority.HANDLER in member["roles"]],
        role_forms=role_forms,
        role_codes=sorted(MEMBER_ROLES),
        invitations=invitations.open_invitations(org_id) if owner else [],
        case=case,
        case_open=case is None or case["state"] in IDENTITY_OPEN,
        required=sorted(REQUIRED_DOCUMENTS.get(me["organisation"]["kind"], ())),
        scopes=SCOPES,
        **shown,
    )


def _file_values(actor: Actor, case: dict[str, Any] | None) -> dict[str, Any]:
    """What the file says so far; for owners only, who may change it."""
    if case is None or "owner" not in actor.roles or case["state"] not in IDENTITY_OPEN:
        return {}
    details = identity.read_details(actor, case["id"])
    kept = {"legal_representative": details.legal_representative, "phone": details.phone, "address": details.address}
    return {"details": kept, "licence_expires_on": case["licence_expires_on"]}


def _case_id(actor: Actor) -> str | None:
    """The case that counts: the one that is not refused, else the newest."""
    cases = queries.identity_cases(actor, limit=20).items
    live = [case for case in cases if case["state"] != "refused"]
    return live[0]["id"] if live else None


def _waiting(session: Session, actor: Actor) -> Iterator[Waiting]:
    """The identity file, where it waits for an owner: to be opened, completed, renewed."""
    if "owner" not in actor.roles:
        return
    case = session.scalar(
        select(IdentityCase).where(IdentityCase.org_id == actor.org_id, IdentityCase.state != "refused")
    )
    url = url_for("organisation.show") + "#identity"
    now = clock.now()
    if case is None:
        yield Waiting(actor.org_id or "", gettext("Open your identity file"), url, None, now)
    elif case.state == "draft":
        yield Waiting(case.id, gettext("Complete and submit your identity file"), url, None, case.changed_at)
    elif case.state in {"returned", "lapsed"}:
        yield Waiting(case.id, gettext("Mend your identity file and submit it again"), url, None, case.changed_at)
    elif case.state == "approved" and case.valid_until is not None and case.valid_until <= now + identity.REMINDER:
        yield Waiting(case.id, gettext("Renew your identity file"), url, case.valid_until, now)


INBOX = (_waiting,)
