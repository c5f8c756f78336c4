"""A camera that steers itself: its controller, from a server's welcome, and what an answer tells it. Pure."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

from jellyfish.camera.controllers.controller import Controller, ControllerTerms, Feedback, Foresight, Ladder
from jellyfish.camera.ledger import Sent
from jellyfish.errors import ProtocolError
from jellyfish.link.shaper import Shaper
from jellyfish.protocol import wire


@dataclass(frozen=True, slots=True)
class Steering:
    """With what a camera chooses its sizes, and what else an emulation knows of its frames."""

    make: Callable[[ControllerTerms], Controller]
    next_bytes: Callable[[int], int] | None = None
    """Resolution -> bytes that the next frame will take, for a camera without pictures."""

    def controller(self, hello: wire.Hello, welcome: wire.Welcome, uplink: Shaper) -> Controller:
        """A fresh one, for the stream that has opened over `uplink`. ProtocolError when the server leaves no choice."""
        if not welcome.offers:
            raise ProtocolError("terms", "this server plans for its clients; to let them steer, serve --planner client")
        foresight = Foresight(lambda sent_s, size_bytes: copy.copy(uplink).send(size_bytes, sent_s), self.next_bytes)
        ladder = Ladder(welcome.offers, welcome.narrows)
        return self.make(ControllerTerms(ladder, hello.fps, hello.slo_ms / 1000, foresight))


def feedback(sent: Sent, result: wire.Result, now: float) -> Feedback:
    """What the answer that came at `now` tells of a frame."""
    server_s = result.server_ms / 1000
    return Feedback(
        captured_s=sent.captured.captured_s,
        sent_s=sent.sent_s,
        resolution=sent.resolution,
        size_bytes=sent.size_bytes,
        variant=result.variant,
        uplink_s=min(result.uplink_ms / 1000, now - sent.sent_s - server_s),  # more comes of a clock that was set
        server_s=server_s,
        execute_s=result.execute_ms / 1000,
    )
