"""The exchange asks witnesses that run as processes of their own, and publishes what they sign."""

import dataclasses
import http.server
import io
import logging
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from conftest import Database
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from opened import OFFICER, Site, opened
from werkzeug.serving import make_server
from witnessed import RunningWitness, running_witness

import wsgi
from exchange import attest, witnesses
from exchange.actors import Actor
from exchange.config import Config, ConfigError
from exchange.db import read, transaction
from exchange.journal import checkpoint, monitor, note, proofs, published, queries, verify, witness
from exchange.journal.models import JournalCheckpoint
from exchange.journal.policy import Policy
from exchange.journal.trust import Trust
from exchange.oversight import inspection, projection, scopes
from exchange.witnesses import Collector

LATE = timedelta(minutes=10)
#: How long a slow machine may take for what happens in the background.
PATIENCE_SECONDS = 60.0


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with opened(database, tmp_path / "home") as one:
        yield one


@pytest.fixture
def running(site: Site, tmp_path: Path) -> Iterator[RunningWitness]:
    with running_witness(tmp_path / "w", attest.vkey()) as one:
        yield one


def policy_text(running: RunningWitness, *more: str) -> str:
    lines = [f"log {attest.vkey()}", f"witness W1 {running.vkeys[0]} {running.url}/", *more]
    return "".join(f"{line}\n" for line in (*lines, *([] if more else ["quorum W1"])))


@pytest.fixture
def collector(running: RunningWitness) -> Iterator[Collector]:
    one = Collector(Policy.parse(policy_text(running)), LATE)
    yield one
    one.close()


def grow(site: Site, count: int = 3) -> None:
    site.record(count)
    site.seal()


def cosigners(site: Site, path: str = "/log/checkpoint") -> tuple[int, int]:
    """Size of the served checkpoint, and how many lines follow the log's own."""
    opened_note = note.open(site.client().get(path).text, [attest.vkey()])
    return checkpoint.parse(opened_note).size, len(opened_note.unverified)


def row(name: str = "W1") -> tuple[int, str | None, str | None]:
    with read() as session:
        return next((one.size, one.problem, one.alarm) for one in published.standings(session) if one.name == name)


def shift(database: Database, table: str, statement: str) -> None:
    """Change what the application never changes, as the tables' owner."""
    with psycopg.connect(database.conninfo("owner"), autocommit=True) as owner:
        owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        owner.execute(statement)
        owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


@pytest.mark.rule("R-02")
def test_the_newest_checkpoint_is_cosigned_and_served(
    site: Site, collector: Collector, running: RunningWitness
) -> None:
    collector.collect()  # nothing to ask about yet
    grow(site)
    assert cosigners(site) == (3, 0)
    assert site.client().get("/log/witnessed").status_code == 404
    etag = site.client().get("/log/checkpoint").headers["ETag"]
    for size in (3, 6, 9):
        collector.collect()
        assert cosigners(site) == cosigners(site, "/log/witnessed") == (size, 1)
        assert row() == (size, None, None)
        grow(site)
    assert cosigners(site) == (12, 0)
    assert cosigners(site, "/log/witnessed") == (9, 1)
    served = site.client().get("/log/checkpoint", headers={"If-None-Match": etag})
    assert served.status_code == 200
    found = Policy.parse(policy_text(running)).require(site.client().get("/log/witnessed").text)
    assert (found.checkpoint.size, found.cosigners) == (9, {"W1"})


def test_what_is_proven_is_proven_to_a_cosigned_checkpoint(site: Site, collector: Collector) -> None:
    grow(site)
    collector.collect()
    grow(site)
    with read() as session:
        assert [(one.size, len(one.cosigners)) for one in (published.covering(session, n) for n in (1, 3, 4, 6))] == [
            (3, 1),
            (3, 1),
            (6, 0),
            (6, 0),
        ]


def test_bags_and_proofs_carry_the_cosignatures(site: Site, collector: Collector, running: RunningWitness) -> None:
    """The newest checkpoint is not cosigned yet; what is told already is proven to the one that is."""
    administrator = Actor("per_admin", "org_operator", frozenset({"administrator"}))
    scopes.grant_scope(administrator, "org_organ", authority="data", kind="all", value="", basis="DRAFT 32")
    with transaction(administrator) as tx:
        tx.record("ord_x", "subject.seen", by="administrator")
    grow(site)
    while projection.follow():
        pass
    collector.collect()
    grow(site)
    with inspection.bag(OFFICER, "ord_x", purpose="a test") as file:
        trust = Trust((), policy=Policy.parse(policy_text(running)))
        result = verify.verify(io.BytesIO(file.read()), trust)
    assert (result.findings, result.summary.cosigned_by) == ((), ("W1",))
    with read() as session:
        told = queries.story(session, "ord_x")[0]
        proof = checkpoint.parse_proof(proofs.of_entry(session, told.id).text)
    assert trust.cosigners(proof.checkpoint) == ("W1",)


