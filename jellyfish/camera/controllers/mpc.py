"""The published model-predictive controller: sizes for the next five frames that promise most accuracy in time. Pure.

Source: "Better Never than Late" (SenSys workshops, 2021). Where no sequence of sizes meets the deadline, the original
keeps its size; here it is the size whose frame would be nearest to it. All that is not the device's counts as network.
"""

from __future__ import annotations

from collections.abc import Sequence

from jellyfish.camera.controllers.controller import ControllerTerms, Feedback, OnTheWay, latency_s
from jellyfish.camera.controllers.horizon import Forecast, best_first
from jellyfish.camera.controllers.predictors import DeviceTime, FrameBytes, Throughput


class Mpc:
    """Plans five frames ahead with the means of the last ones, and sends the first."""

    def __init__(self, terms: ControllerTerms) -> None:
        self._ladder, self._fps, self._deadline_s = terms.ladder, terms.fps, terms.deadline_s
        self._throughput, self._device, self._bytes = Throughput(), DeviceTime(), FrameBytes()
        self._index = 0
        self._e2e_s = 0.0

    def choose(self, now: float, captured_s: float, on_the_way: Sequence[OnTheWay]) -> int:
        """The first size of the best plan; the smallest before anything is known."""
        forecast = self._forecast()
        if forecast is not None:
            best = best_first(forecast)
            self._index = self._nearest(forecast) if best is None else best[0]
        return self._ladder[self._index].resolution

    def sent(self, now: float, resolution: int, size_bytes: int) -> None:
        """Only answers count."""

    def answered(self, now: float, feedback: Feedback) -> None:
        """Bytes and throughput of every frame; latency only of the size that is asked for now."""
        self._bytes.add(feedback.resolution, feedback.size_bytes)
        self._throughput.add(feedback.size_bytes, now - feedback.captured_s - feedback.execute_s)
        if feedback.variant:
            self._device.add(feedback.execute_s, self._ladder.profiled_s(feedback.variant))
        if self._ladder.used(feedback) == self._ladder[self._index].resolution:
            self._e2e_s = latency_s(now, feedback, self._ladder)

    def _forecast(self) -> Forecast | None:
        bits_per_s = self._throughput.bits_per_s
        if bits_per_s is None:
            return None
        sizes = self._ladder.sizes
        return Forecast(
            network_s=[self._bytes.bits(size.resolution) / bits_per_s for size in sizes],
            device_s=[self._device.seconds(size.execute_s) for size in sizes],
            accuracy=[100 * size.accuracy for size in sizes],
            interval_s=1 / self._fps,
            deadline_s=self._deadline_s,
            e2e_s=self._e2e_s,
            running=self._index,
        )

    @staticmethod
    def _nearest(forecast: Forecast) -> int:
        """The size that is done first if it were sent now; the smallest of several."""
        waits_s = forecast.e2e_s - forecast.interval_s
        done_s = [d + max(n, waits_s) for n, d in zip(forecast.network_s, forecast.device_s, strict=True)]
        return done_s.index(min(done_s))
