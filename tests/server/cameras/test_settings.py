"""Settings of a camera on its stream: they hold from the next answer on."""

from __future__ import annotations

import asyncio

from jellyfish.config import CameraSettings, Zone
from jellyfish.core import Answer, Detection
from jellyfish.protocol import wire
from tests.server.peer import Peer, running, welcomed
from tests.virtual import virtual

PERSON, CAR = Detection(0, 0.9, 0.1, 0.1, 0.2, 0.5), Detection(2, 0.6, 0.6, 0.5, 0.8, 1.0)
EVERYWHERE = Zone("all", ((0, 0), (1, 0), (1, 1), (0, 1)))


@virtual
async def test_a_cameras_results_follow_its_settings_and_others_are_as_they_were() -> None:
    async with running(finds=Answer((PERSON, CAR))) as service, welcomed("gate") as gate, welcomed("door") as door:
        gate_session = service.sessions["gate"]
        assert gate_session.importance == 1.0

        async def told(peer: Peer) -> tuple[tuple[Detection, ...], tuple[tuple[str, ...], ...]]:
            await peer.send_frame(1)
            result = await peer.until(wire.Result)
            await asyncio.sleep(0.1)
            return result.detections, result.zones

        assert await told(gate) == ((PERSON, CAR), ())
        name = service.model.classes[PERSON.label]
        service.settings.replace({"gate": CameraSettings(classes=(name,), zones=(EVERYWHERE,), importance=2.5)})
        assert await told(gate) == ((PERSON,), (("all",),))
        assert await told(door) == ((PERSON, CAR), ())
        assert (gate_session.importance, service.sessions["door"].importance) == (2.5, 1.0)
        service.settings.replace({})
        assert await told(gate) == ((PERSON, CAR), ())


@virtual
async def test_a_camera_that_comes_back_beside_its_old_connection_has_its_settings() -> None:
    async with running(finds=Answer((PERSON, CAR))) as service:
        service.settings.replace({"gate": CameraSettings(min_score=0.8)})
        async with welcomed("gate"), welcomed("gate") as again:
            assert set(service.sessions) == {"gate", "gate#2"}
            await again.send_frame(1)
            assert (await again.until(wire.Result)).detections == (PERSON,)
