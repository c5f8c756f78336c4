"""Messages as Python writes them, and decisions as Python makes them: what the page's JavaScript has to agree with."""

from __future__ import annotations

import random
from typing import Any

import msgspec

from jellyfish.camera.sizing import Sizer
from jellyfish.core import Detection, InputSize, Reason
from jellyfish.protocol import wire

LADDER = (128, 192, 256, 320, 384, 448)
FROM_SERVER: tuple[wire.Message, ...] = (
    wire.Ping(12.5),
    wire.PlanMessage(320, "w100e1-320", True, 500.0, fps=7.5),
    wire.Welcome(
        ("person", "câr"), (128, 320), 4, 1_000_000, wire.PlanMessage(128, "w025e1-128", False, 500.0), reports=True,
        inputs=(InputSize(128, 96), InputSize(320, 192)),
    ),
    wire.Result(3, variant="w100e1-320", detections=(Detection(1, 0.5, 0.1, 0.2, 0.3, 0.4),), bandwidth_kbps=900.0),
    wire.Result(4, reason=Reason.OVERLOAD, message="no time"),
    wire.Arrived(5, 3.25, 1000.0),
    wire.Farewell(9, 8, {"expired": 1}),
    wire.ErrorMessage("draining", "the server is shutting down"),
)  # fmt: skip
FRAME = wire.Frame(4_000_000_000, 448, 1234.5678, 1234.6789, bytes(range(256)) * 3)


def vectors() -> dict[str, Any]:
    """All of them, as JSON has it."""
    return {
        "from_server": [
            {"name": _name(message), "hex": wire.encode(message).hex(), "fields": msgspec.to_builtins(message)}
            for message in FROM_SERVER
        ],
        "frame": {
            "hex": wire.encode(FRAME).hex(), "jpeg": FRAME.jpeg.hex(), "frame": FRAME.frame,
            "resolution": FRAME.resolution, "captured_s": FRAME.captured_s, "sent_s": FRAME.sent_s,
        },
        "slack": [[ms, wire.slack_bucket(ms / 1000)] for ms in (-5000, -1000, -999, -1, -0.5, 0, 0.5, 1, 7, 69, 1000)],
        "sizes": _sizes(random.Random(11)),
    }  # fmt: skip


def _name(message: wire.Message) -> str:
    return {"PlanMessage": "plan", "ErrorMessage": "error"}.get(type(message).__name__, type(message).__name__.lower())


def _sizes(chance: random.Random) -> list[dict[str, Any]]:
    """What a sizer is told and asked, and what it answers, on a link that comes and goes."""
    sizer = Sizer(15.0, 0.15)
    sizer.ladder = LADDER
    steps: list[dict[str, Any]] = []
    arguments: list[Any]
    now = 0.0
    for _ in range(400):
        now += chance.uniform(0.01, 0.1)
        bandwidth_bps = 10 ** chance.uniform(4.5, 7.5)
        told = chance.choice(("sent", "arrived", "answered"))
        if told == "sent":
            arguments = [chance.choice(LADDER), chance.randrange(2_000, 60_000)]
            sizer.sent(now, int(arguments[0]), int(arguments[1]))
        elif told == "arrived":
            arguments = [bandwidth_bps, chance.uniform(0, 0.02)]
            sizer.arrived(*arguments)
        else:
            arguments = [bandwidth_bps, chance.uniform(0, 0.09)]
            sizer.answered(*arguments)
        on_link = [(now - chance.uniform(0, 0.3), chance.randrange(2_000, 40_000)) for _ in range(chance.randrange(3))]
        on_link.sort()
        captured_s = now - chance.uniform(0, 0.05)
        asked = [now, chance.choice(LADDER), captured_s, on_link]
        chosen = sizer.choose(now, int(asked[1]), captured_s, on_link)  # type: ignore[call-overload]
        steps.append({"told": told, "arguments": arguments, "asked": asked, "chosen": chosen})
    return steps
