"""A witness signs one history of a log, whoever asks, however many at once, and whatever ends it."""

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from witnessed import ORIGIN, ROOT, MadeLog, RunningWitness, post, running_witness

from exchange.journal import checkpoint, cosignature, loglist, merkle, note, witness

LOG = MadeLog.of(300)
LIAR = MadeLog.of(300, changed=40)


@pytest.fixture
def made(tmp_path: Path) -> witness.Witness:
    witness.prepare(tmp_path / "w", "witness.example/w1", logs=[LOG.signer.vkey])
    return witness.Witness(tmp_path / "w")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningWitness]:
    with running_witness(tmp_path_factory.mktemp("running") / "w", LOG.signer.vkey) as one:
        yield one


def cosigned(signed: str, lines: str, vkey: str) -> checkpoint.Checkpoint:
    return checkpoint.parse(note.open(signed + lines, [vkey]))


def test_it_cosigns_growth_from_nothing(made: witness.Witness) -> None:
    vkey = made.cosigners[0].vkey
    held = 0
    for size in (0, 1, 1, 2, 7, 8, 255, 256, 257, 300):
        request = LOG.request(held, size)
        lines = made.add_checkpoint(request.dumps())
        assert cosigned(request.signed, lines, vkey).size == size
        timestamp, _ = cosignature.split(note.parse_lines(lines)[0].value)
        assert abs(timestamp - time.time()) < 60
        held = size
    assert made.held(ORIGIN).root == merkle.root(LOG.hashes())


# A log of the Sigsum project's tests and three requests, from filippo.io/torchwood (internal/witness, witness_test.go).
SIGSUM = "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562"
SIGSUM_KEY = bytes.fromhex("ffdc2d4d98e4124d3feaf788c0c2f9abfd796083d1f0495437f302ec79cf100f")
SIGSUM_REQUESTS = {
    1: f"""\
old 0

{SIGSUM}
1
KgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=

— {SIGSUM} UgIom7fPZTqpxWWhyjWduBvTvGVqsokMbqTArsQilegKoFBJQjUFAmQ0+YeSPM3wfUQMFSzVnnNuWRTYrajXpNUbIQY=
""",
    3: f"""\
old 1
KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
KgIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=

{SIGSUM}
3
RcCI1Nk56ZcSmIEfIn0SleqtV7uvrlXNccFx595Iwl0=

— {SIGSUM} UgIom2VbtIcdFbwFAy1n7s6IkAxIY6J/GQOTuZF2ORV39d75cbAj2aQYwyJre36kezNobZs4SUUdrcawfAB8WVrx6go=
""",
    5: f"""\
old 1
KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
+fUDV+k970B4I3uKrqJM4aP1lloPZP8mvr2Z4wRw2LI=
KgQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=

{SIGSUM}
5
QrtXrQZCCvpIgsSmOsah7HdICzMLLyDfxToMql9WTjY=

— {SIGSUM} UgIomw/EOJmWi0i1FQsOj+etB7F8IccFam/jgd6wzRns4QPVmyEZtdvl1U2KEmLOZ/ASRcWJi0tW90dJWAShei7sDww=
""",
}


@pytest.mark.parametrize(("moved", "refused_size"), [(3, 5), (5, 3)])
def test_public_requests_are_understood(tmp_path: Path, moved: int, refused_size: int) -> None:
    """Of two requests from one size the first moves the log, and the second is told how far."""
    witness.prepare(tmp_path / "w", "example.com", logs=[note.vkey(SIGSUM, SIGSUM_KEY)])
    own = witness.Witness(tmp_path / "w")
    own.add_checkpoint(SIGSUM_REQUESTS[1].encode())
    own.add_checkpoint(SIGSUM_REQUESTS[moved].encode())
    with pytest.raises(witness.AnotherSize) as caught:
        own.add_checkpoint(SIGSUM_REQUESTS[refused_size].encode())
    assert caught.value.size == own.held(SIGSUM).size == moved


