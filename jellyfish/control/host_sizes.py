"""How large the frames may be that a host with too much to do is sent. Pure: times are arguments.

A host that cannot carry all that its clients would send is asked for fewer frames (`jellyfish.control.host`), for
smaller ones, or for both: whichever serves most accuracy over all captured frames. A large frame takes a decoder longer
than a small one; what it takes the event loop is the same. How much of a frame's cost goes with its size is learnt from
what is decoded, and so is how little that helps where the event loop is what is too busy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
import numpy as np

from jellyfish.control.host import HostLoad, HostReading
from jellyfish.control.importance import weights
from jellyfish.control.problem import Problem
from jellyfish.core import InputSize
from jellyfish.devices.fit import TimeFit

A_FRAME, A_MEGAPIXEL = 0.03, 1.1
"""What a decoder is expected to take for a frame and for each megapixel that comes of it, until it is known better.
Only the one beside the other matters. By the weights of `jellyfish.media.decoding_cost`, of cameras' usual frames."""
FACTOR_SPREAD, NOISE = 0.5, 0.1
"""Of a decoder's time for a frame as it is expected, and of its mean over the frames of a window (`TimeFit`)."""
OTHER = 1.2
"""Frames of so many times the pixels are of another size."""
WORTH = 1.03
"""Frames become smaller where that serves so many times as much."""
HOLD_S, MOST_HOLD_S = 0.5, 32.0
"""How long frames stay small at least. A host that is too busy soon after they have grown waits twice as long."""
SOON_S, CALM_S = 5.0, 60.0
"""Soon is within the first; after the second without that, the hold is as at first."""


class DecodingTime:
    """What a decoder works for a frame, by the pixels that come of it."""

    def __init__(self, least: InputSize) -> None:
        """`least`: the smallest frames that come."""
        self._fit = TimeFit(_expected(_megapixels(least)), FACTOR_SPREAD, NOISE)
        self._seen: tuple[float, float] | None = None
        """Least and most that was expected of a window's frames."""
        self._scale: float | None = None
        """Seconds of what is expected, by the first frames."""
        self._before: HostReading | None = None

    def observe(self, reading: HostReading) -> None:
        """Take in what the host has done until now."""
        before, self._before = self._before, reading
        images = 0 if before is None else reading.images - before.images
        if before is None or images <= 0:
            return
        seconds = (reading.decoding_s - before.decoding_s) / images
        expected = _expected((reading.megapixels - before.megapixels) / images)
        least, most = self._seen or (expected, expected)
        self._seen = min(least, expected), max(most, expected)
        self._scale = self._scale or seconds / expected
        if self._scale > 0:
            self._fit.observe(seconds / self._scale, expected)

    @property
    def compared(self) -> bool:
        """Whether frames of several sizes have been decoded."""
        return self._seen is not None and self._seen[1] > OTHER * self._seen[0]

    def seconds(self, size: InputSize) -> float | None:
        """Of a frame of which so large an image is made; None where nothing is known."""
        return self._scale and self._scale * self._fit.expected_s(_expected(_megapixels(size)))


