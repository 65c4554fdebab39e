"""Collecting cosignatures: the worker asks the witnesses of the policy to cosign the newest checkpoint.

All witnesses are asked for the same checkpoint, so that their lines come together under one. Asking happens in threads
of its own and outside any transaction, so a witness who does not answer keeps nobody waiting. What contradicts the
database is kept; whoever is late or disagrees raises an alarm: a line in the process's log, and a row for pages.
"""

import logging
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from exchange import clock
from exchange.config import ConfigError
from exchange.db import engine, read
from exchange.journal import keys, note, published, queries, witness_client
from exchange.journal.models import (
    JournalCheckpoint,
    JournalCosignature,
    JournalDisagreement,
    JournalQuorum,
    JournalWitness,
)
from exchange.journal.policy import InvalidPolicy, Party, Policy
from exchange.journal.witness import Request
from exchange.journal.witness_client import Contradicts, Holds, NotCosigned

log = logging.getLogger(__name__)

#: Between two checkpoints that witnesses are asked about.
INTERVAL_SECONDS: Final = 2.0
#: How long an answer is waited for; it may take the form of drops.
PATIENCE_SECONDS: Final = 15.0
#: A witness that failed is left alone for a time that doubles up to this.
LONGEST_PAUSE_SECONDS: Final = 300.0

_NEWEST: Final = select(JournalCheckpoint).order_by(JournalCheckpoint.size.desc()).limit(1)

