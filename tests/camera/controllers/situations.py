"""What the tests of controllers share: an offer of five sizes, terms, and answers to frames."""

from __future__ import annotations

from collections.abc import Sequence

from jellyfish.camera.controllers.controller import Controller, ControllerTerms, Feedback, Foresight, Ladder
from jellyfish.control.frame_size import reference_bytes
from jellyfish.protocol.wire import Offer

RESOLUTIONS = (128, 256, 384, 512, 608)
FINE = tuple(range(128, 609, 32))


def execute_s(resolution: int) -> float:
    """What a device like one edge GPU takes."""
    return 0.002 + 0.021 * (resolution / 608) ** 2


def offers(resolutions: Sequence[int]) -> tuple[Offer, ...]:
    """One network at each; the more pixels, the less one more of them helps."""
    return tuple(Offer(r, f"w100-{r}", 1 - 0.6 * (1 - (r - 128) / 480) ** 2, 1000 * execute_s(r)) for r in resolutions)


OFFERS = offers(RESOLUTIONS)
SLO_S = 0.1
SMALLEST, LARGEST = RESOLUTIONS[0], RESOLUTIONS[-1]


def terms(
    fps: float = 25.0,
    slo_s: float = SLO_S,
    offered: Sequence[Offer] = OFFERS,
    narrows: bool = False,
    foresight: Foresight | None = None,
) -> ControllerTerms:
    return ControllerTerms(Ladder(offered, narrows), fps, slo_s, foresight)


def feedback(
    resolution: int = SMALLEST,
    uplink_s: float = 0.02,
    captured_s: float = 0.0,
    size_bytes: int | None = None,
    device_s: float = 0.003,
    dropped: bool = False,
    variant: str | None = None,
) -> Feedback:
    """A frame that was sent as soon as it was captured; the server took 1 ms beside the device."""
    ran = "" if dropped else variant or f"w100-{resolution}"
    on_device_s = 0.0 if dropped else device_s
    sent_bytes = size_bytes or round(reference_bytes(resolution))
    server_s = on_device_s + 0.001
    return Feedback(captured_s, captured_s, resolution, sent_bytes, ran, uplink_s, server_s, on_device_s)


def answer(controller: Controller, latency_s: float, resolution: int, at_s: float = 0.0, dropped: bool = False) -> None:
    """Tell `controller` of a frame of `resolution` captured at `at_s` that took so long, most of it on the uplink."""
    uplink_s = latency_s - 0.009
    controller.answered(at_s + latency_s, feedback(resolution, uplink_s, captured_s=at_s, dropped=dropped))


def size(controller: Controller, now: float = 1.0) -> int | None:
    return controller.choose(now, now, ())


def drive(controller: Controller, bits_per_s: float, frames: int, start_s: float = 0.0) -> list[int | None]:
    """The sizes of so many frames over a link of that rate and 1 ms each way, each answered before the next."""
    chosen: list[int | None] = []
    for number in range(frames):
        now = start_s + 0.04 * number
        resolution = controller.choose(now, now, ())
        chosen.append(resolution)
        if resolution is None:
            continue
        size_bytes = round(reference_bytes(resolution))
        controller.sent(now, resolution, size_bytes)
        device_s = execute_s(resolution)
        uplink_s = 0.001 + 8 * size_bytes / bits_per_s
        controller.answered(now + uplink_s + device_s + 0.002, feedback(resolution, uplink_s, now, device_s=device_s))
    return chosen
