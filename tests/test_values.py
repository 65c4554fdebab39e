"""Ids, money, the clock, life cycles."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange import clock, ids
from exchange.errors import Invalid, WrongState
from exchange.lifecycle import CLOCK, Edge, Lifecycle
from exchange.money import EXPONENTS, MAX_MINOR, Money

MINOR = st.integers(0, MAX_MINOR)


def test_ids_are_prefixed_and_unique_and_sort_by_time() -> None:
    made = [ids.new("ord") for _ in range(2000)]
    assert len(set(made)) == 2000
    assert all(ids.is_id(one, "ord") for one in made)
    assert [one[:14] for one in made] == sorted(one[:14] for one in made)
    assert not ids.is_id(made[0], "lot")
    assert not ids.is_id("ord_short")


def test_numbers_for_people_are_unguessable_and_readable() -> None:
    number = ids.short_number("V")
    assert len(number) == 21
    assert not set(number[2:]) & set("ILOU")


@given(MINOR, st.sampled_from(sorted(EXPONENTS)))
def test_money_is_read_as_it_is_written(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    amount, _, unit = str(money).partition(" ")
    assert Money.parse(amount, unit) == money


@given(MINOR, st.integers(1, 10_000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_a_share_and_the_rest_make_the_whole(minor: int, part: tuple[int, int]) -> None:
    whole = Money(minor, "HKD")
    share = whole.share(*part)
    assert share + (whole - share) == whole
    assert 0 <= share.minor <= minor
    assert share.minor * part[1] <= minor * part[0]


@pytest.mark.parametrize("text", ["", "-1", "1.234", "1,000", "1e3", "１", " 1", "1.", ".5", "9" * 17, "NaN"])
def test_other_notations_of_amounts_are_refused(text: str) -> None:
    with pytest.raises(Invalid):
        Money.parse(text, "HKD")


def test_money_is_never_a_fraction_and_never_mixed() -> None:
    with pytest.raises(TypeError):
        Money(1.5, "HKD")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Money(True, "HKD")
    with pytest.raises(ValueError, match="add up"):
        Money(1, "HKD") + Money(1, "CNY")
    with pytest.raises(ValueError, match="unknown"):
        Money(1, "XXX")
    assert Money(5, "JPY").facts() == {"minor": "5", "currency": "JPY"}


@pytest.mark.rule("T-16")
def test_times_are_written_in_utc_for_machines_and_beijing_time_for_people() -> None:
    moment = datetime(2026, 11, 23, 16, 0, 0, 120, tzinfo=UTC)
    assert clock.text(moment) == "2026-11-23T16:00:00.000120Z"
    assert clock.beijing(moment) == "2026-11-24 00:00:00 (UTC+08:00)"


def test_the_clock_never_runs_behind_and_ahead_in_a_demonstration_only() -> None:
    clock.allow_offset(demonstration=False)
    with pytest.raises(ValueError, match="demonstration"):
        clock.set_offset(timedelta(seconds=1))
    clock.allow_offset(demonstration=True)
    with pytest.raises(ValueError, match="behind"):
        clock.set_offset(timedelta(seconds=-1))
    clock.set_offset(timedelta(hours=1))
    assert clock.now() - clock.real_now() > timedelta(minutes=59)
    clock.set_offset(timedelta())


def edge(to: str, *by: str) -> Edge:
    return Edge(to, by or (CLOCK,), f"thing.{to}")


def test_a_life_cycle_answers_from_its_table() -> None:
    cycle = Lifecycle(
        "thing", initial="new", final=frozenset({"old"}), edges={("new", "age"): edge("old", "owner", CLOCK)}
    )
    assert cycle.edge("new", "age").to == "old"
    assert cycle.actions("new", frozenset({"owner"})) == ["age"]
    assert cycle.actions("new", frozenset({"guest"})) == []
    assert "new --> old: age (owner, clock)" in cycle.mermaid()
    with pytest.raises(WrongState, match="«age» is not possible in state «old»"):
        cycle.edge("old", "age")


@pytest.mark.parametrize(
    ("edges", "final", "fault"),
    [
        ({("new", "a"): edge("x")}, set(), "x has no way out"),
        ({("new", "a"): edge("old"), ("lost", "b"): edge("old")}, {"old"}, "lost cannot be reached"),
        ({("new", "a"): edge("old"), ("old", "b"): edge("new")}, {"old"}, "old is final but has a way out"),
        ({("new", "a"): edge("old")}, {"old", "gone"}, "gone is final but unknown"),
        ({("new", "a"): Edge("old", (), "thing.old")}, {"old"}, "nobody may a"),
    ],
)
def test_a_life_cycle_with_a_fault_does_not_load(
    edges: dict[tuple[str, str], Edge], final: set[str], fault: str
) -> None:
    with pytest.raises(ValueError, match=fault):
        Lifecycle("thing", initial="new", final=frozenset(final), edges=edges)


def test_ids_of_one_millisecond_sort_as_they_were_made() -> None:
    made = [ids.new("ent") for _ in range(20_000)]
    assert made == sorted(set(made))
    assert all(map(ids.is_id, made))
