"""The pipeline of a GPU, on a stand-in that does what it is asked for late and in any allowed order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from jellyfish.core import Answer, Variant
from jellyfish.errors import RunError
from jellyfish.models.model import Image, answers
from jellyfish.models.slimmable.device_graphs import buckets
from jellyfish.models.slimmable.device_pipeline import SPARE_SLOTS, Pipelined
from jellyfish.models.slimmable.engine import DetectorEngine
from jellyfish.models.slimmable.weights import Weights
from tests.models.deferred import DeferredAccelerator

SMALL, WIDE, LATE = Variant(128, "w025e1"), Variant(128, "w050e1"), Variant(128, "w025e2")
MOST = 4


@pytest.fixture(scope="module")
def plain(random_weights: tuple[Path, Weights]) -> DetectorEngine:
    return DetectorEngine(random_weights[1], torch.device("cpu"), torch.float32)


@pytest.fixture(scope="module")
def pipelined(random_weights: tuple[Path, Weights]) -> Callable[[DeferredAccelerator], DetectorEngine]:
    def made(accelerator: DeferredAccelerator) -> DetectorEngine:
        way = Pipelined(accelerator, in_flight=2, max_batch=MOST)
        return DetectorEngine(random_weights[1], torch.device("cpu"), torch.float32, pipelined=way)

    return made


def frames(count: int, seed: int = 0) -> list[Image]:
    """Of several shapes."""
    random = np.random.default_rng(seed)
    shapes = [(72, 128, 3), (96, 128, 3), (96, 60, 3)]
    return [random.integers(0, 256, shapes[each % 3], dtype=np.uint8) for each in range(count)]


def assert_alike(found: Sequence[Answer], expected: Sequence[Answer]) -> None:
    """Up to what another batch size does to a sum."""
    for ours, theirs in zip(found, expected, strict=True):
        assert [each.label for each in ours.detections] == [each.label for each in theirs.detections]
        sides = [[(d.score, d.left, d.top, d.right, d.bottom) for d in each.detections] for each in (ours, theirs)]
        np.testing.assert_allclose(*sides, atol=1e-4)


BATCHES = [
    [SMALL],
    [SMALL] * 3,
    [WIDE] * 4,
    [SMALL, WIDE],
    [WIDE, SMALL, WIDE, LATE],
    [LATE] * 2,
    [SMALL] * 7,
    [SMALL, LATE, SMALL, LATE, LATE, LATE, LATE, LATE],
]


@pytest.mark.parametrize("seed", [None, 1, 2, 3])
def test_two_batches_in_flight_answer_what_each_would_alone(
    seed: int | None, plain: DetectorEngine, pipelined: Callable[[DeferredAccelerator], DetectorEngine]
) -> None:
    engine = pipelined(DeferredAccelerator(seed))
    running: list[tuple[object, list[Answer]]] = []
    for number, variants in enumerate([*BATCHES, *BATCHES[::-1]]):
        images = frames(len(variants), seed=number)
        prepared = engine.prepare(images, variants)
        running.append((engine.launch(prepared), answers(plain, images, variants)))
        del prepared
        if len(running) == 2:
            handle, expected = running.pop(0)
            assert_alike(engine.finish(handle), expected)  # type: ignore[arg-type]
            del handle
    handle, expected = running.pop()
    assert_alike(engine.finish(handle), expected)  # type: ignore[arg-type]


def test_a_batch_is_a_few_things_to_ask_for_and_one_to_wait_for(
    pipelined: Callable[[DeferredAccelerator], DetectorEngine],
) -> None:
    accelerator = DeferredAccelerator()
    engine = pipelined(accelerator)
    answers(engine, frames(3), [SMALL] * 3)
    answers(engine, frames(3), [SMALL, WIDE, WIDE])
    prepared = engine.prepare(frames(3), [SMALL] * 3)
    accelerator.log.clear()
    launched = engine.launch(prepared)
    assert accelerator.log == ["copy up", "copy", "graph", "graph", "copy back"]
    engine.finish(launched)
    assert accelerator.log[5:] == ["wait"]
    mixed = engine.prepare(frames(3), [SMALL, WIDE, SMALL])
    accelerator.log.clear()
    engine.finish(engine.launch(mixed))
    assert [accelerator.log.count(each) for each in ("copy up", "graph", "copy back", "wait")] == [1, 3, 1, 1]


def test_graphs_are_captured_for_few_batch_sizes_and_only_once(
    pipelined: Callable[[DeferredAccelerator], DetectorEngine],
) -> None:
    accelerator = DeferredAccelerator()
    engine = pipelined(accelerator)
    assert accelerator.captures == 2  # the largest: they tell whether there is memory for it
    for _ in range(2):
        for batch in (1, 2, 3, 4):
            answers(engine, frames(batch), [SMALL] * batch)
        assert accelerator.captures == 2 + 2 * len(buckets(MOST))
    answers(engine, frames(3), [WIDE, SMALL, SMALL])
    answers(engine, frames(9), [SMALL] * 9)
    assert accelerator.captures == 2 + 2 * len(buckets(MOST)) + 1


@pytest.mark.parametrize(("most", "sizes"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (8, [1, 2, 4, 8])])
def test_batch_sizes_are_powers_of_two_and_the_largest(most: int, sizes: list[int]) -> None:
    assert buckets(most) == sizes


def test_a_batch_that_there_is_no_memory_for_lowers_what_runs_at_once_before_service(
    plain: DetectorEngine, pipelined: Callable[[DeferredAccelerator], DetectorEngine]
) -> None:
    engine = pipelined(DeferredAccelerator(refused=lambda capture: capture <= 2))
    assert engine.stated == "float32, at most 1 frames at once and 9 MB"
    assert_alike(answers(engine, frames(4), [SMALL] * 4), answers(plain, frames(4), [SMALL] * 4))
    assert engine.memory_bytes == 5_000_000


def test_no_frame_fails_when_memory_is_short_later(
    plain: DetectorEngine, pipelined: Callable[[DeferredAccelerator], DetectorEngine]
) -> None:
    for refused, most in (({5}, 2), ({6}, 2), ({5, 6}, 1), ({5, 7}, 1)):  # 3 and 4 are those of the batch beside
        engine = pipelined(DeferredAccelerator(1, refused=refused.__contains__))
        beside = engine.launch(engine.prepare(frames(1), [SMALL]))
        for batch in (4, 3, 1, 4):
            found = answers(engine, frames(batch, seed=batch), [SMALL] * batch)
            assert_alike(found, answers(plain, frames(batch, seed=batch), [SMALL] * batch))
        assert_alike(engine.finish(beside), answers(plain, frames(1), [SMALL]))
        assert engine.stated.startswith(f"float32, at most {most} frames")


def test_a_device_without_memory_for_one_frame_says_so(
    pipelined: Callable[[DeferredAccelerator], DetectorEngine],
) -> None:
    with pytest.raises(RunError, match="not enough free memory for one frame"):
        pipelined(DeferredAccelerator(refused=lambda capture: True))
    engine = pipelined(DeferredAccelerator(refused=lambda capture: capture > 2))
    with pytest.raises(RunError, match="not enough free memory for one frame"):
        answers(engine, frames(4), [SMALL] * 4)


def test_the_ring_is_bounded_and_what_is_forgotten_comes_back(
    pipelined: Callable[[DeferredAccelerator], DetectorEngine],
) -> None:
    accelerator = DeferredAccelerator()
    engine = pipelined(accelerator)
    pinned = len(accelerator.pinned_memory)
    for _ in range(20):
        engine.prepare(frames(2), [SMALL] * 2)
        answers(engine, frames(2), [SMALL] * 2)
    held = [engine.prepare(frames(2), [SMALL] * 2) for _ in range(2 + SPARE_SLOTS)]
    with pytest.raises(RunError, match="one has to end before another begins"):
        engine.prepare(frames(2), [SMALL] * 2)
    held.pop()
    engine.prepare(frames(2), [SMALL] * 2)
    assert len(accelerator.pinned_memory) == pinned
