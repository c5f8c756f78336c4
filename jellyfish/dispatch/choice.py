"""Which frames does a free worker run next, and with which variant? Pure: slacks and latencies in, a choice out.

A frame's slack is the time left until its deadline, in seconds of a device that keeps to its profile. A device has one
worker or several, which take their batches from the same queue; where others are idle too, a lane's frames are shared
out among them, for together they are sooner done than one batch. The choice is made in this order, each step only if
the one before finds nothing:

1. **As planned, and nobody late.** Lanes take turns: the one whose last batch is longest ago runs, as many frames as it
   may, if everyone who waits can still be on time; else the next lane.
2. **Narrower, and nobody late.** One batch on a quicker variant lets all others run as planned: the one that costs
   least accuracy.
3. **Narrower, and all the others as quick as can be.**
4. **Overload.** Some frame must be lost: the batch that serves most frames per second of device time, by turns. While
   overload is new, frames are given up for a larger batch only where it saves at least the time that they would have
   taken: what comes of one batch that took long is over soon, and each frame that still makes it is one more in time.

**Taking turns keeps the planned bound.** With one worker: let a lane's batches of up to b frames take l(b), and T be
the sum of l(b) over all lanes; let at most b frames come to a lane in any time T (the planner sees to b > rate x T,
which is enough for frames that are evenly spaced). Suppose a frame finds its lane's batch just begun. Until its own
batch begins each other lane runs at most once: after its turn, its last batch is the newer one. All that takes at most
T, the frames that have come to its lane fit into one batch, and so the frame is answered within T + l(b), which the
planner holds against its client's budget. Step 1 never leaves this order within the bound: lanes that fit into one
batch each can be served on time in order of their earliest deadlines whenever in any order (Jackson, 1955), and that is
the order that is looked ahead with. Nothing in the argument asks what a batch runs, only that it takes no longer than
l(b): so a batch of few frames may run on a better variant that takes no longer than the full one would have. With
several workers all are busy while a frame waits, which gives the bound of `jellyfish.control.capacity.longest_wait_s`
in the same way.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import cached_property
from heapq import heapify, heapreplace
from typing import NamedTuple

from jellyfish.dispatch.lanes import Candidate, Lane


class Waiting(NamedTuple):
    """A lane and the slacks of its frames, rising; each leaves room for one frame on the lane's quickest candidate."""

    lane: Lane
    slacks_s: Sequence[float]


class Choice(NamedTuple):
    """Run the frames `start` to `start + size` of a lane; the ones before `start` are to be given up."""

    lane: int
    start: int
    size: int
    candidate: Candidate
    loses: bool = False
    """Whether some frame must be lost, whatever runs."""


def choose(
    waiting: Sequence[Waiting], others_s: Sequence[float] = (), lasting: bool = True, slower: float = 1.0
) -> Choice | None:
    """The next batch; None when nobody waits, or when what waits is better left to the other workers.

    `waiting`: in order of turn, lanes without frames left out. `others_s`: when each other worker of the device will be
    free, 0 for one that is idle. `lasting`: whether overload, if there is any, has lasted for a while. `slower`: how
    many times as long as on the others a batch takes on this worker: it is asked for what the others have no time for,
    so as long as they can keep everyone in time as planned, it takes only what it can run so, too.
    """
    if not waiting:
        return None
    outlook = _Outlook([_Line(each.slacks_s, each.lane.planned) for each in waiting], others_s, slower)
    choice = _as_planned(waiting, outlook)
    if choice is not None:
        return choice
    if slower > 1.0 and others_s and outlook.others_in_time():
        return None
    if any(each.lane.quicker for each in waiting):
        quickest = _Outlook([_Line(each.slacks_s, each.lane.quickest) for each in waiting], others_s, slower)
        choice = _narrowed(waiting, outlook) or _narrowed(waiting, quickest)
    return choice or _most_efficient(waiting, outlook, lasting)


def companion(
    waiting: Sequence[Waiting], choice: Choice, mixes: frozenset[int], most: int, cycle_s: float
) -> Choice | None:
    """Another lane's frames that may share `choice`'s first stage, as planned; None where none may.

    `mixes`: resolutions at which a batch of several networks takes no longer than one batch for each, which is how it
    is counted. Every frame of both waits for the whole, and frames of both that come meanwhile may wait for the other
    lane's next batch: so all who wait must have a whole cycle (`cycle_s`, of all lanes) to spare after it. Lanes whose
    turn it was are still next. At most `most` frames in all.
    """
    resolution = choice.candidate.variant.resolution
    if choice.start or resolution not in mixes:
        return None
    tightest_s = min(each.slacks_s[0] for each in waiting)
    for index, (lane, slacks_s) in enumerate(waiting):
        size = min(len(slacks_s), lane.batch, most - choice.size)
        if index == choice.lane or lane.planned.variant.resolution != resolution or size < 1:
            continue
        seconds = choice.candidate.latency_s[choice.size - 1] + lane.planned.latency_s[size - 1]
        if seconds + cycle_s <= tightest_s:
            return Choice(index, 0, size, lane.planned)
    return None


