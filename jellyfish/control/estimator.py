"""What the server knows of one client: its clock, its uplink, the size of its frames, and so its time budgets.

Pure: times are arguments. Knows nothing of sockets, devices or other clients. Server times unless named `client`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

from jellyfish.control import care as careful
from jellyfish.control.clock_offset import ClockOffset
from jellyfish.control.frame_size import FrameSizeModel
from jellyfish.control.problem import ClientDemand
from jellyfish.control.smoothing import ErrorBasedFilter, Ewma, HarmonicWindow, Spread
from jellyfish.core import Variant

INITIAL_BANDWIDTH_BPS = 4e6
"""Taken for a client none of whose frames has arrived: enough to begin small; its first frames correct it."""
MAX_BANDWIDTH_BPS = 1e9
"""A transfer too short to be timed (loopback) counts as this, so that no estimate is infinite."""
MIN_BANDWIDTH_BPS = 1e3
"""Floor of an estimate: a frame stuck for a minute must not take the harmonic mean to zero."""
RESPONSE_BITS = 8_000.0
"""Size of an answer, about 1 kB of detections; it travels at the uplink's rate, as in the paper."""
MARGIN_S = 0.004
"""Fixed part of the overhead, kept free of every deadline too: timer resolution and the last hops of the answer."""
INITIAL_NETWORK_SPREAD = 0.2
"""Error of expected network times, as the standard deviation of its logarithm, before any was measured."""
INITIAL_OVERHEAD_SPREAD_S = 0.001
LEAST_ALLOWANCE_S = 0.002
"""Care 1 allows so much beyond the mean even where nothing seems to vary."""


class _Way(NamedTuple):
    """What a frame takes beside waiting and running on a device, with some care: the fixed part, and the network's for
    it and its answer."""

    fixed_s: float
    bandwidth_bps: float


