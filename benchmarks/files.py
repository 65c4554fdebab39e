"""Sealing and delivering files of 64 MiB and 1 GiB, as a share of copying the same bytes on the same disk.

``seal_file`` is what the worker does to a deposit: from a plain file, in one pass, the sealed object in the store with
its commitments (three SHA-256), on the disk when it returns; the copy is made durable too. ``deliver_file`` is what a
buyer does: ``GET /deliveries/<token>`` through the WSGI application, written to a file, and the same to a copy. Each
is the better of two turns. ``growth`` is how much the peak of the process's resident memory rose meanwhile.
"""

import hashlib
import os
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
from stage import Stage, stage

from exchange import sealing, vault
from listings import goods
from listings.commitments import Commitment, Sealing

SIZES = {"64m": 64 * 1024**2, "1g": 1024**3}
TURNS = 2
BLOCK_BYTES = 1024**2
#: Goods whose scan was left out take the place of those that were deposited.
PLACE = """
    UPDATE deposit SET size_bytes = %s, digest = %s, plain_root = %s, sealed_root = %s, key_digest = %s,
        object_key = %s, file_key = %s WHERE id = %s
"""


def resident(field: str) -> float:
    """A figure of this process's memory in MiB: ``VmRSS`` now, ``VmHWM`` at its peak."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and growth of the peak in MiB."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew, proc(5)
    before = resident("VmRSS")
    started = time.perf_counter()
    work()
    return time.perf_counter() - started, resident("VmHWM") - before


def report(name: str, size_bytes: int, copy: Callable[[], object], work: Callable[[], object]) -> None:
    """Print the ratio, and the growth of memory."""
    turns = [(measured(copy)[0], measured(work)) for _ in range(TURNS)]
    limit, taken = min(turn[0] for turn in turns), min(turn[1][0] for turn in turns)
    growth, mib = max(turn[1][1] for turn in turns), size_bytes / 1024**2
    print(f"# {name}: {mib / taken:.0f} MiB/s, copy {mib / limit:.0f} MiB/s", file=sys.stderr)
    print(f"{name} {limit / taken:.2f} ratio", flush=True)
    print(f"{name}_memory_growth {growth:.0f} MiB", flush=True)


def blocks(path: Path) -> Iterator[bytes]:
    """The pieces of a file."""
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block


def write(path: Path, pieces: Iterator[bytes]) -> None:
    """A file of ``pieces``."""
    with path.open("wb") as file:
        file.writelines(pieces)


def copy_durably(source: Path, target: Path) -> None:
    """Copy a file onto the disk, not only into its cache."""
    shutil.copyfile(source, target)
    with target.open("rb") as file:
        os.fsync(file.fileno())


def placed(made: Stage, object_key: str, key: bytes, found: Commitment) -> str:
    """The token of a ticket for goods that were sealed under ``object_key``: bought and paid for."""
    deposit_id = made.product.deposit_id
    wrapped = vault.ring().wrap(key, purpose=goods.FILE_KEY, subject=deposit_id)
    figures = (found.size_bytes, found.digest, found.plain_root, found.sealed_root, found.key_digest)
    with psycopg.connect(made.server.conninfo("databourse_owner")) as owner:
        owner.execute("ALTER TABLE deposit DISABLE TRIGGER USER")
        owner.execute(PLACE, (*figures, object_key, wrapped, deposit_id))
        owner.execute("ALTER TABLE deposit ENABLE TRIGGER USER")
    asked = {"offer_id": made.product.offer_id, "purpose": "commercial.analytics", "password": made.buyer.password}
    order_id = made.ask(made.buyer, "POST", "/orders", asked)["id"]
    made.call(made.seller, "POST", f"/orders/{order_id}/sign", {"password": made.seller.password})
    lot_id = made.ask(made.buyer, "GET", f"/orders/{order_id}")["lots"][0]["id"]
    made.call(made.buyer, "POST", f"/lots/{lot_id}/pay", {"payment_method": "pm_card_visa"})
    made.work()
    return str(made.ask(made.buyer, "POST", f"/lots/{lot_id}/tickets")["token"])


def compare(made: Stage, name: str, size_bytes: int) -> None:
    """Measure files of one size; they are gone afterwards."""
    plain, other = made.folder / "plain", made.folder / "other"
    block = secrets.token_bytes(BLOCK_BYTES)
    write(plain, (number.to_bytes(8) + block[8:] for number in range(size_bytes // BLOCK_BYTES)))
    key, object_key = secrets.token_bytes(sealing.KEY_BYTES), f"goods/bench_{name}"
    done: list[Commitment] = []

    def seal() -> None:
        work = Sealing(blocks(plain), key, goods.context(made.product.deposit_id))
        goods.store().put(object_key, work.sealed())
        done.append(work.commitment())

    def deliver() -> None:
        with made.call(made.buyer, "GET", f"/deliveries/{token}", buffered=False) as answer:
            write(other, answer.iter_encoded())

    report(f"seal_file_{name}", size_bytes, lambda: copy_durably(plain, other), seal)
    token = placed(made, object_key, key, done[-1])
    report(f"deliver_file_{name}", size_bytes, lambda: shutil.copyfile(plain, other), deliver)
    with other.open("rb") as file:
        came = hashlib.file_digest(file, "sha256").digest()
    if came != done[-1].digest:
        raise RuntimeError("other bytes came than were sealed")
    goods.store().delete(object_key)
    plain.unlink()
    other.unlink()


def main() -> None:
    """Print ``name ratio`` lines; rates go to standard error."""
    with stage() as made:
        for name, size_bytes in SIZES.items():
            compare(made, name, size_bytes)


if __name__ == "__main__":
    main()
