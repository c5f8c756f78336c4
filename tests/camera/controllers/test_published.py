"""The published controllers: what moves their size, by how much, and what leaves them cold."""

from __future__ import annotations

import pytest

from jellyfish.camera.controllers.controller import Controller
from jellyfish.camera.controllers.local import Local
from jellyfish.camera.controllers.pid import Pid
from jellyfish.camera.controllers.predictors import DeviceTime, FrameBytes, Throughput
from jellyfish.camera.controllers.score import WINDOW, Score
from jellyfish.camera.controllers.split import Split
from jellyfish.control.frame_size import reference_bytes
from tests.camera.controllers.situations import SMALLEST, answer, feedback, size, terms

EARLY_S, LATE_S = 0.05, 0.2
DEADLINE_S = 0.096


def feed(controller: Controller, latency_s: float, frames: int, resolution: int | None = None) -> None:
    for _ in range(frames):
        answer(controller, latency_s, resolution or size(controller) or 0)


def test_the_score_moves_one_size_when_a_full_window_was_early_and_begins_anew() -> None:
    controller = Score(terms())
    feed(controller, EARLY_S, WINDOW - 1)
    assert size(controller) == 128
    feed(controller, EARLY_S, 1)
    assert size(controller) == 256
    feed(controller, EARLY_S, WINDOW - 1)
    assert size(controller) == 256


def test_the_score_moves_down_when_frames_are_late_on_average() -> None:
    controller = Score(terms())
    feed(controller, EARLY_S, WINDOW)
    feed(controller, DEADLINE_S + 0.004, WINDOW)
    assert size(controller) == 128


@pytest.mark.parametrize("off_s", [-0.004, 0.001])
def test_the_score_rests_near_the_deadline(off_s: float) -> None:
    controller = Score(terms())
    feed(controller, EARLY_S, WINDOW)
    feed(controller, DEADLINE_S + off_s, 3 * WINDOW)
    assert size(controller) == 256


def test_the_pid_moves_with_its_first_sample_and_one_size_at_a_time() -> None:
    controller = Pid(terms())
    feed(controller, EARLY_S, 1)
    assert size(controller) == 256
    feed(controller, LATE_S, 1)
    assert size(controller) == 128


@pytest.mark.parametrize("off_s", [-0.004, 0.001])
def test_the_pid_rests_near_the_deadline(off_s: float) -> None:
    controller = Pid(terms())
    feed(controller, DEADLINE_S + off_s, 100)
    assert size(controller) == 128


def test_the_derivative_answers_a_latency_that_falls_before_it_is_low() -> None:
    steady, falling = Pid(terms()), Pid(terms())
    for latency_s in (DEADLINE_S, DEADLINE_S, DEADLINE_S - 0.006):
        answer(falling, latency_s, SMALLEST)
    for latency_s in (DEADLINE_S - 0.003, DEADLINE_S - 0.003, DEADLINE_S - 0.003):
        answer(steady, latency_s, SMALLEST)
    assert (size(falling), size(steady)) == (256, 128)


@pytest.mark.parametrize("make", [Score, Pid])
def test_answers_to_another_size_are_left_out(make: type[Score] | type[Pid]) -> None:
    controller = make(terms())
    feed(controller, EARLY_S, 3 * WINDOW, resolution=384)
    assert size(controller) == 128


@pytest.mark.parametrize("make", [Score, Pid])
def test_dropped_frames_move_the_size_down(make: type[Score] | type[Pid]) -> None:
    controller = make(terms())
    feed(controller, EARLY_S, WINDOW)
    before = size(controller)
    assert before is not None
    for _ in range(WINDOW):
        answer(controller, DEADLINE_S, before, dropped=True)
    assert (size(controller) or 0) < before


def test_throughput_is_the_harmonic_mean_of_five() -> None:
    throughput = Throughput()
    assert throughput.bits_per_s is None
    for seconds in (9.0, 1.0, 1.0, 2.0, 2.0, 4.0):
        throughput.add(1000, seconds)
    assert throughput.bits_per_s == pytest.approx(5 * 8000 / 10)


def test_the_slow_down_keeps_three_quarters_of_the_old() -> None:
    device = DeviceTime()
    device.add(0.02, 0.01)
    assert device.seconds(0.01) == pytest.approx(0.0125)


def test_the_last_frames_bytes_are_carried_over_to_other_sizes() -> None:
    frame_bytes = FrameBytes()
    frame_bytes.add(256, round(2 * reference_bytes(256)))
    assert frame_bytes.bits(512) == pytest.approx(16 * reference_bytes(512), rel=1e-3)


def after(controller: Controller, bits_per_s: float) -> int | None:
    """The size once frames of the reference's bytes have come at such a rate."""
    size_bytes = round(reference_bytes(128))
    network_s = 8 * size_bytes / bits_per_s
    controller.answered(network_s + 0.004, feedback(128, network_s, size_bytes=size_bytes))
    return size(controller)


def test_the_client_alone_takes_the_whole_slo_for_its_network_and_a_split_takes_a_quarter() -> None:
    rate_bps = 8 * reference_bytes(512) / 0.035
    assert after(Local(terms()), rate_bps) == 512
    assert after(Split(terms()), rate_bps) == 384
    assert after(Local(terms(fps=50)), rate_bps) == 256


def test_a_split_keeps_the_device_to_its_share() -> None:
    assert after(Split(terms(slo_s=0.012)), 1e9) == 256
    assert after(Local(terms(slo_s=0.012)), 1e9) == 608
