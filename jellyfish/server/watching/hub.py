"""Who watches which cameras, and what waits for them. A slow watcher loses old answers and holds nobody up.

`publish` returns at once: it puts one value into a short queue of each who asked for that camera. Where nobody has, no
value is made at all (`wanted`), and nothing is kept.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection

from jellyfish.clock import seconds_now
from jellyfish.protocol.bucket import Bucket
from jellyfish.server.watching.fleet_news import FleetNews
from jellyfish.server.watching.following import Following
from jellyfish.server.watching.seen import Seen
from jellyfish.waiting import Signal

MOST_WAITING = 64
"""Answers that wait for one watcher; for one more the oldest is lost."""
TOLD_PER_S = 3000.0
"""Messages that go to watchers over the network, of all together; each takes some hundredths of a millisecond of the
event loop. Where the host has too much to do there are fewer, before cameras are asked for less."""
TOLD_AT_ONCE = 600.0
PICTURES_FPS = 5.0
"""Pictures of one camera a second, for whoever names no other rate."""

Chosen = Callable[[str, str], bool]
"""Whether a camera is watched, by the name of its stream and what it calls itself."""


class Subscription:
    """What one watcher is told, to be read by one coroutine: an iterator that ends when the server does, or `close`.

    Pictures come at a bounded rate for each camera, the others of its frames without; of those that wait to be read
    only the newest of each camera keeps its picture.
    """

    def __init__(
        self,
        chosen: Chosen,
        pictures_fps: float | None,
        gives_way: bool,
        ended: Callable[[Subscription], None],
    ) -> None:
        """`pictures_fps`: None for no pictures. `ended`: called once, when nothing more comes."""
        self.gives_way = gives_way
        """Whether it is told less where the host has too much to do."""
        self.lost = 0
        """Answers that were not read in time, so far."""
        self._chosen = chosen
        self._period_s = None if pictures_fps is None else 1 / pictures_fps
        self._picture_due_s: dict[str, float] = {}
        self._waiting: deque[Seen] = deque()
        self._come = Signal(asyncio.get_running_loop())
        self._ended, self._over = ended, False

    def wants(self, camera: str, called: str) -> bool:
        """Whether that camera is watched, by the name of its stream or by what it calls itself."""
        return self._chosen(camera, called)

    def put(self, seen: Seen) -> None:
        """Tell of one frame, as soon as it is read."""
        if not self._has_picture(seen):
            seen = seen.without_picture
        else:
            self._strip(seen.camera)
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
            self.lost += 1
        self._waiting.append(seen)
        self._come.set()

    def lose(self) -> None:
        """An answer that it would have been told is not told."""
        self.lost += 1

    def _has_picture(self, seen: Seen) -> bool:
        """Whether its picture is due by now."""
        if self._period_s is None or seen.jpeg is None:
            return False
        now, due_s = seconds_now(), self._picture_due_s.get(seen.camera, float("-inf"))
        if now < due_s:
            return False
        self._picture_due_s[seen.camera] = max(due_s + self._period_s, now + self._period_s / 2)
        return True

    def _strip(self, camera: str) -> None:
        """A newer picture of the camera is here: one that still waits is not sent any more."""
        for index, seen in enumerate(self._waiting):
            if seen.jpeg is not None and seen.camera == camera:
                self._waiting[index] = seen.without_picture

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Seen:
        while not self._waiting:
            if self._over:
                raise StopAsyncIteration
            self._come.clear()
            await self._come.wait()
        return self._waiting.popleft()

    def end(self) -> None:
        """Nothing more comes; what waits may still be read."""
        if not self._over:
            self._over = True
            self._ended(self)
            self._come.set()

    def close(self) -> None:
        """Be told of nothing more, and of nothing that waits."""
        self.end()
        self._waiting.clear()


class Hub:
    """All who watch one server."""

    def __init__(self, room: Callable[[], float] = lambda: 1.0) -> None:
        """`room`: the share (0..1) that the host can give of what watchers may cost it."""
        self._room = room
        self._subscriptions: list[Subscription] = []
        self._closed = False
        self._rate = Bucket(TOLD_PER_S, TOLD_AT_ONCE)
        self._lost = 0
        """By those who watch no more."""
        self.following: Following | None = None
        """Says which object each detection is; None where that is not asked for."""
        self.fleet: FleetNews | None = None
        """Says how all cameras fare; None where nobody looks at that."""

    @property
    def watchers(self) -> int:
        """How many there are."""
        return len(self._subscriptions)

    @property
    def lost(self) -> int:
        """Answers that those who watched did not read in time, so far."""
        return self._lost + sum(each.lost for each in self._subscriptions)

    def subscribe(
        self,
        cameras: Collection[str] | None = None,
        pictures: bool = False,
        pictures_fps: float = PICTURES_FPS,
        may: Callable[[str], bool] = lambda called: True,
        gives_way: bool = False,
    ) -> Subscription:
        """Be told of what these cameras are answered from now on. `cameras`: names; None: all, whoever comes.

        `may`: whether it may be told of a camera that calls itself so. `gives_way`: telling it costs more than putting
        it down, and it is told less where the host has too much to do. To be closed when it is not read any more. Of a
        server that stops it ends at once.
        """
        names = None if cameras is None else frozenset(cameras)

        def chosen(camera: str, called: str) -> bool:
            return (names is None or camera in names or called in names) and may(called)

        subscription = Subscription(chosen, pictures_fps if pictures else None, gives_way, self._over)
        self._subscriptions.append(subscription)
        if self._closed:
            subscription.end()
        return subscription

    def _over(self, subscription: Subscription) -> None:
        self._subscriptions.remove(subscription)
        self._lost += subscription.lost

    def wanted(self, camera: str, called: str) -> bool:
        """Whether anybody watches that camera."""
        return any(each.wants(camera, called) for each in self._subscriptions)

    def publish(self, seen: Seen) -> None:
        """Tell those who want to know of it. Returns at once: its camera has its own answer before objects are
        followed."""
        if self.following is None:
            self._tell(seen)
        else:
            asyncio.get_running_loop().call_soon(self._follow, self.following, seen)

    def _follow(self, following: Following, seen: Seen) -> None:
        self._tell(following.followed(seen))

    def _tell(self, seen: Seen) -> None:
        now, left_out = seconds_now(), set[Subscription]()
        self._rate.rate = TOLD_PER_S * self._room()
        for each in self._subscriptions:
            if not each.wants(seen.camera, seen.called):
                continue
            if each.gives_way and not self._rate.allows(1.0, now):
                each.lose()
                left_out.add(each)
            else:
                each.put(seen)
        if left_out:  # it is their turn next time
            self._subscriptions.sort(key=lambda each: each not in left_out)

    def close(self) -> None:
        """Nothing more comes: all who watch are told what waits for them, and then that it is over."""
        self._closed = True
        for each in list(self._subscriptions):
            each.end()
