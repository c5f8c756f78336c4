"""The oracle: the largest size that the link's own arithmetic brings in time, and none that it does not."""

from __future__ import annotations

import copy

import pytest

from jellyfish.camera.controllers.controller import Foresight
from jellyfish.camera.controllers.oracle import Oracle
from jellyfish.control.frame_size import reference_bytes
from jellyfish.errors import InputError
from jellyfish.link.shaper import Shaper
from jellyfish.link.trace import BandwidthTrace
from tests.camera.controllers.situations import LARGEST, RESOLUTIONS, SMALLEST, execute_s, feedback, size, terms

FALLING = BandwidthTrace((0.0, 1.0, 2.0), (50e6, 5e6, 0.0), "falling")


def informed(shaper: Shaper, slo_s: float = 0.1) -> Oracle:
    """An oracle that has seen one answer."""
    foresight = Foresight(
        lambda sent_s, size_bytes: copy.copy(shaper).send(size_bytes, sent_s),
        lambda resolution: round(reference_bytes(resolution)),
    )
    oracle = Oracle(terms(slo_s=slo_s, foresight=foresight))
    assert size(oracle, 0.0) == SMALLEST
    oracle.answered(0.012 + execute_s(SMALLEST), feedback(uplink_s=0.006, device_s=execute_s(SMALLEST)))
    return oracle


def largest_in_time(shaper: Shaper, now: float, slo_s: float = 0.1) -> int | None:
    """By the link's own arithmetic: 6 ms beside uplink and device, 4 ms kept free, a device a fifth slower."""
    fitting = [
        resolution
        for resolution in RESOLUTIONS
        if copy.copy(shaper).send(round(reference_bytes(resolution)), now) + 0.006 + 1.2 * execute_s(resolution)
        <= now + slo_s - 0.004
    ]
    return max(fitting, default=None)


def test_a_fall_is_known_before_it_comes() -> None:
    shaper = Shaper(FALLING, 0.005)
    oracle = informed(shaper)
    chosen = {now: size(oracle, now) for now in (0.5, 0.98, 0.99, 0.999, 1.5, 1.95, 1.99, 2.5, 2.95, 2.99)}
    assert chosen == {now: largest_in_time(shaper, now) for now in chosen}
    assert chosen[0.5] == LARGEST
    assert chosen[0.999] not in (None, LARGEST)
    assert chosen[2.5] is None


def test_the_queue_before_a_frame_is_known() -> None:
    shaper = Shaper(FALLING, 0.005)
    oracle = informed(shaper)
    shaper.send(300_000, 0.5)
    assert size(oracle, 0.5) == largest_in_time(shaper, 0.5) != LARGEST


def test_without_an_emulated_link_there_is_no_oracle() -> None:
    with pytest.raises(InputError, match="emulated"):
        Oracle(terms())
