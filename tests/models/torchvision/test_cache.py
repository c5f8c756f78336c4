"""The model cache: what stays loaded, who answers meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.models.torchvision.cache import CacheStep, ModelCache, nearest, next_step

ORDER = tuple("abcdefgh")


def test_the_wanted_network_comes_first_then_its_neighbours_the_smaller_of_two_before_the_larger() -> None:
    assert "".join(nearest(ORDER, "d", ORDER)) == "dcebfagh"
    assert "".join(nearest(ORDER, "h", ORDER)) == "hgfedcba"


def test_a_free_place_is_used_before_anything_is_given_up() -> None:
    assert next_step(ORDER, {"a"}, "a", "h", 3) == CacheStep("h", None)
    assert next_step(ORDER, {"a", "b"}, "a", "h", 3) == CacheStep("h", None)
    assert next_step(ORDER, {"a", "b", "c"}, "c", "h", 3) == CacheStep("h", "a")


def test_nothing_is_loaded_when_the_neighbourhood_is_there() -> None:
    assert next_step(ORDER, {"c", "d", "e"}, "d", "d", 3) is None


def test_nothing_is_given_up_while_all_that_could_be_is_serving() -> None:
    assert next_step(ORDER, {"c", "h", "g"}, "c", "h", 3) is None
    assert next_step(ORDER, {"c", "h", "g"}, "h", "h", 3) == CacheStep("f", "c")


def test_a_broken_network_is_not_tried_and_its_place_goes_to_the_next() -> None:
    assert next_step(ORDER, {"c", "e"}, "c", "d", 3, broken={"d"}) == CacheStep("b", None)
    assert next_step(ORDER, {"b", "c", "e"}, "c", "d", 3, broken={"d"}) is None


@given(st.lists(st.sampled_from(ORDER), min_size=1, max_size=30), st.integers(2, len(ORDER) + 1), st.data())
def test_from_wherever_it_is_the_neighbourhood_gets_loaded_with_no_network_too_many(
    wishes: list[str], capacity: int, data: st.DataObject
) -> None:
    loaded = {wishes[0]}
    for wanted in wishes:
        serving = nearest(ORDER, wanted, loaded)[0]
        for _ in range(data.draw(st.integers(0, 4))):  # frames of a network are few or many beside its loading
            step = next_step(ORDER, loaded, serving, wanted, capacity)
            if step is None:
                break
            assert step.evict != serving and step.load not in loaded
            loaded = (loaded - {step.evict}) | {step.load}
            assert serving in loaded and len(loaded) <= capacity
    while True:
        serving = nearest(ORDER, wanted, loaded)[0]
        step = next_step(ORDER, loaded, serving, wanted, capacity)
        if step is None:
            break
        loaded = (loaded - {step.evict}) | {step.load}
    assert loaded == set(nearest(ORDER, wanted, ORDER)[:capacity])


class Shelf:
    """Networks that take as long to load as the test likes, on a clock of its own: each load takes one second."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.threads: set[str] = set()
        self.given = threading.Event()
        self.broken: set[str] = set()
        self.now = 0.0

    def load(self, name: str) -> str:
        self.threads.add(threading.current_thread().name)
        self.asked.append(name)
        assert self.given.wait(30)
        self.now += 1.0
        if name in self.broken:
            raise OSError("no such file")
        return name.upper()

    def clock(self) -> float:
        return self.now


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    shelf = Shelf()
    yield shelf
    shelf.given.set()


def warm(shelf: Shelf, name: str = "a", capacity: int = 3) -> ModelCache[str]:
    """A cache that serves `name`, with its neighbours."""
    cache = ModelCache(ORDER, shelf.load, capacity, shelf.clock)
    shelf.given.set()
    cache.get(name)
    cache.ready(name)
    cache.settle()
    shelf.given.clear()
    shelf.asked.clear()
    shelf.threads.clear()
    return cache


def test_the_first_network_is_waited_for_and_its_neighbours_are_not(shelf: Shelf) -> None:
    cache = ModelCache(ORDER, shelf.load, 3, shelf.clock)
    assert cache.ready("d") == "d"
    assert not shelf.asked
    shelf.given.set()
    assert cache.get("d") == "D"
    assert cache.loaded == {"d"}
    assert cache.ready("d") == "d"
    cache.settle()
    assert cache.loaded == {"c", "d", "e"}
    assert shelf.asked == ["d", "c", "e"]


def test_the_nearest_answers_while_the_wanted_one_is_loaded_on_another_thread(shelf: Shelf) -> None:
    cache = warm(shelf)
    assert cache.loaded == {"a", "b", "c"}
    assert [cache.ready("h") for _ in range(5)] == ["c"] * 5
    assert cache.get("c") == "C"
    shelf.given.set()
    cache.settle()
    assert threading.current_thread().name not in shelf.threads
    assert cache.ready("h") == "h"
    assert cache.get("h") == "H"
    cache.settle()
    assert cache.loaded == {"f", "g", "h"}
    assert shelf.asked == ["h", "g", "f"]


def test_a_neighbour_is_there_at_once(shelf: Shelf) -> None:
    cache = warm(shelf, "d")
    assert cache.ready("e") == "e"
    assert cache.get("e") == "E"


def test_hits_misses_and_the_time_of_loads_are_counted(shelf: Shelf) -> None:
    cache = warm(shelf)
    assert cache.loads == (1, 0, 3, 3.0)
    cache.ready("h")
    shelf.given.set()
    cache.settle()
    cache.ready("h")
    cache.settle()
    assert cache.loads == (2, 1, 6, 6.0)
    assert cache.loads.mean_load_s == 1.0


def test_who_must_have_a_network_waits_for_it_and_the_farthest_goes(shelf: Shelf) -> None:
    cache = warm(shelf)
    shelf.given.set()
    assert cache.get("d") == "D"
    assert cache.loaded == {"b", "c", "d"}


def test_a_network_that_cannot_be_loaded_is_told_once_and_its_neighbour_goes_on(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    cache = warm(shelf)
    shelf.broken = {"h"}
    shelf.given.set()
    for _ in range(4):
        cache.ready("h")
        cache.settle()
    assert cache.ready("h") == "g"
    assert cache.loaded == {"e", "f", "g"}
    assert shelf.asked.count("h") == 1
    assert [record.message for record in caplog.records] == ["h cannot be loaded; its neighbours go on serving"]
    with pytest.raises(OSError):
        cache.get("h")


def test_there_must_be_room_beside_the_one_that_runs() -> None:
    with pytest.raises(ValueError, match="2 at the least"):
        ModelCache(ORDER, str.upper, 1)
