"""Asking a witness for its cosignature (c2sp.org/tlog-witness, the log's side)."""

from http import HTTPStatus
from typing import Final

from exchange.journal import fetch, note
from exchange.journal.encoding import decode_decimal
from exchange.journal.policy import Party
from exchange.journal.witness import Request

TIMEOUT_SECONDS: Final = 5.0
#: Room for lines by several keys of one witness.
_ANSWER_LIMIT_BYTES: Final = 1 << 16
_SIZE_TYPE: Final = "text/x.tlog.size"


class NotCosigned(Exception):
    """The witness gave no cosignature. ``code`` says why, for people and for a column; ``answer`` is what it said."""

    def __init__(self, code: str, answer: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.answer = answer


class Holds(NotCosigned):
    """The witness holds a checkpoint of another ``size`` than the request starts from, or another root of it."""

    def __init__(self, size: int, answer: str) -> None:
        super().__init__("other_size", answer)
        self.size = size


class Contradicts(NotCosigned):
    """The witness says that the proof does not hold: it was shown another history."""


def add_checkpoint(witness: Party, request: Request) -> note.Signature:
    """The cosignature by the key of ``witness`` on the checkpoint of ``request``, verified.

    Raises:
        NotCosigned: See the class and its kinds.
    """
    try:
        answer = fetch.fetch(
            f"{witness.url}/add-checkpoint",
            body=request.dumps(),
            headers={"Content-Type": "application/octet-stream"},
            limit_bytes=_ANSWER_LIMIT_BYTES,
            timeout_seconds=TIMEOUT_SECONDS,
        )
    except fetch.Unreachable as error:
        raise NotCosigned("unreachable", str(error)) from error
    said = f"{answer.status} {answer.text}"
    if answer.status == HTTPStatus.CONFLICT and answer.content_type.partition(";")[0].strip() == _SIZE_TYPE:
        try:
            raise Holds(decode_decimal(answer.text.removesuffix("\n")), said)
        except note.InvalidNote as error:
            raise NotCosigned("malformed_answer", said) from error
    if answer.status == HTTPStatus.UNPROCESSABLE_ENTITY:
        raise Contradicts("contradicts", said)
    if answer.status != HTTPStatus.OK:
        raise NotCosigned(f"status_{answer.status}", said)
    try:
        return _own_line(witness, request, answer.text)
    except note.InvalidNote as error:
        raise NotCosigned("bad_cosignature", said) from error


def _own_line(witness: Party, request: Request, lines: str) -> note.Signature:
    """The line of the witness's key; lines of other keys are passed over, as the specification asks."""
    key = witness.key
    for signature in note.parse_lines(lines):
        if (signature.name, signature.key_id) == (key.name, key.key_id):
            key.verify(note.text_of(request.signed), signature.value)
            return signature
    raise note.InvalidNote("no line is by the witness's key")
