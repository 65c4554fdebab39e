"""Where the simulation takes place: parties, officers, goods on sale, and a worker that steps when it is told to."""

import dataclasses
import functools
import logging
import random
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import exchange_site
import pytest
import stripe
from exchange_site import Site
from market import CSV, TERMS, deposited, published_product
from people import Party, approved_company, staff
from simulation.watch import Watch

import wsgi
from exchange import attest
from exchange.actors import Actor
from exchange.errors import InvariantBroken
from exchange.jobs import Worker
from exchange.journal.sequencer import Sequencer
from exchange.members import notifications  # noqa: F401  (its tables belong to the template of the databases)
from exchange.money import Money
from exchange.postgres import Server
from settlement import inbox, payout_accounts
from settlement.gateways.errors import BadSignature
from settlement.sandbox import webhooks


@dataclass(frozen=True)
class Goods:
    """An offer; ``made`` are deposits that a lot made on order may be delivered from, none when it is on deposit."""

    offer_id: str
    seller: Party
    made: tuple[str, ...] = ()


class Complaints(logging.Handler):
    """Keeps what the house logs as an error: a worker goes on after one, the simulation does not."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(self.format(record))


@dataclass
class Town:
    """Everybody and everything, the dice, and the watch that is kept over it all."""

    site: Site
    dice: random.Random
    parties: dict[str, Party]
    goods: dict[str, Goods]
    dispute_officers: list[Actor]
    settlement_officers: list[Actor]
    overseer: Actor
    worker: Worker
    sequencer: Sequencer
    watch: Watch
    complaints: Complaints
    restraints: list[str] = field(default_factory=list)

    @property
    def buyers(self) -> list[Party]:
        """Everybody may buy; a seller as well, of the other one."""
        return list(self.parties.values())

    def deliver_events(self, limit: int = 50) -> bool:
        """Hand the sandbox's events over, as they would come by HTTP; says whether there were any."""
        return webhooks.deliver_webhooks(self.site.house.conninfo("app"), self._post, limit=limit) > 0

    def _post(self, _url: str, body: bytes, headers: Mapping[str, str]) -> int:
        try:
            inbox.receive(self.site.house.gateway, body, headers["Stripe-Signature"])
        except BadSignature:
            return 400
        return 200

    def hurry(self) -> None:
        """Let real time pass until everything that was put off is tried again."""
        for statement in (
            "UPDATE due SET retry_at = NULL WHERE retry_at IS NOT NULL",
            "UPDATE outbox SET retry_at = created_at WHERE done_at IS NULL",
            "UPDATE money_op SET retry_at = planned_at WHERE state IN ('planned', 'sent', 'unknown')",
            "UPDATE sandbox.deliveries SET due_at = now() - interval '1 second' WHERE state = 'pending'",
        ):
            self.watch.execute(statement)

    def a_day_passes_at_the_gateway(self) -> None:
        """Let a day of real time pass: the gateway forgets the keys it has seen, and is read from then on."""
        day = "interval '24 hours'"
        self.watch.execute(f"UPDATE money_op SET first_sent_at = first_sent_at - {day}")  # noqa: S608
        self.watch.execute(f"UPDATE sandbox.answers SET created_at = created_at - {day}")  # noqa: S608

    def come_to_rest(self) -> None:
        """End every fault and work until there is nothing more to do."""
        self.site.control.clear_faults()
        for _ in range(12):
            self.hurry()
            busy = self.worker.step()
            if not (self.deliver_events() or busy):
                return
            while self.worker.step():
                pass


@contextmanager
def open_town(server: Server, template: str, home: Path, seed: int) -> Iterator[Town]:
    """A town in a database of its own. ``seed`` decides what happens in it."""
    with exchange_site.open_site(server, template, home) as site, pytest.MonkeyPatch.context() as patch:
        for name in ("INITIAL_DELAY", "MAX_DELAY"):
            patch.setattr(stripe.HTTPClient, name, 0.0005)  # the client's pauses between its own attempts
        parties, goods = _people_and_goods(site)
        complaints, watch = Complaints(), Watch(site.house.conninfo("owner"))
        sequencer = Sequencer(site.house.conninfo("sequencer"), attest.signer())
        worker = wsgi.worker(site.house)
        worker = dataclasses.replace(
            worker,
            due=_loud(worker.due, complaints),
            outbox=_loud(worker.outbox, complaints),
            rounds=worker.rounds[:-1],  # events are handed over by ``deliver_events``
        )
        town = Town(
            site=site,
            dice=random.Random(seed),  # noqa: S311  (so that a failure can be repeated)
            parties=parties,
            goods=goods,
            dispute_officers=[staff(site, "dispute_officer") for _ in range(3)],
            settlement_officers=[staff(site, "settlement_officer") for _ in range(2)],
            overseer=staff(site, "security_administrator"),
            worker=worker,
            sequencer=sequencer,
            watch=watch,
            complaints=complaints,
        )
        logging.getLogger().addHandler(complaints)
        sequencer.open()
        try:
            yield town
        finally:
            sequencer.close()
            watch.close()
            logging.getLogger().removeHandler(complaints)


def _loud(handlers: Mapping[str, Callable[..., Any]], complaints: Complaints) -> dict[str, Callable[..., Any]]:
    """The same, but a fault of the exchange is heard with where it came from: a worker keeps its code only."""

    def loud(handler: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(handler)
        def call(*arguments: Any) -> Any:
            try:
                return handler(*arguments)
            except InvariantBroken:
                complaints.heard.append(traceback.format_exc())
                raise

        return call

    return {kind: loud(handler) for kind, handler in handlers.items()}


def _people_and_goods(site: Site) -> tuple[dict[str, Party], dict[str, Goods]]:
    """A second seller whose goods are made on order, at a price that three per cent do not divide; two more buyers."""
    craftsman = approved_company(site, "定制供方公司")
    made = tuple(deposited(craftsman, CSV + b"S1,2026-04-0%d,11\n" % day) for day in (1, 2))
    terms = dataclasses.replace(TERMS, price=Money(99_999, "HKD"))
    ordered = published_product(site, craftsman, content=CSV + b"S2,2026-04-03,5\n", terms=terms, delivery="on_order")
    payout_accounts.request_account(craftsman.actor, country="HK")
    site.work()
    others = [approved_company(site, f"需方{name}公司") for name in "乙丙"]
    parties = {party.org_id: party for party in (site.seller, craftsman, site.buyer, *others)}
    offers = (Goods(site.product.offer_id, site.seller), Goods(ordered.offer_id, craftsman, made))
    return parties, {goods.offer_id: goods for goods in offers}
