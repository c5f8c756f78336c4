"""Workers that join a running server, or cannot: whichever it is, it is told."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from jellyfish.config import ServerConfig
from jellyfish.devices.stream.messages import OpenWorker
from jellyfish.errors import InputError
from jellyfish.modes.assembly import Assembly
from jellyfish.modes.joining import JoiningWorkers
from tests.devices.stream.joined import IDENTITY, Joined
from tests.server.peer import MODEL
from tests.virtual import virtual


class Refusing:
    """An assembly that takes no device until it is told to."""

    def __init__(self) -> None:
        self.service = SimpleNamespace(model=MODEL, awaited=list, dispatchers={})
        self.takes, self.devices = False, list[str]()

    def add_device(self, executor: Any, profile: Any, warmth: Any = None) -> None:
        if not self.takes:
            raise InputError("it lacks a size")
        self.devices.append(profile.device)


@virtual
async def test_a_worker_that_is_reached_and_cannot_be_used_is_awaited_until_it_can() -> None:
    worker, assembly = Joined(), Refusing()
    worker.ready()
    joining = JoiningWorkers(ServerConfig(), cast("Any", SimpleNamespace(description=MODEL)))
    async with joining.joining(cast("Assembly", assembly)):
        joining.expect("far", worker.wires, OpenWorker(model=IDENTITY))
        await asyncio.sleep(5)
        assert (assembly.devices, joining.devices, assembly.service.awaited()) == ([], [], ["far"])
        assembly.takes = True
        await asyncio.sleep(3)
        assert (assembly.devices, assembly.service.awaited()) == (["far"], [])
        assert [each.name for each in joining.devices] == ["far"]
