"""Clips that many emulated cameras show: each frame is decoded, scaled and encoded once, for all of them.

A real camera has a processor of its own. Emulated ones have to share this machine's, and what they show is known
beforehand: so frames are made ready before a run at each size that a plan may ask for, as far as there is time and
room, and the rest in it, those of the next moments at the size that the plan asks for. They are kept, in bounded
memory, for every other camera that will show them. The bytes are those that a camera of its own would have sent.

Cameras of a clip start at a few places of it, each with a decoder of its own that reads on from there; those that
share a place follow each other closely, so that the one in front has made ready what the others show. New frames come
at the pace of a few cameras then, however many there are, also when the plan's sizes change for all of them at once.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

import av
import numpy as np
from numpy.typing import NDArray

from jellyfish.camera.frames import Offload, scaled_jpeg
from jellyfish.camera.sources.file import VideoSource
from jellyfish.clock import seconds_now
from jellyfish.core import InputSize, LabelledObject
from jellyfish.waiting import Signal

_HeldT = TypeVar("_HeldT")

DECODED_SHARE = 0.25
"""Of the memory, for decoded frames."""
FULL = 0.9
"""Of what is for encoded frames: no more are made ready before a run."""
AHEAD_S = 0.5
"""So long before it is captured a frame is asked for."""
URGENT_S = 0.2
"""Frames that are needed so soon are made first, wherever they are in the clip."""
BATCH = 4
"""Frames that one call to a worker thread makes ready; few, so that an urgent one never waits long for its turn."""
NEAR_FRAMES = 60
"""Frames so close after the first one are made with it, because the decoder passes by anyway."""
_PLACE = (0.0, 0.5, 0.25, 0.75)
PLACES = len(_PLACE)
"""Where cameras of a clip start, at most, apart from following each other; each has a decoder."""
_GOLDEN = (math.sqrt(5) - 1) / 2


def start_s(viewer: int, fps: float, duration_s: float) -> float:
    """Where in a clip of `duration_s` its camera number `viewer` starts.

    The first at the clip's start, the next ones far from each other. From the fifth on they follow one of those, each a
    frame interval behind the one before: they show the same frames, at other times. Those for whom there is no room
    before the next place are not in step with these (of few frames a second only: others have room for hundreds).
    """
    interval_s = 1 / max(fps, 1.0)
    place_s = _PLACE[viewer % PLACES] * duration_s // interval_s * interval_s
    rounds, behind = divmod(viewer // PLACES, max(1, int(duration_s / interval_s / PLACES)))
    return (place_s - (behind + rounds * _GOLDEN % 1.0) * interval_s) % duration_s


class Key(NamedTuple):
    """One encoded frame."""

    clip: int
    number: int
    size: InputSize


class Memory(Generic[_HeldT]):
    """Things of known sizes, at most so many bytes of them; the least recently used are forgotten. Pure."""

    def __init__(self, most_bytes: float) -> None:
        self.most_bytes = most_bytes
        self.held_bytes = 0
        self.forgotten = 0
        """Things that had to make room."""
        self._held: OrderedDict[Hashable, tuple[_HeldT, int]] = OrderedDict()

    def __contains__(self, key: Hashable) -> bool:
        """Whether it is held; no use of it."""
        return key in self._held

    def get(self, key: Hashable) -> _HeldT | None:
        """What is held under `key`, which counts as a use; None if nothing is."""
        found = self._held.get(key)
        if found is None:
            return None
        self._held.move_to_end(key)
        return found[0]

    def put(self, key: Hashable, thing: _HeldT, size_bytes: int) -> None:
        """Hold `thing`, and forget what there is no room for: that may be itself."""
        _, before = self._held.pop(key, (None, 0))
        self._held[key] = thing, size_bytes
        self.held_bytes += size_bytes - before
        while self.held_bytes > self.most_bytes:
            _, (_, oldest_bytes) = self._held.popitem(last=False)
            self.held_bytes -= oldest_bytes
            self.forgotten += 1


class ClipMemory:
    """What is kept of all clips: encoded frames, and the newest decoded ones, in case they are needed smaller."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.encoded = Memory[bytes](most_bytes * (1 - DECODED_SHARE))
        self.decoded = Memory[av.VideoFrame](most_bytes * DECODED_SHARE)

    @property
    def full(self) -> bool:
        """Whether there is room for few more encoded frames."""
        return self.encoded.held_bytes > FULL * self.encoded.most_bytes

    @property
    def held_bytes(self) -> int:
        """Bytes held now."""
        return self.encoded.held_bytes + self.decoded.held_bytes


