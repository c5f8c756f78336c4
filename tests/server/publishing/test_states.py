"""How cameras are, for those who are told from outside."""

from __future__ import annotations

import asyncio

from jellyfish.clock import seconds_now
from jellyfish.core import SourceState
from jellyfish.protocol import wire
from jellyfish.server.publishing.states import camera_states
from tests.server.peer import running, welcomed
from tests.virtual import virtual


@virtual
async def test_a_camera_is_live_while_its_frames_come_and_as_its_source_is_where_it_says_so() -> None:
    async with running() as service, welcomed("gate") as peer:
        await peer.send_frame(0)
        await peer.until(wire.Result)
        assert camera_states(service, {}, seconds_now()) == {"gate": "live"}
        assert camera_states(service, {}, seconds_now() + 6) == {"gate": "silent"}
        await peer.send(wire.Report(captured=1, on_time=1, source="dead"))
        await asyncio.sleep(0.1)
        assert camera_states(service, {}, seconds_now()) == {"gate": "dead"}


@virtual
async def test_a_camera_that_is_fetched_is_as_its_source_is_with_or_without_a_stream() -> None:
    async with running() as service, welcomed("gate"):
        sources = {"gate": SourceState.LIVE, "yard": SourceState.DEAD, "shed": SourceState.STOPPED}
        states = camera_states(service, sources, seconds_now())
        assert states == {"gate": "live", "yard": "dead", "shed": "offline"}
