"""What the room writes by mail, in both languages. A code stands in the letter alone: it is kept nowhere.

The letter names no address of a page: nobody learns to follow links in letters that claim to come from here.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy.orm import Session

from exchange import mail, vault
from exchange.db import read
from exchange.mail import Letter
from exchange.members import people
from exchange.members.accounts import sign_up_token
from exchange.members.invitations import invitation_token
from exchange.members.models import Invitation, Organisation, PasswordReset, Person, SignUp
from exchange.members.passwords import reset_token

_RESET = """\
您好：

有人请求重设您在数衡 Databourse 的密码。如果是您本人，请打开交易所登录页面的“忘记密码”，输入下面的代码。
代码三十分钟内有效，只能使用一次。重设会吊销您的签名密钥并换发新密钥，所有会话随即结束。
如果不是您本人，无须处理。

Somebody asked for a new password for your account at Databourse. If it was you, open "Forgotten password"
on the sign-in page of the exchange and enter the code below. It is good for 30 minutes and for one use.
A reset revokes your signing key, makes a new one and ends all your sessions.
If it was not you, there is nothing to do.

{code}
"""
_INVITATION = """\
您好：

{organisation}邀请您加入其在数衡 Databourse 的账户。请在交易所登录页面选择“接受邀请”，输入下面的代码，
并设置您自己的密码（已有账户的，输入现有密码）。代码七天内有效，只能使用一次。

{organisation} invites you to its account at Databourse. Choose "Accept an invitation" on the sign-in page
of the exchange, enter the code below and choose a password of your own (your present one if you have an
account). The code is good for seven days and for one use.

{code}
"""

_SIGN_UP = """\
您好：

有人以此邮箱在数衡 Databourse 申请注册。如果是您本人，请在注册页面输入下面的代码，注册随即完成。
代码二十四小时内有效，只能使用一次。如果不是您本人，无须处理：未经确认的申请不会留下任何内容。

Somebody asked to register at Databourse with this address. If it was you, enter the code below on the
sign-up page; you are registered then. It is good for 24 hours and for one use.
If it was not you, there is nothing to do: of a sign-up that is not confirmed nothing is kept.

{code}
"""
_KNOWN = """\
您好：

有人以此邮箱在数衡 Databourse 申请注册。此邮箱已有账户，因此没有新建。如果是您本人，请直接登录；
忘记密码的，请在登录页面选择“忘记密码”。如果不是您本人，无须处理。

Somebody asked to register at Databourse with this address. It has an account already, so none was made.
If it was you, sign in; "Forgotten password" on the sign-in page helps if you need it.
If it was not you, there is nothing to do.
"""


def carry(payload: dict[str, Any]) -> None:
    """Write the letter that ``payload`` names by template and id, and hand it over (called by the worker)."""
    with read() as session:
        letter = _LETTERS[payload["template"]](session, payload["id"])
    if letter is not None:
        mail.send(letter)


def _reset(session: Session, reset_id: str) -> Letter:
    person = session.get_one(Person, session.get_one(PasswordReset, reset_id).person_id)
    to = vault.open_text(session, person.id, "person", "email", person.sealed_email)
    return Letter(to, "重设密码 / A new password", _RESET.format(code=reset_token(reset_id)))


def _invitation(session: Session, invitation_id: str) -> Letter:
    invitation = session.get_one(Invitation, invitation_id)
    to = vault.open_text(session, invitation_id, "invitation", "email", invitation.sealed_email)
    name = session.get_one(Organisation, invitation.org_id).name
    text = _INVITATION.format(organisation=name, code=invitation_token(invitation_id))
    return Letter(to, "数衡邀请 / An invitation to Databourse", text)


def _sign_up(session: Session, sign_up_id: str) -> Letter | None:
    """To an address that is known here nothing but that is written; the code is for others."""
    waiting = session.get(SignUp, sign_up_id)
    if waiting is None:  # confirmed, or over
        return None
    entered = json.loads(vault.open_text(session, waiting.id, "sign_up", "entered", waiting.sealed))
    if people.find_person(session, entered["email"]) is not None:
        return Letter(entered["email"], "您已注册 / You have an account", _KNOWN)
    return Letter(entered["email"], "确认注册 / Confirm your sign-up", _SIGN_UP.format(code=sign_up_token(waiting.id)))


_LETTERS: Mapping[str, Callable[[Session, str], Letter | None]] = {
    "sign_up": _sign_up,
    "password_reset": _reset,
    "invitation": _invitation,
}
