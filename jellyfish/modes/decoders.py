"""The threads that decode frames beside the event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from numpy.typing import NDArray

from jellyfish.core import InputSize
from jellyfish.devices.process import roam, roam_behind
from jellyfish.media.decoding_still import decode_still
from jellyfish.media.resize import fit
from jellyfish.media.still import Still

CLOSING_S = 1.0
"""Longest wait for frames that are being decoded when the server stops. The largest takes a fraction of it."""


class Decoders:
    """As many frames at once as there are threads; whoever has more of them decides which come first."""

    def __init__(self, cores: Sequence[int], max_side: int) -> None:
        """`cores`: the processors to decode on, a thread for each."""
        self.threads, self._max_side = len(cores), max_side
        self.spent_s = 0.0
        """Processor seconds of all frames that were images."""
        self._pool = ThreadPoolExecutor(self.threads, "decode", partial(roam, cores))
        self._beside = ThreadPoolExecutor(self.threads, "decode-large", partial(roam_behind, cores))
        self._loop = asyncio.get_running_loop()
        self._running: set[asyncio.Future[tuple[NDArray[np.uint8], float]]] = set()

    async def decode(self, still: Still, size: InputSize) -> NDArray[np.uint8]:
        """A JPEG, or another still -> image that fits into `size`."""
        return await self._decoded(self._pool, still, size)

    async def decode_large(self, still: Still, size: InputSize) -> NDArray[np.uint8]:
        """The same of a large picture, which takes long: on threads that leave the processor to others."""
        return await self._decoded(self._beside, still, size)

    async def _decoded(self, pool: ThreadPoolExecutor, still: Still, size: InputSize) -> NDArray[np.uint8]:
        job = self._loop.run_in_executor(pool, _timed_decode, self._max_side, still, size)
        self._running.add(job)
        job.add_done_callback(self._running.discard)
        image, spent_s = await job
        self.spent_s += spent_s
        return image

    async def close(self) -> None:
        """Begin nothing more, and wait for what is being decoded, but not for ever."""
        for pool in (self._pool, self._beside):
            pool.shutdown(wait=False, cancel_futures=True)
        if self._running:
            await asyncio.wait(self._running, timeout=CLOSING_S)


def _timed_decode(max_side: int, still: Still, size: InputSize) -> tuple[NDArray[np.uint8], float]:
    began_s = time.thread_time()
    image = decode_frame(max_side, still, size)
    return image, time.thread_time() - began_s


def decode_frame(max_side: int, still: Still, size: InputSize) -> NDArray[np.uint8]:
    """A frame as RGB, scaled down if it is larger than `size`, so that queues stay small."""
    image = decode_still(still, max_side, size)
    height, width = image.shape[:2]
    return fit(image, *size.fitted(width, height))
