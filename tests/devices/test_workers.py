"""A model on a device's workers: in this process where it cannot be moved, in batches that it can run."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from jellyfish.config import ServerConfig
from jellyfish.core import Answer, Variant
from jellyfish.devices.division import Division
from jellyfish.devices.opening import in_words, open_devices
from jellyfish.devices.remote_engine import RemoteEngine
from jellyfish.devices.workers import Workplace
from jellyfish.models.model import Description, EngineOptions, Image, WholeBatches
from tests.models.descriptions import described

DESCRIPTION = described(Variant(64, "n"), Variant(128, "n"))


class Heavy(WholeBatches):
    memory_bytes = 21_000_000


class Counting:
    """A model that notes what its engines are asked for."""

    def __init__(self, description: Description) -> None:
        self.description = description
        self.options: list[EngineOptions] = []
        self.threads: set[int] = set()
        self.batches: set[int] = set()

    def engine(self, options: EngineOptions) -> WholeBatches:
        self.options.append(options)
        self.threads.add(threading.get_ident())
        return Heavy(self.run)

    def run(self, images: Sequence[Image], variant: Variant) -> list[Answer]:
        self.threads.add(threading.get_ident())
        self.batches.add(len(images))
        return [Answer()] * len(images)


class Movable:
    description = replace(DESCRIPTION, movable=True)

    def engine(self, options: EngineOptions) -> WholeBatches:
        return Heavy(_nothing)


def _nothing(images: Sequence[Image], variant: Variant) -> list[Answer]:
    return [Answer()] * len(images)


def told(words: str, done: int, total: int) -> None:
    """Nobody reads it."""


def test_one_that_cannot_be_moved_is_profiled_on_one_thread_in_no_larger_batches_than_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("jellyfish.devices.opening.QUICK_PROFILE_S", 0.01)
    model = Counting(replace(DESCRIPTION, batches=(1, 2)))
    (device,) = open_devices(ServerConfig(), model, (0, 1), told)
    with contextlib.closing(device.executor):
        assert (device.profile.max_batch, device.profile.workers, device.profile.threads) == (2, 1, 2)
        assert device.profile.model == "tested"
        assert model.options == [EngineOptions("cpu", 2, max_batch=2)]
        assert model.batches == {1, 2}
        assert len(model.threads) == 1 and threading.get_ident() not in model.threads
        assert in_words([device]) == "cpu, 21 MB for networks"


def test_one_that_can_be_moved_has_as_many_processes_as_the_processor_is_divided_into() -> None:
    with contextlib.closing(Workplace("cpu", Movable(), (0, 1)).executor(Division(2, 1))) as executor:
        assert all(isinstance(engine, RemoteEngine) for engine in executor.engines)
        assert executor.memory_bytes == 2 * 21_000_000