class FrameSizes:
    """The largest frames that are asked for."""

    def __init__(self, inputs: Mapping[int, InputSize]) -> None:
        """`inputs`: resolution -> what becomes of a frame, ascending."""
        self._inputs = dict(inputs)
        self._decoding = DecodingTime(next(iter(inputs.values())))
        self.most = max(inputs)
        """The longest side that they may have."""
        self._hold_s = HOLD_S
        self._shrank_s = self._grew_s = float("-inf")

    def observe(self, reading: HostReading) -> None:
        """Take in what the host has done until now."""
        self._decoding.observe(reading)

    def within(self, now: float, load: HostLoad, problem: Problem, planned: Mapping[str, int]) -> Problem:
        """`problem` with what its host can carry, of frames as large as serves most.

        `planned`: client -> resolution, of those that are served.
        """
        cost_s = self._cost_s(load)
        if cost_s is not None and planned and (load.binds or self.most < max(self._inputs)):
            asked = _Asked(problem, planned, self.most, cost_s)
            self._choose(now, load, asked)
            load.share = min(1.0, asked.carried(load.possible, self.most))
        load.resolution = None if self.most == max(self._inputs) else self.most
        return msgspec.structs.replace(problem, host_share=load.share, host_resolution=load.resolution)

    def _choose(self, now: float, load: HostLoad, asked: _Asked) -> None:
        """Make frames smaller or larger."""
        if now - self._grew_s > CALM_S and now - self._shrank_s > CALM_S:
            self._hold_s = HOLD_S
        best = self._best(load, asked)
        if best < self.most:
            if now - self._grew_s < SOON_S:
                self._hold_s = min(2.0 * self._hold_s, MOST_HOLD_S)
            self.most, self._shrank_s = best, now
        elif best > self.most and now - self._shrank_s >= self._hold_s:
            self.most, self._grew_s = best, now

    def _best(self, load: HostLoad, asked: _Asked) -> int:
        """The largest size of which all frames are carried; where not all are now, the one that serves most."""
        possible = load.possible
        if load.share == 1.0:
            return max(each for each in self._inputs if each == self.most or asked.carried(possible, each) >= 1.0)
        best = max(reversed(self._inputs), key=lambda each: asked.served(possible, each))
        if asked.served(possible, best) <= WORTH * asked.served(possible, self.most):
            return self.most
        if best > self.most or self._decoding.compared:
            return best
        return max(each for each in self._inputs if each < self.most)  # a step, which shows how much that brings

    def _cost_s(self, load: HostLoad) -> Callable[[int], float] | None:
        """What a frame of a resolution costs the part of the host that is busiest; None where that is not known."""
        if load.parts is None or self._decoding.seconds(next(iter(self._inputs.values()))) is None:
            return None
        loop_s, with_loop, with_decoders = load.parts

        def cost_s(resolution: int) -> float:
            return with_loop * loop_s + with_decoders * (self._decoding.seconds(self._inputs[resolution]) or 0.0)

        return cost_s


class _Asked:
    """What clients ask of the host, with frames of one size or another. Only ratios of work matter."""

    def __init__(self, problem: Problem, planned: Mapping[str, int], most: int, cost_s: Callable[[int], float]) -> None:
        """`planned`: resolution of each client that is served, at most `most`."""
        self._problem, self._cost_s, self._most = problem, cost_s, most
        self._clients = [(demand, planned[demand.client]) for demand in problem.clients if demand.client in planned]
        self._weight = weights(demand for demand, _ in self._clients)
        self._least_s = np.array([[row[0] for row in option.latency_s] for option in problem.devices]).min(axis=0)
        self._accuracy = np.array(problem.accuracy)
        self._resolutions = np.array([variant.resolution for variant in problem.variants])

    def work(self, most: int | None = None) -> float:
        """Seconds of each second, as planned, or with frames of at most so many pixels a side."""
        return sum(demand.fps * self._cost_s(self._size(planned, most)) for demand, planned in self._clients)

    def carried(self, possible: float, most: int) -> float:
        """Of the frames, with frames of at most that size, where `possible` is of what is planned."""
        return possible * self.work() / self.work(most)

    def served(self, possible: float, most: int) -> float:
        """Accuracy over all frames, by what clients count."""
        accuracy = sum(
            demand.fps * weight * self._worth(demand.budget_s, planned, most)
            for (demand, planned), weight in zip(self._clients, self._weight, strict=True)
        )
        return min(1.0, self.carried(possible, most)) * accuracy

    def _size(self, planned: int, most: int | None) -> int:
        """A client that has what is allowed would take more."""
        if most is None:
            return planned
        return most if planned == self._most else min(planned, most)

    def _worth(self, budget_s: tuple[float, ...], planned: int, most: int) -> float:
        """The best that so large frames may be run with. Devices are not what is short."""
        fits = (np.array(budget_s) >= 2.0 * self._least_s) & (self._resolutions <= self._size(planned, most))
        return float(self._accuracy[fits].max(initial=0.0))


def _megapixels(size: InputSize) -> float:
    return size.width * size.height / 1e6


def _expected(megapixels: float) -> float:
    return A_FRAME + A_MEGAPIXEL * megapixels
