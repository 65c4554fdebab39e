"""What a directive suspends is refused at every step of a real trade, in words, and goes on when it is lifted."""

from collections.abc import Callable, Iterator

import pytest
from exchange_site import Site, entries_told, open_site, refused, request_of
from oversight.conftest import grant, officer
from trades import VISA
from werkzeug.test import TestResponse

from exchange import attest
from exchange.journal.sequencer import Sequencer
from exchange.oversight import directives, projection
from exchange.postgres import Server

FIRST, SECOND = officer(person="per_first"), officer(person="per_second")
Take = Callable[..., TestResponse]


@pytest.fixture(scope="module")
def site(server: Server, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with open_site(server, template, tmp_path_factory.mktemp("suspended")) as made:
        grant("org_organ", "all")
        sequencer = Sequencer(made.house.conninfo("sequencer"), attest.signer())
        sequencer.open()
        while sequencer.step():
            pass
        sequencer.close()
        while projection.follow():
            pass
        yield made


def ordering(site: Site) -> Take:
    return lambda **more: site.call(site.buyer, "POST", "/orders", request_of(site), **more)


def signing(site: Site) -> Take:
    order_id = site.requested()
    body = {"password": site.seller.password}
    return lambda **more: site.call(site.seller, "POST", f"/orders/{order_id}/sign", body, **more)


def paying(site: Site) -> Take:
    lot = site.due()
    return lambda **more: site.call(site.buyer, "POST", f"/lots/{lot.id}/pay", {"payment_method": VISA}, **more)


def accepting(site: Site) -> Take:
    lot = site.received()
    return lambda **more: site.call(site.buyer, "POST", f"/lots/{lot.id}/accept", **more)


def offering(site: Site) -> Take:
    body = {
        "version_id": site.product.version_id,
        "price": {"amount": "10.00", "currency": "HKD"},
        "channel": "exchange",
        "purposes": ["research"],
        "term_days": 30,
        "territory": "CN",
        "redistribution": False,
        "derivation": False,
        "inspection_hours": 72,
        "delivery": "deposit",
        "acceptance_criteria": "as listed",
    }
    return lambda **more: site.call(site.seller, "POST", "/offers", body, **more)


TARGETS = ("party", "subject", "category", "market")


@pytest.mark.rule("Z-04")
@pytest.mark.parametrize("step", [offering, ordering, signing, paying, accepting])
@pytest.mark.parametrize("kind", TARGETS)
def test_what_is_suspended_goes_no_further(site: Site, step: Callable[[Site], Take], kind: str) -> None:
    take = step(site)
    target = {"party": site.seller.org_id, "subject": site.product.product_id, "category": "transport", "market": ""}
    served_on = site.seller.org_id if kind == "subject" else None
    draft = directives.propose_directive(
        FIRST,
        measure="suspension",
        basis="dsl_45",
        document_number="CQ-2026-7",
        target_kind=kind,
        target=target[kind],
        served_on=served_on,
        demand="停止交易",
        answer_days=3,
    )
    directives.confirm_directive(SECOND, draft.id)
    try:
        before = entries_told()
        answer = take()
        refused(answer, "K-05", "restrained")
        assert answer.json["detail"] == "This is suspended by an order of an overseer."
        assert take(headers={"Accept-Language": "zh"}).json["detail"] == "依监管措施，该事项已暂停。"
        assert entries_told() == before + 2  # the refusals themselves, nothing else
    finally:
        directives.propose_lifting(SECOND, draft.id, reason="已整改")
        directives.lift_directive(FIRST, draft.id)
    assert take().status_code in {200, 201}
