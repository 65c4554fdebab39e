"""What people prove themselves with: passwords, one-time codes, random tokens. No database."""

import base64
import functools
import hashlib
import hmac
import secrets
import unicodedata
from datetime import datetime

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from exchange import vault
from exchange.errors import Invalid

#: NIST SP 800-63B-4 section 3.1.1.2 asks for 15 without a second factor, 8 with one; members may go without one.
MIN_PASSWORD, MAX_PASSWORD = 12, 128
STEP_SECONDS = 30
ISSUER = "Databourse"

# argon2id, RFC 9106 section 4, second recommendation (the library's default): 3 passes over 64 MiB in 4 lanes.
_hasher = PasswordHasher()


def check_password(password: str, *known: str, field: str = "password") -> None:
    """Ask for 12 to 128 characters, and none of what is ``known`` of the person; ``field`` is where it was typed.

    Raises:
        Invalid: Too short, too long, or the person's own e-mail address or name.
    """
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        problem = "A password has 12 to 128 characters."
    elif _normal(password).casefold() in {_normal(text).casefold() for text in known}:
        problem = "The password must not be your name or e-mail address."
    else:
        return
    raise Invalid(problem, code="weak_password", fields={field: [problem]})


def hash_password(password: str) -> str:
    """The password's argon2id hash in PHC string format."""
    return _hasher.hash(_normal(password))


def password_fits(password_hash: str | None, password: str) -> bool:
    """Whether the password is the one hashed. Without a hash the answer is no, after the same amount of work."""
    if len(password) > MAX_PASSWORD:
        return False
    try:
        _hasher.verify(password_hash or _nobodys_hash(), _normal(password))
    except VerifyMismatchError:
        return False
    return password_hash is not None


def new_token() -> tuple[str, bytes]:
    """A token of 32 random bytes, and its digest: only the digest is kept."""
    token = secrets.token_urlsafe(32)
    return token, token_digest(token)


def token_digest(token: str) -> bytes:
    """SHA-256 of a token. A token is uniformly random, so nothing slower is needed."""
    return hashlib.sha256(token.encode()).digest()


def derived_token(purpose: str, row_id: str) -> str:
    """The token of a row: its id and a keyed digest of it, which nobody without the key ring can make. Not kept."""
    digest = vault.ring().mac(purpose, row_id.encode())
    return f"{row_id}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def row_of_token(purpose: str, token: str) -> str | None:
    """The id of the row that ``derived_token`` made ``token`` for; ``None`` for any other text."""
    token = token.strip()
    row_id = token.partition(".")[0]
    if not token.isascii() or not hmac.compare_digest(derived_token(purpose, row_id).encode(), token.encode()):
        return None
    return row_id


def new_totp_secret() -> str:
    """A new TOTP secret: 160 random bits in base 32 (RFC 4226, section 4)."""
    return pyotp.random_base32()


def totp_uri(secret: str, account: str) -> str:
    """What an authenticator app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=ISSUER)


def totp_step(secret: str, code: str, *, at: datetime, after: int | None) -> int | None:
    """The 30-second step ``code`` belongs to: the one of ``at``, its predecessor or successor (RFC 6238, 5.2).

    ``None`` when it belongs to none of them, or to one not later than ``after``: that code was used already.
    """
    present = int(at.timestamp()) // STEP_SECONDS
    generator = pyotp.TOTP(secret, interval=STEP_SECONDS)
    for step in (present - 1, present, present + 1):
        fits = hmac.compare_digest(generator.generate_otp(step).encode(), code.encode())
        if fits and (after is None or step > after):
            return step
    return None


def _normal(password: str) -> str:
    return unicodedata.normalize("NFC", password)  # the same password from any keyboard


@functools.cache
def _nobodys_hash() -> str:
    return _hasher.hash(secrets.token_urlsafe(32))
