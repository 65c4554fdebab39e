"""Whom to believe about a log: its keys, its witnesses, and how many of them must have cosigned (c2sp.org/tlog-policy).

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> all|any|<k> <name>…
    quorum <name>|none

Names stand for witnesses and groups of one file only; who signs is said by the keys. Groups speak of names above them.
The exchange reads such a file to know whom to ask; whoever checks a bag or follows the log reads one to know whom to
believe, best one that did not come from the exchange.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import urlsplit

from exchange.journal import checkpoint, keys, note
from exchange.journal.keys import Algorithm, VerifierKey

#: The specification asks for at least 32 of each.
LIMIT: Final = 256
SIZE_LIMIT_BYTES: Final = 1 << 20

_NONE: Final = "none"
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_BLANK: Final = re.compile(r"[ \t]+")
_THRESHOLD: Final = re.compile(r"[1-9][0-9]{0,3}")


class InvalidPolicy(ValueError):
    """The text is no policy; the message says in which line and why."""


class NotWitnessed(note.InvalidNote):
    """The log signed the checkpoint, and too few witnesses cosigned it."""


@dataclass(frozen=True, slots=True)
class Party:
    """A log or a witness: its key, and where it is reached if the policy says so."""

    key: VerifierKey
    url: str | None

    @property
    def vkey(self) -> str:
        """The verifier key."""
        return str(self.key)


@dataclass(frozen=True, slots=True)
class _Group:
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Witnessed:
    """A checkpoint signed by its log; ``cosigners`` are the policy's names of the witnesses whose lines hold."""

    checkpoint: checkpoint.Checkpoint
    cosigners: frozenset[str]
    meets_quorum: bool


@dataclass(frozen=True, slots=True)
class Policy:
    """A parsed policy. ``quorum`` is None when no cosignature is asked for."""

    logs: tuple[Party, ...]
    witnesses: Mapping[str, Party]
    quorum: str | None
    _groups: Mapping[str, _Group] = field(repr=False)

    @classmethod
    def parse(cls, text: str | bytes) -> Self:
        """The policy that ``text`` writes.

        Raises:
            InvalidPolicy: See the class.
        """
        return cls(*_Reader(text).read())

    def is_met_by(self, cosigners: Iterable[str]) -> bool:
        """Whether cosignatures of these witnesses, by their names in the policy, suffice."""
        if self.quorum is None:
            return True
        met = set(cosigners)
        for name, group in self._groups.items():  # in the file's order: members stand above
            if sum(member in met for member in group.members) >= group.threshold:
                met.add(name)
        return self.quorum in met

    def open(self, signed: str | bytes) -> Witnessed:
        """The checkpoint in ``signed``: by a log of this policy, with the witnesses that cosigned it.

        Raises:
            note.InvalidNote: It is malformed, no log of the policy signed it as its own, or a signature by a key of
                the policy does not hold.
        """
        own = note.open(signed, [log.vkey for log in self.logs])
        tree = checkpoint.parse(own)
        if all(signature.name != tree.origin for signature in own.signatures):
            raise note.InvalidNote("the checkpoint is signed by another log than the one it names")
        cosigners = self.cosigners(signed)
        return Witnessed(tree, cosigners, self.is_met_by(cosigners))

    def require(self, signed: str | bytes) -> Witnessed:
        """As ``open``, with enough cosignatures.

        Raises:
            NotWitnessed: There are too few.
            note.InvalidNote: As ``open``.
        """
        found = self.open(signed)
        if not found.meets_quorum:
            raise NotWitnessed(f"cosigned by {len(found.cosigners)} of {len(self.witnesses)} witnesses: no quorum")
        return found

    def cosigners(self, signed: str | bytes) -> frozenset[str]:
        """The witnesses, by their names in the policy, that cosigned the note.

        Raises:
            note.InvalidNote: The note is malformed, or a line by a witness of the policy does not hold.
        """
        names = {(party.key.name, party.key.key_id): name for name, party in self.witnesses.items()}
        vkeys = [party.vkey for party in self.witnesses.values()]
        return frozenset(names[line.name, line.key_id] for line in note.verified(signed, vkeys))


