"""Settings of the whole process, made once before its first batch.

Serving and profiling make them both, so that a profile holds for the server it is for.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from multiprocessing import resource_tracker
from pathlib import Path

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Numbers of the settings in glibc's malloc.h."""
SWITCH_INTERVAL_S = 0.0005
"""The event loop gets the interpreter back from worker threads after at most this; Python's default is 5 ms."""
NICENESS = 5
"""Of threads that run batches: against the others they count a third."""
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


def usable_cores(cgroup: Path = Path("/sys/fs/cgroup")) -> tuple[int, ...]:
    """The processors that this thread may keep busy: fewer than the machine has where a container says so."""
    bound = hasattr(os, "sched_getaffinity")
    allowed = sorted(os.sched_getaffinity(0)) if bound else list(range(os.cpu_count() or 1))
    return tuple(allowed[: max(1, int(min(len(allowed), _quota_cores(cgroup))))])


def _quota_cores(cgroup: Path) -> float:
    """The share of processor time that a control group allows (version 2, else 1), in processors; or infinite."""
    try:
        quota, _, period = (cgroup / "cpu.max").read_text().partition(" ")
    except OSError:
        try:
            quota, period = ((cgroup / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        except OSError:
            return sys.maxsize
    return int(quota) / int(period) if quota.strip().isdigit() else sys.maxsize


def worker_cores(cores: Sequence[int], workers: int, threads: int) -> list[frozenset[int]]:
    """Which of `cores` each worker is to keep to, from the last one on.

    While the event loop keeps to the first half (`first_half_kept`), half of the workers run nearly as profiled,
    whatever it does: only what it hands out (`roam`) may be beside them. The others get what all of these leave.
    Workers for which there is no processor left, of another machine's profile, may go anywhere.
    """
    ends = [len(cores) - worker * threads for worker in range(workers)]
    return [frozenset(cores[max(0, end - threads) : max(0, end)] or cores) for end in ends]


def stands_apart(cores: Sequence[int], place: frozenset[int]) -> bool:
    """Whether a worker that keeps to `place`, of `cores`, meets nothing else of the server there."""
    return len(cores) > 1 and place.isdisjoint(cores[: len(cores) // 2])


def sharing_workers(cores: int, workers: int, threads: int) -> int:
    """How many of the workers, the last ones, are not on the second half of the processors alone; never all."""
    alone = (cores - cores // 2) // threads
    return max(0, workers - max(1, alone))


@contextlib.contextmanager
def first_half_kept(cores: Sequence[int]) -> Iterator[None]:
    """For the time of the context this thread, and those that it starts, keep to the first half of `cores`."""
    if not hasattr(os, "sched_setaffinity") or len(cores) < 2:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores[: len(cores) // 2])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def roam(cores: Sequence[int]) -> None:
    """Have the calling thread, or process, run on any of `cores`, whatever it was begun by keeps to.

    For what the event loop hands out: decoders, the planner, emulated cameras. Beside the loop they take the first half
    of the processors from it, while the second one's workers, with a quick network, stand idle for half of the time.
    """
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


def begin_apart(cores: Sequence[int]) -> None:
    """First of all in a process that is started for this one: it may run on any of `cores`, and a terminal's Ctrl-C is
    not for it, not even while it is loaded."""
    os.setpgrp()
    roam(cores)


def roam_behind(cores: Sequence[int]) -> None:
    """As `roam`, for the calling thread alone, and giving way to others wherever it runs."""
    roam(cores)
    give_way()


@contextlib.contextmanager
def deaf_children() -> Iterator[None]:
    """Processes that this thread starts in the context hear of no Ctrl-C, from their first moment on.

    A terminal tells all processes of a program; who started them sees to their end. Python's own helper for shared
    memory comes first: its start would have them hear again.
    """
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def thread_times_s(told: Path = Path("/proc/thread-self/schedstat")) -> tuple[float, float]:
    """For how long the calling thread has run, and for how long it was ready and waited for a processor.

    The latter is Linux's; elsewhere 0.
    """
    try:
        waited_ns = int(told.read_text().split()[1])
    except (OSError, ValueError, IndexError):
        waited_ns = 0
    return time.thread_time(), waited_ns / 1e9


def give_way() -> None:
    """Have the calling thread, and those it starts, leave the processor to others when they want it.

    The event loop and the decoders have little to do, and all frames wait for them; batches beside them take what is
    left. A worker that meets nothing else of the server does not give way: beside a stranger's process it would have
    a quarter of its processor then, and not half. On Linux alone is niceness a thread's own.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
