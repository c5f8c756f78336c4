"""The machine itself: processors, limits of the container and of the process, memory, disk, clock."""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from jellyfish.config import Limits
from jellyfish.devices.process import usable_cores
from jellyfish.devices.profile.hardware import processor_name
from jellyfish.devices.profile.store import check_folder, default_folder
from jellyfish.errors import InputError
from jellyfish.modes.doctor.finding import Finding, advice, prevents

LEAST_MEMORY_BYTES, ENOUGH_MEMORY_BYTES = 700e6, 1.5e9
"""A server on two cores took 0.64 GB when it was ready (docs/operating.md)."""
LEAST_FILES = 256
ENOUGH_DISK_BYTES, ENOUGH_SHARED_BYTES = 500e6, 60e6
BUSY = 0.5
"""Of the processors, that others keep busy."""
OWN_FILES = 128
"""Open files of a server without any connection, and some to spare."""
SLOW_CLOCKS = ("hpet", "acpi_pm", "jiffies")
NOT_SYNCHRONISED = 5
"""What the kernel's clock says of itself (`TIME_ERROR` of adjtimex)."""
_TIMEX_BYTES = 256
"""Room for C's `struct timex`, which takes 208."""


def findings(root: Path = Path("/")) -> Iterator[Finding]:
    """Of this machine. `root`: where its `/proc` and `/sys` are."""
    cores = usable_cores(root / "sys/fs/cgroup")
    yield processors(len(cores), os.cpu_count() or 1, processor_name(len(cores)))
    yield load(os.getloadavg()[0], len(cores))
    yield governor(_read(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"))
    yield memory(_read(root / "proc/meminfo"), _of_container(root))
    yield open_files(*resource.getrlimit(resource.RLIMIT_NOFILE))
    yield kept_profiles()
    yield disk("temporary files", Path(tempfile.gettempdir()), ENOUGH_DISK_BYTES)
    yield disk("shared memory", root / "dev/shm", ENOUGH_SHARED_BYTES)
    yield clock(_clock_state())
    yield clock_source(_read(root / "sys/devices/system/clocksource/clocksource0/current_clocksource"))


def processors(usable: int, there: int, name: str) -> Finding:
    """How many a server may keep busy."""
    found = f"{name}; {usable} of {there} may be used" if usable != there else name
    if usable == 1:
        return advice("processors", found, "give it two or more: event loop, decoders and batches share one otherwise")
    if usable < there:
        return advice(
            "processors",
            found,
            "more of them, by the container's limit (--cpus, cpu.max) or affinity, serve more cameras",
        )
    return Finding("processors", found)


def load(others: float, usable: int) -> Finding:
    """Who else keeps them busy."""
    found = f"{others:.1f} processes wanted a processor in the last minute"
    if others > BUSY * usable:
        return advice("load", found, "end what else runs, before a device is measured above all")
    return Finding("load", found)


def governor(name: str | None) -> Finding:
    """How clocks of processors are chosen."""
    if name == "powersave":
        return advice("frequency", name, "set the governor `performance` (cpupower frequency-set -g performance)")
    return Finding("frequency", name or "not told here")


def memory(told: str | None, most: float) -> Finding:
    """What is free, of the machine's and of the container's."""
    free_kb = next((line.split()[1] for line in (told or "").splitlines() if line.startswith("MemAvailable:")), None)
    if free_kb is None:
        return Finding("memory", "not told here")
    free = min(int(free_kb) * 1024.0, most)
    found = f"{free / 1e9:.1f} GB can be had" + (", by the container's limit" if free == most else "")
    if free < LEAST_MEMORY_BYTES:
        return prevents("memory", found, "a server takes 0.7 GB on two processors: make room, or raise the limit")
    if free < ENOUGH_MEMORY_BYTES:
        return advice("memory", found, "some models and a second one beside the first take more than 1.5 GB")
    return Finding("memory", found)


def _of_container(root: Path) -> float:
    """Bytes that a control group may still take (version 2); infinite where nothing bounds it."""
    most, taken = (_read(root / "sys/fs/cgroup" / name) for name in ("memory.max", "memory.current"))
    if most is None or not most.isdigit():
        return float("inf")
    return max(0.0, int(most) - int(taken or 0))


def open_files(most: int, could: int) -> Finding:
    """How many connections there may be."""
    if most == resource.RLIM_INFINITY:
        return Finding("open files", "any number")
    limits = Limits()
    wanted = limits.connections + limits.newcomers + OWN_FILES
    found = f"{most} at most"
    more = f"ulimit -n {min(4096, could) if could != resource.RLIM_INFINITY else 4096}, or LimitNOFILE= of the service"
    if most < LEAST_FILES:
        return prevents("open files", found, f"each connection is one: {more}")
    if most < wanted:
        return advice("open files", found, f"{limits.clients} cameras and those who ask take up to {wanted}: {more}")
    return Finding("open files", found)


def kept_profiles() -> Finding:
    """Where measurements are kept."""
    folder = default_folder()
    try:
        check_folder()
    except InputError as error:
        return prevents("profiles", str(folder), str(error))
    count = len(list(folder.glob("*.json")))
    return Finding("profiles", f"{folder}: {count} there" if count else f"{folder}: none yet; the first start measures")


def disk(about: str, folder: Path, enough: float) -> Finding:
    """How much may be written there."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return advice(about, f"{folder}: {error.strerror}", "some libraries need it")
    found = f"{folder}: {free / 1e9:.1f} GB free"
    if free < enough:
        return advice(about, found, f"make room there, {enough / 1e6:.0f} MB or more")
    return Finding(about, found)


def clock(state: int | None) -> Finding:
    """Whether the time of day is right. Deadlines do not depend on it."""
    if state == NOT_SYNCHRONISED:
        return advice(
            "time of day",
            "not synchronised",
            "run chrony or systemd-timesyncd: deadlines do not need it, but to compare logs of several machines does",
        )
    return Finding("time of day", "not told here" if state is None else "synchronised")


def _clock_state() -> int | None:
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else int(state)


def clock_source(name: str | None) -> Finding:
    """How long it takes to ask for the time, which each frame does many times."""
    if name in SLOW_CLOCKS:
        return advice("clock source", str(name), "boot with clocksource=tsc where the machine's is stable: it is slow")
    return Finding("clock source", name or "not told here")


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
