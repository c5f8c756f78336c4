"""`jellyfish.Camera`: every frame has one outcome, a miss is none of an exception, and a refusal is one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from jellyfish.api.camera import Camera, FrameAnswer
from jellyfish.core import Outcome, Reason
from jellyfish.errors import InputError, RunError
from tests.test_example_client import listening

FRAME = np.full((252, 448, 3), 90, np.uint8)
SLO_MS = 5000.0
"""So long that no machine is too busy for it."""


def open_at(url: str, fps: float = 60.0, slo_ms: float = SLO_MS, **more: Any) -> Camera:
    return Camera(url, fps=fps, slo_ms=slo_ms, **more)


async def test_a_frame_is_answered_and_told_with_what_and_how_long_it_took() -> None:
    async with listening() as url, open_at(url) as camera:
        answer = await camera.infer(FRAME)
        assert camera.model.classes
    assert answer.on_time
    assert (answer.outcome, answer.reason, answer.variant) == (Outcome.ON_TIME, None, "w025-128")
    assert answer.resolution == 128
    assert answer.latency_ms is not None
    assert 0 < answer.latency_ms < SLO_MS


async def test_of_frames_that_come_too_fast_the_newest_wins_and_each_has_one_outcome() -> None:
    async with listening() as url, open_at(url) as camera:
        first = await camera.infer(FRAME)
        answers = await asyncio.gather(*(camera.infer(FRAME) for _ in range(20)))
    assert first.on_time
    assert answers[-1].on_time
    assert {(answer.outcome, answer.reason) for answer in answers[:-1] if not answer.on_time} == {
        (Outcome.SKIPPED, Reason.REPLACED)
    }


async def test_what_is_open_at_the_end_is_still_answered() -> None:
    async with listening() as url:
        async with open_at(url) as camera:
            asked = asyncio.create_task(camera.infer(FRAME))
            await asyncio.sleep(0)
        assert (await asked).on_time


async def test_whoever_has_asked_may_have_gone() -> None:
    async with listening() as url, open_at(url) as camera:
        asked = asyncio.create_task(camera.infer(FRAME))
        await asyncio.sleep(0)
        asked.cancel()
        assert (await camera.infer(FRAME)).outcome in (Outcome.ON_TIME, Outcome.SKIPPED)


async def test_without_a_server_frames_are_skipped_and_with_one_again_they_are_answered() -> None:
    async with contextlib.AsyncExitStack() as camera_stack:
        async with listening() as url:
            camera = await camera_stack.enter_async_context(open_at(url))
            assert (await camera.infer(FRAME)).on_time
        lost = await until(camera, lambda answer: answer.reason is Reason.DISCONNECTED)
        assert lost.outcome is Outcome.SKIPPED
        async with listening(port=int(url.split(":")[2].split("/")[0])):
            assert (await until(camera, lambda answer: answer.on_time)).variant == "w025-128"
            await camera_stack.aclose()


async def until(camera: Camera, is_so: Callable[[FrameAnswer], bool]) -> FrameAnswer:
    """The first answer that is so."""
    while not is_so(answer := await camera.infer(FRAME)):
        pass
    return answer


async def test_a_camera_that_is_not_open_says_so() -> None:
    async with listening() as url:
        camera = open_at(url)
        with pytest.raises(RunError, match="not open"):
            await camera.infer(FRAME)
        with pytest.raises(RunError, match="not open"):
            _ = camera.model
        async with camera:
            pass
        with pytest.raises(RunError, match="not open"):
            await camera.infer(FRAME)


async def test_nobody_there_is_an_input_error() -> None:
    with pytest.raises(InputError, match="nobody listens there"):
        async with open_at("ws://127.0.0.1:9/v1/stream"):
            pass
    with pytest.raises(InputError, match="is not the URL of a stream"):
        async with open_at("http://127.0.0.1:9"):
            pass


async def test_a_server_without_that_model_takes_no_camera_in() -> None:
    async with listening() as url:
        with pytest.raises(RunError, match="took no camera in: refused by the server"):
            async with open_at(url, model="another"):
                pass


@pytest.mark.parametrize(
    ("options", "wrong"), [({"fps": 0}, "fps"), ({"slo_ms": 1e9}, "slo_ms"), ({"name": "a\nb"}, "client")]
)
def test_what_no_camera_can_be_is_refused_at_once(options: dict[str, Any], wrong: str) -> None:
    with pytest.raises(InputError, match=f"a camera cannot ask for that: .*{wrong}"):
        open_at("ws://127.0.0.1:9/v1/stream", **options)


@pytest.mark.parametrize(
    ("frame", "wrong"),
    [
        (FRAME[..., 0], r"this one is uint8 \[252, 448\]"),
        (FRAME.astype(np.float32), "this one is float32"),
        ("photo.jpg", "this one is str"),
        (FRAME[:0], "without pixels"),
    ],
)
async def test_what_is_no_frame_is_refused(frame: Any, wrong: str) -> None:
    async with listening() as url, open_at(url) as camera:
        with pytest.raises(InputError, match=wrong):
            await camera.infer(frame)
        assert (await camera.infer(mirrored(FRAME))).on_time


def mirrored(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A view that is not contiguous, as those who turn BGR into RGB have it."""
    return frame[:, ::-1, ::-1]


async def test_a_camera_that_is_open_is_not_opened_once_more() -> None:
    async with listening() as url, open_at(url) as camera:
        with pytest.raises(RunError, match="open already"):
            async with camera:
                pass
        assert (await camera.infer(FRAME)).on_time
        with pytest.raises(InputError, match="20000 x 1 pixels"):
            await camera.infer(np.zeros((1, 20_000, 3), np.uint8))
    async with listening() as url:
        camera = open_at(url)
        for _ in range(2):
            async with camera:
                assert (await camera.infer(FRAME)).on_time
