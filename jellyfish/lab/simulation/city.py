"""Many sites in virtual time: who has which cameras, and what came of all of them together.

When a site fails is known beforehand, and so is who gets its cameras: each site is simulated by itself, on whatever
processor is free, and the same file and seed give the same bytes however many there are.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from pathlib import Path
from statistics import median

import msgspec
from rich.table import Table

from jellyfish.devices.process import deaf_children
from jellyfish.errors import RunError
from jellyfish.lab.processes import process_pool
from jellyfish.lab.simulation.position import CameraPart
from jellyfish.lab.simulation.scenario import Clients, Scenario, SiteDown
from jellyfish.lab.simulation.site import SiteFigures, SiteTask, simulate_site

FIGURES_FILE = "city.json"
SHOWN_REASONS = 4


class CityFigures(msgspec.Struct, frozen=True):
    """`city.json`: what came of all sites together, and of each."""

    cameras: int
    fronts: int
    devices: int
    duration_s: float
    offered: int
    on_time: int
    miss_rate: float | None
    missed_by_reason: dict[str, int]
    f1_offered: float | None
    """Expected, over all captured frames; a missed one counts 0."""
    device_moves: int
    """Times that a camera went to another device of its site."""
    front_moves: int
    """Cameras that had to go to another site's front."""
    back: int
    """Of those, cameras that had an answer in time again."""
    back_median_s: float | None
    """How long after their site had failed."""
    back_longest_s: float | None
    sites: tuple[SiteFigures, ...]