def test_witnesses_are_asked_for_the_same_checkpoint(site: Site, running: RunningWitness, tmp_path: Path) -> None:
    with running_witness(tmp_path / "w2", attest.vkey(), kinds=["ml-dsa-44"]) as second:
        policy = policy_text(
            running,
            f"witness W2 {second.vkeys[0]} {second.url}",
            f"witness gone {note.Cosigner('gone', Ed25519PrivateKey.generate()).vkey} http://127.0.0.1:9",
            "group two 2 W1 W2 gone",
            "quorum two",
        )
        collector = Collector(Policy.parse(policy), LATE)
        grow(site)
        collector.collect()
        assert cosigners(site, "/log/witnessed") == (3, 2)
        assert row("gone") == (0, "unreachable", None)
        assert row("W2") == (3, None, None)
        second.kill()
        grow(site)
        collector.collect()
        collector.close()
    assert cosigners(site) == (6, 1)
    assert cosigners(site, "/log/witnessed") == (3, 2)


def test_a_witness_that_was_asked_by_others_is_met_where_it_stands(
    site: Site, collector: Collector, running: RunningWitness
) -> None:
    """Its memory is ahead of what the exchange remembers of it: it says its size, and is asked from there."""
    grow(site)
    collector.collect()
    other = Collector(Policy.parse(policy_text(running)), LATE)
    grow(site)
    with psycopg.connect(site.database.conninfo("owner"), autocommit=True) as owner:
        owner.execute("UPDATE journal_witness SET size = 0")
    other.collect()
    assert row() == (6, None, None)
    other.close()


