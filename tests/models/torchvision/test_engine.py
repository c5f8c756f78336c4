"""Static detectors behind the engine's interface, on a real frame."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from jellyfish.camera.sources.file import VideoSource
from jellyfish.core import Answer, Detection, Variant
from jellyfish.devices.executor import EngineExecutor
from jellyfish.errors import InputError
from jellyfish.models.model import EngineOptions, answers
from jellyfish.models.torchvision.engine import ZooEngine, stand_in
from jellyfish.models.torchvision.model import open_torchvision
from jellyfish.models.torchvision.networks import CLASSES, LABELS, NETWORKS, Zoo, open_zoo
from tests.models.torchvision.conftest import CATEGORIES

VIDEO = Path(__file__).parents[3] / "videos" / "street-junction.mp4"
SMALL, LARGE = Variant(320, "ssdlite"), Variant(384, "fasterrcnn_mobile")
CPU, PART = torch.device("cpu"), "ssdlite,fasterrcnn_mobile"


@pytest.fixture(scope="module")
def engine(folder: Path) -> ZooEngine:
    return ZooEngine(open_zoo(PART, folder), CPU)


@pytest.fixture(scope="module")
def frame() -> NDArray[np.uint8]:
    with VideoSource(VIDEO) as source:
        return source.frame_at(1.0)[1]


def test_every_category_with_a_name_is_a_class_and_nothing_is_left_out() -> None:
    assert len(CLASSES) == len(set(CLASSES)) == 80
    assert {CATEGORIES[index]: CLASSES[label] for index, label in enumerate(LABELS) if label >= 0} == {
        name: name for name in CLASSES
    }
    assert {CATEGORIES[index] for index, label in enumerate(LABELS) if label < 0} == {"__background__", "N/A"}


class OneAnswer(Zoo):
    """A zoo whose networks answer the same to every image."""

    def load(self, name: str, device: torch.device, least_score: float | None = None) -> torch.nn.Module:
        found = {
            "boxes": torch.tensor([[0.0, 0, 160, 96], [80, 48, 330, 192], [1, 2, 3, 4]]),
            "scores": torch.tensor([0.9, 0.8, 0.7]),
            "labels": torch.tensor([CATEGORIES.index("truck"), 0, CATEGORIES.index("airplane")]),
        }
        network = torch.nn.Module()
        network.forward = lambda images: [found] * (len(images) - 1) + [{key: each[:0] for key, each in found.items()}]
        return network


def test_sides_are_shares_of_the_image_and_what_has_no_name_is_left_out(tmp_path: Path) -> None:
    engine = ZooEngine(OneAnswer(NETWORKS[:1], tmp_path, {}), CPU)
    first, second, none = answers(engine, [np.zeros((192, 320, 3), np.uint8)] * 3, [SMALL] * 3)
    assert first == second and none == Answer()
    truck, airplane = first.detections
    assert (CLASSES[truck.label], CLASSES[airplane.label]) == ("truck", "airplane")
    assert (truck.score, airplane.score) == pytest.approx((0.9, 0.7))
    assert (truck.left, truck.top, truck.right, truck.bottom) == (0.0, 0.0, 0.5, 0.5)


@pytest.mark.parametrize(("variant", "seen"), [(SMALL, "truck"), (LARGE, "car")])
def test_detections_on_a_real_frame_are_of_known_classes_in_range_and_best_first(
    engine: ZooEngine, frame: NDArray[np.uint8], variant: Variant, seen: str
) -> None:
    found = detected(engine, variant, frame)[0]
    assert {CLASSES[detection.label] for detection in found} == {seen}
    assert [detection.score for detection in found] == sorted((d.score for d in found), reverse=True)
    assert len(found) <= 100
    for detection in found:
        assert 0.5 <= detection.score <= 1
        assert 0 <= detection.left <= detection.right <= 1
        assert 0 <= detection.top <= detection.bottom <= 1
    assert max(detection.right for detection in found) > 0.5 and max(detection.bottom for detection in found) > 0.5


def test_a_batch_answers_what_its_images_alone_would(engine: ZooEngine, frame: NDArray[np.uint8]) -> None:
    other = np.ascontiguousarray(frame[::-1])
    together = detected(engine, LARGE, frame, other)
    alone = [detected(engine, LARGE, image)[0] for image in (frame, other)]
    for ours, own, of_other in zip(together, alone, reversed(alone), strict=True):
        assert shared(ours, own) > 0.8 > 0.6 > shared(ours, of_other)


def detected(engine: ZooEngine, variant: Variant, *images: NDArray[np.uint8]) -> list[list[Detection]]:
    return [list(answer.detections) for answer in answers(engine, images, [variant] * len(images))]


def shared(some: list[Detection], others: list[Detection]) -> float:
    """The share of `some` that lie where one of `others` does, to a hundredth of the image."""
    places = [(other.left, other.top, other.right, other.bottom) for other in others]
    near = [
        any(np.allclose((each.left, each.top, each.right, each.bottom), place, atol=0.01) for place in places)
        for each in some
    ]
    return sum(near) / len(near)


def test_unknown_variants_are_refused(engine: ZooEngine, frame: NDArray[np.uint8]) -> None:
    with pytest.raises(InputError, match="unknown variant fcos-320; known: ssdlite-320"):
        detected(engine, Variant(320, "fcos"), frame)


def test_what_stands_in_has_no_larger_image_than_was_sent_if_it_can_be_helped() -> None:
    variants = [Variant(320, "a"), Variant(256, "b"), Variant(384, "b"), Variant(448, "c")]
    assert stand_in(variants, variants[0], "a") == variants[0]
    assert stand_in(variants, Variant(320, "a"), "b") == Variant(256, "b")
    assert stand_in(variants, Variant(448, "c"), "b") == Variant(384, "b")
    assert stand_in(variants, Variant(320, "a"), "c") == Variant(448, "c")


async def test_a_neighbour_answers_until_the_wanted_network_is_loaded(folder: Path, frame: NDArray[np.uint8]) -> None:
    model = open_torchvision(PART, folder)
    executor = EngineExecutor([partial(model.engine, EngineOptions())], "cpu", model.description)
    (engine,) = executor.engines
    assert isinstance(engine, ZooEngine) and executor.loading == [engine]
    assert executor.ready(SMALL) == SMALL
    await executor.run([SMALL], [frame])
    assert executor.ready(LARGE) == SMALL
    assert len(await executor.run([SMALL], [frame])) == 1
    await asyncio.to_thread(engine.settle)
    assert executor.ready(LARGE) == LARGE
    loads = engine.loads
    assert (loads.hits, loads.misses, loads.loads) == (1, 1, 2)
    assert engine.loading.startswith("2 networks loaded, ")
    assert 0 < loads.load_s < time.perf_counter()
    executor.close()
