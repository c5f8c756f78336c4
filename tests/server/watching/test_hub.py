"""Who is told of what, and what a slow watcher loses."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from jellyfish.core import Detection
from jellyfish.server.watching.hub import MOST_WAITING, TOLD_PER_S, Hub, Subscription
from jellyfish.server.watching.seen import Seen
from tests.virtual import virtual

JPEG = b"\xff\xd8 a picture"


def seen(frame: int = 1, camera: str = "gate", called: str | None = None, jpeg: bytes | None = JPEG) -> Seen:
    captured_s = float(frame)
    return Seen(
        camera, called or camera, frame, captured_s, 1_000.0 + captured_s, captured_s + 0.05, 0.1,
        variant="w100-448", classes=("car",), detections=(Detection(0, 0.9, 0.1, 0.2, 0.3, 0.4),), jpeg=jpeg,
    )  # fmt: skip


async def waiting(subscription: Subscription) -> list[Seen]:
    """All that waits for it; nothing more comes then."""
    subscription.end()
    return [each async for each in subscription]


@virtual
async def test_a_watcher_is_told_of_its_cameras_alone() -> None:
    hub = Hub()
    assert not hub.wanted("gate", "gate")
    some, every = hub.subscribe(["gate"]), hub.subscribe()
    assert hub.wanted("door", "door")
    for each in (seen(1), seen(2, "door"), seen(3, "gate#2", "gate")):
        hub.publish(each)
    assert [each.frame for each in await waiting(some)] == [1, 3]
    assert [each.frame for each in await waiting(every)] == [1, 2, 3]
    assert not hub.wanted("gate", "gate") and hub.watchers == 0


@virtual
async def test_a_slow_watcher_loses_the_oldest_answers_and_is_told_how_many() -> None:
    hub = Hub()
    slow = hub.subscribe()
    for number in range(MOST_WAITING + 10):
        hub.publish(seen(number))
    assert (slow.lost, hub.lost) == (10, 10)
    assert [each.frame for each in await waiting(slow)] == list(range(10, MOST_WAITING + 10))
    assert (hub.watchers, hub.lost) == (0, 10)


@virtual
async def test_who_wants_no_pictures_holds_none() -> None:
    hub = Hub()
    plain = hub.subscribe()
    hub.publish(seen())
    assert [each.jpeg for each in await waiting(plain)] == [None]


@virtual
async def test_pictures_come_at_their_rate_and_only_the_newest_of_a_camera_waits() -> None:
    hub = Hub()
    reading, slow = (hub.subscribe(pictures=True, pictures_fps=5.0) for _ in range(2))
    pictures = 0
    for number in range(31):  # 15 a second for two seconds
        hub.publish(seen(number))
        pictures += (await anext(reading)).jpeg is not None
        if number == 0:
            hub.publish(seen(1000, "door"))
            pictures += (await anext(reading)).jpeg is not None
        await asyncio.sleep(1 / 15)
    assert 10 <= pictures <= 12
    kept = [each for each in await waiting(slow) if each.jpeg is not None]
    assert len(kept) == 2 and {each.camera for each in kept} == {"gate", "door"}
    assert max(each.frame for each in kept if each.camera == "gate") >= 27


@virtual
async def test_a_watcher_waits_and_is_told_when_it_is_over() -> None:
    hub = Hub()
    subscription = hub.subscribe()
    next_one = asyncio.ensure_future(anext(subscription))
    await asyncio.sleep(1)
    assert not next_one.done()
    hub.publish(seen(5))
    assert (await next_one).frame == 5
    ending = asyncio.ensure_future(anext(subscription))
    await asyncio.sleep(1)
    hub.close()
    with pytest.raises(StopAsyncIteration):
        await ending
    with pytest.raises(StopAsyncIteration):
        await anext(hub.subscribe())
    assert hub.watchers == 0


@virtual
async def test_who_watches_no_more_gets_nothing_that_waited() -> None:
    hub = Hub()
    gone = hub.subscribe()
    hub.publish(seen())
    gone.close()
    assert [each async for each in gone] == [] and hub.watchers == 0


@virtual
async def test_what_a_watcher_may_not_see_it_is_not_told() -> None:
    hub = Hub()
    limited = hub.subscribe(may=lambda called: called.startswith("gate"))
    hub.publish(seen(1, "door"))
    hub.publish(seen(2, "gate-1#2", "gate-1"))
    hub.publish(seen(3, "gate-9", "door"))  # what it calls itself is what its token allowed
    assert [each.frame for each in await waiting(limited)] == [2]


@virtual
async def test_where_the_host_has_too_much_to_do_watchers_are_told_less_and_all_of_them_equally() -> None:
    room = [1.0]
    hub = Hub(lambda: room[0])
    watching = [hub.subscribe(gives_way=True) for _ in range(8)]
    own = hub.subscribe()  # a broker's queue, say: putting something there costs nothing
    told = Counter[int]()

    async def seconds(count: int) -> float:
        """Messages a second to all watchers."""
        told.clear()
        for number in range(60 * count):
            hub.publish(seen(number))
            for index, each in enumerate([*watching, own]):
                told[index] += len(each._waiting)
                each._waiting.clear()
            await asyncio.sleep(1 / 60)
        return sum(told[index] for index in range(8)) / count

    assert await seconds(10) == 480 and hub.lost == 0
    room[0] = 0.05
    await seconds(5)
    assert await seconds(20) == pytest.approx(TOLD_PER_S * 0.05, rel=0.05)
    assert told[8] == 60 * 20 and own.lost == 0 < hub.lost
    assert max(told[index] for index in range(8)) < 1.02 * min(told[index] for index in range(8))
