"""Our own controller: the size with the best expectation, where a late frame is worth less than nothing. Pure.

**Network.** The link is a queue, first in first out: a frame's transfer begins when it is sent or when the one before
it is through, and takes bits x pace (seconds per bit). Answers tell when frames arrived, so each gives one pace,
whatever its size: there is no need to probe with larger frames. The forecast is the slowest of the last three paces, or
what a frame that should have been answered by now has shown already. What is on its way goes before the next frame.

**Risk.** How wrong the forecast may be is not assumed but counted: actual over expected transfer time of the last
thousand frames. Extremes are rare, so a heavy-tailed prior stands in for what was not seen: a transfer takes x times as
long as expected with probability x^-3. It weighs as much as a hundred frames.

**Choice.** How many times as long as expected a transfer may take tells each size's probability to be in time. A server
that narrows its network when time is short may still answer a frame with less accuracy, which counts as that. Chosen is
the size with the most expected accuracy, less `MISS_PRICE` times the probability to be late. So room for surprises is
made where it costs little accuracy, and where every size is a risk the least is taken. Resolution is the slow actuator,
on this side of the link; the network is the fast one, on the other.

**Assumes** that the link carries frames in order, that its delay without queueing changes slowly (the least of the last
64 answers), that accuracy does not fall with size, and that the next thousand frames are like the last. Frames are held
below what the link sustains, so that the queue is empty again for the next one.
"""

from __future__ import annotations

from collections.abc import Sequence

from jellyfish.camera.controllers.controller import ControllerTerms, Feedback, OfferedSize, OnTheWay
from jellyfish.camera.controllers.forecast import Surprises, Uplink
from jellyfish.control.frame_size import FrameSizeModel
from jellyfish.control.smoothing import Ewma, Spread

MISS_PRICE = 3.0
"""A late frame takes away as much as this many right answers bring."""
MOST_BUSY = 0.95
"""Share of the time between two frames that the uplink may be busy with one."""
DEVICE_DEVIATIONS = 2.5
"""The device is reckoned with so many standard deviations above its usual time."""


class Prudent:
    """See the module's text."""

    def __init__(self, terms: ControllerTerms) -> None:
        self._ladder, self._fps, self._deadline_s = terms.ladder, terms.fps, terms.deadline_s
        self._ways = {size.resolution: terms.ladder.ways(size.resolution) for size in terms.ladder.sizes}
        self._uplink, self._surprises, self._bytes = Uplink(), Surprises(), FrameSizeModel()
        self._slow_down, self._slow_down_spread = Ewma(0.9, initial=1.0), Spread(0.1)
        self._execute_s = 0.0
        self._rest_s = 0.0
        """Of a frame's latency, what is neither uplink nor device, or was lately."""
        self._encode_s = 0.0
        self._chosen = (0.0, 0.0)
        """When the last choice was made, and the transfer time expected then."""
        self._expected_s: dict[float, float] = {}

    def choose(self, now: float, captured_s: float, on_the_way: Sequence[OnTheWay]) -> int | None:
        """The size with the best expectation; None while what is on its way leaves no time for any.

        With nothing on its way a frame is sent, however hopeless: nothing else would tell that the link is back.
        """
        pace = self._uplink.pace(now, on_the_way, self._rest_s + self._execute_s)
        smallest = self._ladder[0]
        if pace is None:
            self._chosen = (now, 0.0)
            return smallest.resolution
        sending_s = now + self._encode_s
        queue_s = max(0.0, self._uplink.free_s(on_the_way, pace) - sending_s) if on_the_way else 0.0
        left_s = captured_s + self._deadline_s - sending_s - self._uplink.delay_s - self._rest_s
        best, most = None, float("-inf")
        for size in self._ladder.sizes:
            transfer_s = self._bytes.bits(size.resolution) * pace
            if size is not smallest and transfer_s * self._fps > MOST_BUSY:
                break
            worth = self._worth(size, left_s, queue_s + transfer_s)
            if worth is not None and worth > most:
                best, most = size, worth
        if best is None and on_the_way:
            return None
        best = best or smallest
        self._chosen = (now, self._bytes.bits(best.resolution) * pace)
        return best.resolution

    def sent(self, now: float, resolution: int, size_bytes: int) -> None:
        """A frame was handed to the link."""
        chosen_s, expected_s = self._chosen
        self._encode_s = now - chosen_s
        self._bytes.add(resolution, size_bytes)
        if expected_s > 0:
            self._expected_s[now] = expected_s

    def answered(self, now: float, feedback: Feedback) -> None:
        """Dropped frames tell as much of the link as answered ones."""
        transfer_s = self._uplink.answered(now, feedback)
        expected_s = self._expected_s.pop(feedback.sent_s, None)
        if expected_s is not None:
            self._surprises.add(transfer_s / expected_s)
        rest_s = now - feedback.sent_s - feedback.uplink_s - feedback.execute_s
        self._rest_s = max(rest_s, 0.9 * self._rest_s + 0.1 * rest_s)
        if feedback.variant:
            self._execute_s = feedback.execute_s
            ratio = feedback.execute_s / self._ladder.profiled_s(feedback.variant)
            self._slow_down_spread.add(ratio - (self._slow_down.value or 1.0))
            self._slow_down.add(ratio)

    def _worth(self, size: OfferedSize, left_s: float, expected_s: float) -> float | None:
        """Expected accuracy less the price of being late; None when it would be late even if all went as expected."""
        worth, late, room = 0.0, 1.0, 0.0
        for way in self._ways[size.resolution]:
            room = (left_s - self._slowest * way.execute_s) / expected_s
            still_late = self._surprises.exceeds(room)
            worth += way.accuracy * (late - still_late)
            late = still_late
        return worth - MISS_PRICE * late if room > 1 else None

    @property
    def _slowest(self) -> float:
        """The device's slow-down that is reckoned with."""
        return (self._slow_down.value or 1.0) + DEVICE_DEVIATIONS * self._slow_down_spread.deviation
