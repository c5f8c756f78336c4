"""New processes that find what their engine needs loaded: a first one loads it, all others are copies of that one."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext

from jellyfish.devices.process import deaf_children

PRELOADED = "jellyfish.devices.workers"
"""What is loaded for every model."""
END_S = 0.5
"""How long a process that has been killed is waited for: where the kernel holds it, it is left behind."""


def begin_loading(modules: Sequence[str]) -> None:
    """Have what new processes need loaded, which takes seconds, while the caller does something else."""
    processes(modules)
    with deaf_children():
        forkserver.ensure_running()


def processes(modules: Sequence[str]) -> ForkServerContext:
    """What starts them; `modules`: what is loaded before, where the first one has not begun yet."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([PRELOADED, *modules])
    return context
