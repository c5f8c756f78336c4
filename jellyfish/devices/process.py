"""Settings of the whole process, made once before its first batch.

Serving and profiling make them both, so that a profile holds for the server it is for.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
from collections.abc import Iterator

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Numbers of the settings in glibc's malloc.h."""
PREPARED_LAYERS = 16_384
"""Room for every layer of 24 variants at 8 batch sizes (about 7,000); the library's own default is 1,024."""


def tune_process() -> None:
    """Have the process keep what it has once made ready: memory, and the CPU library's prepared layers."""
    keep_freed_memory()
    for name in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
        # Read at the first use of a layer. With too little room, what warming up has prepared is thrown out again, and
        # a switch of variants costs a millisecond or more for preparing it anew.
        os.environ.setdefault(name, str(PREPARED_LAYERS))


def keep_freed_memory() -> None:
    """Have the process keep the memory that it frees and use it again. Does nothing where there is no glibc.

    By default glibc gives every thread a heap of its own, in pieces of 64 MB that go back to the kernel when they are
    empty. The activations of a batch are freed together, so a device's thread would map and fault in thousands of pages
    for each large batch: measured, a sixth of the throughput in batches of 8 at the largest variant on a CPU. One heap
    for all threads, never trimmed, costs nothing here: few threads allocate at the same time.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    library = ctypes.CDLL(None)
    library.mallopt(_ARENA_MAX, 1)
    library.mallopt(_MMAP_THRESHOLD, 32 * 1024**2)  # the most it takes
    library.mallopt(_TRIM_THRESHOLD, 1024**3)


def usable_cores() -> list[int]:
    """The processors that the calling thread may use: fewer than the machine has where a container says so."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


@contextlib.contextmanager
def cores_divided(device_threads: int) -> Iterator[frozenset[int] | None]:
    """Keep `device_threads` cores for a CPU device: yields them; this thread and those it starts use the others.

    Without it the kernel now and then wakes the event loop or a decoder on the core where a batch is running, while
    another core is idle. None, and nothing changes, where there are no cores to divide or the system cannot.
    """
    cores = usable_cores()
    if not hasattr(os, "sched_setaffinity") or len(cores) <= device_threads:
        yield None
        return
    os.sched_setaffinity(0, cores[:-device_threads])
    try:
        yield frozenset(cores[-device_threads:])
    finally:
        os.sched_setaffinity(0, cores)