class ClientEstimator:
    """Estimates for one client, from clock exchanges, arrived frames and the server's own overheads."""

    def __init__(self) -> None:
        self.clock = ClockOffset()
        self.sizes = FrameSizeModel()
        self._pace = ErrorBasedFilter()
        self._bandwidth = HarmonicWindow()
        self._client_overhead, self._host_overhead = Ewma(keep=0.5), Ewma(keep=0.5)
        self._network_spread = Spread(INITIAL_NETWORK_SPREAD)
        self._overhead_spread = Spread(INITIAL_OVERHEAD_SPREAD_S)
        self._previous_arrival_s = float("-inf")
        self._ways_known: tuple[float, tuple[_Way, _Way]] | None = None
        self._demand_known: tuple[tuple[object, ...], ClientDemand] | None = None
        """What was last answered, and to what question, while nothing new is known: plans are thought about more often
        than a client of few frames is heard of."""

    def exchange(self, t0: float, t1: float, t2: float, t3: float) -> bool:
        """Take in one clock exchange, see `ClockOffset.exchange`."""
        self._ways_known = self._demand_known = None
        return self.clock.exchange(t0, t1, t2, t3)

    def overhead_sample(self, client_s: float, host_s: float) -> None:
        """Take in what a frame took outside network and device: in its client before it was sent, and in this host."""
        self._ways_known = self._demand_known = None
        if self._client_overhead.value is not None:
            self._overhead_spread.add(client_s + host_s - self.client_overhead_s - self.host_overhead_s)
        self._client_overhead.add(client_s)
        self._host_overhead.add(host_s)

    def frame_arrived(self, sent_client_s: float, arrived_s: float, size_bytes: int, resolution: int) -> None:
        """Take in one frame: handed to the network at `sent_client_s`, its last byte here at `arrived_s`.

        Its transfer began when it was sent or when the frame before it had left the link, whichever was later: queueing
        behind one's own frames is not the link being slow. The offset's error and that of the one-way delay come from
        the same asymmetric exchange and cancel, so what is left is jitter, which makes the estimate too low, never too
        high. A small frame on a fast link is therefore underestimated, until larger frames follow it.
        """
        self._ways_known = self._demand_known = None
        if self.clock.known:
            one_way_s = self.clock.round_trip_s / 2.0
            began_s = max(self.clock.to_server(sent_client_s), self._previous_arrival_s - one_way_s)
            self._transfer(arrived_s, resolution, 8.0 * size_bytes, arrived_s - one_way_s - began_s)
        self.sizes.add(resolution, size_bytes)
        self._previous_arrival_s = max(arrived_s, self._previous_arrival_s)

    def _transfer(self, now: float, resolution: int, bits: float, seconds: float) -> None:
        """The published filter smooths network time; time per bit is that, but comparable between frame sizes.

        Of the time per bit is what messages without bits do not take, too: a small frame on a quick link would else say
        that large ones take long.
        """
        held_s = self.clock.held_s
        pace = min(max((seconds - held_s) / bits, 1.0 / MAX_BANDWIDTH_BPS), 1.0 / MIN_BANDWIDTH_BPS)
        if self._pace.value is not None:
            expected_s = held_s + self.sizes.bits(resolution) * self._pace.value
            self._network_spread.add(math.log((held_s + bits * pace) / expected_s))
        self._pace.add(pace)
        self._bandwidth.add(now, 1.0 / pace)

    @property
    def newest_bandwidth_bps(self) -> float:
        """The quick estimate, for back-off: the error-based filter's, which follows a change within a few frames."""
        return INITIAL_BANDWIDTH_BPS if self._pace.value is None else 1.0 / self._pace.value

    def bandwidth_bps(self, now: float) -> float:
        """The steady estimate, for planning: harmonic mean over the last second."""
        mean = self._bandwidth.mean(now)
        return INITIAL_BANDWIDTH_BPS if mean is None else mean

    @property
    def overhead_s(self) -> float:
        """Expected time of a frame outside network, waiting and running."""
        return MARGIN_S + self.client_overhead_s + self.host_overhead_s

    @property
    def client_overhead_s(self) -> float:
        """Expected time from capture to sending."""
        return self._client_overhead.value or 0.0

    @property
    def host_overhead_s(self) -> float:
        """Expected time in the event loop and with the decoders, work and waiting."""
        return self._host_overhead.value or 0.0

    def demand(
        self, now: float, client: str, fps: float, slo_s: float, variants: Sequence[Variant], care: float
    ) -> ClientDemand:
        """The client as a planner sees it at `now`, with so much `care`: one budget per variant.

        A budget is the time left of `slo_s` for waiting and running on a device; 0 where nothing is left, or where the
        uplink does not sustain `fps` such frames a second (Jellyfish, RTSS 2022). The smallest resolution is offered
        without care: to refuse a client for fear that it might be late sometimes would help nobody.
        """
        steady_bps = self.bandwidth_bps(now)
        asked = steady_bps, client, fps, slo_s, variants, care
        if self._demand_known is None or self._demand_known[0] != asked:
            budgets_s = self._budgets_s(steady_bps, fps, slo_s, variants, care)
            self._demand_known = asked, ClientDemand(client, fps, budgets_s)
        return self._demand_known[1]

    def _budgets_s(
        self, steady_bps: float, fps: float, slo_s: float, variants: Sequence[Variant], care: float
    ) -> tuple[float, ...]:
        sizes = tuple([variant.resolution for variant in variants])
        smallest, different = _different(sizes)
        ways, sustained_bps = self._ways(steady_bps), self._bandwidth_with(max(care, 0.0), steady_bps)
        budgets_s: dict[int, float] = {}
        for resolution in different:
            first = resolution == smallest
            bits, budgets_s[resolution] = self.sizes.bits(resolution), 0.0
            if (steady_bps if first else sustained_bps) / bits > fps:
                usual_s, allowance_s = _beside_device_s(*ways, bits)
                left_s = slo_s - usual_s - (min(care, 0.0) if first else care) * allowance_s
                if left_s > 0.0:
                    budgets_s[resolution] = left_s
        return tuple([budgets_s[resolution] for resolution in sizes])

    def beside_device_s(self, now: float, resolution: int) -> tuple[float, float]:
        """What a frame takes beside waiting and running on a device: in the mean, and what care 1 allows beyond that.

        Frame and answer on the network, the round trip and the overheads.
        """
        return _beside_device_s(*self._ways(self.bandwidth_bps(now)), self.sizes.bits(resolution))

    def _ways(self, steady_bps: float) -> tuple[_Way, _Way]:
        """Without care, and with care 1."""
        if self._ways_known is None or self._ways_known[0] != steady_bps:
            overhead_s, trip_s, held_s = self.overhead_s, self.clock.round_trip_s, self.clock.held_s
            careful_held_s = held_s * math.exp(self._network_spread.deviation)
            careful_overhead_s = careful.overhead_s(1.0, overhead_s, self._overhead_spread.deviation)
            usual = _Way(trip_s + held_s + overhead_s, steady_bps)
            careful_way = _Way(trip_s + careful_held_s + careful_overhead_s, self._bandwidth_with(1.0, steady_bps))
            self._ways_known = steady_bps, (usual, careful_way)
        return self._ways_known[1]

    def _bandwidth_with(self, care: float, steady_bps: float) -> float:
        spread = self._network_spread.deviation
        return careful.bandwidth_bps(care, steady_bps, self.newest_bandwidth_bps, spread)


@functools.cache
def _different(resolutions: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """The smallest, and each of them once."""
    return min(resolutions), tuple(dict.fromkeys(resolutions))


def _beside_device_s(usual: _Way, careful_way: _Way, bits: float) -> tuple[float, float]:
    """See `ClientEstimator.beside_device_s`. For each size of each client, whenever plans are thought about."""
    (fixed_s, bandwidth_bps), (careful_fixed_s, careful_bps) = usual, careful_way
    usual_s = fixed_s + (RESPONSE_BITS + bits) / bandwidth_bps
    allowance_s = careful_fixed_s + (RESPONSE_BITS + bits) / careful_bps - usual_s
    return usual_s, allowance_s if allowance_s > LEAST_ALLOWANCE_S else LEAST_ALLOWANCE_S
