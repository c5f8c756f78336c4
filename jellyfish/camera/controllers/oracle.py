"""What could be had if the link's future were known: the largest size of each frame that is answered in time. Pure.

It is told by the emulated link when a frame would arrive if it were sent now, in bytes exactly where the emulation
knows them. It does not look beyond the frame at hand, and it does not know how long the device will take this time: it
reckons with a fifth more than usual. Only for measuring others against.
"""

from __future__ import annotations

from collections.abc import Sequence

from jellyfish.camera.controllers.controller import ControllerTerms, Feedback, Foresight, OfferedSize, OnTheWay
from jellyfish.camera.controllers.predictors import DeviceTime, FrameBytes
from jellyfish.errors import InputError

DEVICE_CARE = 1.2


class Oracle:
    """Knows the trace; `terms` must carry the foresight of an emulated link."""

    def __init__(self, terms: ControllerTerms) -> None:
        if terms.foresight is None:
            raise InputError("the oracle needs an emulated link to look ahead on")
        self._foresight: Foresight = terms.foresight
        self._sizes, self._deadline_s, self._ladder = terms.ladder.sizes, terms.deadline_s, terms.ladder
        self._device, self._bytes = DeviceTime(), FrameBytes()
        self._chosen_s = 0.0
        self._encode_s = 0.0
        self._rest_s: float | None = None

    def choose(self, now: float, captured_s: float, on_the_way: Sequence[OnTheWay]) -> int | None:
        """The largest that is in time; None when none is. The smallest before the first answer."""
        self._chosen_s = now
        if self._rest_s is None:
            return self._sizes[0].resolution
        fitting = (size.resolution for size in self._sizes if self._done_s(now, size) <= captured_s + self._deadline_s)
        return max(fitting, default=None)

    def sent(self, now: float, resolution: int, size_bytes: int) -> None:
        """How long encoding takes."""
        self._encode_s = now - self._chosen_s

    def answered(self, now: float, feedback: Feedback) -> None:
        """What a frame takes beside its uplink and the device."""
        self._bytes.add(feedback.resolution, feedback.size_bytes)
        if feedback.variant:
            self._rest_s = now - feedback.sent_s - feedback.uplink_s - feedback.execute_s
            self._device.add(feedback.execute_s, self._ladder.profiled_s(feedback.variant))

    def _done_s(self, now: float, size: OfferedSize) -> float:
        exact, likely = self._foresight.next_bytes, self._bytes.bits(size.resolution) / 8
        size_bytes = round(likely) if exact is None else exact(size.resolution)
        arrives_s = self._foresight.arrives_s(now + self._encode_s, size_bytes)
        device_s = DEVICE_CARE * self._device.seconds(size.execute_s)
        return arrives_s + device_s + (self._rest_s or 0.0)
