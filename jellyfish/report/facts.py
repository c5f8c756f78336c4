"""What was run, in words out of a run's files: deadlines, rates, links, planner, videos, machine. Pure.

Files may be of any version and half there: what is not known is empty.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import PurePath
from typing import Any

from jellyfish.report.estimates import RunGroup
from jellyfish.report.reading import Run

MOST_NAMED = 6
PACKAGES = {"jellyfish-serving": "jellyfish", "torch": "torch", "python": "Python"}


def facts(groups: Sequence[RunGroup]) -> dict[str, list[str]]:
    """By name, what is so of each group; rows about which nothing is known are left out."""
    found = {name: [told(group.runs) for group in groups] for name, told in _FACTS.items()}
    return {name: values for name, values in found.items() if any(values)}


def _cameras(run: Run) -> Iterator[dict[str, Any]]:
    """The cameras, devices or groups of clients that the run was configured with."""
    for key in ("cameras", "devices", "clients"):
        many = run.config.get(key)
        for one in many if isinstance(many, list) else ():
            if isinstance(one, dict) and ("fps" in one or "video" in one):
                yield one


def _of_cameras(run: Run, key: str, told: Callable[[Any], str] = str) -> str:
    return _distinct(told(camera[key]) for camera in _cameras(run) if camera.get(key) is not None)


def _deadline(run: Run) -> str:
    return _listed([f"{milliseconds:g}" for milliseconds in sorted(run.frames.deadlines_ms)], " ms")


def _rate(run: Run) -> str:
    rates = {camera["fps"] for camera in _cameras(run) if isinstance(camera.get("fps"), int | float)}
    return _listed([f"{rate:g}" for rate in sorted(rates)], " a second")


def _link(run: Run) -> str:
    names = _of_cameras(run, "trace")
    scales = (("delay_s", 1000), ("delay_ms", 1))
    delays = {
        scale * camera[key]
        for camera in _cameras(run)
        for key, scale in scales
        if isinstance(camera.get(key), int | float)
    }
    told = _listed([f"{delay:g}" for delay in sorted(delays)], " ms each way")
    return ", ".join(filter(None, (names, told)))


def _planner(run: Run) -> str:
    """Who decides: the planner, one variant for all, the cameras; or whoever runs the server elsewhere."""
    made = run.config.get("server")
    made = run.config | made if isinstance(made, dict) else run.config
    if made.get("controller"):
        return f"none: cameras steer by {made['controller']}"
    if made.get("variant") and "planner" not in made:
        return f"none: {made['variant']} for all"
    if made.get("planner"):
        target = made.get("target")
        return f"{made['planner']}" + (f", for {target:g} % in time" if isinstance(target, int | float) else "")
    elsewhere = made.get("connect") or made.get("cloud")
    return f"of the server at {elsewhere}" if elsewhere else ""


def _model(run: Run) -> str:
    """`street 1a2b3c, detection of 6 classes`"""
    name, version, task, classes = (run.info.get(key) for key in ("model", "version", "task", "classes"))
    known = " ".join(str(each) for each in (name, version) if each)
    if not known:
        return ""
    many = f" of {len(classes)} classes" if isinstance(classes, list) else ""
    return f"{known}, {task}{many}" if task else known


def _videos(run: Run) -> str:
    return _of_cameras(run, "video", lambda path: PurePath(str(path)).name)


def _version(run: Run) -> str:
    versions = run.info.get("versions")
    known = versions if isinstance(versions, dict) else {}
    return ", ".join(f"{name} {known[key]}" for key, name in PACKAGES.items() if key in known)


def _machine(run: Run) -> str:
    """System and processors of who wrote the files, and what the devices are where they are there, too."""
    machine = run.info.get("machine")
    if not isinstance(machine, dict) or not machine:
        return ""
    system = " ".join(str(machine[key]) for key in ("system", "architecture") if key in machine)
    processors = f"{machine['processors']} processors" if machine.get("processors") else ""
    here = run.info.get("mode") in ("bench", "clownfish") and not run.config.get("connect")
    hardware = str(run.info.get("profile") or "") if here else ""
    return ", ".join(filter(None, (system, processors, hardware)))


def _command(runs: Sequence[Run]) -> str:
    words = runs[0].info.get("command")
    if not isinstance(words, list) or not words:
        return ""
    first, *rest = map(str, words)
    others = f" (and {len(runs) - 1} like it)" if len(runs) > 1 else ""
    return shlex.join([PurePath(first).name, *rest]) + others


def _devices(runs: Sequence[Run]) -> str:
    """Devices, and how busy they were: the mean over the runs. Older files may say more than all the time."""
    busy: dict[str, list[float]] = {}
    for run in runs:
        measured = run.summary.get("devices")
        for name, figures in measured.items() if isinstance(measured, dict) else ():
            share = figures.get("busy_share") if isinstance(figures, dict) else None
            busy.setdefault(str(name), []).extend([min(1.0, share)] if isinstance(share, int | float) else [])
    if busy:
        return ", ".join(
            f"{name} ({100 * sum(shares) / len(shares):.0f} % busy)" if shares else name
            for name, shares in busy.items()
        )
    named = runs[0].info.get("devices")
    return _distinct(map(str, named)) if isinstance(named, list) else ""


def _mode(run: Run) -> str:
    return ": ".join(str(text) for text in (run.info.get("mode"), run.config.get("title")) if text)


def _started(run: Run) -> str:
    """`2026-01-31T12:00:05+00:00` -> to the minute."""
    return str(run.info.get("started", ""))[:16].replace("T", " ")


def _each(told: Callable[[Run], str]) -> Callable[[Sequence[Run]], str]:
    return lambda runs: _distinct(map(told, runs))


_FACTS: dict[str, Callable[[Sequence[Run]], str]] = {
    "What": _each(_mode),
    "Part": _each(lambda run: "" if run.part is None else run.part.words),
    "Deadline": _each(_deadline),
    "Frame rate": _each(_rate),
    "Link": _each(_link),
    "Planner": _each(_planner),
    "Model": _each(_model),
    "Video": _each(_videos),
    "Clients": _each(lambda run: str(run.frames.clients.rows)),
    "Duration": _each(lambda run: f"{run.duration_s:.0f} s"),
    "Captured frames": lambda runs: str(sum(run.frames.outcomes.total() for run in runs)),
    "Seed": _each(lambda run: "" if run.seed is None else str(run.seed)),
    "Devices": _devices,
    "Version": _each(_version),
    "Machine": _each(_machine),
    "Started": _each(_started),
    "Command": _command,
}


def _listed(numbers: list[str], unit: str) -> str:
    return f"{_distinct(numbers)}{unit}" if numbers else ""


def _distinct(texts: Iterable[str]) -> str:
    """Each text once; the first of very many."""
    each = list(dict.fromkeys(filter(None, texts)))
    more = f" and {len(each) - MOST_NAMED} more" if len(each) > MOST_NAMED else ""
    return ", ".join(each[:MOST_NAMED]) + more