class _Want:
    """Somebody needs a frame, by a time of the event loop; `ready` where somebody waits for it."""

    __slots__ = ("by_s", "ready")

    def __init__(self, by_s: float) -> None:
        self.by_s = by_s
        self.ready: asyncio.Future[bytes] | None = None


class SharedClip:
    """A clip for any number of cameras. `run()` must be running for frames to be made ready."""

    def __init__(
        self, number: int, open_source: Callable[[], VideoSource], memory: ClipMemory, offload: Offload
    ) -> None:
        """`number` tells clips apart in `memory`; `open_source` is called for each place, at most `PLACES` times."""
        self._number, self._open, self._memory, self._offload = number, open_source, memory, offload
        self.readers: list[Reader] = []
        self._makers: dict[Key, Reader] = {}
        self._viewers = 0

    def viewer(self, fps: float) -> SharedFrames:
        """The frames of one more camera. Raises what `open_source` raises."""
        if self._viewers < PLACES:
            self.readers.append(Reader(self._number, self._open(), self._memory, self._offload, self._makers))
        reader = self.readers[self._viewers % PLACES]
        frames = SharedFrames(reader, fps, start_s(self._viewers, fps, reader.source.duration_s))
        self._viewers += 1
        return frames

    async def run(self) -> None:
        """Make wanted frames ready until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for reader in self.readers:
                tasks.create_task(reader.run())


class Reader:
    """One decoder of a clip, and the frames that cameras want from it."""

    def __init__(
        self,
        number: int,
        source: VideoSource,
        memory: ClipMemory,
        offload: Offload,
        makers: dict[Key, Reader],
    ) -> None:
        """The source belongs to this reader from now on. `makers`: which reader of the clip is to make a frame."""
        self.source = source
        self.encoded = 0
        """Frames encoded so far."""
        self.awaited = 0
        """Frames that were not ready when they were to be sent."""
        self._number, self._memory, self._offload = number, memory, offload
        self._wants: dict[Key, _Want] = {}
        self._makers = makers
        self._place = 0
        """The frame that was decoded last."""
        self._converted: tuple[av.VideoFrame, NDArray[np.uint8]] | None = None
        """The newest one as an image: its next size is likely to be made next."""
        self._loop = asyncio.get_running_loop()
        self._wake = Signal(self._loop)

    def want(self, index: int, size: InputSize, by_s: float) -> None:
        """Have a frame ready by `by_s` of the event loop, if there is time."""
        key = Key(self._number, index, size)
        if key not in self._memory.encoded:
            self._want(key, by_s)

    def _want(self, key: Key, by_s: float) -> _Want:
        maker = self._makers.setdefault(key, self)
        if maker is not self:
            return maker._want(key, by_s)
        want = self._wants.get(key)
        if want is None:
            want = self._wants[key] = _Want(by_s)
            self._wake.set()
        want.by_s = min(want.by_s, by_s)
        return want

    async def get(self, index: int, size: InputSize) -> bytes:
        """A frame's bytes, now or as soon as they can be had. Raises what decoding it raised."""
        key = Key(self._number, index, size)
        data = self._memory.encoded.get(key)
        if data is not None:
            return data
        self.awaited += 1
        return await self._made(key)

    async def prepare(self, index: int, size: InputSize) -> None:
        """Returns when a frame is ready that nobody waits for yet. Raises what decoding it raised."""
        key = Key(self._number, index, size)
        if key not in self._memory.encoded:
            await self._made(key)

    async def _made(self, key: Key) -> bytes:
        want = self._want(key, seconds_now())
        if want.ready is None:
            want.ready = self._loop.create_future()
        return await asyncio.shield(want.ready)

    async def run(self) -> None:
        """Make wanted frames ready, the most urgent first, until cancelled."""
        while True:
            await self._wake.wait()
            keys = self._next(seconds_now())
            if not keys:
                self._wake.clear()
                continue
            work = [(key, self._memory.decoded.get(key[:2])) for key in keys]
            try:
                made = await self._offload(self._make, work)
            except Exception as error:  # whatever it is, it belongs to those that wait for these frames
                for key in keys:
                    self._refuse(key, error)
                continue
            for key, frame, data in made:
                self._memory.decoded.put(key[:2], frame, sum(plane.buffer_size for plane in frame.planes))
                self._memory.encoded.put(key, data, len(data))
                self._give(key, data)

    def _next(self, now: float) -> list[Key]:
        """The frames to make next, in the clip's order: from where the decoder is, but urgent ones first.

        What is too late and waited for by nobody is forgotten.
        """
        for key in [key for key, want in self._wants.items() if want.ready is None and want.by_s < now - AHEAD_S]:
            self._settled(key)
        if not self._wants:
            return []
        urgent = [key for key, want in self._wants.items() if want.by_s < now + URGENT_S]
        first = min(urgent or self._wants, key=lambda key: ((key.number - self._place) % self.source.frames, key))
        near = sorted(key for key in self._wants if first.number <= key.number < first.number + NEAR_FRAMES)[:BATCH]
        self._place = near[-1].number
        return near

    def _make(self, work: Sequence[tuple[Key, av.VideoFrame | None]]) -> list[tuple[Key, av.VideoFrame, bytes]]:
        """Decode and encode, on a worker thread; one call at a time, for a source belongs to one thread."""
        made = []
        for key, held in work:
            frame = held or self.source.decoded(key.number)
            if self._converted is None or self._converted[0] is not frame:
                self._converted = frame, self.source.image(frame)
            made.append((key, frame, scaled_jpeg(self._converted[1], key.size)))
        self.encoded += len(made)
        return made

    def _settled(self, key: Key) -> _Want | None:
        """Nobody need make this frame any more."""
        self._makers.pop(key, None)
        return self._wants.pop(key, None)

    def _give(self, key: Key, data: bytes) -> None:
        want = self._settled(key)
        if want is not None and want.ready is not None and not want.ready.done():
            want.ready.set_result(data)

    def _refuse(self, key: Key, error: Exception) -> None:
        want = self._settled(key)
        if want is not None and want.ready is not None and not want.ready.done():
            want.ready.set_exception(error)
            want.ready.exception()  # whoever waited may be gone by now: nobody need be told of that


