"""Cameras before the real dispatcher, in virtual time, and the search for the most of them."""

import random
from itertools import pairwise

import numpy as np
import pytest

from benchmarks.gpu_check.serving import most_that
from benchmarks.gpu_check.traffic import Cameras, Fared, offer
from jellyfish.core import Variant
from jellyfish.devices.profile.table import LatencyProfile, VariantLatency
from jellyfish.lab.simulation.timed_executor import TimedExecutor
from tests.virtual import run_virtual

SIZE = Variant(128, "w100e2")
TIMES_S = (0.010, 0.012, 0.014, 0.016)
PROFILE = LatencyProfile("cuda:0", "made", "made", (VariantLatency(SIZE, TIMES_S, TIMES_S),))
RAW_FPS = len(TIMES_S) / TIMES_S[-1]
IMAGES = [np.zeros((72, 128, 3), np.uint8)]


def fared(load: float, budget_s: float = 0.1) -> Fared:
    cameras = Cameras(10, load * RAW_FPS / 10, budget_s, seconds=4.0)
    return run_virtual(offer(TimedExecutor(PROFILE), PROFILE, SIZE, cameras, IMAGES, max_batch=4))


def test_cameras_that_a_device_has_time_for_are_all_in_time():
    found = fared(load=0.5)
    assert found.frames == 10 * int(4.0 * 0.5 * RAW_FPS / 10)
    assert found.share == 1.0


def test_in_overload_what_is_in_time_is_near_the_raw_rate():
    found = fared(load=2.0)
    assert found.share < 0.6
    assert 0.85 * RAW_FPS < found.goodput_fps < 1.05 * RAW_FPS
    assert found.mean_batch > 3.5


def test_frames_that_have_less_time_than_a_batch_takes_are_not_in_time():
    assert fared(load=0.5, budget_s=0.005).on_time == 0


def test_each_camera_sends_at_its_rate_and_in_its_own_phase():
    arrivals = Cameras(3, 10.0, 0.1, 2.0).arrivals(random.Random(1))
    assert len(arrivals) == 60
    assert arrivals == sorted(arrivals)
    own = [time_s for time_s, camera in arrivals if camera == 1]
    assert all(0.07 <= after - before <= 0.13 for before, after in pairwise(own))


@pytest.mark.parametrize("capacity", [0, 1, 2, 37, 300, 5000])
@pytest.mark.parametrize("first", [1, 40, 3000])
def test_the_most_is_found_from_wherever_the_search_begins(capacity, first):
    tried: list[int] = []

    def served(count: int) -> bool:
        tried.append(count)
        return count <= capacity

    found = most_that(served, first, lambda: True)
    assert found <= capacity <= 1.07 * found + 1 if capacity else found == 0
    assert len(tried) < 30


def test_a_search_without_time_ends_with_what_it_has():
    assert most_that(lambda count: count <= 50, 20, lambda: False) == 20
    assert most_that(lambda count: count <= 50, 80, lambda: False) == 0