class _Line:
    """Frames that run one after the other with one candidate, looked ahead at."""

    def __init__(self, slacks_s: Sequence[float], candidate: Candidate) -> None:
        self.slacks_s, self.latency_s, self.accuracy = slacks_s, candidate.latency_s, candidate.accuracy

    @cached_property
    def latest_s(self) -> list[float]:
        """Entry j: the latest time at which the device may begin to serve the frames from j on, all on time.

        Exact for batches in order of deadline: with a first batch of b, it has to finish before its own earliest
        deadline and before the latest start of the frames behind it; the best b counts.
        """
        frames = len(self.slacks_s)
        latest = [float("inf")] * (frames + 1)
        for first in range(frames - 1, -1, -1):
            slack, best = self.slacks_s[first], -float("inf")
            for latency, behind in zip(self.latency_s, latest[first + 1 :], strict=False):
                best = max(best, (behind if behind < slack else slack) - latency)
            latest[first] = best
        return latest


class _Outlook:
    """All lines, and the workers that serve them: what becomes of the others if a batch runs now?"""

    def __init__(self, lines: Sequence[_Line], others_s: Sequence[float], slower: float) -> None:
        self.lines, self._others_s, self.slower = lines, others_s, slower
        self._idle = 1 + sum(seconds <= 0.0 for seconds in others_s)

    def most(self, index: int) -> int:
        """The largest batch of line `index`: its frames, shared out among the workers that are idle."""
        line = self.lines[index]
        return min(len(line.latency_s), -(-len(line.slacks_s) // self._idle))

    def rest_in_time(self, index: int, size: int, seconds: float) -> bool:
        """Whether all can be on time but the first `size` of line `index`, which take a worker for `seconds`.

        One line with one worker is looked at exactly. Otherwise the lines are served in order of their earliest
        deadlines, in the largest batches, each by the worker that is free first.
        """
        return self._in_time([seconds, *self._others_s], [size * (each == index) for each in range(len(self.lines))])

    def others_in_time(self) -> bool:
        """Whether all can be on time without this worker."""
        return self._in_time(list(self._others_s), [0] * len(self.lines))

    def _in_time(self, free_s: list[float], positions: list[int]) -> bool:
        heapify(free_s)
        while left := [each for each, line in enumerate(self.lines) if positions[each] < len(line.slacks_s)]:
            urgent = min(left, key=lambda each: self.lines[each].slacks_s[positions[each]])
            line, position = self.lines[urgent], positions[urgent]
            if len(left) == len(free_s) == 1:
                return free_s[0] <= line.latest_s[position]
            fitting = bisect_right(line.latency_s, line.slacks_s[position] - free_s[0])
            if fitting == 0:
                return False
            batch = min(fitting, len(line.slacks_s) - position)
            heapreplace(free_s, free_s[0] + line.latency_s[batch - 1])
            positions[urgent] += batch
        return True


def _as_planned(waiting: Sequence[Waiting], outlook: _Outlook) -> Choice | None:
    for index, (lane, slacks_s) in enumerate(waiting):
        latency_s = lane.planned.latency_s
        for size in range(outlook.most(index), 0, -1):
            seconds = outlook.slower * latency_s[size - 1]
            if seconds <= slacks_s[0] and outlook.rest_in_time(index, size, seconds):
                return Choice(index, 0, size, _with_time_to_spare(lane, slacks_s, outlook, index, size))
    return None


def _with_time_to_spare(lane: Lane, slacks_s: Sequence[float], outlook: _Outlook, index: int, size: int) -> Candidate:
    """The most accurate candidate that nobody is late for and that takes no longer than the plan allots to the lane."""
    for candidate in lane.better:
        seconds = outlook.slower * candidate.latency_s[size - 1]
        allotted = candidate.p99_s[size - 1] <= lane.allotted_s
        if allotted and seconds <= slacks_s[0] and outlook.rest_in_time(index, size, seconds):
            return candidate
    return lane.planned


def _narrowed(waiting: Sequence[Waiting], outlook: _Outlook) -> Choice | None:
    """The batch after which all others can be on time with the lines' candidates, for the most accuracy in all."""
    best: Choice | None = None
    best_gain = -float("inf")
    for index, (lane, slacks_s) in enumerate(waiting):
        for size in range(outlook.most(index), 0, -1):
            for candidate in (lane.planned, *lane.quicker):
                gain = size * (candidate.accuracy - outlook.lines[index].accuracy)
                if gain <= best_gain:
                    break
                seconds = outlook.slower * candidate.latency_s[size - 1]
                if seconds <= slacks_s[0] and outlook.rest_in_time(index, size, seconds):
                    best, best_gain = Choice(index, 0, size, candidate), gain
                    break
    return best


def _most_efficient(waiting: Sequence[Waiting], outlook: _Outlook, lasting: bool) -> Choice:
    """The batch that serves most frames per second of device time, when some frame must be lost anyway.

    Plain earliest-deadline-first shrinks its batches to what the most urgent frame allows and so loses still more.
    For each size the most urgent frames that make it are meant; the ones before them could not be served after
    this batch either. Rules that look further ahead (most frames served from the queue as it stands, then least
    device time) did worse in simulation: the queue does not stay as it stands.
    """
    lane, slacks_s = waiting[0]
    candidate = lane.quickest
    best, best_rate, single_s = (0, 1), 0.0, candidate.latency_s[0]
    for size, latency in enumerate(candidate.latency_s[: outlook.most(0)], start=1):
        start = bisect_left(slacks_s, outlook.slower * latency)
        pays = lasting or latency + start * single_s <= size * single_s
        if start + size <= len(slacks_s) and pays and size / latency > best_rate:
            best, best_rate = (start, size), size / latency
    return Choice(0, *best, candidate, loses=True)
