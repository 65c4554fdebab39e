"""What the room writes by mail, in both languages. A code stands in the letter alone: it is kept nowhere.

The letter names no address of a page: nobody learns to follow links in letters that claim to come from here.
"""

from typing import Any

from sqlalchemy.orm import Session

from exchange import mail, vault
from exchange.db import read
from exchange.mail import Letter
from exchange.members.invitations import invitation_token
from exchange.members.models import Invitation, Organisation, PasswordReset, Person
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


def carry(payload: dict[str, Any]) -> None:
    """Write the letter that ``payload`` names by template and id, and hand it over (called by the worker)."""
    with read() as session:
        letter = _LETTERS[payload["template"]](session, payload["id"])
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


_LETTERS = {"password_reset": _reset, "invitation": _invitation}