def test_a_late_witness_raises_an_alarm_and_clears_it(
    site: Site, running: RunningWitness, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    collector = Collector(Policy.parse(policy_text(running)), LATE)
    grow(site)
    collector.collect()
    running.kill()
    grow(site)
    collector.collect()
    assert row() == (3, "unreachable", None)
    shift(
        site.database,
        "journal_checkpoint",
        "UPDATE journal_checkpoint SET signed_at = signed_at - interval '11 minutes'",
    )
    with caplog.at_level(logging.WARNING, logger="exchange.witnesses"):
        collector.collect()
        collector.collect()
        assert row() == (3, "unreachable", "late")
        assert [line.getMessage() for line in caplog.records] == [
            "ALARM witness W1: late (cosigned up to 3; unreachable)"
        ]
        collector.close()
        with running_witness(running.folder) as again:
            collector = Collector(Policy.parse(policy_text(again)), LATE)
            collector.collect()
            collector.close()
    assert row() == (6, None, None)
    assert caplog.records[-1].getMessage() == "witness W1 is back: it cosigned size 6"


ROLL_BACK = (
    ("journal_checkpoint", "DELETE FROM journal_checkpoint WHERE size > 3"),
    ("journal_leaf", "DELETE FROM journal_leaf WHERE index >= 3"),
    ("journal_tile", "UPDATE journal_tile SET hashes = substring(hashes FOR 96)"),
    ("journal_witness", "UPDATE journal_witness SET size = 3"),
)


def disagreements() -> list[tuple[str, str, int]]:
    with read() as session:
        return [(one.witness, one.kind, one.held_size) for one in published.disagreements(session)]


def test_a_log_that_was_rolled_back_is_found_out(
    site: Site, collector: Collector, running: RunningWitness, caplog: pytest.LogCaptureFixture
) -> None:
    """The tables' owner takes leaves away and lets the log grow again: first too short, then another history."""
    for _ in range(2):
        grow(site)
        collector.collect()
    for table, statement in ROLL_BACK:
        shift(site.database, table, statement)
    shift(site.database, "journal_cosignature", "DELETE FROM journal_cosignature WHERE size > 3")
    grow(site, 1)
    collector.collect()
    assert disagreements() == [("W1", "rollback", 6)]
    assert row() == (3, "ahead", "disagrees")
    grow(site, 4)
    again = Collector(Policy.parse(policy_text(running)), LATE)
    with caplog.at_level(logging.ERROR, logger="exchange.witnesses"):
        again.collect()
    again.close()
    assert disagreements() == [("W1", "fork", 6), ("W1", "rollback", 6)]
    assert any("holds another history" in line.getMessage() for line in caplog.records)
    assert cosigners(site) == (8, 0)
    with read() as session:
        kept = published.disagreements(session)[0]
        newest = session.get_one(JournalCheckpoint, 8).note
    sent = witness.Request.loads(kept.request)
    assert (sent.old, sent.signed) == (6, newest)
    assert kept.answer.startswith("422 ")


def test_two_histories_of_one_size(site: Site, collector: Collector, running: RunningWitness) -> None:
    for _ in range(2):
        grow(site)
        collector.collect()
    for table, statement in ROLL_BACK:
        shift(site.database, table, statement)
    shift(site.database, "journal_quorum", "DELETE FROM journal_quorum WHERE size > 3")
    shift(site.database, "journal_cosignature", "DELETE FROM journal_cosignature WHERE size > 3")
    grow(site, 3)
    collector.collect()
    assert disagreements() == [("W1", "fork", 6)]
    assert cosigners(site) == (6, 0)


ANSWERS = (
    (b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", "status_500"),
    (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n", "status_302"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc\n", "bad_cosignature"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "bad_cosignature"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" + b"a" * 99999, "unreachable"),
    (b"HTTP/1.1 409 Conflict\r\nContent-Type: text/x.tlog.size\r\nContent-Length: 3\r\n\r\n-1\n", "malformed_answer"),
    (b"HTTP/1.1 409 Conflict\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n1\n", "status_409"),
    (b"HTTP/1.1 422 No\r\nContent-Length: 0\r\n\r\n", "contradicts"),
    (b"not HTTP\r\n\r\n", "unreachable"),
    (b"", "unreachable"),
)


def test_a_witness_may_answer_anything(site: Site, answering: Callable[[bytes], str]) -> None:
    other = note.Cosigner("witness.example/w1", Ed25519PrivateKey.generate())
    grow(site)
    for answer, problem in ANSWERS:
        collector = Collector(Policy.parse(f"witness W1 {other.vkey} {answering(answer)}\nquorum W1\n"), LATE)
        collector.collect()
        collector.close()
        assert row()[:2] == (0, problem), answer
        assert cosigners(site) == (3, 0)
    assert disagreements() == []


def test_what_fails_for_one_witness_fails_for_it_alone(
    site: Site, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """No proof can be made from tiles that somebody damaged: the witness is asked again later, and the alarm comes."""
    grow(site)
    collector.collect()
    grow(site)
    shift(site.database, "journal_tile", "DELETE FROM journal_tile")
    with caplog.at_level(logging.ERROR, logger="exchange.witnesses"):
        collector.collect()
    assert row() == (3, "failed", None)
    assert "could not be asked" in caplog.text


def test_a_line_that_cosigns_something_else_is_not_taken(site: Site, answering: Callable[[bytes], str]) -> None:
    """Neither a cosignature of another text, nor one that smuggles a text of its own in front of itself."""
    other = note.Cosigner("witness.example/w1", Ed25519PrivateKey.generate())
    grow(site)
    signed = site.client().get("/log/checkpoint").text
    for text in ("another\n", signed + "smuggled\n"):
        body = (text.removeprefix(signed).removeprefix("another\n") and "smuggled\n\n") + note.lines([other.sign(text)])
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body.encode()), body.encode())
        collector = Collector(Policy.parse(f"witness W1 {other.vkey} {answering(answer)}\nquorum W1\n"), LATE)
        collector.collect()
        collector.close()
        assert row()[1] == "bad_cosignature"
    assert cosigners(site) == (3, 0)


def test_the_round_asks_in_the_background_and_keeps_nobody_waiting(site: Site) -> None:
    other = note.Cosigner("witness.example/w1", Ed25519PrivateKey.generate())
    grow(site)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        collector = Collector(Policy.parse(f"witness W1 {other.vkey} {url}\nquorum W1\n"), LATE)
        for _ in range(5):
            assert collector() is False  # although nobody has answered, and nobody will before the next line
        silent.accept()[0].close()
    collector.close()
    assert row()[1] == "unreachable"


def test_a_witness_that_answers_in_drops_holds_up_no_other(
    site: Site, running: RunningWitness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its line counts for the checkpoint it was asked for, when it comes at last."""
    monkeypatch.setattr(witnesses, "PATIENCE_SECONDS", 0.3)
    other = note.Cosigner("witness.example/slow", Ed25519PrivateKey.generate())
    with slow_witness(other) as (url, go_on):
        policy = policy_text(running, f"witness slow {other.vkey} {url}", "group two all W1 slow", "quorum two")
        collector = Collector(Policy.parse(policy), LATE)
        grow(site)
        collect_until(collector, lambda: row() == (3, None, None))
        assert row("slow") == (0, "slow", None)
        grow(site)
        collect_until(collector, lambda: row() == (6, None, None))
        go_on.set()
        collect_until(collector, lambda: row("slow")[0] == 3)
    collector.close()
    assert cosigners(site, "/log/witnessed") == (3, 2)
    assert cosigners(site) == (6, 1)


def collect_until(collector: Collector, done: Callable[[], bool]) -> None:
    """Ask in rounds: on a slow machine even a quick witness may miss one."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    collector.collect()
    while not done():
        assert time.monotonic() < deadline
        collector.collect()


@contextmanager
def slow_witness(cosigner: note.Cosigner) -> Iterator[tuple[str, threading.Event]]:
    """A witness that waits for an event before it says the last byte."""
    go_on = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            signed = witness.Request.loads(body).signed
            lines = note.lines([cosigner.sign(note.text_of(signed))]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(lines)))
            self.end_headers()
            self.wfile.write(lines[:-1])
            go_on.wait(PATIENCE_SECONDS)
            self.wfile.write(lines[-1:])

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", go_on
        server.shutdown()
        thread.join()


def test_the_worker_of_the_house_asks(site: Site, running: RunningWitness, tmp_path: Path) -> None:
    (tmp_path / "policy").write_text(policy_text(running))
    grow(site)
    made = witnesses.open_collector(tmp_path / "policy", LATE, attest.vkey())
    deadline = time.monotonic() + PATIENCE_SECONDS
    while cosigners(site) != (3, 1) and time.monotonic() < deadline:
        made()
        time.sleep(0.02)
    made.close()
    assert cosigners(site) == (3, 1)


@contextmanager
def over_http(site: Site) -> Iterator[str]:
    """The exchange on loopback; the address of its log."""
    server = make_server("127.0.0.1", 0, site.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/log"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_monitor_follows_the_exchange_and_finds_its_fork(
    site: Site,
    collector: Collector,
    running: RunningWitness,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "policy").write_text(policy_text(running))
    words = ["--policy", str(tmp_path / "policy"), "--state", str(tmp_path / "state"), "--once"]
    with over_http(site) as url:
        grow(site, 300)
        assert monitor.main([url, *words]) == 1
        assert "no quorum" in capsys.readouterr().err
        collector.collect()
        assert monitor.main([url, *words]) == 0
        assert "size 300 (+300)" in capsys.readouterr().out
        grow(site, 10)  # not cosigned yet: the quorum stands at an older checkpoint, which leads to this one
        assert monitor.main([url, *words]) == 0
        assert "1 of 1 witnesses" in capsys.readouterr().out
        shift(
            site.database,
            "journal_tile",
            "UPDATE journal_tile SET hashes = set_byte(hashes, 40, 255 - get_byte(hashes, 40)) WHERE level = 0",
        )
        assert monitor.main([url, *words]) == 1
    assert "310 leaves do not continue 300" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("quorum w", "line 1"),
        ("witness w {w}\nquorum w", "no URL"),
        ("log {other}\nquorum none", "no log line"),
        (None, "No such file"),
    ],
)
def test_the_worker_does_not_start_on_a_wrong_policy(tmp_path: Path, text: str | None, why: str) -> None:
    if text is not None:
        cosigner = note.Cosigner("w", Ed25519PrivateKey.generate()).vkey
        other = note.Signer("other.example", Ed25519PrivateKey.generate()).vkey
        (tmp_path / "policy").write_text(text.format(w=cosigner, other=other))
    with pytest.raises(ConfigError, match=why):
        witnesses.open_collector(tmp_path / "policy", LATE, note.Signer("own", Ed25519PrivateKey.generate()).vkey)


