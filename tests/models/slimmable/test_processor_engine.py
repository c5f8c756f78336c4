"""The detector under onnxruntime: what it finds beside torch, and which files it refuses."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from jellyfish.core import Answer, InputSize, Variant
from jellyfish.errors import InputError
from jellyfish.media.footage import open_footage, seen
from jellyfish.models.model import EngineOptions, answers
from jellyfish.models.slimmable.boxes import grid_points, select
from jellyfish.models.slimmable.card import Card
from jellyfish.models.slimmable.engine import DetectorEngine
from jellyfish.models.slimmable.layout import CANDIDATES, MAXIMUM_DETECTIONS, PREDICTIONS
from jellyfish.models.slimmable.model import open_slimmable
from jellyfish.models.slimmable.processor_boxes import detections, point_table
from jellyfish.models.slimmable.processor_engine import ProcessorEngine
from jellyfish.models.slimmable.runtimes import Runtime, asked_runtime, runs_bfloat16
from jellyfish.models.slimmable.sizes import SIZES, VARIANTS
from jellyfish.models.slimmable.street import input_size
from jellyfish.models.slimmable.weights import load_weights
from jellyfish.models.weights_file import card_path, write_carded

CLIP = Path(__file__).parents[3] / "videos" / "street-junction.mp4"
ALIKE = 1e-4
CANVAS = InputSize(64, 64)


@pytest.fixture(scope="module")
def engine(random_weights) -> ProcessorEngine:
    return ProcessorEngine(random_weights[0], EngineOptions())


@pytest.fixture(scope="module")
def by_torch(random_weights) -> DetectorEngine:
    return DetectorEngine(random_weights[1], torch.device("cpu"), torch.float32)


def assert_alike(ours: list[Answer], theirs: list[Answer]) -> None:
    """The same boxes in the same order."""
    for one, other in zip(ours, theirs, strict=True):
        assert [box.label for box in one.detections] == [box.label for box in other.detections]
        np.testing.assert_allclose(numbers(one), numbers(other), atol=ALIKE)


def numbers(answer: Answer) -> np.ndarray:
    return np.array([(box.score, box.left, box.top, box.right, box.bottom) for box in answer.detections])


def noise(images: int, resolution: int = 128) -> list[np.ndarray]:
    size = input_size(resolution)
    return list(np.random.default_rng(0).integers(0, 256, (images, size.height, size.width, 3), dtype=np.uint8))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: size.name)
def test_every_network_is_what_it_is_in_torch(engine, by_torch, size):
    """Raw predictions: the same layers, weights, strides and norms."""
    variant = Variant(128, size.name)
    images, variants = noise(2), [variant] * 2
    ((_, _, ours),) = engine.launch(engine.prepare(images, variants)).predictions
    ((_, _, theirs),) = by_torch.launch(by_torch.prepare(images, variants)).predictions
    assert float(theirs.std()) > 0.1
    np.testing.assert_allclose(ours.transpose(0, 2, 1), theirs.numpy(), atol=ALIKE)


def test_real_frames_are_answered_as_by_torch():
    with contextlib.closing(open_footage(CLIP)) as footage:
        frames = [seen(picture, footage.contents) for _, picture in itertools.islice(footage.read_from(0), 3)]
    theirs = DetectorEngine(load_weights(), torch.device("cpu"), torch.float32)
    ours = ProcessorEngine(None, EngineOptions())
    for variant in (VARIANTS[0], Variant(192, "w050e2"), Variant(320, "w100e1")):
        found = answers(ours, frames, [variant] * len(frames))
        assert all(answer.detections for answer in found)
        assert_alike(found, answers(theirs, frames, [variant] * len(frames)))


def test_frames_of_many_sizes_in_one_batch_get_what_each_would_alone(engine):
    variants = [Variant(192, size.name) for size in reversed(SIZES)] + [Variant(192, "w050e2")]
    images = noise(len(variants), 192)
    together = answers(engine, images, variants)
    assert_alike(together, [answers(engine, [image], [own])[0] for image, own in zip(images, variants, strict=True)])


def test_a_least_score_stands_in_for_that_of_the_weights(random_weights, engine):
    picky = ProcessorEngine(random_weights[0], EngineOptions(least_score=0.6))
    few, many = (answers(each, noise(1), [VARIANTS[0]])[0].detections for each in (picky, engine))
    assert 0 < len(few) < len(many)
    assert all(box.score > 0.6 for box in few) and min(box.score for box in many) < 0.6
    assert picky.memory_bytes > 4 * 100_000


def test_it_needs_no_torch():
    script = (
        "import sys\n"
        "from jellyfish.models.opening import open_model\n"
        "from jellyfish.models.model import EngineOptions\n"
        "open_model('slimmable:onnxruntime').engine(EngineOptions()); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=100)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("spread", [0.5, 4.0])
@pytest.mark.parametrize("least_score", [0.0, 0.3, 0.97, 1.0])
def test_boxes_are_chosen_as_torch_chooses_them(spread, least_score):
    """Crowds of overlapping boxes, more of them than may be looked at."""
    points = point_table(CANVAS)
    own = grid_points(CANVAS.height, CANVAS.width)
    np.testing.assert_array_equal(points.T, own.numpy())
    predictions = torch.randn(8, len(own), PREDICTIONS, generator=torch.Generator().manual_seed(5)) * spread
    boxes = select(predictions, own, least_score)
    for number, each in enumerate(predictions):
        mine = boxes.image == number
        theirs = (boxes.sides[mine] / 64).clip(0, 1)
        found = detections(each.numpy().T, points, CANVAS, least_score)
        assert [box.label for box in found] == boxes.label[mine].tolist()
        ours = numbers(Answer(tuple(found))).reshape(-1, 5)
        np.testing.assert_allclose(ours[:, 0], boxes.score[mine], atol=1e-5)
        np.testing.assert_allclose(ours[:, 1:], theirs, atol=1e-5)


def test_no_more_boxes_are_left_than_may_be():
    size = InputSize(448, 256)
    points = point_table(size)
    predictions = np.full((PREDICTIONS, points.shape[1]), -5.0, np.float32)
    predictions[0] = np.linspace(1, 3, points.shape[1])
    found = detections(predictions, points, size, 0.5)
    assert points.shape[1] > CANDIDATES and len(found) == MAXIMUM_DETECTIONS
    assert found[0].score == pytest.approx(1 / (1 + np.exp(-3.0)))
    assert detections(predictions, points, size, 0.99) == []


def _without(name: str) -> Callable[[dict[str, np.ndarray]], None]:
    return lambda tensors: tensors.__delitem__(name)


def _with(name: str, *shape: int) -> Callable[[dict[str, np.ndarray]], None]:
    return lambda tensors: tensors.__setitem__(name, np.zeros(shape, np.float32))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_without("stem.entry.weight"), "lacks tensor stem.entry.weight"),
        (_without("second.1.expand.norms.w050.bias"), "lacks tensor second.1.expand.norms.w050.bias"),
        (_without("heads.0.predict.bias"), "lacks tensor heads.0.predict.bias"),
        (_with("third.9.other", 3), "has the unknown tensor third.9.other"),
        (_with("heads.1.predict.weight", 9, 96, 1, 1), "has another shape of tensor heads.1.predict.weight"),
        (_with("necks.0.lateral16.weight", 96, 81, 1, 1), "has another shape of tensor necks.0.lateral16.weight"),
        (_with("stem.entry.weight", 32, 3), "has another shape of tensor stem.entry.weight"),
        (_with("stem.entry.norm.bias", 5), "has another shape of tensor stem.entry.norm.bias"),
    ],
)
def test_a_file_of_another_network_is_refused(random_weights, tmp_path, change, said):
    tensors = load_file(random_weights[0])
    change(tensors)
    path = tmp_path / "other.safetensors"
    shutil.copy(card_path(random_weights[0]), card_path(path))
    save_file(tensors, path)
    write_carded(path, path.read_bytes(), msgspec.json.decode(card_path(path).read_bytes(), type=Card))
    with pytest.raises(InputError, match=said):
        ProcessorEngine(path, EngineOptions())


def test_torch_runs_where_it_would_in_bfloat16(tmp_path):
    info = tmp_path / "cpuinfo"
    assert not runs_bfloat16(info)
    for flags, has in (("fpu avx2", False), ("fpu avx512f avx512_bf16 amx_tile", True)):
        info.write_text(f"processor\t: 0\nmodel name\t: a processor\nflags\t\t: {flags}\n\nprocessor\t: 1\n")
        assert runs_bfloat16(info) is has


def test_either_may_be_asked_for_and_profiles_of_one_are_none_of_the_other():
    one, other = (open_slimmable(str(runtime), None).description for runtime in Runtime)
    assert (one.processor_libraries, other.processor_libraries) == (("onnxruntime",), ("torch",))
    assert one.libraries == other.libraries == ("torch",)
    assert one.sizes == other.sizes
    assert isinstance(open_slimmable("torch", None).engine(EngineOptions()), DetectorEngine)
    with pytest.raises(InputError, match=r"no part 'w025e1-128'.*onnxruntime or torch"):
        open_slimmable("w025e1-128", None)


@pytest.mark.parametrize("missing", ["onnxruntime", "onnx"])
def test_where_onnxruntime_is_missing_torch_runs_and_that_is_told(monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    assert asked_runtime("") is Runtime.TORCH
    assert "runs under torch, as onnxruntime or onnx" in open_slimmable("", None).description.notes[-1]
    with pytest.raises(InputError, match=f"needs {missing}, which is not installed"):
        asked_runtime("onnxruntime")
