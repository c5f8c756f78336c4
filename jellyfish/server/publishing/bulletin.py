"""What is posted at a broker, and under which topics; what is retained there is kept right. Pure.

Retained are whether the server is there and the state of each camera: they hold until something else is posted. Counts
and answers are not: who comes later would take old ones for new.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from jellyfish.server.publishing.counts import CameraCounts, Kind
from jellyfish.server.publishing.objects import CameraObjects
from jellyfish.server.watching.seen import Seen

ONLINE, OFFLINE = b"online", b"offline"
LIVE = "live"
"""The state of a camera whose frames come."""
MOST_CAMERAS = 1024
"""Names that a broker is told of while the server runs; it would keep the state of each for ever."""
STATS_S = 60.0
"""How often figures, and all counts, are posted."""
_NO_LEVEL = str.maketrans(dict.fromkeys("/+#", "_"))
_ENCODER = msgspec.json.Encoder()


class Notice(NamedTuple):
    """A message for a broker."""

    topic: str
    payload: bytes
    retain: bool = False


class _Camera:
    """What is known of one."""

    def __init__(self, topic: str, called: str) -> None:
        self.topic = topic
        self.counts, self.objects = CameraCounts(), CameraObjects(called)
        self.state = ""

    def posts(self, changed: Mapping[Kind, int]) -> list[Notice]:
        """Of counts."""
        return [
            Notice("/".join((self.topic, *map(level, kind))), str(count).encode())
            for kind, count in sorted(changed.items())
        ]  # fmt: skip


class Bulletin:
    """Of one server at one broker; `topic` is what all its topics begin with."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._cameras: dict[str, _Camera] = {}
        """By topic."""
        self._stats_due_s = float("-inf")
        self._ended = False

    @property
    def will(self) -> Notice:
        """What the broker is to say when the server is gone without a word."""
        return Notice(f"{self._topic}/available", OFFLINE, retain=True)

    @property
    def filters(self) -> tuple[str, ...]:
        """Topics of which the server has to know what the broker keeps."""
        return f"{self._topic}/available", f"{self._topic}/+/state"

    def begin(self) -> list[Notice]:
        """The broker is reached (again): all that holds, as it may know nothing of it."""
        self._stats_due_s = float("-inf")
        states = [self._state(camera) for camera in self._cameras.values() if camera.state]
        return [self._available(ONLINE), *states]

    def found(self, post: Notice) -> list[Notice]:
        """The broker keeps this, or somebody has said it: put right what is not so.

        Of a server that was gone without a word cameras may be kept as live; and the broker may learn late of the end
        of a connection before this one.
        """
        if self._ended:
            return []
        if post.topic == self.will.topic:
            return [self._available(ONLINE)] if post.payload == OFFLINE else []
        camera = self._cameras.get(post.topic.removesuffix("/state"))
        right = camera.state.encode() if camera is not None and camera.state else OFFLINE
        return [] if post.payload in (right, b"") or not post.retain else [post._replace(payload=right)]

    def saw(self, seen: Seen) -> list[Notice]:
        """A frame has been answered, or not."""
        camera = self._camera(seen.called)
        if camera is None:
            return []
        posts = [Notice(f"{camera.topic}/answers", seen.json)]
        if not seen.missed:
            posts += camera.posts(camera.counts.saw(seen))
            posts += self._events(camera.objects.saw(seen))
        return posts

    def look(self, states: Mapping[str, str]) -> list[Notice]:
        """States of the cameras that are here, by name; to be called once a second."""
        here = {self._topic_of(name): (name, state) for name, state in states.items()}
        posts = []
        for topic in [*here, *(topic for topic in self._cameras if topic not in here)]:
            name, state = here.get(topic, ("", OFFLINE.decode()))
            camera = self._cameras.get(topic) or self._camera(name)
            if camera is not None and camera.state != state:
                posts += self._is_now(camera, state)
        return posts

    def is_due(self, now: float) -> bool:
        """Whether it is time for figures."""
        return now >= self._stats_due_s

    def figures(self, stats: bytes, now: float) -> list[Notice]:
        """How the server and its cameras fare, and all counts, for who has come since they changed."""
        self._stats_due_s = now + STATS_S
        counts = [post for camera in self._cameras.values() for post in camera.posts(camera.counts.all)]
        return [Notice(f"{self._topic}/stats", stats), *counts]

    def end(self) -> list[Notice]:
        """The server goes: nothing is there any more."""
        self._ended = True
        posts = [post for camera in self._cameras.values() for post in self._is_now(camera, OFFLINE.decode())]
        return [*posts, self._available(OFFLINE)]

    def _is_now(self, camera: _Camera, state: str) -> list[Notice]:
        if camera.state == state:
            return []
        camera.state = state
        posts = [self._state(camera)]
        if state != LIVE:
            posts += camera.posts(camera.counts.nothing()) + self._events(camera.objects.nothing())
        return posts

    def _camera(self, name: str) -> _Camera | None:
        topic = self._topic_of(name)
        if topic not in self._cameras:
            if len(self._cameras) >= MOST_CAMERAS:
                return None
            self._cameras[topic] = _Camera(topic, name)
        return self._cameras[topic]

    def _topic_of(self, name: str) -> str:
        return f"{self._topic}/{level(name)}"

    def _events(self, messages: list[dict[str, Any]]) -> list[Notice]:
        return [Notice(f"{self._topic}/events", _ENCODER.encode(message)) for message in messages]

    def _state(self, camera: _Camera) -> Notice:
        return Notice(f"{camera.topic}/state", camera.state.encode(), retain=True)

    def _available(self, payload: bytes) -> Notice:
        return Notice(self.will.topic, payload, retain=True)


def level(name: str) -> str:
    """A name as a level of a topic, where three letters have a meaning of their own."""
    return name.translate(_NO_LEVEL)
