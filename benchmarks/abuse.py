"""What each kind of abuse costs good cameras, beside the same abuse of a socket that discards.

    python -m benchmarks.abuse [--only pongs "big pictures"] [--cameras 4] [--seconds 10] [--rounds 1] [--json FILE]
    python -m benchmarks.abuse --mixed        (8 good cameras beside all abusers at once)

Server (`benchmarks/timed_server.py`), good cameras and abusers are processes of their own on one machine. A round has
three phases, with a fresh server for the last: cameras alone; beside the abuser; beside an abuser that does the same as
often to a socket that discards (the control: what processor time the abuser itself takes is no fault of the server). An
abuser begins a second after the cameras, one second before frames count, and comes back whenever it is cut off.

The bar, over the median of the rounds: at most .5 points more frames missed than in the control, p99 at most 1.15 times
the control's, `/livez` answers within 1 s each of four times a second, and, beside abusers none of whose frames is
served, F1 over all captured frames (by the accuracy of the variants that answered) at most .01 lower. The exit code is
1 when one is missed or the server logs an error. Descriptors and memory are the server's; `after` is 10 s later.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks.abuser_process import Abusers, Done, discarding
from benchmarks.abusers import ABUSES
from benchmarks.bystanders import Bystanders, marked
from benchmarks.fleet import Fleet, Load, Tally
from benchmarks.raw_stream import Target
from benchmarks.timed_server import MODEL, Footprint, Settings, TimedServer, footprint
from benchmarks.watching import Seen, stalls, watch
from jellyfish.config import Limits

VIDEO = Path(__file__).parent.parent / "videos" / "street-junction.mp4"
FPS, SLO_S = 15.0, 0.15
ABUSE_AFTER_S = 1.0
PHASE_LIMIT_S = 60.0
"""Beside what a phase should take."""
MORE_MISSED, P99_RATIO, F1_LOST = 0.005, 1.15, 0.01
MIXED = "all at once"
F1 = {variant.name: MODEL.accuracy(variant) for variant in MODEL.variants}


@dataclass(frozen=True)
class Phase:
    """How the good cameras fared, and the server."""

    missed: float
    p50_ms: float
    p99_ms: float
    f1: float
    lost_to: dict[str, int]
    """Reason -> frames."""

    @classmethod
    def of(cls, tally: Tally) -> Phase:
        found = sum(F1[name] * frames for name, frames in tally.variants.items())
        lost_to = dict(+tally.dropped) | ({"late": tally.late} if tally.late else {})
        p50_ms, p99_ms = tally.latency_ms(50), tally.latency_ms(99)
        return cls(tally.miss_rate, p50_ms, p99_ms, found / max(1, tally.captured), lost_to)


@dataclass(frozen=True)
class Round:
    """One kind of abuse, once."""

    alone: Phase
    beside: Phase
    control: Phase
    asked: int
    unanswered: int
    before: Footprint
    most_descriptors: int
    most_rss_mb: float
    after: Footprint
    errors: list[str]
    acts_per_s: float
    lost: int
    noise: str
    """What others did on the machine; empty when it was quiet."""

    @property
    def more_missed(self) -> float:
        return self.beside.missed - self.control.missed

    @property
    def p99_ratio(self) -> float:
        """Infinite where nothing was answered."""
        ratio = self.beside.p99_ms / self.control.p99_ms
        return ratio if ratio == ratio else float("inf")

    @property
    def f1_lost(self) -> float:
        return self.control.f1 - self.beside.f1


@dataclass
class Case:
    """All rounds of one kind."""

    name: str
    kinds: Sequence[str]
    rounds: list[Round] = field(default_factory=list)

    def failures(self) -> list[str]:
        """The bars that were missed, in words."""
        found = []
        if (missed := median(each.more_missed for each in self.rounds)) > MORE_MISSED:
            found.append(f"{100 * missed:+.1f} points missed")
        if (ratio := median(each.p99_ratio for each in self.rounds)) > P99_RATIO:
            found.append(f"p99 x {ratio:.2f}")
        served = any(ABUSES[kind].is_served for kind in self.kinds)
        if (lost := median(each.f1_lost for each in self.rounds)) > F1_LOST and not served:
            found.append(f"F1 -{lost:.3f}")
        if unanswered := sum(each.unanswered for each in self.rounds):
            found.append(f"/livez {unanswered} of {sum(each.asked for each in self.rounds)} unanswered")
        if errors := sum(len(each.errors) for each in self.rounds):
            found.append(f"{errors} errors logged")
        return found


@dataclass(frozen=True)
class Bench:
    """What all phases share."""

    fleet: Fleet
    cameras: int
    seconds: float
    settle_s: float

    async def cameras_at(self, url: str) -> Tally:
        """A phase of the good cameras."""
        load = Load(url, self.cameras, FPS, SLO_S, self.seconds)
        async with asyncio.timeout(load.warm_s + self.seconds + PHASE_LIMIT_S):
            return await self.fleet.offer(load)

    async def beside(self, abusers: Abusers, url: str) -> tuple[Tally, dict[str, Done]]:
        """The same with abusers, who begin when the cameras have joined."""
        tally = asyncio.create_task(self.cameras_at(url))
        await asyncio.sleep(ABUSE_AFTER_S)
        abusers.go()
        try:
            return await tally, abusers.stop()
        finally:
            tally.cancel()


@contextlib.asynccontextmanager
async def watched(server: TimedServer) -> AsyncIterator[Seen]:
    """The server is watched for the time of the context."""
    seen = Seen()
    watching = asyncio.create_task(watch(server.url, server.pid, seen))
    try:
        yield seen
    finally:
        watching.cancel()
        await asyncio.wait([watching])


async def one_round(bench: Bench, kinds: Sequence[str]) -> Round:
    """Alone, beside, control."""
    groups = [[kind] for kind in kinds]
    nature = {kind: ABUSES[kind].per_s for kind in kinds}
    settings = Settings(ABUSES[kinds[0]].limits if len(kinds) == 1 else Limits())
    others, held_up = Bystanders(), stalls()
    with contextlib.ExitStack() as stack:
        with TimedServer(settings) as server:
            alone = await bench.cameras_at(server.url)
            before = footprint(server.pid)
            with Abusers(groups, Target(server.url), nature) as abusers:
                async with watched(server) as seen:
                    beside, done = await bench.beside(abusers, server.url)
            quiet = asyncio.create_task(asyncio.sleep(bench.settle_s))
            rates = {kind: done[kind].per_s if kind in done else 0.0 for kind in kinds}
            other = stack.enter_context(TimedServer(settings))
            abusers = stack.enter_context(Abusers(groups, stack.enter_context(discarding()), rates))
            await quiet
            after = footprint(server.pid)
            errors = [each.text for each in server.look().logged if each.bad]
        held_up += stalls()
        control, _ = await bench.beside(abusers, other.url)
    noise = marked(others.share()).strip(", ") + (f" {held_up} stalls" if held_up else "")
    acts = sum(rates.values()), sum(each.lost for each in done.values())
    figures = seen.asked, seen.unanswered, before, seen.most_descriptors, seen.most_rss_mb, after
    return Round(Phase.of(alone), Phase.of(beside), Phase.of(control), *figures, errors, *acts, noise.strip())


def in_words(case: Case, each: Round) -> str:
    """One round, as a line while it goes on."""
    lost_to = ", ".join(f"{reason} {frames}" for reason, frames in each.beside.lost_to.items()) or "nothing"
    missed = " / ".join(f"{100 * phase.missed:.1f}" for phase in (each.alone, each.beside, each.control))
    line = f"{case.name}: {each.acts_per_s:,.0f} acts/s, cut off {each.lost} times; missed {missed} %, for {lost_to}"
    return f"{line}{'; NOT QUIET: ' + each.noise if each.noise else ''}"


def table(cases: Sequence[Case], bench: Bench) -> Table:
    """Every round as a row: alone / beside / control."""
    title = f"{bench.cameras} good cameras x {FPS:g} fps, SLO {1000 * SLO_S:g} ms: alone / beside / control"
    shown = Table(title=title)
    for name in ("abuse", "missed %", "p50 ms", "p99 ms", "ratio", "F1", "/livez", "descriptors", "RSS MB", "verdict"):
        shown.add_column(name, justify="left" if name in ("abuse", "verdict") else "right")
    for case in cases:
        verdict = "; ".join(case.failures()) or "held"
        for number, each in enumerate(case.rounds):
            shown.add_row(case.name if number == 0 else "", *_figures(each), verdict if number == 0 else "")
    return shown


def _figures(each: Round) -> list[str]:
    phases = each.alone, each.beside, each.control

    def of_all(form: str, *values: float) -> str:
        return " / ".join(format(value, form) for value in values)

    descriptors = each.before.descriptors, each.most_descriptors, each.after.descriptors
    memory = each.before.rss_mb, each.most_rss_mb, each.after.rss_mb
    return [
        of_all(".1f", *(100 * phase.missed for phase in phases)),
        of_all(".0f", *(phase.p50_ms for phase in phases)),
        of_all(".0f", *(phase.p99_ms for phase in phases)),
        f"{each.p99_ratio:.2f}",
        of_all(".3f", *(phase.f1 for phase in phases)),
        f"{each.asked - each.unanswered} of {each.asked}",
        of_all("d", *descriptors),
        of_all(".0f", *memory),
    ]


async def measure(arguments: argparse.Namespace, console: Console) -> list[Case]:
    """All cases, round by round, so that rounds alternate."""
    if arguments.mixed:
        cases = [Case(MIXED, tuple(ABUSES))]
    else:
        cases = [Case(name, (name,)) for name in arguments.only or ABUSES]
    with Fleet(VIDEO) as fleet:
        cameras = arguments.cameras or (8 if arguments.mixed else 4)
        bench = Bench(fleet, cameras, arguments.seconds, arguments.settle)
        for _ in range(arguments.rounds):
            for case in cases:
                case.rounds.append(await one_round(bench, case.kinds))
                console.print(in_words(case, case.rounds[-1]), markup=False, highlight=False)
                if arguments.json:
                    arguments.json.write_text(json.dumps([asdict(each) for each in cases], indent=1) + "\n")
                for text in case.rounds[-1].errors[:2]:
                    console.print(f"  logged: {text.splitlines()[0]}", markup=False, highlight=False)
        console.print(table(cases, bench))
    return cases


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=tuple(ABUSES), metavar="KIND", help=", ".join(ABUSES))
    parser.add_argument("--mixed", action="store_true", help="all kinds at once")
    parser.add_argument("--cameras", type=int, help="good ones (default 4; 8 with --mixed)")
    parser.add_argument("--seconds", type=float, default=10, help="of each phase")
    parser.add_argument("--settle", type=float, default=10, help="seconds after the abuse until memory is read")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, too")
    arguments = parser.parse_args()
    cases = asyncio.run(measure(arguments, Console(width=180)))
    sys.exit(1 if any(case.failures() for case in cases) else 0)


if __name__ == "__main__":
    main()
