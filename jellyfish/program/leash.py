"""This program on a leash: `python -m jellyfish.program.leash PARENT PROCESSORS WORD...` runs `jellyfish WORD...`.

It ends when the process PARENT, which has started it, does, however that ends: Linux kills it then. PROCESSORS are
those that it may use, as `0,1`, or `all`.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import sys

PR_SET_PDEATHSIG = 1


def tie(parent: int) -> None:
    """Have the system kill this process when `parent` ends. It is told of the thread that has started this process."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it has ended before
        os._exit(1)


def main() -> None:
    """Run the program."""
    parent, processors, *words = sys.argv[1:]
    tie(int(parent))
    os.setpgrp()  # what a terminal tells its programs is not for it
    if processors != "all":
        os.sched_setaffinity(0, [int(each) for each in processors.split(",")])
    sys.argv = ["jellyfish", *words]
    runpy.run_module("jellyfish", run_name="__main__")


if __name__ == "__main__":
    main()
