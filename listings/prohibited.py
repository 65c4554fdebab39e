"""What is not traded: the negative list, the check of each version against it, and taking down what slipped through.

The list is the operator's (RULES N-06); it can begin with the items of the provisions in RULES N-01 to N-05.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from exchange import clock, ids
from exchange.db import Transaction, verb
from exchange.errors import Conflict, Forbidden, Invalid, WrongState
from exchange.lifecycle import CLOCK
from exchange.members.gates import not_own_case
from exchange.texts import said
from listings import gates, grading
from listings.models import Version
from listings.prohibited_models import NegativeCheck, NegativeItem
from listings.states import LISTING, NEGATIVE_RESULTS, REVIEWER

ADMINISTRATOR: Final = "administrator"
#: An edition takes effect, and those before it end.
SUPERSEDE: Final = "negative_item.supersede"


@dataclass(frozen=True, slots=True)
class Item:
    """An item of the negative list as it is entered."""

    code: str
    text_zh: str
    text_en: str
    basis: str


#: What an installation's list begins with: code, words, legal basis.
INITIAL: Final = (
    Item(
        "N-01",
        "危害国家安全、公共利益或者侵害个人隐私，或者未经合法权利人同意",
        "Endangers national security or the public interest, invades privacy, or lacks the right-holder's consent",
        "《上海市数据条例》第55条；《重庆市大数据发展管理条例（草案）》第8条、第26条第2款",
    ),
    Item(
        "N-02",
        "含未经授权的个人信息，或者含未依法开放的公共数据",
        "Holds personal information without authorisation, or public data that was not lawfully opened",
        "《深圳经济特区数据条例》第67条",
    ),
    Item(
        "N-03",
        "核心数据、非法取得的数据，或者权属争议未决的数据",
        "Core data, illegally obtained data, or data whose ownership is in dispute",
        "《深圳市数据产权登记管理暂行办法》",
    ),
    Item(
        "N-04",
        "侵犯知识产权的数据",
        "Infringes intellectual property",
        "《中华人民共和国电子商务法》第42条至第45条",
    ),
    Item(
        "N-05",
        "专门用于侵入、非法控制网络或者规避技术措施的程序、工具",
        "Programs or tools for intruding into networks, controlling them unlawfully or circumventing protection",
        "《网络数据安全管理条例》第8条、第39条",
    ),
)


@verb
def enter_item(tx: Transaction, item: Item, *, effective_at: datetime) -> NegativeItem:
    """Enter an item, in force from ``effective_at``; the edition before it of the same code is in force until then.

    Raises:
        Conflict: Somebody else entered the same code at this moment.
        Invalid: A text is missing or too long, or the date has no time zone.
    """
    return _enter(tx, _keeper(tx), item, effective_at)


@verb
def enter_initial(tx: Transaction) -> NegativeItem:
    """Enter the items that a list begins with.

    Raises:
        Conflict: There are items already.
    """
    by = _keeper(tx)
    if tx.first(select(NegativeItem.id)) is not None:
        raise Conflict("The list holds items already.", code="list_begun")
    first, *_ = [_enter(tx, by, item, tx.now) for item in INITIAL]
    return first


@verb
def end_item(tx: Transaction, item_id: str) -> NegativeItem:
    """End an item: versions are not checked against it any more. One that has not begun leaves its forerunner in force.

    Raises:
        WrongState: It ended already.
    """
    by = _keeper(tx)
    item = tx.lock(NegativeItem, item_id)
    tx.advance(item, "end", by=by)
    tx.undue(SUPERSEDE, item.id)
    if item.effective_at <= tx.now:
        _end_forerunners(tx, item, by)
    return item


@verb
def supersede(tx: Transaction, item_id: str) -> NegativeItem:
    """An edition takes effect: those before it end (called by the clock)."""
    tx.actor.need(CLOCK)
    item = tx.lock(NegativeItem, item_id)
    if item.effective_at > tx.now:
        raise WrongState("The day has not come.", code="not_over")
    _end_forerunners(tx, item, CLOCK)
    return item


@verb
def check_version(tx: Transaction, version_id: str, results: Mapping[str, str]) -> Version:
    """Keep what a reviewer found, item by item, of a version in review.

    Raises:
        WrongState: The version is not in review.
        Invalid: An item in force has no result, or a result is unknown.
        Refused: The reviewer belongs to the seller (I-08).
    """
    tx.actor.need(REVIEWER)
    if tx.actor.person_id is None:
        raise Forbidden("A natural person decides.")
    version = tx.lock(Version, version_id)
    not_own_case(tx, version.org_id)
    LISTING.edge(version.state, "approve")
    items = gates.negative_items(tx.session, tx.now)
    if {item.id for item in items} != set(results) or not set(results.values()) <= set(NEGATIVE_RESULTS):
        raise Invalid("Every item of the negative list needs a result.", code="results_missing")
    for item in items:
        check = NegativeCheck(
            id=ids.new("ngc"),
            version_id=version.id,
            submission=version.submission,
            item_id=item.id,
            result=results[item.id],
            reviewer_id=tx.actor.person_id,
            at=tx.now,
        )
        tx.add(check)
    found = {f"{item.code} {item.edition}": results[item.id] for item in items}
    facts = {"submission": version.submission, "results": found}
    tx.record(version.id, "listing.checked_against_list", by=REVIEWER, facts=facts, links=[item.id for item in items])
    return version


@verb
def take_down(tx: Transaction, version_id: str, *, statement: str) -> Version:
    """Take down what turns out to be forbidden after it was listed, and report it; the record stays (N-07).

    Raises:
        WrongState: The version is not on sale.
        Invalid: Nothing is said of what was found.
        Refused: The reviewer belongs to the seller (I-08).
    """
    tx.actor.need(REVIEWER)
    version = tx.lock(Version, version_id)
    not_own_case(tx, version.org_id)
    found = said(statement)
    if version.state != "suspended":
        LISTING.edge(version.state, "suspend")
        tx.advance(version, "suspend", by=REVIEWER, links=[version.org_id], facts={"code": "prohibited"})
    made = grading.report(tx, version, "prohibited", found)
    tx.record(version.id, "listing.taken_down", by=REVIEWER, links=[made.id])
    return version


# -- inside -----------------------------------------------------------------------------------------------------------


def _keeper(tx: Transaction) -> str:
    tx.actor.need(REVIEWER, ADMINISTRATOR)
    return REVIEWER if REVIEWER in tx.actor.roles else ADMINISTRATOR


def _enter(tx: Transaction, by: str, item: Item, effective_at: datetime) -> NegativeItem:
    if effective_at.tzinfo is None:
        raise Invalid("The day it takes effect needs a time zone.", code="naive_time")
    code = said(item.code)
    same = select(NegativeItem).where(NegativeItem.code == code, NegativeItem.state == "kept")
    forerunners = tx.all(same.order_by(NegativeItem.edition).with_for_update())
    for before in forerunners:
        if effective_at <= max(tx.now, before.effective_at):  # it would never be in force again
            tx.advance(before, "end", by=by)
            tx.undue(SUPERSEDE, before.id)
    editions = select(NegativeItem.edition).where(NegativeItem.code == code).order_by(NegativeItem.edition.desc())
    made = NegativeItem(
        id=ids.new("ngi"),
        code=code,
        edition=(tx.first(editions) or 0) + 1,
        text_zh=said(item.text_zh),
        text_en=said(item.text_en),
        basis=said(item.basis),
        effective_at=effective_at,
    )
    facts = {"code": code, "edition": made.edition, "effective_at": clock.text(effective_at)}
    tx.create(made, "negative_item.entered", by=by, facts=facts, links=[before.id for before in forerunners])
    try:
        tx.session.flush()
    except IntegrityError:
        raise Conflict("Somebody else entered this item just now.", code="item_entered") from None
    if effective_at > tx.now:
        tx.due(SUPERSEDE, made.id, effective_at)
    return made


def _end_forerunners(tx: Transaction, item: NegativeItem, by: str) -> None:
    begun = select(NegativeItem).where(
        NegativeItem.code == item.code,
        NegativeItem.state == "kept",
        NegativeItem.edition < item.edition,
    )
    for before in tx.all(begun.order_by(NegativeItem.edition).with_for_update()):
        tx.advance(before, "end", by=by, links=[item.id])