class SharedFrames:
    """One camera's view of a shared clip (see `CameraFrames`); its pictures are frame numbers."""

    def __init__(self, reader: Reader, fps: float, offset_s: float) -> None:
        self.offset_s = offset_s
        self._reader, self._fps = reader, fps
        self._ahead = max(1, math.ceil(AHEAD_S * fps))
        self._next_s = 0.0
        """When the newest frame that was asked about is seen, after the camera's start; and on the loop's clock."""
        self._captured_s = 0.0
        self._size: InputSize | None = None

    @property
    def classes(self) -> Sequence[str]:
        """See `CameraFrames.classes`."""
        return self._reader.source.classes

    async def at(self, elapsed_s: float, captured_s: float) -> int:
        """See `CameraFrames.at`; the image itself is made when it is sent, or before."""
        self._next_s, self._captured_s = elapsed_s, captured_s
        if self._size is not None:
            self._want(self._ahead)
        return self._index(elapsed_s)

    def objects_at(self, elapsed_s: float) -> Sequence[LabelledObject] | None:
        """See `CameraFrames.objects_at`."""
        labels = self._reader.source.labels
        return None if labels is None else labels[self._index(elapsed_s)]

    async def encoded(self, picture: int, size: InputSize) -> bytes:
        """See `CameraFrames.encoded`; at once where the frame is ready."""
        return await self._reader.get(picture, size)

    def expect(self, size: InputSize) -> None:
        """See `CameraFrames.expect`: the next frames are asked for at that size."""
        if size != self._size:
            self._size = size
            for steps in range(self._ahead + 1):
                self._want(steps)

    async def prepare(self, from_s: float, to_s: float, sizes: Iterable[InputSize]) -> None:
        """Have ready what is shown between two times after the camera's start. What cannot be made is not, yet."""
        numbers = range(math.ceil(from_s * self._fps), math.ceil(to_s * self._fps))
        indices = sorted({self._index(number / self._fps) for number in numbers})
        made = [self._reader.prepare(index, size) for size in sizes for index in indices]
        await asyncio.gather(*made, return_exceptions=True)  # whoever shows such a frame is told

    def _want(self, steps: int) -> None:
        """Ask for the frame `steps` after the one that is captured next."""
        assert self._size is not None
        ahead_s = steps / self._fps
        self._reader.want(self._index(self._next_s + ahead_s), self._size, self._captured_s + ahead_s)

    def _index(self, elapsed_s: float) -> int:
        return self._reader.source.index_at(self.offset_s + elapsed_s)