def test_both_kinds_of_keys_sign(tmp_path: Path) -> None:
    vkeys = witness.prepare(tmp_path / "w", "w", kinds=["ed25519", "ml-dsa-44"], logs=[LOG.signer.vkey])
    request = LOG.request(0, 5)
    lines = witness.Witness(tmp_path / "w").add_checkpoint(request.dumps())
    assert len(note.open(request.signed + lines, vkeys).signatures) == 2


def refused(made: witness.Witness, request: witness.Request, kind: type[witness.RequestRefused]) -> Exception:
    before = made.held(ORIGIN)
    with pytest.raises(kind) as caught:
        made.add_checkpoint(request.dumps())
    assert type(caught.value) is kind
    assert made.held(ORIGIN) == before
    return caught.value


def changed(request: witness.Request, **changes: object) -> witness.Request:
    return witness.Request(**{"old": request.old, "proof": request.proof, "signed": request.signed, **changes})  # type: ignore[arg-type]


def evidence(made_in: Path, kind: str = "evidence") -> list[Path]:
    folder = made_in / "w" / kind
    return sorted(folder.iterdir()) if folder.exists() else []


def test_it_does_not_go_back(made: witness.Witness, tmp_path: Path) -> None:
    made.add_checkpoint(LOG.request(0, 200).dumps())
    conflict = refused(made, LOG.request(0, 100), witness.AnotherSize)
    assert getattr(conflict, "size", None) == 200
    refused(made, LOG.request(100, 200), witness.AnotherSize)
    refused(made, changed(LOG.request(100, 100), old=200), witness.BadRequest)
    assert evidence(tmp_path) == []


def test_it_finds_a_fork_of_the_same_size(made: witness.Witness, tmp_path: Path) -> None:
    held = LOG.request(0, 200)
    made.add_checkpoint(held.dumps())
    offered = changed(LIAR.request(200, 200), old=200)
    refused(made, offered, witness.AnotherSize)
    (place,) = evidence(tmp_path)
    assert (place / "held.note").read_text() == held.signed
    assert (place / "offered.note").read_text() == offered.signed
    assert "two roots" in (place / "reason.txt").read_text()
    refused(made, offered, witness.AnotherSize)
    assert evidence(tmp_path) == [place]
    made.add_checkpoint(LOG.request(200, 200).dumps())


def test_it_finds_a_fork_of_another_size(made: witness.Witness, tmp_path: Path) -> None:
    made.add_checkpoint(LOG.request(0, 200).dumps())
    offered = LIAR.request(200, 300)
    refused(made, offered, witness.NotConsistent)
    (place,) = evidence(tmp_path, "unproven")
    assert evidence(tmp_path) == []
    assert len((place / "proof.txt").read_text().split()) == len(offered.proof)
    made.add_checkpoint(LOG.request(200, 300).dumps())


def test_a_fork_before_its_eyes_opened_is_not_seen(made: witness.Witness) -> None:
    """What a witness cannot know: it believes the first history it is shown."""
    made.add_checkpoint(LIAR.request(0, 300).dumps())
    refused(made, LOG.request(0, 300), witness.AnotherSize)


@pytest.mark.parametrize("size", [1, 7, 200])
def test_a_wrong_proof_is_refused(made: witness.Witness, size: int) -> None:
    made.add_checkpoint(LOG.request(0, size).dumps())
    right = LOG.request(size, 300)
    for proof in (
        (),
        right.proof[:-1],
        right.proof[1:],
        (*right.proof, bytes(32)),
        right.proof[::-1],
        (bytes(32),) * len(right.proof),
    ):
        refused(made, changed(right, proof=proof), witness.NotConsistent)


@pytest.mark.parametrize("size", [0, 5])
def test_from_nothing_and_to_the_same_size_a_proof_is_empty(made: witness.Witness, size: int) -> None:
    refused(made, changed(LOG.request(0, size), proof=(bytes(32),)), witness.NotConsistent)
    made.add_checkpoint(LOG.request(0, 5).dumps())
    refused(made, changed(LOG.request(5, 5), proof=(bytes(32),)), witness.NotConsistent)


