"""The API of one's own account: password, recovery codes, sessions, desk, signing key."""

from typing import Any

from flask import request

from exchange.errors import NotSignedIn
from exchange.members import account_schemas as schemas
from exchange.members import notifications, passwords, queries, sessions
from exchange.members.accounts import SignedIn
from exchange.members.models import MemberKey
from exchange.members.schemas import SignedInSchema
from exchange.web import access
from exchange.web.api import PageQuery, blueprint
from exchange.web.paging import Page

own = blueprint("account", __name__, "The signed-in person's password, codes, sessions and key.", below="me")
resets = blueprint("password-resets", __name__, "A forgotten password.")
news = blueprint("notifications", __name__, "What happened to the affairs of one's own organisation.")
blps = [own, resets, news]


def _token() -> str:
    token = request.authorization.token if request.authorization is not None else None
    if token is None:
        raise NotSignedIn("Sign in first.")
    return token


@own.route("/password", methods=["PUT"])
@access.signed_in
@own.arguments(schemas.PasswordChange)
@own.response(204)
def change_password(body: dict[str, Any]) -> None:
    """Choose another password; all other sessions end, the signing key stays."""
    passwords.change_password(access.actor(), token=_token(), **body)


@own.route("/recovery-codes", methods=["POST"])
@access.signed_in
@own.arguments(schemas.StepUp)
@own.response(201, schemas.RecoveryCodes)
def new_recovery_codes(body: dict[str, Any]) -> dict[str, Any]:
    """Ten new recovery codes, shown once; the old ones end."""
    return {"codes": list(sessions.new_recovery_codes(access.actor(), _token(), body["code"]))}


@own.route("/sessions", methods=["GET"])
@access.signed_in
@own.response(200, schemas.SessionItem(many=True))
def list_sessions() -> list[dict[str, Any]]:
    """One's own open sessions."""
    return sessions.sessions_of(access.actor(), _token())


@own.route("/sessions", methods=["DELETE"])
@access.signed_in
@own.response(204)
def end_other_sessions() -> None:
    """End all of one's own sessions but this one."""
    sessions.end_other_sessions(access.actor(), _token())


@own.route("/sessions/<session_id>", methods=["DELETE"])
@access.signed_in
@own.response(204)
def end_session(session_id: str) -> None:
    """End one of one's own sessions."""
    sessions.end_session(access.actor(), session_id)


@own.route("/desk", methods=["PUT"])
@access.signed_in
@own.arguments(schemas.DeskBody)
@own.response(200, SignedInSchema)
def switch_desk(body: dict[str, Any]) -> SignedIn:
    """Act for another organisation; the answer holds a new token, the old one ends."""
    return sessions.switch_desk(access.actor(), _token(), body["org_id"])


@own.route("/keys", methods=["GET"])
@access.signed_in
@own.response(200, schemas.KeyItem(many=True))
def list_keys() -> list[dict[str, Any]]:
    """One's own signing keys, the revoked ones too."""
    return queries.keys_of(access.actor())


@own.route("/keys", methods=["POST"])
@access.signed_in
@own.arguments(schemas.PasswordBody)
@own.response(201, schemas.KeyItem)
def replace_signing_key(body: dict[str, Any]) -> dict[str, Any]:
    """Revoke the signing key and make another one."""
    key: MemberKey = passwords.replace_signing_key(access.actor(), password=body["password"])
    return queries.key_shape(key)


@resets.route("", methods=["POST"])
@access.public
@resets.arguments(schemas.ResetAsked)
@resets.response(202)
def ask_reset(body: dict[str, Any]) -> None:
    """Ask for a letter with a code. The answer is the same whether the address is known."""
    passwords.ask_reset(access.actor(), email=body["email"], origin=request.remote_addr or "unknown")


@resets.route("/use", methods=["POST"])
@access.public
@resets.arguments(schemas.NewPassword)
@resets.response(204)
def reset_password(body: dict[str, Any]) -> None:
    """Set a new password with the code of the letter. The signing key is replaced and all sessions end."""
    passwords.reset_password(access.actor(), **body, origin=request.remote_addr or "unknown")


@news.route("", methods=["GET"])
@access.member()
@news.arguments(PageQuery, location="query")
@news.response(200, schemas.NotificationPage)
def list_notifications(query: dict[str, Any]) -> Page[dict[str, Any]]:
    """What one's own organisation was told, newest first."""
    return notifications.notifications(access.actor(), **query)


@news.route("/read", methods=["POST"])
@access.member()
@news.response(204)
def mark_read() -> None:
    """Put all of them behind."""
    notifications.mark_read(access.actor())
