"""Was the machine quiet? What others took of it while something was measured, by the kernel's accounts (Linux)."""

from __future__ import annotations

import os
import threading
from pathlib import Path

NOISY = 0.05
"""Of the machine: with more than that taken by others a figure is marked."""
LOOK_EVERY_S = 0.5
"""Processes that end are known by what they had taken when they were last looked at: nobody inherits the account of one
whose parent has gone before."""


class Bystanders:
    """From its making on: processor time of processes outside this session and the sessions given."""

    def __init__(self, *sessions: int) -> None:
        self._sessions = {os.getsid(0), *sessions}
        self._ticks: dict[tuple[str, str], int] = {}
        """(process, when it started) -> what it has taken by itself."""
        self._over = threading.Event()
        self._look()
        self._own, (self._busy, self._idle) = sum(self._ticks.values()), _machine()
        self._looking = threading.Thread(target=self._keep_looking, name="bystanders", daemon=True)
        self._looking.start()

    def share(self) -> float:
        """Of the whole machine, since. No more is looked at after that."""
        self._over.set()
        self._looking.join()
        self._look()
        busy, idle = _machine()
        took, total = busy - self._busy, busy - self._busy + idle - self._idle
        return max(0, took - (sum(self._ticks.values()) - self._own)) / max(1, total)

    def _keep_looking(self) -> None:
        while not self._over.wait(LOOK_EVERY_S):
            self._look()

    def _look(self) -> None:
        """Ticks of all our processes that run."""
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                number, _, rest = stat.read_text().partition(" (")
            except OSError:  # it has just ended
                continue
            fields = rest.rpartition(")")[2].split()
            if int(fields[3]) in self._sessions:
                self._ticks[number, fields[19]] = int(fields[11]) + int(fields[12])


def _machine() -> tuple[int, int]:
    """(busy, idle) ticks of all cores."""
    user, nice, system, idle, waiting, *other = map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:])
    return user + nice + system + sum(other[:3]), idle + waiting


def marked(share: float) -> str:
    """In words, for the line of a run; empty when the machine was quiet."""
    return f", OTHERS TOOK {share:.0%} OF THE MACHINE" if share > NOISY else ""
