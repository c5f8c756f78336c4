"""Which feedback controller steers one camera best? Each one x traces x SLOs, in virtual time; the oracle beside them.

    python benchmarks/controllers.py [--traces DIR] [--slo 75 100 150] [--narrow] [--model cpu] [--plot DIR]

Without `--traces`, traces are made from a seed. A folder has `jellyfish/{wifi_trace,lte_upload_trace}.csv` and
`vsa/wifi_wifi_walking.csv`, published with Jellyfish (RTSS 2022) and "Better Never than Late" (2021). An outage is the
LTE link down for 5 s, every 40 s. The table is Markdown: frames missed (%), F1 of the frames answered on time, and F1
over all frames, a missed one counting 0. A plot shows, per trace, bandwidth, chosen size, and latency against the SLO.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from jellyfish.core import Outcome
from jellyfish.lab.simulation.scenario import Clients, LinkDown, Scenario, SimulatedDevice
from jellyfish.lab.simulation.simulate import simulated_frames
from jellyfish.link.synthetic import resolve_trace
from jellyfish.results.records import FrameRecord

PUBLISHED = ("fixed", "score", "pid", "mpc")
OTHERS = ("local", "split", "prudent", "oracle")
SLOS_MS = (75.0, 100.0, 150.0)
OUTAGES_S, OUTAGE_S = (20.0, 60.0, 100.0, 140.0), 5.0
PLOTTED = ("oracle", "mpc", "prudent")
COLOURS = ("#009E73", "#0072B2", "#D55E00")
"""Of Okabe and Ito's palette, which colour-blind people can tell apart."""


class Trace(NamedTuple):
    """A link to run on: where its trace is from, for how long, and when it is down."""

    name: str
    source: str
    duration_s: float
    outages_s: tuple[float, ...] = ()