class _Reader:
    """One pass over the lines of a policy."""

    def __init__(self, text: str | bytes) -> None:
        data = text.encode(errors="surrogateescape") if isinstance(text, str) else text
        if len(data) > SIZE_LIMIT_BYTES or _CONTROL.search(data):
            raise InvalidPolicy("a policy is text of at most 1 MiB; its control characters are tab and newline")
        # Bytes beyond ASCII mean nothing but themselves; so read, they can be told apart and nothing else.
        self._lines = data.decode(errors="surrogateescape").split("\n")
        self._logs: list[Party] = []
        self._witnesses: dict[str, Party] = {}
        self._groups: dict[str, _Group] = {}
        self._members: set[str] = set()
        self._quorum: list[str] = []

    def read(self) -> tuple[tuple[Party, ...], dict[str, Party], str | None, dict[str, _Group]]:
        readers = {"log": self._log, "witness": self._witness, "group": self._group, "quorum": self._take_quorum}
        for number, line in enumerate(self._lines, 1):
            words = _BLANK.split(line.strip(" \t"))
            if words[0].startswith("#") or words == [""]:
                continue
            try:
                readers.get(words[0], _refuse)(words[1:])
            except (InvalidPolicy, keys.InvalidKey) as error:
                raise InvalidPolicy(f"line {number}: {error}") from error
        if len(self._quorum) != 1:
            raise InvalidPolicy("a policy has one quorum line")
        quorum = None if self._quorum == [_NONE] else self._quorum[0]
        return tuple(self._logs), self._witnesses, quorum, self._groups

    def _log(self, words: list[str]) -> None:
        if len(words) not in {1, 2}:
            raise InvalidPolicy("log <vkey> [<url>]")
        party = _party(words, keys.LOG_ALGORITHMS)
        self._require_new(party, self._logs)
        self._logs.append(party)

    def _witness(self, words: list[str]) -> None:
        if len(words) not in {2, 3}:
            raise InvalidPolicy("witness <name> <vkey> [<url>]")
        self._require_free(words[0])
        party = _party(words[1:], keys.WITNESS_ALGORITHMS)
        self._require_new(party, self._witnesses.values())
        self._witnesses[words[0]] = party

    def _group(self, words: list[str]) -> None:
        if len(words) < 3:  # noqa: PLR2004  (a name, a number, a member)
            raise InvalidPolicy("group <name> all|any|<k> <name>…")
        name, threshold, *members = words
        self._require_free(name)
        for member in members:
            self._require_known(member)
            if member in self._members:
                raise InvalidPolicy(f"{member} is in a group already")
            self._members.add(member)
        named = {"any": 1, "all": len(members)}
        if threshold not in named and not _THRESHOLD.fullmatch(threshold):
            raise InvalidPolicy("how many of a group is all, any or a number")
        count = named.get(threshold) or int(threshold)
        if count > len(members):
            raise InvalidPolicy(f"the group has {len(members)} members only")
        self._groups[name] = _Group(count, tuple(members))

    def _take_quorum(self, words: list[str]) -> None:
        if len(words) != 1 or self._quorum:
            raise InvalidPolicy("quorum <name>, once")
        if words[0] != _NONE:
            self._require_known(words[0])
        self._quorum = words

    def _require_free(self, name: str) -> None:
        if name == _NONE or name in self._witnesses or name in self._groups:
            raise InvalidPolicy(f"the name {name} is taken")
        if len(self._witnesses) + len(self._groups) >= LIMIT:
            raise InvalidPolicy(f"a policy has at most {LIMIT} witnesses and groups")

    def _require_known(self, name: str) -> None:
        if name not in self._witnesses and name not in self._groups:
            raise InvalidPolicy(f"no line above defines {name}")

    @staticmethod
    def _require_new(party: Party, others: Iterable[Party]) -> None:
        """One key is one party, whatever names it is given."""
        if any(party.key.public_key == other.key.public_key for other in others):
            raise InvalidPolicy("the same key stands in the policy twice")


def _refuse(_words: list[str]) -> None:
    raise InvalidPolicy("a line begins with log, witness, group or quorum")


def _party(words: list[str], algorithms: frozenset[Algorithm]) -> Party:
    key = VerifierKey.parse(words[0])
    if key.algorithm not in algorithms:
        raise InvalidPolicy("a log signs by Ed25519 or ML-DSA-44, a witness by cosignature/v1 or ML-DSA-44")
    url = words[1].rstrip("/") if len(words) > 1 else None
    if url is not None and urlsplit(url).scheme not in {"http", "https"}:
        raise InvalidPolicy("a URL begins with http:// or https://")
    return Party(key, url)
