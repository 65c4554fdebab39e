"""A monitor follows a log over HTTP and finds whatever does not continue what it was shown."""

import http.server
import json
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from witnessed import ORIGIN, ROOT, MadeLog, post, running_witness, served

from exchange.journal import checkpoint, merkle, monitor, note
from exchange.journal.encoding import decode_hash

HONEST = MadeLog.of(700)
LIAR = MadeLog.of(700, changed=40)
VKEY = HONEST.signer.vkey
TOKEN = "a-token-of-a-regulator"


def grown(log: MadeLog, size: int) -> MadeLog:
    return MadeLog(log.leaves[:size], log.signer)


@dataclass
class Asked:
    """A site in front of another one: what it was asked for."""

    url: str
    paths: list[str]


@contextmanager
def listening(behind: str) -> Iterator[Asked]:
    asked = Asked("", [])

    class Front(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.paths.append(self.path)
            with urllib.request.urlopen(behind + self.path, timeout=10) as answer:  # noqa: S310  (loopback)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(answer.read())

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Front) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        asked.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield asked
        server.shutdown()
        thread.join()


class Followed:
    """A log's site and a monitor's folder."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.site = folder / "site"
        self.state = folder / "state"
        self.site.mkdir()
        self._capsys = capsys

    def show(self, log: MadeLog, size: int) -> None:
        shutil.rmtree(self.site)
        grown(log, size).export(self.site)

    def look(self, *words: str, vkey: str = VKEY, token: str = "") -> tuple[int, str, str]:
        with served(self.site, token=token) as url:
            status = monitor.main([url, "--key", vkey, "--state", str(self.state), "--once", *words])
        captured = self._capsys.readouterr()
        return status, captured.out, captured.err

    def evidence(self) -> list[Path]:
        folder = self.state / "evidence"
        return sorted(folder.iterdir()) if folder.exists() else []


@pytest.fixture
def followed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Followed:
    return Followed(tmp_path, capsys)


def test_it_follows_growth(followed: Followed) -> None:
    last = 0
    for size in (1, 2, 255, 256, 257, 257, 600, 700):
        followed.show(HONEST, size)
        status, out, _ = followed.look()
        assert status == 0
        assert out.startswith(f"size {size} (+{size - last}), root {merkle.root(HONEST.hashes(size)).hex()}, {size} ")
        assert (followed.state / "checkpoint").read_text() == HONEST.checkpoint(size)
        last = size
    assert followed.evidence() == []


def test_it_starts_with_the_empty_log(followed: Followed) -> None:
    for size in (0, 0, 3):
        followed.show(HONEST, size)
        assert followed.look()[0] == 0


@pytest.mark.parametrize(("before", "after"), [(300, 700), (300, 301), (41, 42), (256, 512), (1, 600), (300, 300)])
def test_it_finds_a_fork(followed: Followed, before: int, after: int) -> None:
    """Two logs with one key: the second differs in leaf 40 (in leaf 0 where the first is shorter)."""
    liar = LIAR if before > 40 else MadeLog.of(700, changed=0)
    followed.show(HONEST, before)
    assert followed.look()[0] == 0
    followed.show(liar, after)
    status, out, err = followed.look()
    assert (status, out) == (1, "")
    assert "CONTRADICTS" in err
    (place,) = followed.evidence()
    held, offered = ((place / name).read_text() for name in ("held.note", "offered.note"))
    assert (held, offered) == (HONEST.checkpoint(before), liar.checkpoint(after))
    old, new = (checkpoint.parse(note.open(text, [VKEY])) for text in (held, offered))
    proof = [decode_hash(line) for line in (place / "proof.txt").read_text().split()]
    with pytest.raises(merkle.InvalidProof):
        merkle.verify_consistency(old.size, new.size, proof, old.root, new.root)
    assert (followed.state / "checkpoint").read_text() == held
    assert followed.look()[0] == 1
    followed.show(HONEST, 700)
    assert followed.look()[0] == 0


def test_it_finds_a_log_that_went_back(followed: Followed) -> None:
    followed.show(HONEST, 300)
    followed.look()
    followed.show(HONEST, 200)
    status, _, err = followed.look()
    assert (status, "it had 300" in err) == (1, True)
    assert len(followed.evidence()) == 1


def _other_leaf(site: Path) -> None:
    change(site / "tile/0/001", 32 * 7)


def _other_partial(site: Path) -> None:
    change(site / "tile/0/002.p/188", 32 * 187)


def _other_upper(site: Path) -> None:
    change(site / "tile/1/000.p/2", 40)


def _short(site: Path) -> None:
    (site / "tile/0/001").write_bytes(b"short")


def _other_entry(site: Path) -> None:
    change(site / "tile/entries/001", 3)


def _cut_bundle(site: Path) -> None:
    place = site / "tile/entries/002.p/188"
    place.write_bytes(place.read_bytes()[:-1])


def change(place: Path, at: int) -> None:
    data = bytearray(place.read_bytes())
    data[at] ^= 1
    place.write_bytes(data)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_other_leaf, "not the one whose hash"),
        (_other_partial, "not the one whose hash"),
        (_other_upper, "tile/1/000.p/2 is not made"),
        (_short, "has 5 bytes"),
        (_other_entry, "entry 256"),
        (_cut_bundle, "bundle 2"),
    ],
)
def test_it_finds_files_that_do_not_fit(followed: Followed, spoil: Callable[[Path], None], said: str) -> None:
    followed.show(HONEST, 700)
    spoil(followed.site)
    status, _, err = followed.look()
    assert (status, said in err) == (1, True), err
    (place,) = followed.evidence()
    assert (place / "offered.note").read_text() == HONEST.checkpoint()
    assert not (followed.state / "checkpoint").exists()


@pytest.mark.parametrize("spoil", [_other_leaf, _other_partial, _other_upper])
def test_tiles_alone_must_make_the_signed_root(followed: Followed, spoil: Callable[[Path], None]) -> None:
    followed.show(HONEST, 700)
    spoil(followed.site)
    shutil.rmtree(followed.site / "tile/entries")
    status, _, err = followed.look()
    assert (status, "made of" in err or "do not make the signed root" in err) == (1, True)


def test_partial_tiles_may_be_gone_once_they_are_full(followed: Followed) -> None:
    followed.show(HONEST, 300)
    followed.look()
    followed.show(HONEST, 700)
    assert not (followed.site / "tile/0/001.p").exists()
    assert followed.look()[0] == 0


def test_entries_are_read_by_whoever_may(followed: Followed, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    followed.show(HONEST, 300)
    assert "0 entries read" in followed.look(token=TOKEN)[1]
    followed.show(HONEST, 600)
    assert "600 entries read" in followed.look("--token-file", str(tmp_path / "token"), token=TOKEN)[1]
    followed.show(HONEST, 700)
    assert "600 entries read" in followed.look(token=TOKEN)[1]
    change(followed.site / "tile/entries/000", 50)
    status, _, err = followed.look("--token-file", str(tmp_path / "token"), token=TOKEN)
    assert (status, "entry " in err) == (1, True)
    assert (followed.evidence()[0] / "served.bin").read_bytes() == (followed.site / "tile/entries/000").read_bytes()


def test_entries_are_read_once_and_for_a_purpose(followed: Followed) -> None:
    """Over there every reading may be recorded."""
    for size, bundles in ((300, ["000", "001.p/44"]), (300, []), (513, ["001", "002.p/1"])):
        followed.show(HONEST, size)
        with served(followed.site) as url, listening(url) as asked:
            words = [url, "--key", VKEY, "--state", str(followed.state), "--once", "--entries", asked.url]
            assert monitor.main([*words, "--purpose", "monthly check"]) == 0
        assert sorted(asked.paths) == [f"/tile/entries/{bundle}?purpose=monthly+check" for bundle in bundles]


def test_entries_may_stand_elsewhere(followed: Followed, tmp_path: Path) -> None:
    followed.show(HONEST, 300)
    shutil.move(followed.site / "tile/entries", tmp_path / "elsewhere/tile/entries")
    with served(tmp_path / "elsewhere") as url:
        assert "300 entries read" in followed.look("--entries", f"{url}/")[1]


def test_a_checkpoint_by_another_key_is_found(followed: Followed) -> None:
    thief = MadeLog(HONEST.leaves, note.Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"t" * 32)))
    followed.show(HONEST, 300)
    followed.look()
    followed.show(thief, 700)
    status, _, err = followed.look()
    assert (status, "no known key" in err) == (1, True)
    assert len(followed.evidence()) == 1


def test_another_logs_checkpoint_is_found(followed: Followed) -> None:
    other = MadeLog(HONEST.leaves, note.Signer("log.example/2", Ed25519PrivateKey.from_private_bytes(b"t" * 32)))
    followed.show(HONEST, 300)
    followed.look()
    followed.show(other, 700)
    status, _, err = followed.look("--key", other.signer.vkey)
    assert (status, "another log's" in err) == (1, True)


def test_cosignatures_are_counted_and_asked_for(followed: Followed, tmp_path: Path) -> None:
    first, second = (note.Cosigner(f"witness.example/{n}", Ed25519PrivateKey.generate()) for n in (1, 2))
    policy = tmp_path / "policy"
    policy.write_text(f"witness W1 {first.vkey}\nwitness W2 {second.vkey}\ngroup both all W1 W2\nquorum both\n")
    by_policy = ("--policy", str(policy))
    followed.show(HONEST, 300)
    status, _, err = followed.look(*by_policy)
    assert (status, "0 of 2" in err) == (1, True)
    assert "0 of 1 witnesses" in followed.look("--witness", first.vkey)[1]
    (followed.site / "checkpoint").write_text(note.cosign(HONEST.checkpoint(300), first, second))
    assert "2 of 2 witnesses" in followed.look(*by_policy)[1]

    # The newest checkpoint has one cosignature; an older one, which the log shows apart, has both.
    HONEST.export(followed.site)
    (followed.site / "checkpoint").write_text(note.cosign(HONEST.checkpoint(), second))
    assert followed.look(*by_policy)[0] == 1
    (followed.site / "witnessed").write_text(note.cosign(HONEST.checkpoint(600), first, second))
    assert "2 of 2 witnesses" in followed.look(*by_policy)[1]
    (followed.site / "witnessed").write_text(note.cosign(HONEST.checkpoint(600), first))
    assert followed.look(*by_policy)[0] == 1
    assert followed.evidence() == []

    # What the witnesses cosigned is not what everybody else is shown.
    shown_to_witnesses = note.cosign(LIAR.checkpoint(600), first, second)
    (followed.site / "witnessed").write_text(shown_to_witnesses)
    assert followed.look(*by_policy)[0] == 1
    (place,) = followed.evidence()
    assert (place / "held.note").read_text() == shown_to_witnesses
    stolen = note.verified(shown_to_witnesses, [first.vkey])
    (followed.site / "checkpoint").write_text(note.add(HONEST.checkpoint(), stolen))
    status, _, err = followed.look(*by_policy)
    assert (status, "cosignature does not hold" in err) == (1, True)


def test_what_cannot_be_read(followed: Followed, tmp_path: Path) -> None:
    status, _, err = followed.look()
    assert (status, "no such file" in err) == (2, True)
    followed.show(HONEST, 300)
    (followed.site / "tile/0/000").unlink()
    assert followed.look()[0] == 2
    state = ["--state", str(followed.state)]
    assert monitor.main(["http://127.0.0.1:9", "--key", VKEY, "--once", *state]) == 2
    assert monitor.main(["ftp://127.0.0.1", "--key", VKEY, "--once", *state]) == 2
    for words in ([], ["--key", "nonsense"], ["--key", VKEY, "--policy", str(tmp_path / "absent")]):
        assert monitor.main(["http://127.0.0.1:9", "--once", *state, *words]) == 2
    assert not (followed.state / "checkpoint").exists()


def test_it_does_not_go_on_from_a_spoilt_memory(followed: Followed) -> None:
    followed.show(HONEST, 300)
    followed.look()
    (followed.state / "checkpoint").write_text(HONEST.checkpoint(200).replace("200", "201"))
    assert followed.look()[0] == 2


def test_a_token_goes_where_it_is_sent_only(followed: Followed, tmp_path: Path) -> None:
    """A site that redirects gets no second request, so the token is nobody else's."""
    asked: list[str] = []

    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_address[1]}/stolen")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    (tmp_path / "token").write_text(TOKEN)
    followed.show(HONEST, 3)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        status = followed.look("--entries", url, "--token-file", str(tmp_path / "token"))[0]
        server.shutdown()
        thread.join()
    assert (status, asked) == (2, ["/tile/entries/000.p/3"])


