"""Engines on threads: they are made there, run there, and hold nothing up."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pytest

from jellyfish.core import Answer, Variant
from jellyfish.devices.executor import EngineExecutor
from jellyfish.errors import RunError
from jellyfish.models.model import Engine, Image, WholeBatches
from tests.server.peer import LARGE, MODEL, SMALL

IMAGE = np.zeros((72, 128, 3), np.uint8)


class BrightBox(WholeBatches):
    """An engine that reports the bounding box of the bright pixels of each image."""

    def __init__(self) -> None:
        super().__init__(self.found)
        self.batches: list[tuple[Variant, list[tuple[int, ...]]]] = []
        self.threads: set[str] = set()

    def found(self, images: Sequence[Image], variant: Variant) -> list[Answer]:
        self.batches.append((variant, [image.shape for image in images]))
        self.threads.add(threading.current_thread().name)
        return [Answer()] * len(images)


def opened(*engines: Engine, begin: Callable[[], None] = lambda: None, in_flight: int = 1) -> EngineExecutor:
    return EngineExecutor([partial(_as_it_is, engine) for engine in engines], "cpu", MODEL, begin, in_flight)


def _as_it_is(engine: Engine) -> Engine:
    return engine


async def test_the_engine_runs_on_one_thread_that_is_not_the_loops() -> None:
    engine = BrightBox()
    executor = opened(engine)
    results = await asyncio.gather(executor.run([SMALL], [IMAGE]), executor.run([SMALL] * 2, [IMAGE] * 2))
    executor.close()
    assert [len(result) for result in results] == [1, 2]
    assert len(engine.threads) == 1
    assert threading.current_thread().name not in engine.threads


async def test_a_failing_engine_raises_to_the_caller_and_the_thread_lives_on() -> None:
    class FailsOnce(BrightBox):
        def found(self, images: Sequence[Image], variant: Variant) -> list[Answer]:
            found = super().found(images, variant)
            if len(self.batches) == 1:
                raise RuntimeError("broken")
            return found

    executor = opened(FailsOnce())
    with pytest.raises(RunError, match="RuntimeError: broken"):
        await executor.run([SMALL], [IMAGE])
    assert len(await executor.run([SMALL], [IMAGE])) == 1
    executor.close()


class Staged:
    """An engine whose batches end when told to: what it did, by number of images, and on which thread."""

    memory_bytes = 0

    def __init__(self) -> None:
        self.log: list[str] = []
        self.threads: dict[str, set[str]] = {}
        self.ends = {count: threading.Event() for count in (1, 2, 3, 4)}
        self.launched = {count: threading.Event() for count in self.ends}

    def _did(self, step: str, count: int) -> None:
        self.log.append(f"{step} {count}")
        self.threads.setdefault(step, set()).add(threading.current_thread().name)

    def prepare(self, images: Sequence[Image], variants: Sequence[Variant]) -> int:
        self._did("prepare", len(images))
        if len(images) == 4:
            raise ValueError("four are too many")
        return len(images)

    def launch(self, inputs: int) -> int:
        self._did("launch", inputs)
        self.launched[inputs].set()
        return inputs

    def finish(self, handle: int) -> list[Answer]:
        assert self.ends[handle].wait(20)
        self._did("finish", handle)
        return [Answer()] * handle


async def test_a_batch_is_launched_while_another_runs_and_they_end_in_order() -> None:
    engine = Staged()
    executor = opened(engine, in_flight=2)
    running = [asyncio.create_task(executor.run([SMALL] * count, [IMAGE] * count)) for count in (1, 2, 4, 3)]
    await asyncio.sleep(0)
    assert await asyncio.to_thread(engine.launched[3].wait, 20)
    assert engine.log == ["prepare 1", "launch 1", "prepare 2", "launch 2", "prepare 4", "prepare 3", "launch 3"]
    engine.ends[3].set()
    engine.ends[2].set()
    assert not any(each.done() for each in running)
    engine.ends[1].set()
    first, second, failed, last = await asyncio.gather(*running, return_exceptions=True)
    assert (first, second, last) == ([Answer()], [Answer()] * 2, [Answer()] * 3)
    assert isinstance(failed, RunError) and "four are too many" in str(failed)
    assert engine.log[7:] == ["finish 1", "finish 2", "finish 3"]
    assert engine.threads["prepare"] == engine.threads["launch"] != engine.threads["finish"]
    assert (len(engine.threads["launch"]), len(engine.threads["finish"])) == (1, 1)
    assert 0.0 < executor.lead_s(0) < 20.0
    executor.close()


async def test_warming_runs_every_shape_and_tells_progress() -> None:
    engine, steps = BrightBox(), []
    executor = opened(engine)
    shapes = [(variant, batch) for variant in (SMALL, LARGE) for batch in (1, 2)]
    await executor.warm(shapes, lambda done, total: steps.append((done, total)))
    executor.close()
    small, large = (72, 128, 3), (252, 448, 3)
    assert engine.batches == [(SMALL, [small]), (SMALL, [small] * 2), (LARGE, [large]), (LARGE, [large] * 2)]
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]


async def test_workers_run_batches_at_the_same_time_and_each_begins_and_warms_by_itself() -> None:
    class Meets(BrightBox):
        """Two batches that wait for each other: they end only if they run at the same time."""

        def __init__(self) -> None:
            super().__init__()
            self.meeting = threading.Barrier(2, timeout=20)

        def found(self, images: Sequence[Image], variant: Variant) -> list[Answer]:
            self.meeting.wait()
            return super().found(images, variant)

    begun: list[str] = []
    engine = Meets()
    executor = opened(engine, engine, begin=lambda: begun.append(threading.current_thread().name))
    await executor.warm([(SMALL, 1)])
    assert len(engine.threads) == 2
    for _ in range(3):
        both = await asyncio.gather(*(executor.run([SMALL], [IMAGE], worker) for worker in (0, 1)))
        assert both == [[Answer()], [Answer()]]
    executor.close()
    assert set(begun) == engine.threads and len(begun) == 2


async def test_workers_that_are_not_kept_are_closed_and_the_first_ones_go_on() -> None:
    class Closable(BrightBox):
        closed = False

        def close(self) -> None:
            self.closed = True

    engines = [Closable(), Closable()]
    executor = opened(*engines)
    executor.keep(1)
    assert [engine.closed for engine in engines] == [False, True]
    assert len(await executor.run([SMALL], [IMAGE])) == 1
    executor.close()


HANGS = """
import asyncio, threading
import numpy as np
from jellyfish.devices.executor import EngineExecutor
from jellyfish.models.model import WholeBatches
from tests.server.peer import MODEL, SMALL

