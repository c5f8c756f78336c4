"""What a device serves in time through the real dispatcher: in overload, and how many cameras."""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from collections.abc import Callable

from benchmarks.gpu_check.findings import Found, Sheet
from benchmarks.gpu_check.place import Place
from benchmarks.gpu_check.traffic import Cameras, Fared, offer
from jellyfish.core import Variant

LOADS = (1.2, 2.0)
OVERLOAD_S = 0.25
"""What is left of a frame's time in overload; the best rate is that of batches that take no longer."""
LEAST_GOODPUT = 0.9
"""Of the raw rate, aimed at."""
FPS, SLO_S, ON_THE_WAY_S = 15.0, 0.1, 0.03
"""Cameras that are counted: frames a second, time from capture to answer, and what of it network and decoding take,
which are not emulated."""
TARGET = 0.99
"""Of each run's frames in time."""
CLOSE = 1.06
"""The search ends where the least number that is too many is no further from the most that is not."""
MOST_CAMERAS = 20_000
COUNTED = ("w050e1-256", "w100e2-320", "w100e2-448")
"""Sizes that cameras are counted for."""
HOST_BINDS = 0.8
"""From this share of its time on, the event loop and not the device is taken for the limit."""
NOTE = (
    f"Cameras: {FPS:g} frames a second each, {1000 * SLO_S:g} ms, of which {1000 * ON_THE_WAY_S:g} ms are taken for "
    "network and decoding, which are not emulated: frames come decoded, each at its own time, straight into the "
    "server's own dispatcher in this process. No planner, no sockets; one size for all, and none in its place."
)


def goodput(place: Place, budget_s: float) -> Found:
    """Answers in time per second beside the best rate of batches back to back, at two loads."""
    variant = place.largest
    each_s = budget_s / len(LOADS) * 0.6
    figures, rows, missed = {}, [], []
    for load in LOADS:
        before_fps = raw_fps(place, variant, each_s / 4)
        count = max(1, round(load * before_fps / FPS))
        fared = _offered(place, variant, Cameras(count, load * before_fps / count, OVERLOAD_S, each_s))
        raw = (before_fps + raw_fps(place, variant, each_s / 4)) / 2
        share = fared.goodput_fps / raw
        figures[f"{load:g}"] = {"raw_fps": raw, "goodput_fps": fared.goodput_fps, "of_raw": share, **_host(fared)}
        row = [f"{load:g}", f"{raw:,.0f}", f"{fared.goodput_fps:,.0f}", f"{100 * share:.1f}", *_cells(fared)]
        rows.append(row)
        if share < LEAST_GOODPUT:
            missed.append(f"goodput at {load:g} x is {row[3]} % of the raw rate (aim: {100 * LEAST_GOODPUT:g})")
    header = ["load", "raw frames/s", "in time/s", "of raw, %", "mean batch", "event loop busy, %"]
    gist = f"{variant.name}: " + ", ".join(f"{row[3]} % of the raw rate at {row[0]} x" for row in rows)
    return Found(gist, figures, [Sheet(f"Overload, {variant.name}", header, rows)], missed=missed)


def cameras(place: Place, budget_s: float) -> Found:
    """The most cameras that have their frames answered in time, at a large, a middle and a small size."""
    counted = [variant for variant in place.variants if variant.name in COUNTED] or [place.largest]
    figures, rows = {}, []
    for variant in reversed(counted):
        most, fared = _most_cameras(place, variant, budget_s / len(counted))
        figures[variant.name] = {"cameras": most, **_host(fared)}
        limit = "the event loop" if fared.loop_share > HOST_BINDS else "the device"
        rows.append([variant.name, f"{place.model.accuracy(variant):.3f}", str(most), *_cells(fared), limit])
    header = ["size", "F1 by its card", "cameras", "mean batch", "event loop busy, %", "what binds"]
    gist = f"{FPS:g} fps, {1000 * SLO_S:g} ms: " + ", ".join(f"{row[2]} cameras of {row[0]}" for row in rows)
    return Found(gist, figures, [Sheet("How many cameras", header, rows)], [NOTE])


def raw_fps(place: Place, variant: Variant, seconds: float) -> float:
    """The best rate of batches back to back that take no longer than a frame has in overload."""
    place.forget(variant)
    place.measure([variant], place.batches, time.perf_counter() + seconds)
    middle = {batch: statistics.median(place.times_s(variant, batch)) for batch in place.batches}
    rates = [batch / taken_s for batch, taken_s in middle.items() if taken_s <= OVERLOAD_S]
    return max(rates, default=1 / middle[1])


def _offered(place: Place, variant: Variant, fleet: Cameras) -> Fared:
    images, most = place.images(variant, 12), max(place.batches)
    gc.collect()
    gc.freeze()  # as a server does: what is there by now need not be looked through while frames come
    return asyncio.run(offer(place.executor, place.profile([variant]), variant, fleet, images, most))


def _most_cameras(place: Place, variant: Variant, budget_s: float) -> tuple[int, Fared]:
    """The most, and how they fared."""
    ends_s, each_s = time.perf_counter() + budget_s, max(0.5, min(4.0, budget_s / 10))
    rate_fps = raw_fps(place, variant, each_s / 2)
    fared: dict[int, Fared] = {}

    def served(count: int) -> bool:
        fared[count] = _offered(place, variant, Cameras(count, FPS, SLO_S - ON_THE_WAY_S, each_s))
        return fared[count].share >= TARGET

    most = most_that(served, max(1, int(0.6 * rate_fps / FPS)), lambda: time.perf_counter() + each_s < ends_s)
    return most, fared[most] if most else fared[min(fared)]


def most_that(served: Callable[[int], bool], first: int, may_go_on: Callable[[], bool]) -> int:
    """The largest number that is served, as near as there is time for; 0 if 1 is not. At least `first` is tried.

    Doubled or halved until there is one that is served and one that is not, then taken between them.
    """
    good, bad, following = 0, MOST_CAMERAS, first
    while True:
        if served(following):
            good = following
        else:
            bad = following
        if bad - good <= 1 or bad <= CLOSE * good or not may_go_on():
            return good
        doubled = bad == MOST_CAMERAS
        following = min(2 * good, MOST_CAMERAS - 1) if doubled else (good + bad) // 2


def _cells(fared: Fared) -> list[str]:
    return [f"{fared.mean_batch:.1f}", f"{100 * fared.loop_share:.0f}"]


def _host(fared: Fared) -> dict[str, float]:
    return {"share": fared.share, "mean_batch": fared.mean_batch, "loop_share": fared.loop_share}