def test_as_a_process_it_goes_on_until_it_finds_something(tmp_path: Path) -> None:
    """Monitor and witness, each by itself, find the two histories that one key signed."""
    site, state = tmp_path / "site", tmp_path / "state"
    grown(HONEST, 300).export(site)
    with running_witness(tmp_path / "w", VKEY) as witness, served(site) as url:
        assert post(witness.url, HONEST.request(0, 300).dumps()).status == 200
        command = [sys.executable, "-m", "command", "monitor", url, "--key", VKEY, "--state", str(state)]
        process = subprocess.Popen(
            [*command, "--every", "0.1"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        while process.poll() is None and not (state / "hashed").exists():
            time.sleep(0.05)
        next_site = tmp_path / "next"
        LIAR.export(next_site)
        for place in next_site.rglob("*"):
            if place.is_file() and place.name != "checkpoint":
                target = site / place.relative_to(next_site)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(place, target)
        shutil.copy(next_site / "checkpoint", site / "aside")
        (site / "aside").replace(site / "checkpoint")
        out, err = process.communicate(timeout=20)
        assert post(witness.url, LIAR.request(300).dumps()).status == 422
    assert process.returncode == 1
    assert "size 300 (+300)" in out
    assert "CONTRADICTS" in err
    for folder in (state / "evidence", tmp_path / "w" / "unproven"):
        (place,) = folder.iterdir()
        assert (place / "offered.note").read_text() == LIAR.checkpoint()


def test_only_the_standard_library_and_cryptography_are_needed() -> None:
    program = (
        "import json, sys; before = set(sys.modules)\n"
        "import exchange.journal.monitor\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(json.dumps(sorted(new - sys.stdlib_module_names)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(json.loads(done.stdout)) <= {"exchange", "cryptography", "_cffi_backend", "_openssl"}