class Figures(NamedTuple):
    """What came of a run's frames."""

    miss_rate: float
    on_time: float
    """F1 of the frames answered on time."""
    offered: float
    """F1 over all frames."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traces", type=Path, help="A folder of measured traces.")
    parser.add_argument("--only", nargs="+", help="Names of the traces to run.")
    parser.add_argument("--controllers", nargs="+", default=[*PUBLISHED, *OTHERS])
    parser.add_argument("--slo", type=float, nargs="+", default=SLOS_MS, help="Milliseconds.")
    parser.add_argument("--fps", type=float, default=25.0)
    parser.add_argument("--model", default="gpu", help="The simulated device.")
    parser.add_argument("--narrow", action="store_true", help="Frames short of time are run with a quicker variant.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plot", type=Path, help="A folder for a plot per trace.")
    arguments = parser.parse_args()
    for trace in traces(arguments.traces):
        if arguments.only is None or trace.name in arguments.only:
            runs = {
                (name, slo): run(name, trace, slo, arguments) for slo in arguments.slo for name in arguments.controllers
            }
            print(table(trace, runs, arguments.controllers, arguments.slo), flush=True)
            if arguments.plot:
                plot(trace, runs, min(arguments.slo), arguments)


def traces(folder: Path | None) -> Iterator[Trace]:
    """The traces of `folder`, or made ones."""
    lte = Trace("LTE uplink", "lte", 200.0)
    yield Trace("steps", "steps", 140.0)
    if folder is None:
        yield Trace("WiFi", "wifi", 200.0)
    else:
        lte = Trace("LTE uplink", str(folder / "jellyfish" / "lte_upload_trace.csv"), 199.0)
        yield Trace("WiFi", str(folder / "jellyfish" / "wifi_trace.csv"), 200.0)
        yield Trace("walking WiFi", str(folder / "vsa" / "wifi_wifi_walking.csv"), 93.0)
    yield lte
    yield lte._replace(name="outage", outages_s=OUTAGES_S)


def run(controller: str, trace: Trace, slo_ms: float, arguments: argparse.Namespace) -> list[FrameRecord]:
    """The frames of one simulated run."""
    camera = Clients("camera", 1, arguments.fps, slo_ms, trace.source, frame_size=1.0)
    faults = tuple(LinkDown(at_s, "camera-0", OUTAGE_S) for at_s in trace.outages_s)
    scenario = Scenario(
        trace.name, trace.duration_s, (SimulatedDevice("device", arguments.model),), (camera,), arguments.seed,
        controller=controller, actuation=arguments.narrow, faults=faults,
    )  # fmt: skip
    return simulated_frames(scenario)


def figures(records: list[FrameRecord]) -> Figures:
    f1 = [record.expected_f1 or 0.0 for record in records if record.outcome is Outcome.ON_TIME]
    return Figures(1 - len(f1) / len(records), sum(f1) / max(1, len(f1)), sum(f1) / len(records))


def table(
    trace: Trace, runs: dict[tuple[str, float], list[FrameRecord]], controllers: Iterable[str], slos_ms: Iterable[float]
) -> str:
    """One row per controller, three columns per SLO."""
    slos_ms = list(slos_ms)
    titles = [f"{slo:g} ms: missed % | on time | offered" for slo in slos_ms]
    lines = [f"\n**{trace.name}**\n", f"| controller | {' | '.join(titles)} |", f"|---|{'---:|' * 3 * len(slos_ms)}"]
    for name in controllers:
        cells = (figures(runs[name, slo]) for slo in slos_ms)
        row = (f"{100 * cell.miss_rate:.2f} | {cell.on_time:.3f} | {cell.offered:.3f}" for cell in cells)
        lines.append(f"| {name} | {' | '.join(row)} |")
    return "\n".join(lines)


def plot(
    trace: Trace, runs: dict[tuple[str, float], list[FrameRecord]], slo_ms: float, arguments: argparse.Namespace
) -> None:
    """Bandwidth, chosen size and latency over time, of a few controllers at the tightest SLO."""
    from matplotlib import pyplot

    bandwidth = resolve_trace(trace.source, arguments.seed)
    figure, (above, middle, below) = pyplot.subplots(3, sharex=True, figsize=(9.0, 7.0), layout="constrained")
    times_s = [step / 10 for step in range(int(10 * trace.duration_s))]
    down = [any(at_s <= time_s < at_s + OUTAGE_S for at_s in trace.outages_s) for time_s in times_s]
    if bandwidth is not None:
        rates = [0.0 if gone else bandwidth.rate_at(time_s) / 1e6 for time_s, gone in zip(times_s, down, strict=True)]
        above.step(times_s, rates, color="black", where="post", linewidth=1.0)
    above.set(ylabel="uplink (Mbit/s)", ylim=(0, None), title=f"{trace.name}, SLO {slo_ms:g} ms")
    for name, colour in zip([name for name in PLOTTED if name in arguments.controllers], COLOURS, strict=False):
        records = runs[name, slo_ms]
        sent = [record for record in records if record.resolution is not None]
        middle.plot([r.captured_s for r in sent], [r.resolution for r in sent], color=colour, linewidth=0.9, label=name)
        answered = [record for record in records if record.e2e_ms is not None]
        below.plot([r.captured_s for r in answered], [r.e2e_ms for r in answered], ".", color=colour, markersize=2)
        missed = [record.captured_s for record in records if record.outcome is not Outcome.ON_TIME]
        offset = 1.05 + 0.05 * PLOTTED.index(name)
        below.plot(missed, [offset * slo_ms] * len(missed), "|", color=colour, markersize=5)
    below.axhline(slo_ms, color="black", linewidth=0.8, linestyle="--")
    middle.set(ylabel="size sent (pixels)")
    below.set(ylabel="latency (ms); | missed", xlabel="time (s)", ylim=(0, 1.25 * slo_ms))
    middle.legend(ncols=len(PLOTTED))
    arguments.plot.mkdir(parents=True, exist_ok=True)
    figure.savefig(arguments.plot / f"{trace.name.lower().replace(' ', '-')}.png", dpi=90)
    pyplot.close(figure)


if __name__ == "__main__":
    main()