def test_the_empty_tree_has_one_root(made: witness.Witness) -> None:
    signed = note.sign(checkpoint.format(ORIGIN, 0, bytes(32)), LOG.signer)
    refused(made, witness.Request(0, (), signed), witness.NotConsistent)
    made.add_checkpoint(LOG.request(0, 0).dumps())


def test_it_believes_the_keys_of_its_list_only(made: witness.Witness) -> None:
    impostor = MadeLog(LOG.leaves, note.Signer(ORIGIN, made.cosigners[0]._private_key))  # type: ignore[arg-type]
    refused(made, impostor.request(0), witness.Untrusted)
    stranger = MadeLog(LOG.leaves, note.Signer("log.example/2", made.cosigners[0]._private_key))  # type: ignore[arg-type]
    refused(made, stranger.request(0), witness.UnknownLog)
    other_name = note.sign(checkpoint.format(ORIGIN, 1, bytes(32)), stranger.signer)
    refused(made, witness.Request(0, (), other_name), witness.Untrusted)
    request = LOG.request(0, 5)
    refused(made, changed(request, signed=LOG.checkpoint(6).replace("\n6\n", "\n5\n")), witness.Untrusted)
    made.add_checkpoint(changed(request, signed=note.cosign(request.signed, impostor.signer)).dumps())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 0",
        b"old 0\n\n",
        b"old 00\n\n" + LOG.checkpoint(5).encode(),
        b"old -1\n\n" + LOG.checkpoint(5).encode(),
        b"old\n\n" + LOG.checkpoint(5).encode(),
        b"OLD 0\n\n" + LOG.checkpoint(5).encode(),
        b"old 0\n" + LOG.checkpoint(5).encode(),
        b"old 0\nAAAA\n\n" + LOG.checkpoint(5).encode(),
        b"old 0\n \n\n" + LOG.checkpoint(5).encode(),
        b"old 0\n" + (b"A" * 43 + b"=\n") * 64 + b"\n" + LOG.checkpoint(5).encode(),
        b"old 0\n\n" + LOG.checkpoint(5).encode()[:-1],
        b"old 0\n\n" + LOG.checkpoint(5).encode() + b"\xff",
        b"old 0\n\n" + note.sign(f"{ORIGIN}\n05\n{'A' * 43}=\n", LOG.signer).encode(),
        b"old 0\n\n" + note.sign(f"{ORIGIN}\n5\n", LOG.signer).encode(),
        b"old 0\n\n" + note.sign(checkpoint.format(ORIGIN, 2**63, bytes(32)), LOG.signer).encode(),
    ],
)
def test_a_malformed_request_is_refused(made: witness.Witness, body: bytes) -> None:
    with pytest.raises((witness.BadRequest, witness.UnknownLog)) as caught:
        made.add_checkpoint(body)
    assert type(caught.value) is (witness.UnknownLog if body == b"old 0\n\n" else witness.BadRequest)


def test_requests_are_read_as_written() -> None:
    request = LOG.request(7, 300)
    assert witness.Request.loads(request.dumps()) == request


# -- what tlog-witness asks of the service, over HTTP ------------------------------------------------------------------


def test_the_service_speaks_the_protocol(running: RunningWitness) -> None:
    start = LOG.request(0, 10)
    first = post(running.url, start.dumps())
    assert (first.status, first.content_type) == (200, "text/plain; charset=utf-8")
    assert cosigned(start.signed, first.text, running.vkeys[0]).size == 10
    conflict = post(running.url, LOG.request(3, 20).dumps())
    assert (conflict.status, conflict.content_type, conflict.text) == (409, "text/x.tlog.size", "10\n")
    assert post(running.url, b"old 0\n\nunknown\n").status == 404
    assert post(running.url, b"nonsense").status == 400
    assert post(running.url, changed(LOG.request(10, 20), proof=()).dumps()).status == 422
    forged = LOG.checkpoint(20).replace("\n20\n", "\n21\n")
    assert post(running.url, witness.Request(10, (), forged).dumps()).status == 403
    assert post(running.url, changed(LIAR.request(10, 10), signed=LOG.checkpoint(9)).dumps()).status == 400
    assert post(running.url, b"x" * (witness.BODY_LIMIT_BYTES + 1)).status == 413
    assert post(running.url + "/other", b"").status == 404
    assert post(running.url, LOG.request(10, 20).dumps()).status == 200


