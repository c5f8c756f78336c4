import asyncio
from typing import Any

import pytest
import uvloop

from jellyfish.link.link import Downlink, Link
from jellyfish.link.shaper import Shaper
from jellyfish.link.synthetic import constant
from tests.virtual import virtual


class Receiver:
    """Notes what arrives and when; slow or broken on request."""

    def __init__(self, takes_s: float = 0.0, fails_at: int | None = None) -> None:
        self.arrived: list[tuple[float, bytes]] = []
        self._takes_s = takes_s
        self._fails_at = fails_at
        self._news = asyncio.Condition()

    async def write(self, data: bytes) -> None:
        if len(self.arrived) == self._fails_at:
            raise BrokenPipeError("gone")
        self.arrived.append((asyncio.get_running_loop().time(), data))
        await asyncio.sleep(self._takes_s)
        async with self._news:
            self._news.notify_all()

    async def received(self, messages: int) -> None:
        async with self._news:
            await self._news.wait_for(lambda: len(self.arrived) == messages)

    @property
    def data(self) -> list[bytes]:
        return [data for _, data in self.arrived]


@virtual
async def test_each_message_arrives_when_the_shaper_says() -> None:
    receiver = Receiver()
    link = Link(Shaper(constant(8), delay_s=0.25), receiver.write)
    running = asyncio.create_task(link.run())
    await link.send(b"a" * 1_000_000)
    await link.send(b"b" * 500_000)
    await asyncio.sleep(10.0)
    await link.send(b"c" * 500_000)
    await asyncio.sleep(10.0)
    link.close()
    await running
    assert [time_s for time_s, _ in receiver.arrived] == pytest.approx([1.25, 1.75, 10.75])
    assert [data[:1] for data in receiver.data] == [b"a", b"b", b"c"]


@virtual
async def test_without_bandwidth_limit_it_is_a_delay_line_in_order() -> None:
    receiver = Receiver()
    line = Link(Shaper(None, delay_s=0.03), receiver.write)
    running = asyncio.create_task(line.run())
    for index in range(5):
        await line.send(bytes([index]))
        await asyncio.sleep(0.01)
    await asyncio.sleep(1.0)
    line.close()
    await running
    assert [time_s for time_s, _ in receiver.arrived] == pytest.approx([0.03, 0.04, 0.05, 0.06, 0.07])
    assert receiver.data == [bytes([index]) for index in range(5)]


@virtual
async def test_a_full_link_makes_the_sender_wait_and_keeps_the_order() -> None:
    receiver = Receiver(takes_s=1.0)
    link = Link(Shaper(None, delay_s=0.0), receiver.write, limit=2)
    running = asyncio.create_task(link.run())
    senders = [asyncio.create_task(link.send(bytes([index]))) for index in range(6)]
    await asyncio.sleep(0.5)
    assert [sender.done() for sender in senders] == [True, True, False, False, False, False]
    await asyncio.gather(*senders)
    await asyncio.sleep(10.0)
    link.close()
    await running
    assert receiver.data == [bytes([index]) for index in range(6)]


@virtual
async def test_a_write_error_reaches_the_owner_once_and_everyone_who_sends_learns_that_the_link_is_closed() -> None:
    receiver = Receiver(fails_at=1)
    link = Link(Shaper(None, delay_s=1.0), receiver.write, limit=2)
    running = asyncio.create_task(link.run())
    senders = [asyncio.create_task(link.send(bytes([index]))) for index in range(5)]
    with pytest.raises(BrokenPipeError, match="gone"):
        await running
    ends = await asyncio.gather(*senders, return_exceptions=True)
    assert ends[:2] == [None, None]
    assert all(isinstance(end, ConnectionResetError) for end in ends[3:])
    with pytest.raises(ConnectionResetError, match="closed"):
        await link.send(b"more")
    assert receiver.data == [b"\x00"]


@virtual
async def test_close_ends_the_run_at_once_and_drops_what_is_on_the_way() -> None:
    receiver = Receiver()
    link = Link(Shaper(None, delay_s=60.0), receiver.write)
    running = asyncio.create_task(link.run())
    await link.send(b"frame")
    await asyncio.sleep(1.0)
    link.close()
    link.close()
    await running
    assert asyncio.get_running_loop().time() == pytest.approx(1.0)
    assert receiver.arrived == []


@virtual
async def test_cancelling_the_run_closes_the_link() -> None:
    link = Link(Shaper(None, delay_s=60.0), Receiver().write)
    running = asyncio.create_task(link.run())
    await link.send(b"frame")
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    with pytest.raises(ConnectionResetError):
        await link.send(b"more")


@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_real_loops_deliver_in_order_too(loop_factory: Any) -> None:
    async def scenario() -> None:
        receiver = Receiver()
        link = Link(Shaper(constant(80), delay_s=0.003), receiver.write)
        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            tasks.create_task(link.run())
            for index in range(10):
                await link.send(bytes([index]) * 5_000)
            await receiver.received(10)
            link.close()
        assert receiver.data == [bytes([index]) * 5_000 for index in range(10)]

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(scenario())


class Hearer:
    """Notes what is handed to it and when; fails on request."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.heard: list[tuple[float, bytes]] = []
        self._fails_at = fails_at

    def handle(self, data: bytes) -> None:
        if len(self.heard) == self._fails_at:
            raise ConnectionResetError("enough")
        self.heard.append((asyncio.get_running_loop().time(), data))


@virtual
async def test_on_the_way_back_each_message_is_held_for_the_links_time_in_order() -> None:
    hearer = Hearer()
    downlink = Downlink(Shaper(constant(8), delay_s=0.25), hearer.handle)
    running = asyncio.create_task(downlink.run())
    await downlink.send(b"a" * 1_000_000)
    await downlink.send(b"b" * 500_000)
    await asyncio.sleep(10.0)
    running.cancel()
    assert [time_s for time_s, _ in hearer.heard] == pytest.approx([1.25, 1.75])
    assert [data[:1] for _, data in hearer.heard] == [b"a", b"b"]


@virtual
async def test_what_the_hearer_raises_ends_the_way_back_and_nothing_more_is_handed_over() -> None:
    hearer = Hearer(fails_at=1)
    downlink = Downlink(Shaper(None, delay_s=0.1), hearer.handle)
    for data in (b"a", b"b", b"c"):
        await downlink.send(data)
    with pytest.raises(ConnectionResetError, match="enough"):
        await downlink.run()
    assert [data for _, data in hearer.heard] == [b"a"]


@virtual
async def test_a_cut_way_back_delivers_nothing_more() -> None:
    hearer = Hearer()
    downlink = Downlink(Shaper(None, delay_s=1.0), hearer.handle)
    running = asyncio.create_task(downlink.run())
    await downlink.send(b"a")
    downlink.close()
    await asyncio.sleep(5.0)
    assert running.cancelled()
    assert hearer.heard == []


@virtual
async def test_the_way_back_is_bounded_and_first_come_is_first_served() -> None:
    hearer = Hearer()
    downlink = Downlink(Shaper(None, delay_s=1.0), hearer.handle, limit=2)
    running = asyncio.create_task(downlink.run())
    sends = [asyncio.create_task(downlink.send(bytes([number]))) for number in range(5)]
    await asyncio.sleep(0.5)
    assert [send.done() for send in sends] == [True, True, False, False, False]
    sends[2].cancel()
    await asyncio.sleep(5.0)
    running.cancel()
    assert [data for _, data in hearer.heard] == [b"\0", b"\1", b"\3", b"\4"]
