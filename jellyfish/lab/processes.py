"""Work for several processes at once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import active_children, get_context


@contextlib.contextmanager
def process_pool(count: int) -> Iterator[ProcessPoolExecutor]:
    """A pool whose processes end at once when an exception leaves the context: they would first finish what they have
    begun. Each is a fresh interpreter, for a copy of this one would share its threads' locks.
    """
    with ProcessPoolExecutor(count, get_context("spawn")) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in active_children():
                worker.terminate()
            raise
