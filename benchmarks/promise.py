"""Is the promise kept on the wall clock? Real runs of `jellyfish bench`, each a fresh process, in alternation.

    python -m benchmarks.promise [--rounds 5] [--seconds 20] [--clients 1 2 4 6 8 12] [--links wifi lte] [--encode each]
    python -m benchmarks.promise --demo 10 [--encode each]
    python -m benchmarks.promise --target 90 99 99.9 --minutes 5

Without a mode: the default beside `--planner best`, and with one or two cameras beside `--controller prudent`, too.
"No worse" is, over the rounds' paired differences: misses at most 0.3 points more, F1 over captured frames at most
.01 less, p99 at most 1.15 times in the median, and no round worse by more than 1 point or .03. A round that would not
fit into --limit-minutes is not begun. `--beside FOLDER` adds the default of another checkout.

`--demo N`: the run of `make demo` N times, then half as often while a core is taken for 5 s in its middle by a busy
loop; misses of each run, and those from 2 s after the end of the disturbance to the end of the run.

`--target`: three runs for each target at 4 cameras over WiFi, pooled misses beside those that are allowed.

Promised and attained are the expected F1 of plans, mean over windows, and of the variants that answered captured
frames on time (a missed frame counts 0); planning is a share of one core.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.bystanders import marked
from benchmarks.promise_run import Case, Contender, RunFigures, Taken, measured

DEFAULT = Contender("default")
BEST, PRUDENT = Contender("best", ("--planner", "best")), Contender("prudent", ("--controller", "prudent"))
FEW_CLIENTS = 2
"""Up to so many, cameras that steer themselves are compared, too."""
DEMO, DEMO_S = Case(4, "wifi"), 20.0
TAKEN_S, RECOVERY_S = 5.0, 2.0
TARGET_ROUNDS = 3
MOST_MISSED, LEAST_F1, MOST_P99 = 0.003, -0.01, 1.15
WORST_MISSED, WORST_F1 = 0.01, -0.03
"""What "no worse" allows: in the median of the rounds, and in any of them."""

Found = dict[tuple[Case, Contender], list[RunFigures]]


def cases(arguments: argparse.Namespace) -> list[Case]:
    """By clients and links; one camera also with little time."""
    made = [Case(clients, link) for clients in arguments.clients for link in arguments.links]
    return made + [Case(1, link, fps=25.0, slo_ms=100.0) for link in arguments.links if 1 in arguments.clients]


def contenders(case: Case, arguments: argparse.Namespace) -> list[Contender]:
    beside = [Contender(f"default of {folder.name}", (), folder.resolve()) for folder in arguments.beside]
    prudent = [PRUDENT] if case.clients <= FEW_CLIENTS else []
    return [DEFAULT, BEST, *prudent, *beside]


class Runner:
    """Makes runs and says what came of each as it goes."""

    def __init__(self, arguments: argparse.Namespace, folder: Path, console: Console) -> None:
        self._options = ("--encode", arguments.encode)
        self._folder, self._console = folder, console
        self._number = 0

    def run(
        self, case: Case, contender: Contender, seconds: float, seed: int, taken: Taken | None = None
    ) -> RunFigures:
        self._number += 1
        options = (*self._options, *contender.options)
        found = measured(
            case, Contender(contender.name, options, contender.folder), seconds, seed,
            self._folder / f"run-{self._number}", taken,
        )  # fmt: skip
        self._console.log(
            f"{case}, {contender.name}: missed {found.missed()} of {found.captured()}, F1 {number(found.f1)}, "
            f"p99 {found.p99_ms:.0f} ms, planning {found.planning:.1%}, {found.changes:.1f} changes a minute"
            f"{marked(found.others)}",
            style="dim",
        )  # fmt: skip
        return found


def number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


# --- the default beside others ---------------------------------------------------------------------------


def compare(runner: Runner, arguments: argparse.Namespace, console: Console) -> None:
    """Rounds over all cases, as many as the time allows."""
    found: Found = {}
    begin_s, longest_s, rounds = time.monotonic(), 0.0, 0
    while rounds < arguments.rounds:
        round_s = time.monotonic()
        if round_s + longest_s > begin_s + 60 * arguments.limit_minutes:
            break
        for case in cases(arguments):
            compared = contenders(case, arguments)
            first = rounds % len(compared)
            for contender in (*compared[first:], *compared[:first]):
                figures = runner.run(case, contender, arguments.seconds, rounds)
                found.setdefault((case, contender), []).append(figures)
        longest_s, rounds = max(longest_s, time.monotonic() - round_s), rounds + 1
    console.print(comparison(found, f"{rounds} rounds of {arguments.seconds:g} s, --encode {arguments.encode}"))


def comparison(found: Found, title: str) -> Table:
    """A row per case and contender: medians, with the least and the most of the rounds."""
    shown = Table(title=title, caption="median (least-most of the rounds); changes of size per client and minute")
    for name in ("case", "who", "missed %", "F1 offered", "p99 ms", "planning %", "changes", "promised/attained"):
        shown.add_column(name, no_wrap=True)
    shown.add_column("default no worse?", no_wrap=True)
    for (case, contender), runs in found.items():
        own = found[case, DEFAULT]
        shown.add_row(
            str(case), contender.name, spread([100 * run.miss_rate for run in runs], 2),
            spread([run.f1 or 0.0 for run in runs], 3), spread([run.p99_ms for run in runs], 0),
            f"{100 * statistics.median(run.planning for run in runs):.1f}", spread([run.changes for run in runs], 0),
            f"{number(median_known([run.promised for run in runs]))}/"
            f"{number(median_known([run.attained for run in runs]))}",
            "" if contender == DEFAULT else verdict(own, runs),
        )  # fmt: skip
    return shown


def spread(values: Sequence[float], digits: int) -> str:
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def median_known(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def verdict(own: Sequence[RunFigures], others: Sequence[RunFigures]) -> str:
    """Whether all bars hold over paired rounds, and the median difference in misses (points), in F1, ratio of p99."""
    pairs = list(zip(own, others, strict=True))
    missed = [mine.miss_rate - other.miss_rate for mine, other in pairs]
    f1 = [(mine.f1 or 0.0) - (other.f1 or 0.0) for mine, other in pairs]
    p99 = statistics.median(mine.p99_ms / other.p99_ms for mine, other in pairs)
    no_worse = (
        statistics.median(missed) <= MOST_MISSED and max(missed) <= WORST_MISSED
        and statistics.median(f1) >= LEAST_F1 and min(f1) >= WORST_F1 and p99 <= MOST_P99
    )  # fmt: skip
    words = f"{100 * statistics.median(missed):+.2f}, {statistics.median(f1):+.3f}, x {p99:.2f}"
    return f"{'yes' if no_worse else 'NO'}: {words}"


# --- the demo --------------------------------------------------------------------------------------------


def demo(runner: Runner, arguments: argparse.Namespace, console: Console) -> None:
    """The demo again and again, then with a core taken in its middle."""
    middle_s = DEMO_S / 2
    taken = Taken(arguments.core, middle_s - TAKEN_S / 2, middle_s + TAKEN_S / 2)
    quiet = [runner.run(DEMO, DEFAULT, DEMO_S, 0) for _ in range(arguments.demo)]
    disturbed = [runner.run(DEMO, DEFAULT, DEMO_S, 0, taken) for _ in range(arguments.demo // 2)]
    after_s = taken.to_s + RECOVERY_S
    shown = Table(title=f"make demo, --encode {arguments.encode}")
    for name in ("run", "missed %", "F1 offered", f"missed % from {after_s:g} s on"):
        shown.add_column(name, justify="right")
    for runs, name in ((quiet, "quiet"), (disturbed, f"core {arguments.core} taken")):
        for each in runs:
            late = 100 * each.missed(after_s) / max(1, each.captured(after_s))
            shown.add_row(name, f"{100 * each.miss_rate:.2f}", number(each.f1), f"{late:.2f}")
    console.print(shown)


# --- targets ---------------------------------------------------------------------------------------------


def targets(runner: Runner, arguments: argparse.Namespace, console: Console) -> None:
    """Pooled misses of each target's runs beside those allowed."""
    found: dict[float, list[RunFigures]] = {target: [] for target in arguments.target}
    for seed in range(TARGET_ROUNDS):
        for target in arguments.target:
            contender = Contender(f"target {target:g}", ("--target", f"{target:g}"))
            found[target].append(runner.run(DEMO, contender, 60 * arguments.minutes, seed))
    shown = Table(title=f"{DEMO}, {TARGET_ROUNDS} runs of {arguments.minutes:g} minutes")
    for name in ("target %", "missed / allowed, median (all)", "missed %", "F1 offered"):
        shown.add_column(name, justify="right")
    for target, runs in found.items():
        ratios = [run.miss_rate / (1 - target / 100) for run in runs]
        shown.add_row(
            f"{target:g}", f"{statistics.median(ratios):.2f} ({', '.join(f'{ratio:.2f}' for ratio in ratios)})",
            spread([100 * run.miss_rate for run in runs], 3), spread([run.f1 or 0.0 for run in runs], 3),
        )  # fmt: skip
    console.print(shown)


def parsed(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each run of the comparison")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 2, 4, 6, 8, 12])
    parser.add_argument("--links", nargs="+", default=["wifi", "lte"])
    parser.add_argument("--encode", choices=["shared", "each"], default="shared", help="as of `jellyfish bench`")
    parser.add_argument("--beside", type=Path, nargs="+", default=[], help="other checkouts, whose default is compared")
    parser.add_argument("--limit-minutes", type=float, default=100.0, help="of the whole comparison")
    parser.add_argument("--demo", type=int, metavar="N", help="the demo instead, so many times")
    parser.add_argument("--core", type=int, default=1, help="which one is taken in the demo")
    parser.add_argument("--target", type=float, nargs="+", metavar="PERCENT", help="targets instead")
    parser.add_argument("--minutes", type=float, default=5.0, help="of each run for a target")
    parser.add_argument("--results", type=Path, help="keep the runs' files below this folder")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    arguments, console = parsed(words), Console(width=180)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))  # no run is left behind
    mode = demo if arguments.demo else targets if arguments.target else compare
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.results or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        mode(Runner(arguments, folder, console), arguments, console)


if __name__ == "__main__":
    main()
