"""How much room there is, in words."""

from __future__ import annotations

import pytest

from jellyfish.control.host import HostUse
from jellyfish.control.room import RoomFound
from jellyfish.server.fleet.room_told import AroundRoom, room_told

FOUND = RoomFound(6, True, 15.0, 0.6, 0.55)
AROUND = AroundRoom(4, 0.15, HostUse(0.3, 0.2), False, 100)


def test_the_planner_says_how_many() -> None:
    told = room_told(FOUND, AROUND)
    assert (told["cameras"], told["fps"], told["slo_ms"], told["f1"]) == (6, 15.0, 150.0, 0.55)
    assert "at least" not in told["words"] and "0.550; now 0.600" in told["words"]
    assert "at least 6" in room_told(FOUND._replace(whole=False), AROUND)["words"]


def test_that_one_more_makes_it_better_is_not_said() -> None:
    words = room_told(FOUND._replace(accuracy_now=0.33, accuracy_then=0.62), AROUND)["words"]
    assert words.endswith("no lower than now: 0.620")


@pytest.mark.parametrize(
    ("around", "cameras", "words"),
    [
        (AROUND._replace(host_use=HostUse(0.6, 0.2)), 2, "Room for 2"),
        (AROUND._replace(host_use=HostUse(0.2, 0.85)), 0, "machine"),
        (AROUND._replace(host_binds=True), 0, "machine"),
        (AROUND._replace(free_places=0), 0, "no more clients"),
        (AROUND._replace(host_use=None), 6, "Room for 6"),
    ],
)
def test_the_machine_and_the_limit_may_allow_fewer(around: AroundRoom, cameras: int, words: str) -> None:
    told = room_told(FOUND, around)
    assert told["cameras"] == cameras and words in told["words"]


def test_where_devices_are_full_that_is_said() -> None:
    told = room_told(FOUND._replace(cameras=0), AROUND)
    assert (told["cameras"], told["f1"]) == (0, None) and "devices" in told["words"]


def test_what_is_not_known_is_said_to_be_so() -> None:
    assert "no camera" in room_told(FOUND, AROUND._replace(slo_s=None))["words"]
    told = room_told(None, AROUND)
    assert told["cameras"] is None and told["words"].startswith("Not known")
