"""Ctrl-C and SIGTERM: in order where something is to be kept, at once the second time, and never without an end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest
import uvloop

from jellyfish.errors import RunError
from jellyfish.lab.simulation.virtual_loop import VirtualLoop
from jellyfish.program.ending import Ending, Stopped
from jellyfish.program.stopping import BrokenOffError, Stop, stoppable

LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop, VirtualLoop]


class Unhurried(Ending):
    """Does not end the process of the tests."""

    def soon(self, number: int) -> None:
        """Leave it at that."""


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_breaks_off_what_cannot_end_in_order(
    loop: Callable[[], asyncio.AbstractEventLoop], number: int, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = []

    async def mode(stop: Stop) -> None:
        os.kill(os.getpid(), number)
        try:
            while True:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        finally:
            ended.append(True)

    before = signal.getsignal(number)
    with asyncio.Runner(loop_factory=loop) as runner, pytest.raises(Stopped) as stopped:
        runner.run(stoppable(mode, Unhurried()))
    assert (stopped.value.code, stopped.value.said, ended) == (code, True, [True])
    assert capsys.readouterr().err == "stopped\n"
    assert signal.getsignal(number) is before


def test_what_can_end_in_order_does_and_says_what_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    async def mode(stop: Stop) -> None:
        over = asyncio.Event()
        with stop.in_order(over.set):
            stop.request(signal.SIGINT)
            await over.wait()
        stop.leave("stopped; 7 frames in results/x")

    with pytest.raises(Stopped) as stopped:
        asyncio.run(stoppable(mode))
    assert (stopped.value.code, capsys.readouterr().err) == (130, "stopped; 7 frames in results/x\n")


def test_a_mode_that_nobody_stops_returns_what_it_found() -> None:
    async def mode(stop: Stop) -> str:
        stop.leave("not said")
        return "found"

    assert asyncio.run(stoppable(mode)) == "found"


def test_an_error_of_a_run_that_ends_in_order_is_told() -> None:
    async def mode(stop: Stop) -> None:
        with stop.in_order(lambda: None):
            stop.request(signal.SIGTERM)
        raise RunError("the frames do not add up")

    with pytest.raises(RunError, match="add up"):
        asyncio.run(stoppable(mode))


def test_the_second_signal_ends_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    left: list[int] = []
    stop = Stop(ending=Ending(left.append))
    with stop.in_order(lambda: None):
        stop.request(signal.SIGINT)
        assert left == []
        stop.request(signal.SIGINT)
    assert (left, capsys.readouterr().err) == ([130], "stopped\n")


def test_work_on_another_thread_ends_when_it_next_tells_of_progress() -> None:
    told: list[tuple[str, int, int]] = []
    stop = Stop(ending=Unhurried())
    report = stop.watched(lambda *step: told.append(step))
    report("measuring", 1, 3)
    stop.request(signal.SIGINT)
    with pytest.raises(BrokenOffError):
        report("measuring", 2, 3)
    assert told == [("measuring", 1, 3)]


@pytest.mark.parametrize("takes_notice", [True, False])
def test_a_program_ends_whatever_it_does(takes_notice: bool) -> None:
    """Real signals: the main thread is unwound, or, deep in something that takes no notice, ended beside it."""
    script = f"""
import time
from jellyfish.program.signals import ended_by_signals
with ended_by_signals():
    print("up", flush=True)
    while True:
        try:
            time.sleep(60)
        except SystemExit:
            if {takes_notice}:
                raise
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        program.stdout.readline()
        program.send_signal(signal.SIGINT)
        assert program.wait() == 130
        assert program.stderr.read() == b"stopped\n"