def test_the_settings_name_the_policy(tmp_path: Path) -> None:
    environ = {"DATABOURSE_MODE": "development", "DATABOURSE_HOME": str(tmp_path)}
    assert Config.load(environ).witnesses is None
    environ |= {"DATABOURSE_WITNESSES": "/etc/databourse/witnesses", "DATABOURSE_WITNESS_LATE_MINUTES": "3"}
    config = Config.load(environ)
    assert (config.witnesses, config.witness_late_minutes) == (Path("/etc/databourse/witnesses"), 3)


def test_the_application_cannot_unsay_what_witnesses_said(site: Site, collector: Collector) -> None:
    grow(site)
    collector.collect()
    for statement in ("DELETE FROM {}", "UPDATE {} SET size = size", "TRUNCATE {}"):
        for table in ("journal_cosignature", "journal_quorum"):
            with psycopg.connect(site.database.conninfo("app")) as raw, pytest.raises(psycopg.Error):
                raw.execute(statement.format(table))


@pytest.fixture
def answering() -> Iterator[Callable[[bytes], str]]:
    """Servers that answer every request with the same bytes."""
    servers: list[socketserver.ThreadingTCPServer] = []

    def start(answer: bytes) -> str:
        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                length = 0
                while (line := self.rfile.readline()).strip():
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                self.rfile.read(length)
                self.wfile.write(answer)

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_the_roof_gives_the_worker_its_collector(site: Site, running: RunningWitness, tmp_path: Path) -> None:
    (tmp_path / "policy").write_text(policy_text(running))
    config = dataclasses.replace(site.house.config, witnesses=tmp_path / "policy")
    rounds = wsgi.worker(dataclasses.replace(site.house, config=config)).rounds
    assert [one for one in rounds if isinstance(one, Collector)]
