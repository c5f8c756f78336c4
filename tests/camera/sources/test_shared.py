"""Clips shared between emulated cameras: the same bytes, made once, ahead of their time, in bounded memory."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from jellyfish.camera.frames import scaled_jpeg
from jellyfish.camera.sources.file import VideoSource
from jellyfish.camera.sources.shared import PLACES, ClipMemory, Memory, SharedClip, start_s
from jellyfish.core import InputSize
from jellyfish.errors import InputError
from jellyfish.media.video_writer import write_video
from tests.virtual import virtual

FRAMES, FPS = 60, 30
CLIP_S = FRAMES / FPS
SMALL, LARGE = InputSize(128, 96), InputSize(150, 150)
"""Of two models: any size will do."""


def moving() -> Iterator[NDArray[np.uint8]]:
    """Noise that moves, so that no two frames are alike."""
    noise = np.random.default_rng(0).integers(0, 255, (9, 16 + FRAMES, 3)).astype(np.uint8)
    for index in range(FRAMES):
        yield np.kron(noise[:, index : index + 16], np.ones((16, 16, 1), np.uint8))


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "moving.mp4"
    write_video(path, moving(), FPS, 256, 144)
    return path


class Pool:
    """An offload that works in place, each call taking some virtual time, and counts what was made."""

    def __init__(self, takes_s: float = 0.0) -> None:
        self.made: Counter[tuple[int, InputSize]] = Counter()
        self._takes_s = takes_s

    async def __call__(self, function: Callable[..., Any], *arguments: Any) -> Any:
        await asyncio.sleep(self._takes_s)
        made = function(*arguments)
        self.made.update((key.number, key.size) for key, _, _ in made)
        return made


class Shared:
    """A clip that is run for the time of the context."""

    def __init__(self, video: Path, pool: Pool, memory_bytes: int = 100_000_000) -> None:
        self.memory = ClipMemory(memory_bytes)
        self.clip = SharedClip(0, lambda: VideoSource(video), self.memory, pool)

    async def __aenter__(self) -> SharedClip:
        self._viewers = [self.clip.viewer(15) for _ in range(PLACES)]
        self._running = asyncio.create_task(self.clip.run())
        return self.clip

    async def __aexit__(self, *error: object) -> None:
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        for reader in self.clip.readers:
            reader.source.close()


@virtual
async def test_the_bytes_are_those_of_a_camera_of_its_own(video: Path) -> None:
    with VideoSource(video) as own:
        async with Shared(video, Pool()) as clip:
            camera = clip.viewer(15)
            for number in (0, 1, 7, 29, 30, 3, 45):
                picture = await camera.at(number / 15, number / 15)
                _, image = own.frame_at(camera.offset_s + number / 15)
                for size in (SMALL, LARGE):
                    assert await camera.encoded(picture, size) == scaled_jpeg(image, size)


@virtual
async def test_frames_are_made_once_for_all_cameras_and_before_they_are_captured(video: Path) -> None:
    pool = Pool(takes_s=0.001)
    loop = asyncio.get_running_loop()
    async with Shared(video, pool) as clip:
        cameras = [clip.viewer(15) for _ in range(20)]
        for camera in cameras:
            await camera.at(0.0, loop.time() + 1.0)
            camera.expect(LARGE)
        await asyncio.sleep(1.0)
        for number in range(45):
            for camera in cameras:
                before_s = loop.time()
                await camera.encoded(await camera.at(number / 15, loop.time()), LARGE)
                assert loop.time() == before_s  # it was ready
            await asyncio.sleep(1 / 15)
    assert set(pool.made.values()) == {1}
    assert len(pool.made) <= FRAMES
    assert not any(reader.awaited for reader in clip.readers)


@virtual
async def test_what_is_prepared_is_there_at_any_size_when_it_is_shown(video: Path) -> None:
    pool = Pool(takes_s=0.001)
    async with Shared(video, pool) as clip:
        camera = clip.viewer(15)
        await camera.prepare(0.0, 1.0, (SMALL, LARGE))
        assert len(pool.made) == 2 * 15
        for number in range(15):
            picture = await camera.at(number / 15, number / 15)
            assert await camera.encoded(picture, SMALL) != await camera.encoded(picture, LARGE)
        assert len(pool.made) == 2 * 15
    assert not any(reader.awaited for reader in clip.readers)


@virtual
async def test_what_cannot_be_prepared_is_told_to_whoever_shows_it(video: Path) -> None:
    async def fails(function: Callable[..., Any], *arguments: Any) -> Any:
        raise InputError("the file is damaged")

    shared = Shared(video, Pool())
    shared.clip = SharedClip(0, lambda: VideoSource(video), shared.memory, fails)
    async with shared as clip:
        camera = clip.viewer(15)
        await camera.prepare(0.0, 1.0, (SMALL,))
        with pytest.raises(InputError, match="damaged"):
            await camera.encoded(await camera.at(0.0, 0.0), SMALL)


@virtual
async def test_only_what_is_shown_is_made(video: Path) -> None:
    pool = Pool()
    async with Shared(video, pool) as clip:
        camera = clip.viewer(1)
        await camera.at(0.0, 0.0)
        camera.expect(SMALL)
        await asyncio.sleep(1.0)
    assert len(pool.made) == 2  # the first frame and the one a second later


@virtual
async def test_a_frame_at_another_size_than_expected_is_made_when_it_is_sent(video: Path) -> None:
    async with Shared(video, Pool()) as clip:
        camera = clip.viewer(15)
        picture = await camera.at(0.0, 0.0)
        camera.expect(LARGE)
        assert len(await camera.encoded(picture, SMALL)) < len(await camera.encoded(picture, LARGE))


@virtual
async def test_a_frame_that_cannot_be_decoded_is_the_waiting_camera_s_error_and_the_clip_goes_on(video: Path) -> None:
    class Fails(Pool):
        broken = True

        async def __call__(self, function: Callable[..., Any], *arguments: Any) -> Any:
            if self.broken:
                raise InputError("the file is damaged")
            return await super().__call__(function, *arguments)

    pool = Fails()
    async with Shared(video, pool) as clip:
        camera = clip.viewer(15)
        with pytest.raises(InputError, match="damaged"):
            await camera.encoded(await camera.at(0.0, 0.0), SMALL)
        pool.broken = False
        assert await camera.encoded(await camera.at(1 / 15, 1 / 15), SMALL)


@virtual
async def test_memory_is_bounded_and_what_was_forgotten_is_made_again(video: Path) -> None:
    shared = Shared(video, Pool(), memory_bytes=40_000)
    async with shared as clip:
        camera = clip.viewer(15)
        picture = await camera.at(0.0, 0.0)
        first = await camera.encoded(picture, LARGE)
        for number in range(1, 25):
            await camera.encoded(await camera.at(number / 15, 0.0), LARGE)
            assert shared.memory.held_bytes <= 40_000
        assert shared.memory.encoded.forgotten > 0
        assert await camera.encoded(picture, LARGE) == first


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 60)), max_size=60), st.integers(0, 100))
def test_memory_never_holds_more_than_it_may_and_forgets_the_least_recently_used(
    puts: list[tuple[int, int]], most: int
) -> None:
    memory = Memory[str](most)
    order: list[int] = []
    sizes: dict[int, int] = {}
    for key, size in puts:
        memory.put(key, str(key), size)
        order = [each for each in order if each != key] + [key]
        sizes[key] = size
        while sum(sizes[each] for each in order) > most:
            sizes.pop(order.pop(0))
        assert memory.held_bytes == sum(sizes[each] for each in order) <= most
        assert [each for each in range(10) if each in memory] == sorted(order)
        if order:
            assert memory.get(order[0]) == str(order[0])
            order = order[1:] + order[:1]


@pytest.mark.parametrize("fps", [0.5, 1.0, 10.0, 15.0, 25.0])
def test_cameras_start_at_different_places_and_show_their_whole_clip_before_they_repeat_it(fps: float) -> None:
    starts = [start_s(viewer, fps, 20.0) for viewer in range(16)]
    assert starts[0] == 0.0
    assert len({round(start, 6) for start in starts}) == 16
    assert all(0 <= start < 20 for start in starts)
    assert min(abs(a - b) for i, a in enumerate(starts[:PLACES]) for b in starts[:i]) > 2.0
    for start in starts:
        shown = [int((start + number / fps) * 30 + 1e-6) % 600 for number in range(int(20 * fps))]
        assert len(set(shown)) == len(shown)


def test_a_jump_in_a_video_shows_the_frame_that_reading_on_would(video: Path) -> None:
    with VideoSource(video) as jumping, VideoSource(video) as steady:
        in_order = [steady.frame(index) for index in range(FRAMES)]
        for index in np.random.default_rng(1).integers(0, FRAMES, 60).tolist():
            assert np.array_equal(jumping.frame(index), in_order[index])


def test_a_long_jump_forward_seeks_the_key_frame(tmp_path: Path) -> None:
    long = tmp_path / "long.mp4"
    write_video(long, (image for _ in range(10) for image in moving()), FPS, 256, 144)
    with VideoSource(long) as jumping, VideoSource(long) as steady:
        decoded: list[int] = []
        wanted = [550, 120, 121, 599, 300]
        for index in range(600):
            image = steady.frame(index)
            decoded += [index] if index in wanted else []
            if index in wanted:
                assert np.array_equal(jumping.frame(index), image)
        assert decoded == sorted(wanted)


def test_an_mpeg_transport_stream_shows_its_first_frames_also_when_it_starts_again(tmp_path: Path, video: Path) -> None:
    """Seeking to its start lands on the second key frame, if there is one."""
    path = tmp_path / "moving.ts"
    with av.open(str(path), "w", options={"mpegts_copyts": "1"}) as output:
        stream = output.add_stream("libx264", rate=FPS, options={"g": "10", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 256, 144, "yuv420p"
        for image in moving():
            output.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        output.mux(stream.encode())
    with VideoSource(path) as source:
        once = [source.frame(index) for index in range(min(source.frames, 30))]
        assert len({image.tobytes() for image in once}) == len(once)
        source.frame(source.frames - 1)
        for index, image in enumerate(once):
            assert np.array_equal(source.frame(index), image)


def test_a_frame_may_be_converted_by_several_threads_at_once(video: Path) -> None:
    with VideoSource(video) as source:
        frame, wanted = source.decoded(5), source.frame(5)
    with ThreadPoolExecutor(4) as pool:
        assert all(np.array_equal(image, wanted) for image in pool.map(source.image, [frame] * 400))


def test_a_file_without_times_is_counted_from_its_start(tmp_path: Path, video: Path) -> None:
    raw = tmp_path / "raw.avi"  # AVI holds no presentation times
    with av.open(str(video)) as container, av.open(str(raw), "w") as output:
        stream = output.add_stream("mjpeg", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 256, 144, "yuvj420p"
        for frame in container.decode(video=0):
            output.mux(stream.encode(frame.reformat(format="yuvj420p")))
        output.mux(stream.encode())
    with VideoSource(raw) as jumping, VideoSource(raw) as steady:
        in_order = [steady.frame(index) for index in range(steady.frames)]
        for index in (10, 3, 50, 49, 0, 59):
            assert np.array_equal(jumping.frame(index), in_order[index])
