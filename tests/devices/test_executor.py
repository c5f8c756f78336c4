"""Images are fitted to the canvas, detections are mapped back to the image."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import numpy as np
import pytest
from numpy.typing import NDArray

from jellyfish.core import Detection, Variant, canvas_size
from jellyfish.devices.executor import TorchExecutor, detect_images
from tests.dispatch.requests import SMALL


class BrightBox:
    """An engine that reports the bounding box of the bright pixels of each canvas."""

    def __init__(self) -> None:
        self.batches: list[tuple[Variant, tuple[int, ...]]] = []
        self.threads: set[str] = set()

    def detect(self, canvases: NDArray[np.uint8], variant: Variant) -> list[list[Detection]]:
        self.batches.append((variant, canvases.shape))
        self.threads.add(threading.current_thread().name)
        height, width = canvas_size(variant.resolution)
        found = []
        for canvas in canvases:
            rows, columns = np.nonzero(canvas.min(axis=2) > 200)
            sides = (columns.min() / width, rows.min() / height, (columns.max() + 1) / width, (rows.max() + 1) / height)
            found.append([Detection(2, 0.5, *map(float, sides))])
        return found


def image_with_box(height: int, width: int) -> NDArray[np.uint8]:
    """Dark, bright from a quarter to three quarters across and from the middle to the bottom."""
    image = np.zeros((height, width, 3), dtype=np.uint8)
    image[height // 2 :, width // 4 : 3 * width // 4] = 255
    return image


@pytest.mark.parametrize("shape", [(72, 128), (720, 1280), (480, 640), (1280, 720), (24, 32)])
def test_boxes_are_shares_of_the_image_whatever_its_shape(shape: tuple[int, int]) -> None:
    variant = Variant(256, "w050")
    [[box]] = detect_images(BrightBox(), variant, [image_with_box(*shape)])
    assert (box.label, box.score) == (2, 0.5)
    assert (box.left, box.top, box.right, box.bottom) == pytest.approx((0.25, 0.5, 0.75, 1.0), abs=0.05)


def test_boxes_are_cut_at_the_padding_and_left_out_inside_it() -> None:
    class Everything:
        def detect(self, canvases: NDArray[np.uint8], variant: Variant) -> list[list[Detection]]:
            return [[Detection(0, 1.0, 0.0, 0.0, 1.0, 1.0), Detection(1, 1.0, 0.9, 0.0, 1.0, 1.0)] for _ in canvases]

    [[box]] = detect_images(Everything(), SMALL, [image_with_box(640, 480)])
    assert box == Detection(0, 1.0, 0.0, 0.0, 1.0, 1.0)


def test_images_of_different_sizes_make_one_batch() -> None:
    engine = BrightBox()
    found = detect_images(engine, SMALL, [image_with_box(72, 128), image_with_box(480, 640)])
    assert engine.batches == [(SMALL, (2, *canvas_size(128), 3))]
    assert len(found) == 2


async def test_the_engine_runs_on_one_thread_that_is_not_the_loops() -> None:
    engine = BrightBox()
    executor = TorchExecutor([engine], "cpu")
    image = image_with_box(72, 128)
    results = await asyncio.gather(executor.run(SMALL, [image]), executor.run(SMALL, [image] * 2))
    executor.close()
    assert [len(result) for result in results] == [1, 2]
    assert len(engine.threads) == 1
    assert threading.current_thread().name not in engine.threads


async def test_a_failing_engine_raises_to_the_caller_and_the_thread_lives_on() -> None:
    class FailsOnce(BrightBox):
        def detect(self, canvases: NDArray[np.uint8], variant: Variant) -> list[list[Detection]]:
            found = super().detect(canvases, variant)
            if len(self.batches) == 1:
                raise RuntimeError("broken")
            return found

    executor = TorchExecutor([FailsOnce()], "cpu")
    with pytest.raises(RuntimeError, match="broken"):
        await executor.run(SMALL, [image_with_box(72, 128)])
    assert len(await executor.run(SMALL, [image_with_box(72, 128)])) == 1
    executor.close()


async def test_warming_runs_every_shape_and_tells_progress() -> None:
    class Blank(BrightBox):
        def detect(self, canvases: NDArray[np.uint8], variant: Variant) -> list[list[Detection]]:
            self.batches.append((variant, canvases.shape))
            return [[] for _ in canvases]

    engine, steps = Blank(), []
    executor = TorchExecutor([engine], "cpu")
    shapes = [(variant, batch) for variant in (SMALL, Variant(192, "w050")) for batch in (1, 2)]
    await executor.warm(shapes, lambda done, total: steps.append((done, total)))
    executor.close()
    assert [(variant.resolution, shape[0]) for variant, shape in engine.batches] == [
        (128, 1),
        (128, 2),
        (192, 1),
        (192, 2),
    ]
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]


async def test_workers_run_batches_at_the_same_time_and_each_begins_and_warms_by_itself() -> None:
    class Meets(BrightBox):
        """Two batches that wait for each other: they end only if they run at the same time."""

        def __init__(self) -> None:
            super().__init__()
            self.meeting = threading.Barrier(2, timeout=20)

        def detect(self, canvases: NDArray[np.uint8], variant: Variant) -> list[list[Detection]]:
            self.threads.add(threading.current_thread().name)
            self.meeting.wait()
            return [[] for _ in canvases]

    begun: list[str] = []
    engine = Meets()
    executor = TorchExecutor([engine, engine], "cpu", lambda: begun.append(threading.current_thread().name))
    image = image_with_box(72, 128)
    await executor.warm([(SMALL, 1)])
    assert len(engine.threads) == 2
    for _ in range(3):
        assert await asyncio.gather(executor.run(SMALL, [image], 0), executor.run(SMALL, [image], 1)) == [[[]], [[]]]
    executor.close()
    assert set(begun) == engine.threads and len(begun) == 2


async def test_workers_that_are_not_kept_are_closed_and_the_first_ones_go_on() -> None:
    class Closable(BrightBox):
        closed = False

        def close(self) -> None:
            self.closed = True

    engines = [Closable(), Closable()]
    executor = TorchExecutor(engines, "cpu")
    executor.keep(1)
    assert [engine.closed for engine in engines] == [False, True]
    assert len(await executor.run(SMALL, [image_with_box(72, 128)])) == 1
    executor.close()


HANGS = """
import asyncio, threading
import numpy as np
from jellyfish.core import Variant
from jellyfish.devices.executor import TorchExecutor

class Hangs:
    def detect(self, canvases, variant):
        threading.Event().wait()

async def main():
    executor = TorchExecutor([Hangs(), Hangs()], "cuda")
    image = np.zeros((72, 128, 3), np.uint8)
    running = [asyncio.create_task(executor.run(Variant(128, "w"), [image], worker)) for worker in (0, 1)]
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


async def test_a_worker_that_cannot_begin_fails_every_batch() -> None:
    executor = TorchExecutor([BrightBox()], "cpu", lambda: int("no number"))  # type: ignore[arg-type, return-value]
    for _ in range(2):
        with pytest.raises(ValueError, match="no number"):
            await executor.run(SMALL, [image_with_box(72, 128)])
    executor.close()