def hangs():
    return WholeBatches(lambda images, variant: threading.Event().wait())

async def main():
    executor = EngineExecutor([hangs, hangs], "cuda", MODEL)
    image = np.zeros((72, 128, 3), np.uint8)
    running = [asyncio.create_task(executor.run([SMALL], [image], worker)) for worker in (0, 1)]
    await asyncio.sleep(0.1)
    for task in running:
        task.cancel()
    await asyncio.wait(running)
    executor.close()

asyncio.run(main())
raise SystemExit(3)
"""


def test_an_engine_that_hangs_in_its_thread_holds_up_neither_closing_nor_the_interpreters_end() -> None:
    done = subprocess.run([sys.executable, "-c", HANGS], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "")


def test_a_worker_that_cannot_begin_or_make_its_engine_says_so_at_once() -> None:
    with pytest.raises(ValueError, match="no number"):
        opened(BrightBox(), begin=lambda: int("no number"))  # type: ignore[arg-type, return-value]
    with pytest.raises(ValueError, match="no engine"):
        EngineExecutor([lambda: int("no engine")], "cpu", MODEL)  # type: ignore[list-item, return-value]


def test_what_engines_have_chosen_for_themselves_is_told() -> None:
    class Choosy(BrightBox):
        stated = "bfloat16"

    executor = opened(BrightBox(), Choosy())
    assert executor.stated == ["bfloat16"]
    executor.close()


def test_what_is_in_memory_is_that_of_all_engines() -> None:
    class Heavy(BrightBox):
        memory_bytes = 5

    executor = opened(Heavy(), Heavy(), BrightBox())
    assert executor.memory_bytes == 10
    executor.close()
