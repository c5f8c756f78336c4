"""A real reader's process, on files: what it shows, what it makes of it, and that it can be killed."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import re
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jellyfish.camera.sources.live.messages import FrameShown, OpenSource, SourceFailed, SourceOpened
from jellyfish.camera.sources.live.reader import MOST_BYTES
from jellyfish.camera.sources.live.source_process import SourceProcess, Told
from jellyfish.core import InputSize
from jellyfish.media.picture import write_picture
from tests.media.films import HEIGHT, WIDTH, film, number_of

WHOLE = InputSize(448, 448)


@contextlib.asynccontextmanager
async def reading() -> AsyncIterator[SourceProcess]:
    process = await SourceProcess.start()
    try:
        yield process
    finally:
        await process.close()


async def next_frame(process: SourceProcess) -> FrameShown:
    while True:
        told = await process.hear()
        assert not isinstance(told, SourceFailed), told
        if isinstance(told, FrameShown):
            return told


async def picture(process: SourceProcess, frame: int, size: InputSize = WHOLE) -> np.ndarray:
    data = await process.jpeg(frame, size)
    assert data is not None
    return image_of(data)


def image_of(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


async def shown(process: SourceProcess, frames: int) -> tuple[list[FrameShown], list[int | None]]:
    """Frames, and the numbers that their pictures tell; None of those that were kept no more, on a busy machine."""
    found, numbers = [], []
    for _ in range(frames):
        found.append(await next_frame(process))
        data = await process.jpeg(found[-1].frame, WHOLE)
        numbers.append(None if data is None else number_of(image_of(data)))
    return found, numbers


def agree(numbers: list[int | None], expected: Sequence[int]) -> bool:
    """Whether what is known of them is as expected, and something is."""
    assert len(numbers) == len(expected)
    return set(numbers) != {None} and all(a in (None, b) for a, b in zip(numbers, expected, strict=True))


async def first(process: SourceProcess, asked: OpenSource) -> Told:
    await process.open(asked)
    return await process.hear()


async def test_frames_of_a_video_come_in_their_order_at_its_pace_and_begin_again(tmp_path: Path) -> None:
    film(tmp_path / "film.mp4", frames=5)
    async with reading() as process:
        opened = await first(process, OpenSource(str(tmp_path / "film.mp4")))
        assert isinstance(opened, SourceOpened)
        assert f"h264 {WIDTH}x{HEIGHT}" in opened.words
        frames, numbers = await shown(process, 7)
    assert agree(numbers, [0, 1, 2, 3, 4, 0, 1])
    assert frames[4].captured_s - frames[0].captured_s >= 0.4 - 1e-6
    assert frames[6].captured_s - frames[5].captured_s >= 0.1 - 0.05


@pytest.mark.parametrize(("turned", "asked", "size"), [(90, None, (48, 64)), (90, 0, (64, 48)), (0, 270, (48, 64))])
async def test_frames_are_shown_as_they_are_to_be_held_or_as_was_asked(
    tmp_path: Path, turned: int, asked: int | None, size: tuple[int, int]
) -> None:
    film(tmp_path / "film.mp4", frames=5, rate=2, rotation=turned)
    async with reading() as process:
        await process.open(OpenSource(str(tmp_path / "film.mp4"), rotate=asked))
        frame = await next_frame(process)
        assert (frame.width, frame.height) == size
        image = await picture(process, frame.frame)
        assert image.shape[:2] == size[::-1]


async def test_a_frame_is_made_as_large_as_is_asked_for_as_long_as_it_is_kept(tmp_path: Path) -> None:
    film(tmp_path / "film.mp4", frames=5, rate=2)
    async with reading() as process:
        await process.open(OpenSource(str(tmp_path / "film.mp4")))
        frame = await next_frame(process)
        assert (await picture(process, frame.frame, InputSize(32, 32))).shape == (24, 32, 3)
        for _ in range(2):
            await next_frame(process)
        assert await process.jpeg(frame.frame, WHOLE) is None


async def test_a_folder_of_pictures_is_shown_by_name_at_the_pace_asked_for(tmp_path: Path) -> None:
    for number, grey in ((2, 20), (1, 10), (3, 30)):
        write_picture(tmp_path / f"{number}.png", np.full((48, 64, 3), 5 * grey, np.uint8))
    (tmp_path / "4.png").write_bytes(b"none")
    async with reading() as process:
        await process.open(OpenSource(str(tmp_path), fps=50))
        frames = [await next_frame(process) for _ in range(4)]
    assert min(np.diff([frame.captured_s for frame in frames])) >= 0.02 - 1e-6
    async with reading() as process:
        await process.open(OpenSource(str(tmp_path), fps=1))
        greys = [(await picture(process, (await next_frame(process)).frame)).mean() for _ in range(2)]
    assert greys == pytest.approx([50, 100], abs=3)


async def test_what_is_no_source_is_told_in_words_and_the_next_can_be_opened(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.mp4").write_text("no video")
    film(tmp_path / "film.mp4", frames=5)
    async with reading() as process:
        for name in ("nowhere.mp4", "empty", "text.mp4"):
            failed = await first(process, OpenSource(str(tmp_path / name)))
            assert isinstance(failed, SourceFailed)
            assert str(tmp_path) not in failed.words
        assert "no video" in failed.words
        assert isinstance(await first(process, OpenSource(str(tmp_path / "film.mp4"))), SourceOpened)


async def test_one_that_nobody_listens_at_is_told(tmp_path: Path) -> None:
    async with reading() as process:
        failed = await first(process, OpenSource("rtsp://user:secret@127.0.0.1:1/x"))
    assert failed == SourceFailed("Connection refused")


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
async def test_a_reader_that_hangs_or_dies_can_be_ended_and_leaves_nobody_waiting(tmp_path: Path, number: int) -> None:
    film(tmp_path / "film.mp4", frames=5)
    async with reading() as process:
        await process.open(OpenSource(str(tmp_path / "film.mp4")))
        frame = await next_frame(process)
        os.kill(process.pid, number)
        waiting = asyncio.create_task(process.jpeg(frame.frame + 1, WHOLE))
        await asyncio.sleep(0)
        await process.close()
        assert await waiting is None
        assert await process.jpeg(frame.frame, WHOLE) is None
        with pytest.raises(EOFError):
            while True:
                await process.hear()
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def visible(pid: int, *names: str) -> bytes:
    """What others, or their owner's other programs, can see of a process."""
    return b"".join(Path(f"/proc/{pid}/{name}").read_bytes() for name in names)


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="processes' titles are not to be read here")
async def test_nobody_who_looks_at_its_process_sees_the_password_nor_a_token_of_the_servers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JELLYFISH_TOKEN", "confidential")
    monkeypatch.setenv("JELLYFISH_CAMERA_URL", "rtsp://user:secret@127.0.0.1:1/x")
    async with reading() as process:
        assert isinstance(await first(process, OpenSource("rtsp://user:secret@127.0.0.1:1/x")), SourceFailed)
        seen = visible(process.pid, "cmdline", "environ")
    assert b"sources.live.reader" in seen
    assert b"secret" not in seen
    assert b"confidential" not in seen


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="processes' limits are not to be read here")
async def test_what_it_takes_of_memory_is_bounded(tmp_path: Path) -> None:
    async with reading() as process:
        await first(process, OpenSource(str(film(tmp_path / "film.mp4", frames=5))))
        limits = visible(process.pid, "limits").decode()
    assert re.search(rf"Max data size +{MOST_BYTES} +{MOST_BYTES}", limits), limits


async def test_a_reader_ends_with_its_input_whatever_it_does(tmp_path: Path) -> None:
    """As when whoever has started it is killed."""
    film(tmp_path / "film.mp4", frames=5)
    async with reading() as process:
        await process.open(OpenSource(str(tmp_path / "film.mp4")))
        await next_frame(process)
        assert process._process.stdin is not None
        process._process.stdin.close()
        assert await process._process.wait() == 0
