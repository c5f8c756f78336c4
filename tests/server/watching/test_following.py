"""Objects keep their numbers from frame to frame, and boxes are carried forward as they moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest

from jellyfish.core import ClassScore, Detection
from jellyfish.server.watching.following import MOST_CAMERAS, Following
from jellyfish.server.watching.hub import Hub
from jellyfish.server.watching.seen import Seen
from tests.virtual import virtual

FRAME_S = 1 / 15


class ByLabel:
    """A tracker that takes the label for the object; what scores less than .5 is not followed."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def update(self, detections: Sequence[Detection], time_s: float) -> list[int | None]:
        self.times.append(time_s)
        return [one.label if one.score >= 0.5 else None for one in detections]


def box(left: float, label: int = 7, score: float = 0.9, width: float = 0.1) -> Detection:
    return Detection(label, score, left, 0.5, left + width, 0.6)


def seen(frame: int, *found: Detection, camera: str = "gate") -> Seen:
    captured_s = 100.0 + frame * FRAME_S
    return Seen(camera, camera, frame, captured_s, captured_s, captured_s + 0.05, 0.1, detections=found)


def driven(speed: float, frames: int = 45, growth: float = 0.0) -> Seen:
    """The last of some frames in which something moves to the right, by so much a second."""
    following, newest = Following(ByLabel), seen(0)
    for frame in range(frames):
        newest = following.followed(
            seen(frame, box(0.35 + speed * frame * FRAME_S, width=0.1 + growth * frame * FRAME_S))
        )
    return newest


def test_each_detection_is_said_to_be_an_object() -> None:
    newest = Following(ByLabel).followed(seen(0, box(0.1), box(0.5, label=3, score=0.4)))
    assert newest.tracks == (7, None) and newest.speeds == ((0.0, 0.0, 0.0, 0.0), None)


@pytest.mark.parametrize("speed", [0.0, 0.15, -0.1])
def test_a_box_is_carried_to_where_its_object_is_by_now(speed: float) -> None:
    newest = driven(speed)
    (now,) = newest.carried_to(newest.captured_s + 0.1).detections
    (then,) = newest.detections
    assert now.left - then.left == pytest.approx(0.1 * speed, rel=0.1)
    assert now.top == pytest.approx(then.top)


def test_a_box_grows_as_what_comes_nearer_does() -> None:
    newest = driven(0.0, growth=0.1)
    (now,), (then,) = newest.carried_to(newest.captured_s + 0.2).detections, newest.detections
    assert now.right - now.left > 1.05 * (then.right - then.left)


def test_boxes_stay_within_the_frame_and_are_not_carried_for_ever() -> None:
    newest = driven(0.15)
    (far,) = newest.carried_to(newest.captured_s + 60.0).detections
    assert 0 <= far.left <= far.right == 1.0
    assert newest.carried_to(newest.captured_s + 60.0).carried_s == 1.0
    assert newest.carried_to(newest.captured_s - 1.0).detections == newest.detections


def test_boxes_are_carried_once_for_all_who_are_told_at_the_same_time() -> None:
    newest = driven(0.15)
    first, second, later = (newest.carried_to(newest.captured_s + ahead) for ahead in (0.08, 0.0801, 0.09))
    assert first is second is not later


def test_the_json_says_how_far_boxes_were_carried() -> None:
    newest = driven(0.2)
    told = msgspec.json.decode(newest.carried_to(newest.captured_s + 0.08).json)
    assert told["carried_ms"] == 80.0 and told["detections"][0]["track"] == 7
    assert "carried_ms" not in msgspec.json.decode(newest.json)


def test_what_is_older_than_what_was_seen_is_not_followed() -> None:
    tracker = ByLabel()
    following = Following(lambda: tracker)
    following.followed(seen(2, box(0.1)))
    assert following.followed(seen(1, box(0.1))).tracks == ()
    assert following.followed(replace(seen(3), missed="overload")).tracks == ()
    assert following.followed(replace(seen(3), scores=(ClassScore(1, 0.9),))).tracks == ()
    assert len(tracker.times) == 1


def test_how_an_object_moved_is_forgotten_when_it_was_away() -> None:
    following = Following(ByLabel)
    for frame in (0, 1, 2):
        following.followed(seen(frame, box(0.1 + 0.02 * frame)))
    following.followed(seen(100))
    assert following.followed(seen(101, box(0.5))).speeds == ((0.0, 0.0, 0.0, 0.0),)


def test_cameras_have_objects_of_their_own_and_so_many_are_remembered() -> None:
    made: list[ByLabel] = []

    def make() -> ByLabel:
        made.append(ByLabel())
        return made[-1]

    following = Following(make)
    for number in range(MOST_CAMERAS + 1):
        following.followed(seen(0, camera=f"camera {number}"))
    following.followed(seen(1, camera=f"camera {MOST_CAMERAS}"))
    assert len(made) == MOST_CAMERAS + 1
    following.followed(seen(1, camera="camera 0"))
    assert len(made) == MOST_CAMERAS + 2


@virtual
async def test_watchers_are_told_of_objects_in_the_order_of_their_frames() -> None:
    hub = Hub()
    hub.following = Following(ByLabel)
    watching = hub.subscribe()
    for frame in range(3):
        hub.publish(seen(frame, box(0.1)))
    told = [await anext(watching) for _ in range(3)]
    assert [(each.frame, each.tracks) for each in told] == [(0, (7,)), (1, (7,)), (2, (7,))]