_Kind = Literal["rollback", "fork"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking one witness.

    ``held`` is the size it is known to hold now; ``line`` its cosignature of that, or ``problem`` why there is none.
    """

    name: str
    held: int
    line: note.Signature | None = None
    problem: str | None = None
    disagreement: "Disagreement | None" = None


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A witness holds another history than the database: what was sent, and what came back."""

    kind: _Kind
    held: int
    request: Request
    said: str


class Collector:
    """The worker's round: collects cosignatures in the background.

    Args:
        policy: Whom to ask, and how many suffice.
        late_after: How long a checkpoint may wait for a witness before it is late.
    """

    def __init__(self, policy: Policy, late_after: timedelta) -> None:
        self._policy = policy
        self._late_after = late_after
        # One thread leads, the others ask.
        self._threads = ThreadPoolExecutor(1 + len(policy.witnesses), thread_name_prefix="witnesses")
        self._running: Future[None] | None = None
        self._asking: dict[str, Future[Answer]] = {}
        self._rests_until = 0.0
        self._pauses: dict[str, float] = {}
        self._left_alone_until: dict[str, float] = {}

    def __call__(self) -> bool:
        """Begin to collect, unless that is still going on or was just done; there is never work to come back for."""
        if self._running is not None:
            if not self._running.done():
                return False
            self._finish(self._running)
        if time.monotonic() >= self._rests_until:
            self._running = self._threads.submit(self.collect)
        return False

    def close(self) -> None:
        """Wait for what is under way."""
        self._threads.shutdown()

    def collect(self) -> None:
        """Ask the witnesses about the newest checkpoint, keep what they say and judge how they stand."""
        with read() as session:
            newest = session.scalars(_NEWEST).first()
            held = {row.name: row.size for row in published.standings(session)}
        if newest is None:
            return
        answers = self._ask_all(newest, held)
        for answer in answers:
            self._pause_after(answer)
        with Session(engine()) as session, session.begin():
            self._keep(session, answers)
            self._judge(session, answers)

    def _finish(self, running: "Future[None]") -> None:
        self._running = None
        self._rests_until = time.monotonic() + INTERVAL_SECONDS
        error = running.exception()
        if error is not None:  # the database went away, most likely; the next round tries again
            log.error("cosignatures could not be collected", exc_info=error)

    def _pause_after(self, answer: Answer) -> None:
        if answer.problem is None:
            self._pauses.pop(answer.name, None)
            self._left_alone_until.pop(answer.name, None)
            return
        pause = min(2 * self._pauses.get(answer.name, INTERVAL_SECONDS), LONGEST_PAUSE_SECONDS)
        self._pauses[answer.name] = pause
        self._left_alone_until[answer.name] = time.monotonic() + pause

    # -- asking ---------------------------------------------------------------------------------------------------

    def _ask_all(self, newest: JournalCheckpoint, held: Mapping[str, int]) -> list[Answer]:
        """Ask at once all witnesses who lack the checkpoint; whoever answers too slowly is heard in a later round."""
        now = time.monotonic()
        for name in self._policy.witnesses.keys() - self._asking.keys():
            if held.get(name, 0) < newest.size and now >= self._left_alone_until.get(name, 0.0):
                self._asking[name] = self._threads.submit(self._ask, name, newest, held.get(name, 0))
        asked = self._asking
        wait(asked.values(), timeout=PATIENCE_SECONDS)
        self._asking = {name: asking for name, asking in asked.items() if not asking.done()}
        slow = [Answer(name, held.get(name, 0), problem="slow") for name in self._asking]
        return [_answer_of(name, asked[name]) for name in asked.keys() - self._asking.keys()] + slow

    def _ask(self, name: str, newest: JournalCheckpoint, held: int) -> Answer:
        """Ask one witness, a second time when it holds another size than was thought."""
        party = self._policy.witnesses[name]
        try:
            for _ in range(2):
                try:
                    return self._ask_from(name, party, newest, held)
                except Holds as other:
                    if other.size == held or other.size > newest.size:
                        return _judge_holding(name, newest, held, other)
                    held = other.size
        except NotCosigned as failure:
            return Answer(name, held, problem=failure.code)
        return Answer(name, held, problem="other_size")  # somebody else is asking at the same time

    @staticmethod
    def _ask_from(name: str, party: Party, newest: JournalCheckpoint, held: int) -> Answer:
        request = _request(newest, held)
        try:
            return Answer(name, newest.size, line=witness_client.add_checkpoint(party, request))
        except Contradicts as failure:
            found = Disagreement("fork", held, request, failure.answer) if held else None
            return Answer(name, held, problem=failure.code, disagreement=found)

    # -- keeping --------------------------------------------------------------------------------------------------

    def _keep(self, session: Session, answers: list[Answer]) -> None:
        """Keep lines and disagreements; a line is for the checkpoint it was asked for, which may be an older one."""
        now = clock.real_now()
        for answer in answers:
            if answer.line is not None:
                _add(
                    session,
                    JournalCosignature,
                    size=answer.held,
                    name=answer.line.name,
                    key_id=answer.line.key_id,
                    line=note.lines([answer.line]),
                    received_at=now,
                )
            if answer.disagreement is not None:
                _keep_disagreement(session, answer.name, answer.disagreement, now)
        for size in sorted({answer.held for answer in answers if answer.line is not None}):
            if self._policy.is_met_by(self._cosigners(session, size)):
                _add(session, JournalQuorum, size=size, met_at=now)

    def _cosigners(self, session: Session, size: int) -> set[str]:
        """The policy's names of the witnesses that cosigned the checkpoint of ``size``."""
        names = {(party.key.name, party.key.key_id): name for name, party in self._policy.witnesses.items()}
        columns = select(JournalCosignature.name, JournalCosignature.key_id)
        lines = session.execute(columns.where(JournalCosignature.size == size))
        return {names[line.name, line.key_id] for line in lines if (line.name, line.key_id) in names}

    def _judge(self, session: Session, answers: list[Answer]) -> None:
        """Bring the witnesses' rows up to date, and raise or clear alarms."""
        now = clock.real_now()
        given = {answer.name: answer for answer in answers}
        rows = {row.name: row for row in session.scalars(select(JournalWitness).with_for_update())}
        gone = rows.keys() - self._policy.witnesses.keys()
        session.execute(delete(JournalWitness).where(JournalWitness.name.in_(gone)))
        for name in self._policy.witnesses:
            row = rows.get(name)
            if row is None:
                row = JournalWitness(name=name, size=0)
                session.add(row)
            answer = given.get(name)
            if answer is not None:
                _take_down(row, answer, now)
            self._judge_one(session, row, answer, now)

    def _judge_one(self, session: Session, row: JournalWitness, answer: Answer | None, now: datetime) -> None:
        disagrees = answer is not None and answer.disagreement is not None
        cosigned = answer is not None and answer.line is not None
        since = _waiting_since(session, row.size)
        alarm: str | None = None
        if disagrees or (row.alarm == "disagrees" and not cosigned):
            alarm = "disagrees"
        elif since is not None and now - since > self._late_after:
            alarm = "late"
        if alarm == row.alarm:
            return
        if alarm is None:
            log.warning("witness %s is back: it cosigned size %d", row.name, row.size)
        else:
            log.error("ALARM witness %s: %s (cosigned up to %d; %s)", row.name, alarm, row.size, row.problem)
        row.alarm, row.alarm_since = alarm, None if alarm is None else now


def open_collector(policy_file: Path, late_after: timedelta, log_vkey: str) -> Collector:
    """The collector for a policy file.

    Raises:
        ConfigError: The file cannot be read, is no policy, names other logs than this one, or a witness without URL.
    """
    try:
        policy = Policy.parse(policy_file.read_bytes())
    except (OSError, InvalidPolicy) as error:
        raise ConfigError(f"DATABOURSE_WITNESSES: {policy_file}: {error}") from error
    own = keys.VerifierKey.parse(log_vkey)
    if policy.logs and all(party.key != own for party in policy.logs):
        raise ConfigError(f"DATABOURSE_WITNESSES: {policy_file}: no log line holds this log's key, {log_vkey}")
    for name, party in policy.witnesses.items():
        if party.url is None:
            raise ConfigError(f"DATABOURSE_WITNESSES: {policy_file}: the witness {name} has no URL to ask it at")
    return Collector(policy, late_after)


def _answer_of(name: str, asked: "Future[Answer]") -> Answer:
    """What a thread came back with; where it failed, it failed for this witness only."""
    try:
        return asked.result()
    except Exception:
        log.exception("witness %s could not be asked", name)
        return Answer(name, 0, problem="failed")


def _request(newest: JournalCheckpoint, held: int) -> Request:
    proof: list[bytes] = []
    if 0 < held < newest.size:
        with read() as session:
            proof = queries.consistency_proof(session, held, newest.size)
    return Request(held, tuple(proof), newest.note)


def _judge_holding(name: str, newest: JournalCheckpoint, held: int, other: Holds) -> Answer:
    """A witness holds another root of the size that was asked from, or more leaves than were asked for."""
    request = Request(held, (), newest.note)
    if not other.size:
        return Answer(name, held, problem=other.code)  # it holds nothing, so it contradicts nothing
    if other.size == held:
        found = Disagreement("fork", held, request, other.answer)
        return Answer(name, held, problem="contradicts", disagreement=found)
    with read() as session:
        ahead = other.size > queries.latest_checkpoint(session).size
    if not ahead:  # another worker had it cosign a newer checkpoint meanwhile
        return Answer(name, held, problem=other.code)
    return Answer(name, held, problem="ahead", disagreement=Disagreement("rollback", other.size, request, other.answer))


def _waiting_since(session: Session, size: int) -> datetime | None:
    """When the first checkpoint beyond ``size`` was signed."""
    statement = select(JournalCheckpoint.signed_at).where(JournalCheckpoint.size > size)
    return session.scalar(statement.order_by(JournalCheckpoint.size).limit(1))


def _take_down(row: JournalWitness, answer: Answer, now: datetime) -> None:
    row.asked_at, row.problem = now, answer.problem
    if answer.line is not None:
        row.size, row.cosigned_at = answer.held, now


def _keep_disagreement(session: Session, name: str, found: Disagreement, now: datetime) -> None:
    log.error("witness %s holds another history of this log: %s at size %d", name, found.kind, found.held)
    _add(
        session,
        JournalDisagreement,
        witness=name,
        kind=found.kind,
        held_size=found.held,
        request=found.request.dumps(),
        answer=found.said,
        seen_at=now,
    )


def _add(session: Session, table: Any, **values: Any) -> None:
    """Insert a row unless it is there."""
    session.execute(insert(table).values(**values).on_conflict_do_nothing())
