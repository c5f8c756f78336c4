"""The stream endpoint, end to end through aiohttp's real server and client, in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import zlib

import aiohttp
import pytest

from jellyfish.config import Limits
from jellyfish.control.problem import DevicePlan, Plan, Share
from jellyfish.core import Reason
from jellyfish.lab.simulation.network import HOST, PORT
from jellyfish.protocol import wire
from tests.server.peer import (
    JPEG,
    LARGE,
    SMALL,
    connected,
    everyone_on,
    http,
    refused,
    running,
    welcomed,
)
from tests.virtual import virtual


@virtual
async def test_a_frame_is_answered_and_the_farewell_counts_it() -> None:
    async with running(), welcomed() as peer:
        await peer.send_frame(7)
        result = await peer.until(wire.Result)
        assert (result.frame, result.reason, result.variant, result.device) == (7, None, SMALL.name, "cpu")
        assert result.server_ms >= result.execute_ms > 0
        await peer.send(wire.Bye())
        assert await peer.until(wire.Farewell) == wire.Farewell(1, 1, {})


@virtual
async def test_a_client_that_asks_for_it_hears_of_a_frames_arrival_before_its_answer() -> None:
    async with running() as service, connected() as peer:
        service.on_change = lambda cause: service.apply(everyone_on(LARGE, "camera"))
        await peer.send(wire.Hello("camera", 15, 100.0, arrivals=True))
        await peer.until(wire.Welcome)
        await peer.send_frame(7)
        loop = asyncio.get_running_loop()
        arrival, heard_s = await peer.until(wire.Arrived), loop.time()
        assert (arrival.frame, arrival.uplink_ms) == (7, pytest.approx(0, abs=0.1))
        assert arrival.bandwidth_kbps > 0
        await peer.until(wire.Result)
        assert loop.time() - heard_s == pytest.approx(0.020, abs=0.001)


@virtual
async def test_a_client_that_does_not_ask_hears_the_answer_alone() -> None:
    async with running(), welcomed() as peer:
        await peer.send_frame(7)
        message = wire.decode((await peer.socket.receive()).data)
        while isinstance(message, wire.Ping | wire.PlanMessage):
            message = wire.decode((await peer.socket.receive()).data)
        assert isinstance(message, wire.Result)


@virtual
async def test_goodbye_waits_for_open_answers() -> None:
    async with running(), welcomed() as peer:
        for number in range(3):
            await peer.send_frame(number)
        await peer.send(wire.Bye())
        frames = [(await peer.until(wire.Result)).frame for _ in range(3)]
        assert sorted(frames) == [0, 1, 2]
        assert (await peer.until(wire.Farewell)).answered == 3


@pytest.mark.parametrize("ahead_s", [-3600.0, 0.0, 12_345.0])
@virtual
async def test_a_frame_too_old_is_dropped_at_once_whatever_the_clients_clock(ahead_s: float) -> None:
    async with running(), welcomed(slo_ms=100, clock_ahead_s=ahead_s) as peer:
        await peer.send_frame(0, captured_s=peer.clock() - 0.2)
        assert (await peer.until(wire.Result)).reason is Reason.EXPIRED
        await peer.send_frame(1, captured_s=peer.clock() - 0.05)
        assert (await peer.until(wire.Result)).reason is None


@virtual
async def test_a_new_plan_reaches_the_client_and_its_frames() -> None:
    async with running() as service, welcomed() as peer:
        service.apply(everyone_on(LARGE, "camera"))
        plan = await peer.until(wire.PlanMessage)
        assert (plan.resolution, plan.mapped) == (448, True)
        await peer.send_frame(0)
        assert (await peer.until(wire.Result)).variant == LARGE.name
        service.apply(everyone_on(LARGE))
        assert not (await peer.until(wire.PlanMessage)).mapped


@virtual
async def test_one_frame_of_each_client_may_run_together_whatever_the_plans_batch() -> None:
    async with running() as service, contextlib.AsyncExitStack() as stack:
        names = ["a", "b", "c"]
        peers = [await stack.enter_async_context(welcomed(name)) for name in names]
        service.apply(Plan({"cpu": DevicePlan(LARGE, 1)}, dict.fromkeys(names, "cpu")))
        for peer in peers:
            await peer.send_frame(0)
        await asyncio.sleep(0.001)
        for peer in peers:
            await peer.send_frame(1)
        batches = [(await peer.until(wire.Result)).batch for peer in peers for _ in range(2)]
        assert max(batches) == 3


@virtual
async def test_clients_of_one_device_are_served_with_variants_of_their_own() -> None:
    async with running() as service, welcomed("a") as one, welcomed("b") as other:
        shared = {"cpu": DevicePlan(SMALL, 1, (Share(LARGE, 1),))}
        service.apply(Plan(shared, {"a": "cpu", "b": "cpu"}, variants={"a": SMALL, "b": LARGE}))
        for peer, variant in ((one, SMALL), (other, LARGE)):
            assert (await peer.until(wire.PlanMessage)).resolution == variant.resolution
            await peer.send_frame(0)
        assert [(await peer.until(wire.Result)).variant for peer in (one, other)] == [SMALL.name, LARGE.name]


@virtual
async def test_frames_over_the_window_are_dropped_at_once() -> None:
    async with running(Limits(in_flight=2)), welcomed() as peer:
        for number in range(4):
            await peer.send_frame(number)
        results = [await peer.until(wire.Result) for _ in range(4)]
        refusals = {result.frame for result in results if result.reason is Reason.TOO_MANY_IN_FLIGHT}
        assert refusals == {2, 3}
        await peer.send(wire.Bye())
        farewell = await peer.until(wire.Farewell)
        assert farewell.received == farewell.answered + sum(farewell.dropped.values()) == 4


def oversize_jpeg() -> bytes:
    """A small JPEG whose header claims 20,000 x 20,000 pixels."""
    start = JPEG.index(b"\xff\xc0") + 5
    return JPEG[:start] + struct.pack(">HH", 20_000, 20_000) + JPEG[start + 4 :]


@pytest.mark.parametrize(
    ("jpeg", "reason"),
    [
        (b"", Reason.BAD_IMAGE),
        (b"no picture at all", Reason.BAD_IMAGE),
        (JPEG[: len(JPEG) // 2], Reason.BAD_IMAGE),
        (JPEG[:20], Reason.BAD_IMAGE),
        (oversize_jpeg(), Reason.IMAGE_TOO_LARGE),
    ],
    ids=["empty", "not a JPEG", "cut in the middle", "cut in the header", "20000 x 20000"],
)
@virtual
async def test_a_bad_image_is_answered_with_words_and_the_stream_goes_on(jpeg: bytes, reason: Reason) -> None:
    async with running(), welcomed() as peer:
        await peer.send_frame(0, jpeg)
        result = await peer.until(wire.Result)
        assert result.reason is reason
        assert result.message
        await peer.send_frame(1)
        assert (await peer.until(wire.Result)).reason is None


@virtual
async def test_text_is_refused() -> None:
    async with running(), welcomed() as peer:
        error = await refused(peer, peer.socket.send_str("hello?"))
        assert error.code == "text"


@virtual
async def test_an_unknown_version_is_refused() -> None:
    async with running(), connected() as peer:
        prefix = struct.pack("<2sBBI", b"JF", 77, 1, 2)
        message = prefix + struct.pack("<I", zlib.crc32(prefix + b"{}")) + b"{}"
        error = await refused(peer, peer.socket.send_bytes(message))
        assert error.code == "unknown_version"
        assert "77" in error.message


@virtual
async def test_a_corrupted_message_is_refused() -> None:
    async with running(), welcomed() as peer:
        message = bytearray(wire.encode(wire.Frame(0, 128, 0.0, 0.0, JPEG)))
        message[40] ^= 1
        error = await refused(peer, peer.socket.send_bytes(bytes(message)))
        assert error.code == "bad_message"


@virtual
async def test_a_frame_before_the_hello_is_refused() -> None:
    async with running(), connected() as peer:
        assert (await refused(peer, peer.send_frame(0))).code == "unexpected"


@virtual
async def test_an_oversize_message_is_refused() -> None:
    async with running(Limits(message_bytes=1000)), welcomed() as peer:
        error = await refused(peer, peer.send_frame(0, bytes(1500)))
        assert error.code == "message_too_large"


@virtual
async def test_a_message_beyond_all_measure_closes_the_connection() -> None:
    async with running(Limits(message_bytes=1000)), welcomed() as peer:
        await peer.send_frame(0, bytes(50_000))
        await peer.socket.receive()
        assert peer.socket.close_code == 1009


@virtual
async def test_a_client_that_says_no_hello_is_cut_off() -> None:
    async with running(Limits(hello_timeout_s=5.0)), connected() as peer:
        begin_s = asyncio.get_running_loop().time()
        assert (await peer.until(wire.ErrorMessage)).code == "silent"
        assert asyncio.get_running_loop().time() - begin_s == pytest.approx(5.0, abs=0.1)


@virtual
async def test_a_client_that_falls_silent_is_cut_off() -> None:
    async with running(Limits(silence_timeout_s=10.0)) as service, welcomed() as peer:
        while not isinstance(message := wire.decode((await peer.socket.receive()).data), wire.ErrorMessage):
            assert isinstance(message, wire.Ping)
        assert message.code == "silent"
        await peer.socket.receive()
        assert not service.sessions


@virtual
async def test_one_client_too_many_is_refused() -> None:
    async with running(Limits(clients=1)), welcomed("first"), connected() as peer:
        error = await refused(peer, peer.send(wire.Hello("second", 15, 100)))
        assert error.code == "full"


@virtual
async def test_a_second_client_of_the_same_name_gets_a_number() -> None:
    async with running() as service, welcomed("camera"), welcomed("camera"):
        assert set(service.sessions) == {"camera", "camera#2"}


@virtual
async def test_a_client_gone_in_mid_frame_leaves_nothing_behind_and_others_notice_nothing() -> None:
    async with running() as service, welcomed("stays") as peer:
        async with welcomed("goes") as gone:
            account = service.sessions["goes"].account
            for number in range(3):
                await gone.send_frame(number)
            await asyncio.sleep(0.001)
            gone.socket._response.connection.transport.abort()  # type: ignore[union-attr]
        await peer.send_frame(0)
        assert (await peer.until(wire.Result)).reason is None
        await asyncio.sleep(1)
        assert set(service.sessions) == {"stays"}
        assert account.open == 0
        assert account.received == account.answered + account.abandoned + account.dropped.total()


@virtual
async def test_a_failing_device_costs_its_frames_only() -> None:
    failures = iter([True])

    def fail_once(variant: object, batch: int) -> float:
        if next(failures, False):
            raise RuntimeError("out of memory")
        return 1.0

    async with running(disturbance=fail_once), welcomed() as peer:
        await peer.send_frame(0)
        assert (await peer.until(wire.Result)).reason is Reason.DEVICE_ERROR
        await peer.send_frame(1)
        assert (await peer.until(wire.Result)).reason is None


@virtual
async def test_readiness_follows_the_service() -> None:
    async with running() as service, http() as session:
        assert (await session.get("http://server/readyz")).status == 200
        service.ready = False
        assert (await session.get("http://server/readyz")).status == 503
        assert (await session.get("http://server/livez")).status == 200


@virtual
async def test_a_server_whose_devices_all_fail_is_not_ready() -> None:
    def fail(variant: object, batch: int) -> float:
        raise RuntimeError("out of memory")

    async with running(disturbance=fail), welcomed() as peer, http() as session:
        await peer.send_frame(0)
        await peer.until(wire.Result)
        assert (await session.get("http://server/readyz")).status == 503


@virtual
async def test_a_device_that_hangs_does_not_hold_up_the_end() -> None:
    async with running(disturbance=lambda variant, batch: 1e6) as service, welcomed() as peer:
        await peer.send_frame(0)
        await asyncio.sleep(0.1)
        begin_s = asyncio.get_running_loop().time()
        await service.drain()
        assert asyncio.get_running_loop().time() - begin_s < 2


@virtual
async def test_connections_that_say_nothing_are_bounded() -> None:
    async with running(Limits(clients=1, hello_timeout_s=100)), contextlib.AsyncExitStack() as stack:
        for _ in range(Limits(clients=1).connections):
            await stack.enter_async_context(connected())
        with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
            await stack.enter_async_context(connected())


@virtual
async def test_draining_drops_what_is_queued_and_refuses_newcomers() -> None:
    async with running() as service, welcomed() as peer:
        for number in range(4):
            await peer.send_frame(number)
        await asyncio.sleep(0.0005)
        await service.drain()
        results = [await peer.until(wire.Result) for _ in range(4)]
        assert {result.reason for result in results} <= {None, Reason.SHUTDOWN}
        async with connected() as late:
            assert (await refused(late, late.send(wire.Hello("late", 15, 100)))).code == "draining"


@virtual
async def test_a_server_that_retires_says_so_takes_nobody_new_and_goes_on_with_those_that_are_there() -> None:
    async with running() as service, welcomed("door") as peer:
        retiring = asyncio.create_task(service.retire(10.0))
        await asyncio.sleep(1.0)
        async with (
            http() as session,
            session.get(f"http://{HOST}:{PORT}/readyz") as answer,
        ):
            assert (answer.status, (await answer.json())["status"]) == (503, "draining")
        async with connected() as late:
            error = await refused(late, late.send(wire.Hello("late", 15, 100)))
        assert error.code == "draining"
        await peer.send_frame(0)
        assert (await peer.until(wire.Result)).reason is None
        assert not retiring.done()
        await peer.send(wire.Bye())
        await peer.until(wire.Farewell)
        await asyncio.sleep(0.1)
        assert retiring.done()


@virtual
async def test_a_server_that_retires_does_not_wait_for_ever() -> None:
    loop = asyncio.get_running_loop()
    async with running() as service, welcomed("door"):
        began_s = loop.time()
        await service.retire(10.0)
        assert loop.time() - began_s == pytest.approx(10.0)
        assert service.sessions
