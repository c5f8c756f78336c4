"""Which frames are left out for a plan's rate: the rest are evenly spaced and no more than it asks for."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from jellyfish.camera.thinning import ROUNDING_S, Thinner


@given(camera_fps=st.floats(1, 240), share=st.floats(0.02, 1))
def test_frames_come_at_the_rate_asked_for_and_evenly(camera_fps: float, share: float) -> None:
    fps, seconds, thinner = share * camera_fps, 30 / (share * camera_fps), Thinner()
    captured = [100.0 + number / camera_fps for number in range(int(seconds * camera_fps))]
    taken = [captured_s for captured_s in captured if thinner.takes(captured_s, fps)]
    assert abs(len(taken) - 30) <= 1
    gaps = [later - earlier for earlier, later in pairwise(taken)]
    assert min(gaps) >= 1 / fps - 1 / camera_fps - 2 * ROUNDING_S
    assert max(gaps) <= 1 / fps + 1 / camera_fps + 2 * ROUNDING_S


def test_every_second_frame_means_every_second_frame() -> None:
    thinner = Thinner()
    taken = [number for number in range(60) if thinner.takes(7.3 + number / 30, 15.0)]
    assert taken == list(range(0, 60, 2))


def test_after_a_pause_nothing_is_made_up_for() -> None:
    thinner = Thinner()
    assert thinner.takes(0.0, 5.0)
    taken = [time for time in (10.0, 10.05, 10.1, 10.15, 10.2) if thinner.takes(time, 5.0)]
    assert taken == [10.0, 10.2]


def test_a_new_rate_holds_from_the_newest_frame_on() -> None:
    thinner = Thinner()
    assert thinner.takes(0.0, None)
    assert [number for number in range(1, 11) if thinner.takes(number / 10, 2.0)] == [5, 10]
    assert thinner.takes(1.1, 10.0)
