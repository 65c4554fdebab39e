"""Organ x subject: what each organ sees, and that the rest is not found."""

import pytest
from conftest import Database
from oversight.conftest import ADMINISTRATOR, AUDITOR, grant, inspecting, officer, sequence, tell

from exchange.actors import Actor
from exchange.db import read
from exchange.errors import Conflict, Forbidden, Invalid, NotFound
from exchange.journal import note
from exchange.oversight import case_files, inspection, looks, projection, scopes

#: The made-up trade: two districts, two categories, an order across them, and a person.
SUBJECTS = (
    "org_seller",
    "org_buyer",
    "org_stranger",
    "prd_rail",
    "ver_rail",
    "off_rail",
    "ord_rail",
    "lot_rail",
    "vou_rail",
    "prd_other",
    "per_somebody",
    "look_org_whole",
)
_RAIL = {"prd_rail", "ver_rail", "off_rail", "ord_rail", "lot_rail", "vou_rail"}
_TRADE = {"ord_rail", "lot_rail", "vou_rail"}
MATRIX = {
    ("all", ""): set(SUBJECTS) - {"look_org_whole"},
    ("category", "transport"): _RAIL,
    ("category", "weather"): {"prd_other"},
    ("category", "rail"): set(),
    ("district", "500103"): {"org_seller"} | _RAIL | {"prd_other"},
    ("district", "500000"): {"org_seller", "org_buyer"} | _RAIL | {"prd_other"},
    ("district", "500112"): {"org_buyer"} | _TRADE,
    ("district", "110000"): {"org_stranger"},
    ("party", "org_seller"): {"org_seller"} | _RAIL | {"prd_other"},
    ("party", "org_buyer"): {"org_buyer"} | _TRADE,
    ("party", "org_stranger"): {"org_stranger"},
    ("case", "lot_rail"): {"lot_rail", "ord_rail", "vou_rail", "off_rail", "org_buyer", "org_seller"},
}


@pytest.fixture
def trade(db: Database, signer: note.Signer) -> None:
    for name, code in (
        ("seller", "91500103MA0000001A"),
        ("buyer", "91500112MA0000002B"),
        ("stranger", "91110000MA0000003C"),
    ):
        tell(f"org_{name}", uscc=code)
    tell("per_somebody", "org_seller")
    tell("prd_rail", "org_seller", org="org_seller", role="seller")
    tell("ver_rail", "prd_rail", "org_seller", org="org_seller", role="seller", category="transport")
    tell("prd_other", "org_seller", org="org_seller", role="seller", category="weather")
    tell("off_rail", "ver_rail", "prd_rail", "org_seller", org="org_seller", role="seller")
    tell("ord_rail", "off_rail", "org_buyer", "org_seller", org="org_buyer", role="buyer")
    tell("lot_rail", "ord_rail")
    tell("vou_rail", "ord_rail", "lot_rail")
    looks.record_look(officer("org_whole"), "story", "ord_rail", "secret")
    sequence(db, signer)


@pytest.mark.rule("Z-06")
@pytest.mark.parametrize("scope", MATRIX)
def test_an_organ_sees_its_scope_and_nothing_else(trade: None, scope: tuple[str, str]) -> None:
    grant("org_organ", *scope)
    actor = officer()
    inspecting(actor)
    seen = set()
    for subject in SUBJECTS:
        try:
            told, related = inspection.story(actor, subject)
        except NotFound:
            continue
        seen.add(subject)
        assert told
        assert set(related) <= MATRIX[scope]
    assert seen == MATRIX[scope]
    found = inspection.search(actor, limit=100).items
    assert {told.subject for told in found} & set(SUBJECTS) == MATRIX[scope]


def test_an_organ_without_a_scope_sees_nothing(trade: None) -> None:
    actor = officer()
    inspecting(actor)
    for subject in SUBJECTS:
        with pytest.raises(NotFound):
            inspection.story(actor, subject)
        with pytest.raises(NotFound):
            case_files.request_case_file(actor, subject)
    assert inspection.search(actor).items == []


def test_a_list_of_everything_needs_a_scope_of_everything(trade: None) -> None:
    grant("org_organ", "category", "transport")
    with pytest.raises(Forbidden) as caught:
        looks.look(officer(), "declarations", "all", "p")
    assert caught.value.code == "scope_too_narrow"


def test_a_bag_holds_no_more_than_the_scope(trade: None) -> None:
    grant("org_organ", "party", "org_buyer")
    with read() as session:
        reach = scopes.reach(session, "org_organ")
        near = ["lot_rail", "off_rail", "ord_rail", "org_buyer", "org_seller"]
        assert inspection.visible(session, reach, near) == ["lot_rail", "ord_rail", "org_buyer"]


def test_a_scope_ends_at_once(trade: None) -> None:
    actor = officer()
    scope_id = grant("org_organ", "party", "org_buyer")
    inspecting(actor)
    inspection.story(actor, "ord_rail")
    scopes.end_scope(ADMINISTRATOR, scope_id)
    scopes.end_scope(ADMINISTRATOR, scope_id)
    with pytest.raises(NotFound):
        inspection.story(actor, "ord_rail")
    assert scopes.scopes_of(actor) == []
    grant("org_organ", "party", "org_buyer")  # and can be given again


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("all", "transport"),
        ("category", ""),
        ("category", "Transport!"),
        ("district", "5001"),
        ("party", "ord_x"),
        ("case", "org_x"),
        ("case", "look_org_organ"),
        ("case", "Not an id"),
        ("county", "500103"),
    ],
)
def test_a_scope_names_what_it_covers(db: Database, kind: str, value: str) -> None:
    with pytest.raises(Invalid):
        grant("org_organ", kind, value)


def test_scopes_are_the_administrators(db: Database) -> None:
    for actor in (AUDITOR, officer(), Actor("per_x", "org_x", frozenset({"owner"}))):
        with pytest.raises(Forbidden):
            scopes.grant_scope(actor, "org_organ", authority="data", kind="all", basis="x")
    with pytest.raises(Invalid):
        scopes.grant_scope(ADMINISTRATOR, "org_organ", authority="data", kind="all", basis=" ")
    with pytest.raises(Invalid):
        scopes.grant_scope(ADMINISTRATOR, "org_organ", authority="church", kind="all", basis="x")
    grant("org_organ", "all")
    with pytest.raises(Conflict):
        grant("org_organ", "all")
    grant("org_other", "category", "transport")
    assert {scope.organ_id for scope in scopes.scopes_of(AUDITOR)} == {"org_organ", "org_other"}
    assert {scope.organ_id for scope in scopes.scopes_of(officer(), "org_other")} == {"org_organ"}


def test_the_log_is_read_off_once_and_in_order(db: Database, signer: note.Signer) -> None:
    for number in range(3):
        tell(f"ord_{number}a", "org_buyer", title="客流")
    sequence(db, signer)
    assert not projection.follow()
    with read() as session:
        assert projection.followed_to(session) == 3
        assert scopes.belongs(session, "ord_1a", "org_buyer")
        assert not scopes.belongs(session, "ord_1a", "org_seller")


def test_what_is_classified_late_is_covered_from_then_on(db: Database, signer: note.Signer) -> None:
    tell("ver_a", org="org_seller", role="seller")
    sequence(db, signer)
    grant("org_organ", "category", "transport")
    inspecting(officer())
    with pytest.raises(NotFound):
        inspection.story(officer(), "ver_a")
    tell("ver_a", org="org_seller", role="seller", category="transport")
    sequence(db, signer)
    assert len(inspection.story(officer(), "ver_a")[0]) == 2
