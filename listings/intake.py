"""What the worker does with a deposit: seal it whole, profile it, sweep up behind; and with a version: scan it.

Each step may run twice, or be cut off anywhere: it looks at the state first, writes objects under fresh names, and lets
the life cycle decide which attempt counts.
"""

import hashlib
import secrets
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import delete, select

from exchange import ids, sealing, vault
from exchange.actors import Actor
from exchange.db import Transaction, engine, read, verb
from exchange.errors import Conflict, InvariantBroken
from exchange.journal import canonical
from listings import gates, questions
from listings.commitments import CHUNK_BYTES, Commitment, Sealing
from listings.deposits import FORMATS, discard, open_staging_key, segment_context, segments_folder
from listings.goods import FILE_KEY, context, goods_of, store
from listings.models import Deposit, DepositSegment, Version
from listings.states import EXCHANGE
from provenance import findings
from provenance.models import Declaration
from provenance.scan import sandbox
from provenance.scan.contract import Limits, ScanCrashed, ScanRefused

EXCHANGE_ACTOR = Actor(None, None, frozenset({EXCHANGE}))
#: Why a file is rejected, besides `provenance.scan.contract.Refusal`: it is in another format than it was announced in;
#: what lies in the store is not what was sent; the scan itself failed, as often as it is tried.
OTHER_FORMAT, DAMAGED, SCAN_FAILED = "other_format", "damaged", "scan_failed"
#: How often a scan that fails is tried. Then the seller is told, and may send the file again.
SCAN_TRIES = 3
#: What is kept of an examination besides the profile.
KEPT_SCANS = ("personal", "anonymity")


def seal_deposit(deposit_id: str) -> None:
    """Seal the whole under a fresh file key and commit to it; nothing happens unless the deposit is ``received``.

    Pieces that do not open as they were sealed (altered, cut short, out of order) make it ``rejected``.
    """
    with read() as session:
        deposit = session.get_one(Deposit, deposit_id)
        of_deposit = select(DepositSegment).where(DepositSegment.deposit_id == deposit_id)
        segments = session.scalars(of_deposit.order_by(DepositSegment.start)).all()
    if deposit.state != "received":
        return
    file_key = secrets.token_bytes(sealing.KEY_BYTES)
    object_key = f"{_goods_folder(deposit_id)}/{ids.new('fil')}"
    work = Sealing(_plaintext(deposit, segments), file_key, context(deposit_id))
    try:
        store().put(object_key, work.sealed())
    except sealing.SealBroken:
        reject_deposit(EXCHANGE_ACTOR, deposit_id, code=DAMAGED)
        return
    try:
        record_seal(EXCHANGE_ACTOR, deposit_id, work.commitment(), object_key=object_key, file_key=file_key)
    except Conflict:  # another worker was faster
        store().delete(object_key)
        raise


@verb
def record_seal(
    tx: Transaction, deposit_id: str, commitment: Commitment, *, object_key: str, file_key: bytes
) -> Deposit:
    """The sealed file takes the place of its pieces.

    Raises:
        WrongState: Another attempt counts.
        InvariantBroken: What was sealed is not as long as what was announced and counted.
    """
    tx.actor.need(EXCHANGE)
    deposit = tx.lock(Deposit, deposit_id)
    facts = {"size_bytes": str(commitment.size_bytes), "chunk_bytes": CHUNK_BYTES}
    tx.advance(deposit, "seal", by=EXCHANGE, facts=facts, digests=commitment.digests())
    if commitment.size_bytes != deposit.size_bytes:
        raise InvariantBroken("the pieces of %(deposit)s do not make the whole", deposit=deposit_id)
    deposit.digest = commitment.digest
    deposit.plain_root = commitment.plain_root
    deposit.sealed_root = commitment.sealed_root
    deposit.key_digest = commitment.key_digest
    deposit.object_key = object_key
    deposit.file_key = vault.ring().wrap(file_key, purpose=FILE_KEY, subject=deposit_id)
    deposit.staging_key = b""
    tx.send("deposit.profile", deposit_id=deposit_id)
    tx.send("deposit.sweep", deposit_id=deposit_id)
    return deposit


def profile_deposit(deposit_id: str, limits: Limits | None = None) -> None:
    """Look into the file in a confined process; nothing happens unless the deposit is ``sealed``.

    Raises:
        ScanCrashed: The scan itself failed; the deposit stays as it is, to be tried again. After ``SCAN_TRIES`` times
            it is rejected, and nothing is raised.
    """
    with read() as session:
        deposit = session.get_one(Deposit, deposit_id)
    if deposit.state != "sealed":
        return
    with goods_of(deposit).open() as source:
        try:
            found = sandbox.run("examine", source, limits)
        except ScanRefused as refusal:
            reject_deposit(EXCHANGE_ACTOR, deposit_id, code=refusal.code.value)
            return
        except sealing.SealBroken:
            reject_deposit(EXCHANGE_ACTOR, deposit_id, code=DAMAGED)
            return
        except ScanCrashed:
            if record_scan_failure(EXCHANGE_ACTOR, deposit_id).state == "sealed":
                raise
            return
    if found["format"] != FORMATS[deposit.media_type]:
        reject_deposit(EXCHANGE_ACTOR, deposit_id, code=OTHER_FORMAT)
        return
    record_scans(EXCHANGE_ACTOR, deposit_id, found["profile"], {name: found[name] for name in KEPT_SCANS})


