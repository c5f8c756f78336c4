"""What a window of the control loop takes the event loop, by the number of cameras: so long frames wait for it.

    python -m benchmarks.window_cost [--clients 100 300 1000] [--windows 20]

By itself, in one process and without sockets: a service whose cameras of 1 fps have each sent frames and answered
pings, all of whom have a place; then windows of half a second in each of which half of them send one frame. `observe`
makes a problem of them, `shown` is what a planner sees of it, `repair` makes the running plan fit, `decide` says
whether to ask the planner, `apply` puts the plan into force. Medians and the longest, in milliseconds of processor
time; a repair just after the first plan is left out.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from benchmarks.null_model import SIZES
from benchmarks.null_server import NoDevice, no_decoding
from jellyfish.config import Limits
from jellyfish.control.adaptation import Adapting
from jellyfish.control.planners import make_planner
from jellyfish.control.problem import Plan
from jellyfish.core import Answer, Task
from jellyfish.devices.profile.table import LatencyProfile, VariantLatency
from jellyfish.dispatch.dispatcher import Dispatcher
from jellyfish.dispatch.request import Answered
from jellyfish.models.model import Description
from jellyfish.protocol import wire
from jellyfish.server.service import Service
from jellyfish.server.session import Session

FPS, SLO_MS, WINDOW_S = 1.0, 500.0, 0.5
PLANNED = -5
"""The window before the measured ones in which a planner is asked."""
KILOBYTES = {160: 5, 224: 8, 320: 14}
Result = TypeVar("Result")


async def no_sending(message: wire.Message) -> None:
    return


class Window:
    """A service at work, and what its windows take."""

    def __init__(self, clients: int) -> None:
        self._chance = random.Random(clients)
        variants = tuple(size.variant for size in SIZES)
        latencies = tuple(
            VariantLatency(variant, tuple(1e-4 * (1 + batch / 4) for batch in range(8)), (2e-3,) * 8)
            for variant in variants
        )
        profile = LatencyProfile("cpu", "none", "", latencies)
        model = Description("null", "1", Task.DETECTION, ("thing",), SIZES, "")
        dispatchers = [Dispatcher(NoDevice(), profile, variants[0], 8)]
        self._service = Service(dispatchers, model, no_decoding, Limits(clients=clients), target=99.9)
        self._adapting = Adapting(0.05, sharing=True)
        self._now = asyncio.get_running_loop().time()
        self._sessions = [self._joined(number) for number in range(clients)]
        self.took_s: dict[str, list[float]] = defaultdict(list)
        self._answered = Answered(Answer(), variants[-1], "cpu", 1, 0.0, 0.001)

    def windows(self, count: int) -> None:
        """So many; before them some in which links become known, and all get a place."""
        running: Plan | None = None
        for number in range(-10, count):
            self._now += WINDOW_S
            self._traffic(number % 2)
            running = self._window(running)
            if number < 0:
                self.took_s.clear()
            if number == PLANNED:
                problem = self._adapting.shown(self._now, self._service.observe(self._now), running)
                running = make_planner("shared", 0, time_budget_s=2.0).plan(problem, running)
                self._service.apply(running)
        assert running is not None
        self.placed = len(running.clients)

    def _window(self, running: Plan | None) -> Plan:
        observed = self._timed("observe", lambda: self._service.observe(self._now))
        problem = self._timed("shown", lambda: self._adapting.shown(self._now, observed, running))
        repaired = self._timed("repair", lambda: self._adapting.repaired(problem, running, 0))
        assert repaired is not None
        self._timed("decide", lambda: self._adapting.decide(self._now, problem, running))
        self._timed("apply", lambda: self._service.apply(repaired.plan))
        return repaired.plan

    def _timed(self, name: str, step: Callable[[], Result]) -> Result:
        began_s = time.thread_time()
        found = step()
        self.took_s[name].append(time.thread_time() - began_s)
        return found

    def _joined(self, number: int) -> Session:
        session = self._service.join(wire.Hello(f"camera-{number}", FPS, SLO_MS), no_sending)
        for exchange in range(20):
            sent_s, trip_s = self._now - 20 + exchange, 0.004 + 0.002 * self._chance.random()
            session.pong(wire.Pong(sent_s, sent_s + trip_s / 2, sent_s + trip_s / 2), sent_s + trip_s)
        return session

    def _traffic(self, odd: int) -> None:
        """Every second camera sends a frame that is answered in time."""
        for session in self._sessions[odd::2]:
            resolution = session.plan.resolution
            bytes_, took_s = 1000 * KILOBYTES[resolution], 0.004 + 0.004 * self._chance.random()
            session.offered.came(self._now, FPS)
            session.estimator.frame_arrived(self._now - took_s, self._now, bytes_, resolution)
            session.estimator.overhead_sample(0.001, 0.002)
            session._attainment.arrived(1, self._now)
            session._attainment.answered(0.4)
            if session.learnt is not None:
                session.learnt.took(0.02 + 0.01 * self._chance.random())


async def measured(clients: int, windows: int) -> None:
    window = Window(clients)
    window.windows(windows)
    steps = {name: np.array(seconds) for name, seconds in window.took_s.items()}
    steps["a window"] = np.sum(list(steps.values()), axis=0)
    told = (f"{name} {1e3 * s.min():.1f} / {1e3 * np.median(s):.1f} / {1e3 * s.max():.1f}" for name, s in steps.items())
    print(f"{clients:5d} cameras, {window.placed} placed: {', '.join(told)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", nargs="+", type=int, default=[100, 300, 1000])
    parser.add_argument("--windows", type=int, default=20)
    arguments = parser.parse_args()
    for clients in arguments.clients:
        asyncio.run(measured(clients, arguments.windows))


if __name__ == "__main__":
    main()
