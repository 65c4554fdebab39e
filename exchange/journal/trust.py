"""Whom a checker believes, all of it from outside what is checked: keys of the log, witnesses, a policy."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from exchange.journal import keys, note
from exchange.journal.policy import Policy


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom to believe.

    Args:
        logs: Verifier keys of the log.
        witnesses: Verifier keys of witnesses, each under the name to show.
        policy: Asks for a quorum of its witnesses; its keys are believed beside those above.
    """

    logs: tuple[str, ...]
    witnesses: Mapping[str, str] = field(default_factory=dict)
    policy: Policy | None = None

    def __post_init__(self) -> None:
        if not self.log_vkeys:
            raise keys.InvalidKey("a verifier key of the log, from an independent source, is required")
        for vkey in self.log_vkeys:
            if keys.VerifierKey.parse(vkey).algorithm not in keys.LOG_ALGORITHMS:
                raise keys.InvalidKey("this is not the key of a log")
        keys.known(self.log_vkeys)
        for name, vkey in self.witness_vkeys.items():
            if keys.VerifierKey.parse(vkey).algorithm not in keys.WITNESS_ALGORITHMS:
                raise keys.InvalidKey(f"{name} is not the key of a witness")

    @classmethod
    def given(cls, logs: Iterable[str], witnesses: Iterable[str] = (), policy_file: Path | None = None) -> Self:
        """What a command line names: verifier keys, and a file.

        Raises:
            OSError: The file cannot be read.
            InvalidPolicy: It is no policy.
            keys.InvalidKey: A key is malformed or not of its kind, or there is none of the log.
        """
        policy = Policy.parse(policy_file.read_bytes()) if policy_file else None
        named = {f"{key.name}+{key.key_id.hex()}": str(key) for key in map(keys.VerifierKey.parse, witnesses)}
        return cls(tuple(logs), named, policy)

    @property
    def log_vkeys(self) -> list[str]:
        """All keys by which the log may have signed."""
        return [*self.logs, *(party.vkey for party in (self.policy.logs if self.policy else ()))]

    @property
    def witness_vkeys(self) -> dict[str, str]:
        """All witnesses, by the names to show."""
        named = {name: party.vkey for name, party in self.policy.witnesses.items()} if self.policy else {}
        return {**{name: vkey for name, vkey in self.witnesses.items() if vkey not in named.values()}, **named}

    def cosigners(self, signed: str) -> tuple[str, ...]:
        """The names of the witnesses that cosigned a note.

        Raises:
            note.InvalidNote: The note is malformed, or a line by one of the witnesses does not hold.
        """
        parsed = {name: keys.VerifierKey.parse(vkey) for name, vkey in self.witness_vkeys.items()}
        signed_by = {(line.name, line.key_id) for line in note.verified(signed, self.witness_vkeys.values())}
        return tuple(sorted(name for name, key in parsed.items() if (key.name, key.key_id) in signed_by))