def site_tasks(scenario: Scenario) -> tuple[SiteTask, ...]:
    """What is to be simulated of each site.

    Camera by camera the sites have their turns, then each site's fronts. When one fails, its cameras are shared out
    among the fronts of the others likewise.
    """
    sites = [(name, each) for each in scenario.sites for name in each.names()]
    failing = {fault.site: fault for fault in scenario.faults if isinstance(fault, SiteDown)}
    fronts: dict[str, list[list[CameraPart]]] = {name: [[] for _ in range(each.fronts)] for name, each in sites}
    cameras = [(group, number) for group in scenario.clients for number in range(group.count)]
    lost: dict[str, list[CameraPart]] = {name: [] for name in failing}
    for place, (group, number) in enumerate(cameras):
        name, of_site = sites[place % len(sites)]
        camera = _whole(group, number)
        fault = failing.get(name)
        if fault is not None and camera.leave_s > fault.at_s:
            lost[name].append(camera)
            camera = camera._replace(leave_s=fault.at_s)
        if fault is None or camera.join_s < fault.at_s:
            fronts[name][place // len(sites) % of_site.fronts].append(camera)
    for name, gone in lost.items():
        _take_in(failing[name], gone, [fronts[other] for other, _ in sites if other not in failing])
    return tuple(
        SiteTask(
            name,
            number,
            each.model,
            each.devices,
            tuple(map(tuple, fronts[name])),
            failing[name].at_s if name in failing else None,
        )
        for number, (name, each) in enumerate(sites)
    )


def _whole(group: Clients, number: int) -> CameraPart:
    return CameraPart(group, number, group.join_s + group.spread_s * number / group.count, group.leave_s)


def _take_in(fault: SiteDown, gone: Sequence[CameraPart], others: Sequence[Sequence[list[CameraPart]]]) -> None:
    """Give a failed site's cameras to the others' fronts."""
    for place, camera in enumerate(gone):
        site = others[place % len(others)]
        front = site[place // len(others) % len(site)]
        joins_s = max(camera.join_s, fault.at_s)
        front.append(camera._replace(join_s=joins_s, further_s=fault.further_ms / 1000, had_until_s=fault.at_s))


def processors() -> int:
    """Sites that can be simulated at a time."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def simulate_city(
    scenario: Scenario, folder: Path, progress: Callable[[int, int], None] = lambda done, total: None, workers: int = 1
) -> tuple[CityFigures, float]:
    """Simulate all sites, `workers` at a time, and write their result files into `folder`; what came of it, and the
    processor seconds that it took.

    RunError when the frames of a front do not add up, or a file cannot be written.
    """
    tasks = site_tasks(scenario)
    found: dict[str, SiteFigures] = {}
    processor_s = 0.0
    progress(0, len(tasks))
    with process_pool(min(len(tasks), workers)) as pool:
        with deaf_children():
            running = [pool.submit(simulate_site, scenario, task, folder / task.name) for task in tasks]
        for done, future in enumerate(as_completed(running), 1):
            figures, spent_s = future.result()
            found[figures.name] = figures
            processor_s += spent_s
            progress(done, len(tasks))
    whole = _together(scenario, tasks, [found[task.name] for task in tasks])
    try:
        (folder / FIGURES_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(whole)))
    except OSError as error:
        raise RunError(f"{folder / FIGURES_FILE} cannot be written: {error.strerror}") from error
    return whole, processor_s


def _together(scenario: Scenario, tasks: Sequence[SiteTask], sites: Sequence[SiteFigures]) -> CityFigures:
    fronts = [front for site in sites for front in site.fronts]
    offered, on_time = sum(front.offered for front in fronts), sum(front.on_time for front in fronts)
    missed: Counter[str] = Counter()
    for front in fronts:
        missed.update(front.missed_by_reason)
    back_s = [seconds for front in fronts for seconds in front.back_s.values()]
    moved = [
        camera for task in tasks for cameras in task.fronts for camera in cameras if camera.had_until_s is not None
    ]
    return CityFigures(
        cameras=len(scenario.client_names()),
        fronts=len(fronts),
        devices=sum(task.devices for task in tasks),
        duration_s=scenario.duration_s,
        offered=offered,
        on_time=on_time,
        miss_rate=(offered - on_time) / offered if offered else None,
        missed_by_reason=dict(missed.most_common()),
        f1_offered=sum(front.f1_sum for front in fronts) / offered if offered else None,
        device_moves=sum(front.moves for front in fronts),
        front_moves=len(moved),
        back=len(back_s),
        back_median_s=median(back_s) if back_s else None,
        back_longest_s=max(back_s, default=None),
        sites=tuple(sites),
    )


def city_table(figures: CityFigures) -> Table:
    """A row per site and a total, for people."""
    table = Table(box=None, header_style="bold", padding=(0, 1), pad_edge=False)
    table.add_column("site", no_wrap=True)
    headings = (
        "cameras",
        "frames",
        "missed\n%",
        "F1",
        "devices\nbusy %",
        "moves to\nanother device",
        "cameras from\nelsewhere back",
    )
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for site in figures.sites:
        offered = sum(front.offered for front in site.fronts)
        on_time = sum(front.on_time for front in site.fronts)
        f1, moved = sum(front.f1_sum for front in site.fronts), sum(front.moves for front in site.fronts)
        back = sum(len(front.back_s) for front in site.fronts)
        table.add_row(
            site.name, f"{site.cameras:,}", *_rates(offered, on_time, f1), f"{100 * site.busy_share:.0f}", f"{moved:,}",
            f"{back:,}",
        )  # fmt: skip
    table.add_section()
    f1 = (figures.f1_offered or 0.0) * figures.offered
    busy = sum(site.busy_share for site in figures.sites) / len(figures.sites)
    table.add_row(
        "all", f"{figures.cameras:,}", *_rates(figures.offered, figures.on_time, f1), f"{100 * busy:.0f}",
        f"{figures.device_moves:,}", f"{figures.back:,}", style="bold",
    )  # fmt: skip
    return table


def _rates(offered: int, on_time: int, f1: float) -> tuple[str, str, str]:
    if not offered:
        return "0", "-", "-"
    return f"{offered:,}", f"{100 * (offered - on_time) / offered:.2f}", f"{f1 / offered:.3f}"


def city_in_words(figures: CityFigures, took_s: float, processor_s: float, processes: int) -> list[str]:
    """What else a person should know; `took_s`: seconds of a real clock."""
    what = f"{figures.cameras:,} cameras, {figures.devices} devices, {figures.fronts} fronts"
    lines = [
        f"{what}: {figures.duration_s:g} s took {took_s:.0f} s, {_pace(took_s / figures.duration_s)}, on {processes} "
        f"processes; {processor_s / figures.duration_s:.1f} processor seconds for each."
    ]
    missed = list(figures.missed_by_reason.items())[:SHOWN_REASONS]
    if missed:
        shares = ", ".join(f"{reason} {100 * frames / figures.offered:.2f} %" for reason, frames in missed)
        lines.append(f"Missed because: {shares}.")
    if figures.front_moves:
        lines.append(
            f"{figures.front_moves:,} cameras went to another site's front; {figures.back:,} of them had an answer in "
            f"time again, {figures.back_median_s or 0.0:.2f} s after their site had failed in the median and "
            f"{figures.back_longest_s or 0.0:.2f} s at the longest."
        )
    return lines


def _pace(times: float) -> str:
    """How that compares with real time."""
    return f"{1 / times:.2f} times as fast as real time" if times < 1 else f"{times:.1f} times slower than real time"
