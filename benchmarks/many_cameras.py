"""What a front carries: many cameras of few frames, on a server whose network answers at once.

    python -m benchmarks.many_cameras [--cameras 100 300 1000] [--fps 1] [--seconds 20] [-- OPTIONS OF SERVE]

`jellyfish serve` in its own processes, as in service (event loop, planner, engine, decoders), with a model that looks
at nothing (`benchmarks/null_model.py`); cameras with JPEGs of 160 to 320 pixels in processes beside it, over real
sockets, that answer pings and report once a second as cameras do. All join, and from when the last one has its welcome
frames are let pass for --warm seconds before they count: with a thousand, plans have to be made first.

Told are the processor time of the server's own process and of its helpers for each frame that came, how late timers of
its event loop come, what of a core planning takes (the planner's process; and looking, repairing and putting plans into
force in the event loop), its memory, and how the cameras fared by their own clocks.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from benchmarks.bystanders import Bystanders, marked
from benchmarks.fleet import Fleet, Load, Tally
from benchmarks.memory import pss_mb
from benchmarks.programs import ROOT, Front, family_cpu_s, percentile

VIDEO = ROOT / "videos" / "street-junction.mp4"
MODEL = ROOT / "benchmarks" / "null_model.py"
LOOK_PERIOD_S = 2.0
LAG = "jellyfish_loop_lag_seconds"


class Look(NamedTuple):
    """What is known at a time."""

    at_s: float
    metrics: dict[str, float]
    spent_s: dict[int, float]
    """Process -> processor time."""


async def looked(front: Front, looks: list[Look]) -> None:
    """Look again and again, until cancelled."""
    while True:
        metrics = await asyncio.to_thread(front.metrics)
        looks.append(Look(time.monotonic(), metrics, family_cpu_s(front.pid)))
        await asyncio.sleep(LOOK_PERIOD_S)


async def measured(front: Front, fleets: list[Fleet], cameras: int, arguments: argparse.Namespace) -> str:
    """One line of the table."""
    slo_s, each = arguments.slo_ms / 1000, cameras // len(fleets)
    loads = [
        Load(front.url, each, arguments.fps, slo_s, arguments.seconds, arguments.warm, reports=True, name=f"camera-{n}")
        for n in range(len(fleets))
    ]
    quiet, looks = Bystanders(front.pid, *(fleet.pid for fleet in fleets)), list[Look]()
    looking, began_s = asyncio.create_task(looked(front, looks)), time.monotonic()
    running = [asyncio.create_task(fleet.offer(load)) for fleet, load in zip(fleets, loads, strict=True)]
    await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    ended_s, memory = time.monotonic() - 1.0, pss_mb(front.pid)[0]
    tally = sum(await asyncio.gather(*running), start=Tally())
    looking.cancel()
    began_counting_s = ended_s - arguments.seconds
    earlier = [look for look in looks if look.at_s <= began_counting_s][-1:]  # one may take long to come
    of_interest = earlier + [look for look in looks if began_counting_s < look.at_s <= ended_s]
    joining_s = max(0.0, began_counting_s - arguments.warm - began_s)
    (_, before, spent), (_, after, now_spent) = of_interest[0], of_interest[-1]
    span_s = of_interest[-1].at_s - of_interest[0].at_s

    def grew(*names: str) -> float:
        return sum(after[each] - before.get(each, 0.0) for each in after if each.startswith(names))

    frames = max(1.0, grew("jellyfish_frames_received_total"))
    front_s = now_spent[front.pid] - spent[front.pid]
    helpers_s = sum(now_spent[pid] - spent.get(pid, 0.0) for pid in now_spent) - front_s
    planner_s = grew("jellyfish_planner_cpu_seconds_total")
    windows_s = grew("jellyfish_plan_look_seconds_total", "jellyfish_plan_repair_seconds_total")
    lags_ms = [1000 * percentile(before, after, LAG, share) for share in (0.5, 0.99)]
    not_there = [f"{reason} {count}" for reason, count in tally.dropped.most_common(3) if count]
    return (
        f"| {cameras} | {frames / span_s:.0f} | {1e6 * front_s / frames:.0f} | {1e6 * helpers_s / frames:.0f} "
        f"| {100 * front_s / span_s:.0f} % | {100 * windows_s / span_s:.1f} % | {100 * planner_s / span_s:.1f} % "
        f"| {lags_ms[0]:.1f} / {lags_ms[1]:.0f} | {100 * tally.miss_rate:.2f} % | {tally.latency_ms(50):.0f} / "
        f"{tally.latency_ms(99):.0f} | {memory:.0f} | {joining_s:.0f} |"
        f" {', '.join([*not_there, f'late {tally.late}'])}{marked(quiet.share())}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cameras", nargs="+", type=int, default=[100, 300, 1000])
    parser.add_argument("--fps", type=float, default=1.0)
    parser.add_argument("--slo-ms", type=float, default=500.0)
    parser.add_argument("--seconds", type=float, default=20.0, help="that count")
    parser.add_argument("--warm", type=float, default=10.0, help="seconds before them")
    parser.add_argument("--processes", type=int, default=2, help="that the cameras are in")
    parser.add_argument("options", nargs="*", help="more options of serve, after --")
    arguments = parser.parse_args()
    print("| cameras | frames/s | front, us a frame | helpers, us a frame | front, of a core | of it windows | planner "
          "| lag of the loop p50 / p99 ms | missed | p50 / p99 ms | MB | joined in s | why missed |")  # fmt: skip
    print(f"|{'--:|' * 12}---|", flush=True)
    for cameras in arguments.cameras:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            options = ("--model", f"{MODEL}:Movable", "--max-clients", str(2 * cameras), *arguments.options)
            front = stack.enter_context(
                Front(folder / "serve.log", *options, environment={"XDG_CACHE_HOME": str(folder)})
            )
            fleets = [stack.enter_context(Fleet(VIDEO)) for _ in range(arguments.processes)]
            print(asyncio.run(measured(front, fleets, cameras, arguments)), flush=True)


if __name__ == "__main__":
    main()
