"""Exported sizes: a package that finds what the network does in torch."""

import contextlib
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from jellyfish.core import Variant
from jellyfish.errors import InputError
from jellyfish.media.footage import open_footage, seen
from jellyfish.models.model import EngineOptions, answers
from jellyfish.models.onnx.package import open_package
from jellyfish.models.slimmable.engine import DetectorEngine
from jellyfish.models.slimmable.weights import load_weights
from jellyfish.modes.export import export

CLIP = Path(__file__).parents[3] / "videos" / "street-junction.mp4"
VARIANT = Variant(128, "w025e2")
LEAST_SCORE = 0.1


def test_an_exported_size_answers_as_the_network_does(tmp_path):
    pytest.importorskip("onnxscript")
    with contextlib.closing(open_footage(CLIP)) as footage:
        picture = seen(next(footage.read_from(0))[1], footage.contents)
    images, variants = [picture, picture[:, ::-1]], [VARIANT] * 2
    export(tmp_path / "package", [VARIANT.name], None, Console(quiet=True))

    model = open_package(tmp_path / "package")
    found = answers(model.engine(EngineOptions(least_score=LEAST_SCORE)), images, variants)
    weights = load_weights()
    own = answers(DetectorEngine(weights, torch.device("cpu"), torch.float32, LEAST_SCORE), images, variants)

    assert model.description.classes == weights.card.classes
    (size,) = model.description.sizes
    assert (size.variant, size.accuracy) == (VARIANT, weights.accuracy(VARIANT))
    assert size.least_score == weights.score_threshold(VARIANT)
    for theirs, ours in zip(found, own, strict=True):
        assert len(ours.detections) > 2
        assert [box.label for box in theirs.detections] == [box.label for box in ours.detections]
        np.testing.assert_allclose(
            [(box.score, box.left, box.top, box.right, box.bottom) for box in theirs.detections],
            [(box.score, box.left, box.top, box.right, box.bottom) for box in ours.detections],
            atol=1e-4,
        )


def test_what_is_wrong_is_said_before_anything_is_written(tmp_path):
    (tmp_path / "model.toml").write_text("")
    with pytest.raises(InputError, match="another folder"):
        export(tmp_path, [VARIANT.name], None, Console(quiet=True))
    with pytest.raises(InputError, match="w999"):
        export(tmp_path / "new", ["w999e1-128"], None, Console(quiet=True))
    assert not (tmp_path / "new").exists()


def test_where_onnxscript_is_missing_that_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install"):
        export(tmp_path / "new", [VARIANT.name], None, Console(quiet=True))
