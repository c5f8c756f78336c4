"""A stream that falls behind its camera is found; one that was held up for a moment, or whose clock is off, is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jellyfish.camera.sources.live.backlog import BEHIND_S, PATIENCE_S, Backlog

STEP_S = 1 / 15


def first_s(age_s: Callable[[float], float], until_s: float = 60.0) -> float | None:
    """When it is found, of packets of these ages by the time; None: never."""
    backlog, now = Backlog(), 0.0
    while now < until_s:
        if backlog.grows(age_s(now), now):
            return now
        now += STEP_S
    return None


def test_a_link_slower_than_the_stream_is_found() -> None:
    found_s = first_s(lambda now: 0.08 + max(0.0, now - 10) * 0.6)
    assert found_s == pytest.approx(10 + BEHIND_S / 0.6 + PATIENCE_S, abs=2 * STEP_S)


@pytest.mark.parametrize("off_s", [0.0, 3600.0, -3600.0])
def test_a_clock_that_is_off_does_not_matter(off_s: float) -> None:
    assert first_s(lambda now: off_s + 0.08) is None


def test_what_was_held_up_for_a_moment_catches_up() -> None:
    assert first_s(lambda now: 0.08 + (max(0.0, 3 - 5 * (now - 10)) if now >= 10 else 0.0)) is None


def test_a_rate_that_is_not_true_is_mended_by_each_report_of_the_camera() -> None:
    assert first_s(lambda now: 0.08 + 0.19 * (now % 5)) is None
