"""The evidence that a log told two stories: two notes it signed, and the proof that does not lead from one to another.

Whoever holds both notes and the log's key can see for himself: two roots for one size need nothing more; for two sizes
the proof as it was given stands beside them, and the log is asked for one that holds.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from exchange.journal import durable
from exchange.journal.encoding import encode_base64

#: So many cases are kept in one folder; a log that signs more stories than that is known well enough.
LIMIT: Final = 1000


@dataclass(frozen=True, slots=True)
class Fork:
    """Two signed checkpoints that do not fit together.

    Args:
        held: The note that was believed before.
        offered: The note that came now.
        reason: Why they do not fit, a sentence.
        proof: The consistency proof that was given between them, from the smaller to the larger.
        served: The bytes that do not fit, where it is a file of the log that does not.
    """

    held: str
    offered: str
    reason: str
    proof: Sequence[bytes] = ()
    served: bytes = b""

    def keep(self, folder: Path) -> Path | None:
        """Write the evidence into a folder of its own under ``folder``, once; the folder (None: ``LIMIT`` is reached).

        ``held.note`` and ``offered.note`` are the notes, byte for byte; ``proof.txt`` the proof, a hash a line;
        ``served.bin`` the file of the log.
        """
        name = hashlib.sha256(f"{self.held}\n{self.offered}".encode()).hexdigest()[:32]
        place = folder / name
        if (place / "reason.txt").exists():
            return place
        folder.mkdir(parents=True, exist_ok=True)
        if sum(1 for _ in folder.iterdir()) >= LIMIT:
            return None
        place.mkdir(exist_ok=True)
        durable.write(place / "held.note", self.held.encode())
        durable.write(place / "offered.note", self.offered.encode())
        durable.write(place / "proof.txt", "".join(f"{encode_base64(value)}\n" for value in self.proof).encode())
        if self.served:
            durable.write(place / "served.bin", self.served)
        durable.write(place / "reason.txt", f"{self.reason}\n".encode())  # last: it says that the rest is there
        durable.flush(folder)
        return place