def test_of_many_requests_at_once_one_moves_the_log(running: RunningWitness) -> None:
    """Each goes from 20 leaves to a size of its own; two histories differ in leaf 40."""
    requests = [(log if size > 20 else LOG).request(20, size) for size in range(21, 53) for log in (LOG, LIAR)]
    random.Random(4).shuffle(requests)  # noqa: S311  (not for cryptography)
    before = post(running.url, LOG.request(20, 20).dumps())
    assert before.status == 200
    gate = threading.Barrier(16)

    def ask(part: list[witness.Request]) -> list[tuple[int, str]]:
        gate.wait()
        return [(post(running.url, request.dumps()).status, request.signed) for request in part]

    with ThreadPoolExecutor(16) as pool:
        answers = [answer for part in pool.map(ask, [requests[n::16] for n in range(16)]) for answer in part]
    moved = [signed for status, signed in answers if status == 200]
    assert len(moved) == 1
    assert {status for status, _ in answers} <= {200, 409, 422}
    assert post(running.url, b"old 0\n\n" + moved[0].encode()).text == f"{moved[0].splitlines()[1]}\n"


def test_killed_at_any_moment_it_never_signs_two_forks(tmp_path: Path) -> None:
    """Clients of two histories keep asking while it is killed; all it ever signed lies on one of them."""
    signed: list[tuple[int, bytes]] = []
    honest, lying = MadeLog.of(120), MadeLog.of(120, changed=0)
    chance = random.Random(9)  # noqa: S311  (not for cryptography)

    def client(log: MadeLog, url: str, stop: threading.Event) -> None:
        held = 0
        while not stop.is_set():
            request = log.request(held, min(held + 1, 120))
            try:
                answer = post(url, request.dumps())
            except (OSError, HTTPException):  # killed before, or in the middle of, its answer
                return
            if answer.status == 200:
                tree = cosigned(request.signed, answer.text, vkey)
                signed.append((tree.size, tree.root))
                held = tree.size
            elif answer.status == 409:
                held = int(answer.text)

    for _ in range(10):
        with running_witness(tmp_path / "w", honest.signer.vkey) as one:
            vkey = one.vkeys[0]
            stop = threading.Event()
            threads = [threading.Thread(target=client, args=(log, one.url, stop)) for log in (honest, lying) * 2]
            for thread in threads:
                thread.start()
            before, patience = len(signed), time.monotonic() + 20
            while len(signed) == before and any(thread.is_alive() for thread in threads):
                assert time.monotonic() < patience, "the witness does not answer"
                time.sleep(0.01)
            time.sleep(chance.random() * 0.2)
            one.kill()
            stop.set()
            for thread in threads:
                thread.join()
    roots = [{size: merkle.root(log.hashes(size)) for size in range(121)} for log in (honest, lying)]
    assert len(signed) > 10
    assert any(all(history[size] == root for size, root in signed) for history in roots)


# -- the folder --------------------------------------------------------------------------------------------------------


