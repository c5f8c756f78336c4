"""A real reader's process, on files: what it shows, what it makes of it, and that it can be killed."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jellyfish.camera.sources.live.messages import FrameShown, OpenSource, SourceFailed, SourceOpened
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
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


async def first(process: SourceProcess, asked: OpenSource) -> Told:
    await process.open(asked)
    return await process.hear()


async def test_frames_of_a_video_come_in_their_order_at_its_pace_and_begin_again(tmp_path: Path) -> None:
    film(tmp_path / "film.mp4", frames=5)
    async with reading() as process:
        opened = await first(process, OpenSource(str(tmp_path / "film.mp4")))
        assert isinstance(opened, SourceOpened)
        assert f"h264 {WIDTH}x{HEIGHT}" in opened.words
        shown, numbers = [], []
        for _ in range(7):
            shown.append(await next_frame(process))
            numbers.append(number_of(await picture(process, shown[-1].frame)))
    assert numbers == [0, 1, 2, 3, 4, 0, 1]
    steps = np.diff([frame.captured_s for frame in shown])
    assert steps[:4] == pytest.approx(0.1, abs=1e-6)
    assert steps[4] >= 0.1


@pytest.mark.parametrize(("turned", "asked", "size"), [(90, None, (48, 64)), (90, 0, (64, 48)), (0, 270, (48, 64))])
async def test_frames_are_shown_as_they_are_to_be_held_or_as_was_asked(
    tmp_path: Path, turned: int, asked: int | None, size: tuple[int, int]
) -> None:
    film(tmp_path / "film.mp4", frames=5, rotation=turned)
    async with reading() as process:
        await process.open(OpenSource(str(tmp_path / "film.mp4"), rotate=asked))
        frame = await next_frame(process)
        assert (frame.width, frame.height) == size
        image = await picture(process, frame.frame)
        assert image.shape[:2] == size[::-1]


async def test_a_frame_is_made_as_large_as_is_asked_for(tmp_path: Path) -> None:
    film(tmp_path / "film.mp4", frames=5)
    async with reading() as process:
        await process.open(OpenSource(str(tmp_path / "film.mp4")))
        frame = await next_frame(process)
        assert (await picture(process, frame.frame, InputSize(32, 32))).shape == (24, 32, 3)


async def test_a_frame_that_is_kept_no_more_cannot_be_had(tmp_path: Path) -> None:
    film(tmp_path / "film.mp4", frames=5)
    async with reading() as process:
        await process.open(OpenSource(str(tmp_path / "film.mp4")))
        frame = await next_frame(process)
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
        last = await picture(process, frames[-1].frame)
    assert np.diff([frame.captured_s for frame in frames])[:2] == pytest.approx(0.02, abs=1e-6)
    assert last.mean() == pytest.approx(50, abs=3)


@pytest.mark.parametrize("name", ["nowhere.mp4", "empty", "text.mp4"])
async def test_what_is_no_source_is_told_in_words_and_the_next_can_be_opened(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.mp4").write_text("no video")
    film(tmp_path / "film.mp4", frames=5)
    async with reading() as process:
        failed = await first(process, OpenSource(str(tmp_path / name)))
        assert isinstance(failed, SourceFailed)
        assert str(tmp_path) not in failed.words
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


def visible(pid: int) -> bytes:
    """What others, or their owner's other programs, can see of a process."""
    return b"".join(Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "environ"))


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="processes' titles are not to be read here")
async def test_nobody_who_looks_at_its_process_sees_the_password_nor_a_token_of_the_servers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JELLYFISH_TOKEN", "confidential")
    monkeypatch.setenv("JELLYFISH_CAMERA_URL", "rtsp://user:secret@127.0.0.1:1/x")
    async with reading() as process:
        assert isinstance(await first(process, OpenSource("rtsp://user:secret@127.0.0.1:1/x")), SourceFailed)
        seen = visible(process.pid)
    assert b"sources.live.reader" in seen
    assert b"secret" not in seen
    assert b"confidential" not in seen


async def test_a_reader_ends_with_its_input_whatever_it_does(tmp_path: Path) -> None:
    """As when whoever has started it is killed."""
    film(tmp_path / "film.mp4", frames=5)
    async with reading() as process:
        await process.open(OpenSource(str(tmp_path / "film.mp4")))
        await next_frame(process)
        assert process._process.stdin is not None
        process._process.stdin.close()
        assert await process._process.wait() == 0
