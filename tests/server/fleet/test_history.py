"""What is remembered of one camera."""

from __future__ import annotations

import msgspec
import pytest

from jellyfish.core import Answer, Reason, SourceState, Variant
from jellyfish.dispatch.request import Answered, Dropped
from jellyfish.server.attained import Attained
from jellyfish.server.fleet.history import CameraHistory, CameraState
from jellyfish.server.frame_way import FrameWay

ANSWER = Answered(Answer(), Variant(128, "w100"), "cpu", 1, 0.01, 0.02)


def way(network_s: float, server_s: float, outcome: Answered | Dropped = ANSWER, slo_s: float = 0.1) -> FrameWay:
    return FrameWay("gate", 1, slo_s, 0.0, 0.0, network_s, network_s, outcome, network_s + server_s, 0.0)


def state(
    on_time: int = 0, missed: dict[str, dict[str, int]] | None = None, estimated: bool = False, age_s: float = 60.0,
    source: SourceState | None = None,
) -> CameraState:  # fmt: skip
    attained = Attained(1000, on_time, missed or {}, (), estimated)
    return CameraState(attained, age_s, 10.0, source, 2e6, mapped=True, thinned=False)


def blames(history: CameraHistory) -> list[tuple[str, str, int]]:
    return [(each.blame.value, each.reason, each.frames) for each in history.misses.since(0.0)]


def test_each_look_counts_what_has_ended_since_the_one_before() -> None:
    history = CameraHistory()
    history.look(0.0, state(90, {"late": {"network": 10}}), False)
    history.look(1.0, state(100, {"late": {"network": 10}}), False)
    assert history.minute.sums(1.0) == history.hour.sums(1.0) == (110, 100)
    assert history.minute.sums(70.0) == (0, 0) and history.hour.sums(70.0) == (110, 100)
    assert blames(history) == [("network", "network", 10)]


def test_a_new_stream_of_the_camera_begins_at_nothing() -> None:
    history = CameraHistory()
    history.look(0.0, state(90), False)
    history.left(1.0, state(95), False)
    history.look(2.0, state(10), False)
    assert history.hour.sums(2.0) == (105, 105)


def test_a_stream_that_is_half_dead_is_not_counted_again_when_it_ends() -> None:
    history = CameraHistory()
    history.look(0.0, state(90)._replace(stream="old"), False)
    history.look(1.0, state(10)._replace(stream="new"), False)
    history.left(2.0, state(91)._replace(stream="old"), False)
    history.look(2.0, state(20)._replace(stream="new"), False)
    assert history.hour.sums(2.0) == (111, 111)


def test_an_estimate_counts_when_no_report_is_to_be_expected_any_more() -> None:
    history = CameraHistory()
    history.look(0.0, state(50, estimated=True, age_s=2.0), False)
    assert history.minute.sums(0.0) == (0, 0)
    history.look(9.0, state(90, {"late": {"late": 1}}, estimated=True, age_s=11.0), False)
    assert history.minute.sums(9.0) == (91, 90) and history.estimated


@pytest.mark.parametrize(("network_s", "server_s", "blame"), [(0.2, 0.05, "network"), (0.02, 0.2, "server")])
def test_late_frames_tell_what_others_were_missed_for(network_s: float, server_s: float, blame: str) -> None:
    history = CameraHistory()
    for _ in range(50):
        history.frame(0.0, way(0.02, 0.03))
    history.frame(0.0, way(network_s, server_s, Dropped(Reason.EXPIRED)))
    history.look(1.0, state(50, {"dropped": {"expired": 1}, "skipped": {"replaced": 3}}), False)
    assert blames(history) == [(blame, "expired", 1), (blame, "replaced", 3)]


def test_while_its_source_is_dead_frames_are_missed_that_nobody_has_captured() -> None:
    history = CameraHistory()
    for second in range(11):
        history.look(float(second), state(90, source=SourceState.DEAD), False)
    assert blames(history) == [("source", "dead", 100)]
    assert history.minute.sums(10.0) == (90, 90)


def test_a_stream_that_broke_off_is_the_networks() -> None:
    history = CameraHistory()
    history.look(0.0, state(90), False)
    for second in (1.0, 2.0, 3.5):
        history.away(second, 10.0)
    assert blames(history) == [("network", "disconnected", 35)]
    assert list(history.uplinks) == [2e6, None, None, None]


def test_ages_are_those_of_answers() -> None:
    history = CameraHistory()
    history.frame(0.0, way(0.02, 0.03))
    history.frame(0.0, way(0.5, 0.5, Dropped(Reason.EXPIRED)))
    assert history.ages.quantiles_s(1.0, (0.99,)) == pytest.approx((0.05,), rel=0.05)


def test_a_state_has_no_part_that_is_forgotten() -> None:
    """What is kept of a camera does not grow with its frames."""
    history = CameraHistory()
    for second in range(4000):
        history.frame(float(second), way(0.02, 0.03))
        history.look(float(second), state(second), False)
    assert len(history.uplinks) == 60
    assert len(msgspec.json.encode([history.minute.sums(4000.0), history.hour.sums(4000.0)])) < 40
