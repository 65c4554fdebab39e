"""The exchange's own signature: checkpoints, bag manifests, vouchers and receipts are signed notes by one log key."""

from exchange.errors import InvariantBroken
from exchange.journal import note

_signer: note.Signer | None = None


def bind(signer: note.Signer) -> None:
    """Use ``signer`` in this process; its name is the log's origin."""
    global _signer  # noqa: PLW0603  (a process signs with one key)
    _signer = signer


def signer() -> note.Signer:
    """The bound signer.

    Raises:
        InvariantBroken: ``bind`` was not called.
    """
    if _signer is None:
        raise InvariantBroken("no log key is bound")
    return _signer


def vkey() -> str:
    """The public key that the exchange's signatures verify with (C2SP signed-note)."""
    return signer().vkey


def sign(text: str) -> str:
    """``text`` (which ends in a newline) as a signed note."""
    return note.sign(text, signer())
