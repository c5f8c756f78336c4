"""A front and a worker: batches go there and come back, whatever happens to the stream between, or to the device."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from jellyfish.core import Answer, InputSize
from jellyfish.devices.executor import Undecoded
from jellyfish.devices.stream.link import LOADING_PING_S, LOADING_SILENT_S, SILENT_S, WorkerGoneError
from jellyfish.devices.stream.messages import OpenWorker, RunBatch
from jellyfish.devices.stream.worker_end import OPEN_S, ServingDevice
from jellyfish.errors import DeviceLostError, ImageError, InputError, RunError
from tests.devices.stream.joined import RUN_S, Joined, a_profile, found
from tests.server.peer import LARGE, SMALL
from tests.virtual import virtual

SIZE = InputSize(128, 72)


def image(brightest: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    made = np.zeros((4, 6, 3), np.uint8)
    made[1, 2, 0] = brightest
    return made


def jpeg(letters: int) -> Undecoded:
    """Which is decoded to pixels as bright as it has bytes."""
    return Undecoded(b"x" * letters, SIZE)


@virtual
async def test_images_and_stills_come_back_answered_in_their_order() -> None:
    joined = Joined()
    profile = await joined.open()
    assert (profile.device, joined.front.in_flight, joined.front.memory_bytes) == ("far", 2, 5)
    ran = await joined.front.run_undecoded([SMALL, SMALL, SMALL], [jpeg(40), image(9), jpeg(7)])
    assert [each.detections[0].score for each in ran.found if isinstance(each, Answer)] == [40 / 255, 9 / 255, 7 / 255]
    assert await joined.front.run([LARGE], [image(255)]) == [found(image(255))]


@virtual
async def test_an_image_that_cannot_be_decoded_is_told_and_the_others_are_run() -> None:
    joined = Joined()
    await joined.open()
    some = [jpeg(1), Undecoded(b"broken", SIZE), jpeg(2)]
    first, broken, last = (await joined.front.run_undecoded([SMALL] * 3, some)).found
    assert isinstance(broken, ImageError) and broken.reason == "bad_image" and str(broken) == "it is broken"
    assert [first, last] == [found(image(1)), found(image(2))] and joined.device.batches == [2]
    [broken] = (await joined.front.run_undecoded([SMALL], [Undecoded(b"broken", SIZE)])).found
    assert isinstance(broken, ImageError) and joined.device.batches == [2]


@virtual
async def test_what_fails_on_the_device_is_told_in_words_and_a_lost_device_ends_its_worker() -> None:
    joined = Joined()
    await joined.open()
    joined.device.error = ValueError("a wrong pixel")
    with pytest.raises(RunError, match="a wrong pixel"):
        await joined.front.run([SMALL], [image(1)])
    assert not joined.ended
    joined.device.error = DeviceLostError("the card fell out")
    with pytest.raises(RunError, match="fell out") as caught:
        await joined.front.run([SMALL], [image(1)])
    assert not isinstance(caught.value, DeviceLostError), "a worker that is started anew may have it again"
    assert joined.ended == ["the card fell out"]


@virtual
async def test_batches_on_a_stream_that_breaks_fail_at_once_and_it_is_opened_anew() -> None:
    joined = Joined()
    await joined.open()
    running = [asyncio.ensure_future(joined.front.run([SMALL], [image(1)])) for _ in range(2)]
    await asyncio.sleep(RUN_S / 2)
    joined.wires.reachable = False
    joined.wires.cut()
    for each in await asyncio.gather(*running, return_exceptions=True):
        assert isinstance(each, WorkerGoneError)
    assert asyncio.get_running_loop().time() < RUN_S
    assert joined.there == [False]
    with pytest.raises(WorkerGoneError):
        await joined.front.run([SMALL], [image(1)])
    await asyncio.sleep(10)
    joined.wires.reachable = True
    await asyncio.sleep(2.1)
    assert joined.there == [False, True] and joined.wires.times == 2
    assert await joined.front.run([SMALL], [image(3)]) == [found(image(3))]
    joined.front.close()


@virtual
async def test_a_worker_that_is_silent_is_given_up_and_tried_again() -> None:
    joined = Joined()
    await joined.open()
    await asyncio.sleep(5)
    assert joined.there == [], "one with nothing to do is asked for signs of life, and gives them"
    assert joined.wires.near is not None
    joined.wires.near.other.deaf = True
    running = asyncio.ensure_future(joined.front.run([SMALL], [image(1)]))
    began_s = asyncio.get_running_loop().time()
    with pytest.raises(WorkerGoneError, match="nothing was heard"):
        await running
    assert asyncio.get_running_loop().time() - began_s < SILENT_S + 0.6
    await asyncio.sleep(0.2)
    assert joined.there == [False, True]
    joined.front.close()


@virtual
async def test_a_front_may_come_before_the_device_is_ready_and_is_told_how_far_it_is() -> None:
    joined = Joined()
    opening = asyncio.ensure_future(joined.front.open())
    await asyncio.sleep(1)
    joined.worker.tell("measuring cpu", 1, 2)
    await asyncio.sleep(30)
    assert not opening.done() and joined.progress == ["measuring cpu"]
    joined.ready()
    assert (await opening).workers == 1
    joined.front.close()


@virtual
async def test_a_worker_that_is_not_heard_of_while_it_loads_is_not_waited_for() -> None:
    joined = Joined()
    opening = asyncio.ensure_future(joined.front.open())
    await asyncio.sleep(60)
    assert not opening.done(), "it answers when it is asked whether it is there"
    assert joined.wires.near is not None
    joined.wires.near.other.deaf = True
    with pytest.raises(WorkerGoneError, match="has said nothing"):
        await opening
    assert asyncio.get_running_loop().time() < 60 + LOADING_SILENT_S + 2 * LOADING_PING_S


@virtual
async def test_a_device_that_cannot_be_opened_is_told_in_words() -> None:
    joined = Joined()
    opening = asyncio.ensure_future(joined.front.open())
    await asyncio.sleep(1)
    joined.worker.refuse("there is no such GPU")
    with pytest.raises(InputError, match="no such GPU"):
        await opening


@virtual
async def test_the_token_and_the_model_have_to_be_the_workers() -> None:
    for shown, told in (("wrong", "is not that of"), ("", "asks for a token")):
        joined = Joined(token="secret", shown=shown)
        with pytest.raises(InputError, match=told) as caught:
            await joined.open()
        assert "secret" not in str(caught.value)
    assert (await Joined(token="secret", shown="secret").open()).device == "far"
    joined = Joined()
    joined.worker.ready(ServingDevice("cpu", joined.device, a_profile(), "another"))  # what it says is looked at, too
    with pytest.raises(InputError, match="another model"):
        await joined.front.open()


@virtual
async def test_a_worker_that_has_become_another_one_is_not_used() -> None:
    joined = Joined()
    await joined.open()
    joined.ready(workers=3)
    joined.wires.cut()
    await asyncio.sleep(10)
    assert joined.there == [False]
    joined.ready(workers=1)
    await asyncio.sleep(3)
    assert joined.there == [False, True]
    joined.front.close()


@virtual
async def test_a_batch_that_hangs_is_ended_or_its_worker_is() -> None:
    for ends in (True, False):
        joined = Joined(ends=ends)
        await joined.open()
        joined.device.hangs = True
        running = asyncio.ensure_future(joined.front.run([SMALL], [image(1)]))
        await asyncio.sleep(3)
        joined.front.give_up(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert (joined.device.given_up, joined.ended) == (([0], []) if ends else ([], ["a batch hangs"]))
        running.cancel()
        joined.front.close()


@virtual
async def test_the_way_is_measured_and_the_profile_seen_from_afar() -> None:
    joined = Joined(delay_s=0.010)
    own = await joined.open()
    assert joined.front.seen().of(SMALL).p50_s == own.of(SMALL).p50_s, "nothing is known yet"
    for _ in range(120):
        await joined.front.run_undecoded([SMALL], [jpeg(20)])
    await asyncio.sleep(2)
    assert joined.front.seen().of(SMALL).p50_s[0] == pytest.approx(own.of(SMALL).p50_s[0] + 0.022, abs=0.002)
    assert joined.front.lead_s(0) == pytest.approx(0.022, abs=0.001)
    joined.front.close()


@virtual
async def test_who_says_nothing_or_nonsense_is_sent_away_and_the_others_notice_nothing() -> None:
    joined = Joined()
    await joined.open()
    from tests.devices.stream.joined import Wire

    far = Wire(joined.worker.protocol(), 0.0)
    near = Wire(_Sink(), 0.0)
    near.other, far.other = far, near
    far.protocol.connection_made(far)
    await asyncio.sleep(OPEN_S + 0.1)
    assert far.closed and joined.worker.fronts == 1
    for nonsense in (RunBatch(0, 9, (SMALL,), ()), RunBatch(0, 0, (), ()), OpenWorker()):
        end = joined.front._link._end
        assert end is not None
        end.send(nonsense)
        await asyncio.sleep(0.5)
        assert joined.there[-2:] == [False, True], "its stream was ended, and it has come back"
        assert await joined.front.run([SMALL], [image(3)]) == [found(image(3))]
    joined.front.close()


class _Sink(asyncio.Protocol):
    def get_buffer(self, sizehint: int) -> memoryview:
        return memoryview(bytearray(4096))

    def buffer_updated(self, nbytes: int) -> None:
        """Nobody listens."""