def test_a_witness_is_made_once(tmp_path: Path) -> None:
    witness.prepare(tmp_path / "w", "witness.example/w1")
    with pytest.raises(witness.CannotWitness, match="made once"):
        witness.prepare(tmp_path / "w", "witness.example/w1")
    assert (tmp_path / "w" / "keys.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("lost", ["keys.json", "logs", "state.db"])
def test_it_does_not_start_without_all_of_its_folder(tmp_path: Path, lost: str) -> None:
    """Without its memory it would sign the first history it is shown, under a key that others trust for another."""
    witness.prepare(tmp_path / "w", "witness.example/w1")
    (tmp_path / "w" / lost).unlink()
    with pytest.raises(witness.CannotWitness):
        witness.Witness(tmp_path / "w")
    assert not (tmp_path / "w" / lost).exists()


def _empty_memory(folder: Path) -> None:
    (folder / "state.db").write_bytes(b"")


def _no_keys(folder: Path) -> None:
    (folder / "keys.json").write_text('{"name": "w", "keys": []}')


def _other_keys(folder: Path) -> None:
    (folder / "keys.json").write_text('{"name": "w", "keys": [{"kind": "rsa", "seed": ""}]}')


def _bad_list(folder: Path) -> None:
    (folder / "logs").write_text("logs/v1\n")


@pytest.mark.parametrize("spoil", [_empty_memory, _no_keys, _other_keys, _bad_list])
def test_it_does_not_start_on_a_spoilt_folder(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    witness.prepare(tmp_path / "w", "witness.example/w1")
    spoil(tmp_path / "w")
    with pytest.raises(witness.CannotWitness):
        witness.Witness(tmp_path / "w")


def test_the_memory_itself_goes_forward_only(made: witness.Witness, tmp_path: Path) -> None:
    made.add_checkpoint(LOG.request(0, 5).dumps())
    with sqlite3.connect(tmp_path / "w" / "state.db") as state:
        row = {"origin": ORIGIN, "size": 4, "root": bytes(32), "note": "", "now": 0}
        assert state.execute(witness._MOVE, row).rowcount == 0


def test_lists_of_logs() -> None:
    second = note.Cosigner(ORIGIN, MLDSA44PrivateKey.from_seed_bytes(bytes(32)), lambda: 0).vkey
    vkey = LOG.signer.vkey
    text = f"# a list\nlogs/v0\n\nvkey {vkey}\nqpd 24\nvkey {vkey}\norigin other.example\nvkey {second}\ncontact x\n"
    assert loglist.parse(text) == {ORIGIN: (vkey, second), "other.example": (vkey,)}
    assert loglist.parse(loglist.dumps([vkey])) == {ORIGIN: (vkey,)}
    for malformed in ("", "# logs/v0\n", f"vkey {vkey}\n", f"logs/v0\norigin x\nvkey {vkey}\n", "logs/v0\nvkey x\n"):
        with pytest.raises(loglist.InvalidList):
            loglist.parse(malformed)
    with pytest.raises(loglist.InvalidList, match="line 2: a log signs"):
        loglist.parse(f"logs/v0\nvkey {note.Cosigner('w', LOG.signer._private_key).vkey}\n")


def test_the_command_prepares_and_shows(tmp_path: Path) -> None:
    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "command", "witness", *words]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    folder = str(tmp_path / "w")
    made = run("init", folder, "--name", "witness.example/w1", "--log", LOG.signer.vkey)
    assert made.returncode == 0
    assert made.stdout == (tmp_path / "w" / "vkey").read_text()
    assert run("show", folder).stdout.splitlines() == [
        f"key {made.stdout.strip()}",
        f"log {ORIGIN} size 0 root {merkle.EMPTY_ROOT.hex()}",
    ]
    own = witness.Witness(tmp_path / "w")
    own.add_checkpoint(LOG.request(0, 50).dumps())
    with pytest.raises(witness.NotConsistent):
        own.add_checkpoint(LIAR.request(50).dumps())
    shown = run("show", folder)
    assert (shown.returncode, shown.stdout.splitlines()[2:]) == (0, [f"unproven {own.unproven()[0]}"])
    with pytest.raises(witness.AnotherSize):
        own.add_checkpoint(LIAR.request(50, 50).dumps())
    shown = run("show", folder)
    assert (shown.returncode, shown.stdout.splitlines()[2]) == (1, f"evidence {own.evidence()[0]}")
    again = run("init", folder, "--name", "witness.example/w1")
    assert (again.returncode, "made once" in again.stderr) == (2, True)
    for words in (["init", f"{folder}2", "--name", "a b"], ["init", f"{folder}3", "--name", "w", "--log", "x"]):
        assert run(*words).returncode == 2
    shutil.rmtree(folder)
    assert run("run", folder).returncode == 2


def test_it_needs_neither_database_nor_flask() -> None:
    program = "import sys, exchange.web.witness\nprint(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, env=os.environ
    )
    assert not {"flask", "sqlalchemy", "psycopg", "marshmallow", "requests"} & set(done.stdout.split())
