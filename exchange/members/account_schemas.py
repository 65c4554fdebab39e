"""Bodies and answers about one's own account, one's organisation and the calendar."""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, post_load, validate

from exchange.actors import MEMBER_ROLES
from exchange.members.authority import Terms
from exchange.members.credentials import MAX_PASSWORD
from exchange.members.people import MAX_EMAIL, MAX_NAME
from exchange.members.states import SCOPES
from exchange.money import Money
from exchange.web.api import Body, MoneyField, page_of
from exchange.web.times import day, instant
from exchange.workdays import CalendarDay

_CODE = validate.Regexp(r"^[0-9]{6}$")
_MAX_TOKEN, _MAX_OCCASION, _MAX_SOURCE = 200, 100, 300


def _password() -> fields.String:
    return fields.String(required=True, load_only=True, validate=validate.Length(1, MAX_PASSWORD))


def _email() -> fields.Email:
    return fields.Email(required=True, load_only=True, validate=validate.Length(max=MAX_EMAIL))


def _token() -> fields.String:
    return fields.String(required=True, load_only=True, validate=validate.Length(1, _MAX_TOKEN))


def _member_roles() -> "fields.List[Any]":
    return fields.List(
        fields.String(validate=validate.OneOf(sorted(MEMBER_ROLES))), required=True, validate=validate.Length(1, 5)
    )


# -- the own account ------------------------------------------------------------------------------------------------


class PasswordChange(Body):
    """``PUT /me/password``."""

    password = _password()
    new_password = _password()


class PasswordBody(Body):
    """One's own password, asked for again."""

    password = _password()


class ResetAsked(Body):
    """``POST /password-resets``."""

    email = _email()


class NewPassword(Body):
    """The code of a letter and the password to be: ``POST /password-resets/use``, ``POST /invitations/accept``."""

    token = _token()
    password = _password()


class StepUp(Body):
    """A one-time code where the second factor was passed a while ago."""

    code = fields.String(validate=_CODE, load_only=True, load_default=None, allow_none=True)


class RecoveryCodes(Body):
    """Codes, shown once."""

    codes = fields.List(fields.String(), required=True)


class SessionItem(Body):
    """An open session."""

    id = fields.String(required=True)
    organisation = fields.String(required=True)
    created_at = fields.AwareDateTime(required=True)
    expires_at = fields.AwareDateTime(required=True)
    second_factor = fields.Boolean(required=True)
    current = fields.Boolean(required=True)


class NotificationItem(Body):
    """That something happened to a subject of the organisation's; ``action`` is the journal's word for it."""

    id = fields.String(required=True)
    at = fields.AwareDateTime(required=True)
    subject = fields.String(required=True)
    action = fields.String(required=True)
    read_at = fields.AwareDateTime(allow_none=True)


#: A page of notifications, newest first.
NotificationPage = page_of(NotificationItem)


class DeskBody(Body):
    """``POST /sessions/current/desk``."""

    org_id = fields.String(required=True, validate=validate.Length(1, 64))


class KeyItem(Body):
    """A signing key; ``grade`` says who can use it."""

    id = fields.String(required=True)
    grade = fields.String(required=True)
    public_key = fields.String(required=True)
    created_at = fields.AwareDateTime(required=True)
    revoked_at = fields.AwareDateTime(allow_none=True)


# -- the organisation -----------------------------------------------------------------------------------------------


class InvitationBody(Body):
    """``POST /invitations``."""

    email = _email()
    person_name = fields.String(required=True, validate=validate.Length(1, MAX_NAME))
    roles = _member_roles()


class InvitationItem(Body):
    """An invitation as its organisation sees it."""

    id = fields.String(required=True)
    row_version = fields.Integer(required=True)
    email = fields.String()
    name = fields.String()
    roles = fields.List(fields.String(), required=True)
    state = fields.String(required=True)
    expires_at = fields.AwareDateTime(required=True)


class RolesBody(Body):
    """``PUT /members/<person_id>/roles``."""

    roles = _member_roles()


class AuthorityBody(Body):
    """``POST /authorities``: from the beginning of the day ``starts_at`` names, if none is given from now on."""

    person_id = fields.String(required=True, validate=validate.Length(1, 64))
    scopes = fields.List(
        fields.String(validate=validate.OneOf(SCOPES)), required=True, validate=validate.Length(1, len(SCOPES))
    )
    ceiling = MoneyField(load_default=None, allow_none=True)
    starts_at = instant(required=True)
    ends_at = instant(required=True)
    password = _password()

    @post_load
    def build(self, data: Mapping[str, Any], **_options: Any) -> dict[str, Any]:
        """As the operation takes it."""
        ceiling = data["ceiling"]
        terms = Terms(
            scopes=frozenset(data["scopes"]),
            ceiling=None if ceiling is None else Money.parse(ceiling["amount"], ceiling["currency"]),
            starts_at=data["starts_at"],
            ends_at=data["ends_at"],
        )
        return {"person_id": data["person_id"], "terms": terms, "password": data["password"]}


class AuthorityItem(Body):
    """A letter of authority."""

    id = fields.String(required=True)
    row_version = fields.Integer(required=True)
    person_id = fields.String(required=True)
    state = fields.String(required=True)
    scopes = fields.List(fields.String(), required=True)
    ceiling = MoneyField(allow_none=True)
    starts_at = fields.AwareDateTime(required=True)
    ends_at = fields.AwareDateTime(required=True)
    document = fields.String(required=True)


class MemberItem(Body):
    """Somebody with a seat in the organisation."""

    person_id = fields.String(required=True)
    name = fields.String(required=True)
    since = fields.AwareDateTime(required=True)
    roles = fields.List(fields.String(), required=True)
    letters = fields.List(fields.Nested(AuthorityItem), required=True)


# -- the calendar -----------------------------------------------------------------------------------------------------


class DayBody(Body):
    """A day that differs from the plain week."""

    day = day(required=True)
    working = fields.Boolean(required=True)
    occasion = fields.String(required=True, validate=validate.Length(1, _MAX_OCCASION))

    @post_load
    def build(self, data: Mapping[str, Any], **_options: Any) -> CalendarDay:
        """As the operation takes it."""
        return CalendarDay(**data)


class NoticeBody(Body):
    """``PUT /calendar/<year>``: the State Council's notice for a year."""

    source = fields.String(required=True, validate=validate.Length(1, _MAX_SOURCE))
    days = fields.List(fields.Nested(DayBody), required=True, validate=validate.Length(0, 366))


class YearItem(Body):
    """A year the calendar holds; provisional until its notice is entered."""

    year = fields.Integer(required=True)
    provisional = fields.Boolean(required=True)
    source = fields.String(required=True)
    days = fields.List(fields.Nested(DayBody))
