"""Work beside the thread that passes bytes on: the same items in the same order, bounded, and errors in their place."""

import threading
from collections.abc import Iterator

import pytest

from listings.streams import BLOCKS_AHEAD, Aside, ahead


def counted(made: list[int], stop: int) -> Iterator[int]:
    for number in range(stop):
        made.append(number)
        yield number
    raise LookupError("behind the last")


def test_items_come_in_order_and_the_error_behind_them() -> None:
    came = list[int]()
    with pytest.raises(LookupError):
        for number in ahead(counted([], 50)):
            came.append(number)
    assert came == list(range(50))
    assert list(ahead(iter(()))) == []


def test_no_more_is_made_than_the_bound_and_nothing_after_the_reader_left() -> None:
    made, threads = list[int](), threading.active_count()
    items = ahead(counted(made, 1000))
    assert [next(items), next(items)] == [0, 1]
    items.close()  # type: ignore[attr-defined]  # a generator
    assert len(made) <= 2 + BLOCKS_AHEAD
    assert threading.active_count() == threads


def test_work_aside_is_done_in_order_before_the_context_ends() -> None:
    done = list[bytes]()
    blocks = [bytes([number]) for number in range(100)]
    with Aside(done.append) as take:
        for block in blocks:
            take(block)
    assert done == blocks


@pytest.mark.parametrize("blocks", [1, 10])
def test_an_error_of_the_work_comes_through(blocks: int) -> None:
    def refuse(_block: bytes) -> None:
        raise LookupError("refused")

    with pytest.raises(LookupError), Aside(refuse) as take:
        for _ in range(blocks):
            take(b"x")


def test_an_error_of_the_context_is_the_one_told() -> None:
    with pytest.raises(KeyError), Aside(lambda _block: None) as take:
        take(b"x")
        raise KeyError("first")