@verb
def record_scans(tx: Transaction, deposit_id: str, profile: dict[str, Any], scans: dict[str, Any]) -> Deposit:
    """Keep what the scans found (see `provenance.scan.examine`)."""
    tx.actor.need(EXCHANGE)
    deposit = tx.lock(Deposit, deposit_id)
    deposit.profile = without_personal_values(profile, scans["personal"])
    deposit.scans = scans
    facts = {"format": profile["format"], "rows": str(profile["rows"]), "columns": len(profile["columns"])}
    report = hashlib.sha256(canonical.dumps(scans)).digest()
    digests = {"schema": bytes.fromhex(profile["schema_sha256"]), "scans": report}
    tx.advance(deposit, "profile", by=EXCHANGE, facts=facts, digests=digests)
    return deposit


def without_personal_values(profile: dict[str, Any], personal: dict[str, Any]) -> dict[str, Any]:
    """The profile with no value of a column that holds personal information: a lowest number may be somebody's."""
    found = {one["position"] for one in personal["findings"] if one["where"] != "name" and one["confidence"] != "low"}
    columns = [
        {**column, "min": None, "max": None, "values": [], "histogram": []} if position in found else column
        for position, column in enumerate(profile["columns"])
    ]
    return {**profile, "columns": columns}


@verb
def record_scan_failure(tx: Transaction, deposit_id: str) -> Deposit:
    """Count a scan that failed; the last one that is tried rejects the deposit.

    Raises:
        WrongState: Another attempt brought the scan to its end.
    """
    tx.actor.need(EXCHANGE)
    deposit = tx.lock(Deposit, deposit_id)
    deposit.__lifecycle__.edge(deposit.state, "profile")
    deposit.scan_failures += 1
    facts = {"code": SCAN_FAILED, "tries": deposit.scan_failures}
    if deposit.scan_failures < SCAN_TRIES:
        tx.record(deposit.id, "deposit.scan_failed", by=EXCHANGE, facts=facts)
        return deposit
    tx.advance(deposit, "reject", by=EXCHANGE, facts=facts)
    discard(tx, deposit, SCAN_FAILED)
    return deposit


@verb
def reject_deposit(tx: Transaction, deposit_id: str, *, code: str) -> Deposit:
    """The file cannot be listed; ``code`` is a `provenance.scan.contract.Refusal`, or one of this module's."""
    tx.actor.need(EXCHANGE)
    deposit = tx.lock(Deposit, deposit_id)
    tx.advance(deposit, "reject", by=EXCHANGE, facts={"code": code})
    discard(tx, deposit, code)
    return deposit


def sweep_deposit(deposit_id: str) -> None:
    """Remove the objects of a deposit that are needed no more: pieces once the file is sealed, all once rejected."""
    with read() as session:
        deposit = session.get_one(Deposit, deposit_id)
    if deposit.state in {"receiving", "received"}:
        return
    kept = deposit.object_key if deposit.file_key is not None else None
    for folder in (segments_folder(deposit_id), _goods_folder(deposit_id)):
        for object_key in list(store().list(folder)):
            if object_key != kept:
                store().delete(object_key)
    with engine().begin() as connection:
        connection.execute(delete(DepositSegment).where(DepositSegment.deposit_id == deposit_id))


@verb
def scan_version(tx: Transaction, version_id: str) -> Version:
    """Hand a submitted version on to reviewers; what the scans of its goods found is put to the seller as questions.

    Raises:
        WrongState: It is not submitted.
        Conflict: The deposit has no profile.
    """
    tx.actor.need(EXCHANGE)
    version = tx.lock(Version, version_id)
    deposit = gates.deposited(tx, version)
    profile = deposit.profile or {}
    facts = {"rows": str(profile["rows"]), "columns": len(profile["columns"])}
    digests = {"schema": bytes.fromhex(profile["schema_sha256"])}
    tx.advance(version, "scan", by=EXCHANGE, facts=facts, links=[deposit.id], digests=digests)
    declaration_id = gates.declaration_of(version)
    findings.question_uses(tx, declaration_id, version.id)
    declaration = tx.get(Declaration, declaration_id)
    findings.raise_findings(tx, declaration_id, list(questions.of_scans(deposit.id, deposit.scans or {}, declaration)))
    return version


def _goods_folder(deposit_id: str) -> str:
    return f"goods/{deposit_id}"


def _plaintext(deposit: Deposit, segments: Sequence[DepositSegment]) -> Iterator[bytes]:
    staging_key = open_staging_key(deposit)
    for segment in segments:
        with store().open(segment.object_key) as source:
            yield from sealing.unseal(source, staging_key, segment_context(segment.object_key))
