"""Lists of logs, as the witness network writes them (format «logs/v0»).

    logs/v0
    vkey log.example/1+…
    origin log.example/1
    contact log@log.example

Each log begins with its ``vkey``; ``origin`` may follow where the log's name is not its key's. Other lines are passed
over. A log that signs with two keys, or is changing its key, stands there twice.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from exchange.journal import keys

_HEADER: Final = "logs/v0"


class InvalidList(ValueError):
    """The text is no list of logs; the message says in which line and why."""


def parse(text: str) -> dict[str, tuple[str, ...]]:
    """The verifier keys of each log, by origin.

    Raises:
        InvalidList: See the class.
        InvalidKey: Two keys of a log share name and id.
    """
    lines = _lines(text)
    if next(lines, (0, ""))[1] != _HEADER:
        raise InvalidList(f"a list of logs begins with {_HEADER}")
    listed: list[tuple[str, str]] = []  # origin, verifier key
    for number, line in lines:
        word, _, value = line.partition(" ")
        if word == "vkey":
            listed.append((_name(number, value), value))
        elif not listed:
            raise InvalidList(f"line {number}: a log begins with its vkey")
        elif word == "origin":
            listed[-1] = (value, listed[-1][1])
    logs: dict[str, tuple[str, ...]] = {}
    for origin, vkey in listed:
        logs[origin] = (*logs.get(origin, ()), vkey)
        keys.known(logs[origin])
    return logs


def dumps(vkeys: Sequence[str]) -> str:
    """The list of the logs with these verifier keys, each named as its key."""
    return "".join(f"{line}\n" for line in (_HEADER, *(f"vkey {vkey}" for vkey in vkeys)))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that say something, each with its number."""
    for number, line in enumerate(text.split("\n"), 1):
        said = line.strip()
        if said and not said.startswith("#"):
            yield number, said


def _name(number: int, vkey: str) -> str:
    try:
        key = keys.VerifierKey.parse(vkey)
    except keys.InvalidKey as error:
        raise InvalidList(f"line {number}: {error}") from error
    if key.algorithm not in keys.LOG_ALGORITHMS:
        raise InvalidList(f"line {number}: a log signs by Ed25519 or ML-DSA-44")
    return key.name
