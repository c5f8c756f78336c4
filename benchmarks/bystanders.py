"""Was the machine quiet? What others took of it while something was measured, by the kernel's accounts (Linux)."""

from __future__ import annotations

import os
from pathlib import Path

NOISY = 0.05
"""Of the machine: with more than that taken by others a figure is marked."""


class Bystanders:
    """From its making on: processor time of processes outside this session and the sessions given."""

    def __init__(self, *sessions: int) -> None:
        self._sessions = {os.getsid(0), *sessions}
        self._own, (self._busy, self._idle) = self._ours(), _machine()

    def share(self) -> float:
        """Of the whole machine, since."""
        busy, idle = _machine()
        took, total = busy - self._busy, busy - self._busy + idle - self._idle
        return max(0, took - (self._ours() - self._own)) / max(1, total)

    def _ours(self) -> int:
        """Ticks of our processes that run, and of those that they have waited for."""
        ticks = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:  # it has just ended
                continue
            if int(fields[3]) in self._sessions:
                ticks += sum(map(int, fields[11:15]))
        return ticks


def _machine() -> tuple[int, int]:
    """(busy, idle) ticks of all cores."""
    user, nice, system, idle, waiting, *other = map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:])
    return user + nice + system + sum(other[:3]), idle + waiting


def marked(share: float) -> str:
    """In words, for the line of a run; empty when the machine was quiet."""
    return f", OTHERS TOOK {share:.0%} OF THE MACHINE" if share > NOISY else ""
