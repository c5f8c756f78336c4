"""The cameras of a running server: what is said about them changes, is kept, and holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from jellyfish.config import ServedCamera
from jellyfish.server.cameras.entries import changed, entry_of, served
from jellyfish.server.cameras.kept_file import write_kept
from jellyfish.server.cameras.roster import Roster

Check = Callable[[Roster], None]
"""Raises InputError for cameras that cannot be served."""


class CameraRegister:
    """One server's. All changes raise InputError, and leave all as it was, where they cannot be made."""

    def __init__(self, roster: Roster, check: Check, hold: Callable[[Roster], None], file: Path | None) -> None:
        """`hold`: has a roster hold from now on; returns at once. `file`: where what is added is kept."""
        self.file = file
        self._check, self._hold = check, hold
        self._changing = asyncio.Lock()
        self.roster = roster
        check(roster)
        hold(roster)

    async def add(self, camera: ServedCamera) -> None:
        """One more; it is kept where a file was named for that."""
        await self._change(lambda roster: roster.adding(camera))

    async def change(self, name: str, changes: Mapping[str, object]) -> None:
        """Other values for some keys of a camera's (`CameraEntry`); None for what is to be as usual."""
        await self._change(partial(_with_changes, name, changes))

    async def remove(self, name: str) -> None:
        """It is fetched no more, and nothing is said about it."""
        await self._change(lambda roster: roster.removing(name))

    def configure(self, cameras: tuple[ServedCamera, ...]) -> Callable[[], None]:
        """What has the cameras of the configuration be these; it cannot fail, as InputError is raised before."""
        roster = self.roster.configured_as(cameras)
        self._check(roster)
        return partial(self._take, roster)

    async def _change(self, change: Callable[[Roster], Roster]) -> None:
        async with self._changing:
            roster = change(self.roster)
            self._check(roster)
            if self.file is not None and roster.kept != self.roster.kept:
                await asyncio.to_thread(write_kept, self.file, roster.kept)
                roster = change(self.roster)  # the configuration may have been read anew meanwhile
            self._take(roster)

    def _take(self, roster: Roster) -> None:
        self.roster = roster
        self._hold(roster)


def _with_changes(name: str, changes: Mapping[str, object], roster: Roster) -> Roster:
    return roster.changing(served(changed(entry_of(roster.of(name)), changes)))
