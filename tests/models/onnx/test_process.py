"""A package's engine in a process of its own, as a processor's workers have it."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest

from jellyfish.core import Variant
from jellyfish.devices.remote_engine import RemoteEngine
from jellyfish.errors import InputError
from jellyfish.models.model import EngineOptions, answers
from jellyfish.models.onnx.package import open_package
from tests.models.onnx.graphs import BOXES, package


def quiet() -> None:
    """Nothing to set up."""


def test_it_answers_from_there_and_says_from_there_what_is_wrong(tmp_path: Path) -> None:
    images, variants = [np.zeros((32, 32, 3), np.uint8)] * 2, [Variant(32, "only")] * 2
    whole = open_package(package(tmp_path / "whole"))
    with contextlib.closing(RemoteEngine(whole, EngineOptions(), quiet)) as engine:
        assert [len(answer.detections) for answer in answers(engine, images, variants)] == [2, 2]
    broken = open_package(package(tmp_path / "broken", BOXES.replace('["cat", "dog"]', '["cat"]')))
    with (
        contextlib.closing(RemoteEngine(broken, EngineOptions(), quiet)) as engine,
        pytest.raises(InputError, match="label 1, but `classes` has 1 names"),
    ):
        answers(engine, images, variants)
