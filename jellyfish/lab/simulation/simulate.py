"""`jellyfish simulate`: the server, cameras and control loop of `bench`, in virtual time with simulated devices."""

from __future__ import annotations

import asyncio
import functools
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec
from rich.console import Console

from jellyfish.control.problem import Planner
from jellyfish.dispatch.dispatcher import QUEUE_CAPACITY
from jellyfish.effects import SERVER_RULES, void
from jellyfish.errors import InputError, RunError
from jellyfish.lab.simulation.chaos import chaos
from jellyfish.lab.simulation.city import city_in_words, city_table, processors, simulate_city
from jellyfish.lab.simulation.collecting import seldom_collected
from jellyfish.lab.simulation.invariants import Remains, breaches
from jellyfish.lab.simulation.position import alone
from jellyfish.lab.simulation.scenario import Scenario, load_scenario
from jellyfish.lab.simulation.simulation import OnService, Simulation
from jellyfish.lab.simulation.virtual_loop import VirtualLoop
from jellyfish.modes.progress import ProgressReport
from jellyfish.program.stopping import Stop, stoppable
from jellyfish.results.records import FrameRecord
from jellyfish.results.summary import Summary
from jellyfish.results.table import summary_table, what_is_left
from jellyfish.results.writer import default_folder, require_empty
from jellyfish.server.service import Service


def simulate(path: Path, folder: Path | None, seed: int | None, care: float | None, console: Console) -> None:
    """Run the scenario in the file, with another seed or care if given, and show what came of it."""
    scenario = load_scenario(path)
    instead = {key: value for key, value in (("seed", seed), ("care", care)) if value is not None}
    if care is not None and (because := void(SERVER_RULES, msgspec.structs.asdict(scenario)).get("care")):
        raise InputError(f"{path}: --care has no effect {because}")
    scenario = msgspec.structs.replace(scenario, **instead)
    folder = folder or default_folder("simulate", datetime.now().astimezone())
    require_empty(folder)
    if scenario.sites:
        _show_city(scenario, folder, console)
        return
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(stoppable(lambda stop: _shown(scenario, folder, console, stop)))


def _show_city(scenario: Scenario, folder: Path, console: Console) -> None:
    began_s, processes = time.monotonic(), processors()
    with ProgressReport(console) as progress:
        figures, processor_s = simulate_city(
            scenario, folder, functools.partial(progress, f"{scenario.title}: sites"), processes
        )
    console.print(city_table(figures))
    console.print(
        "\n".join(city_in_words(figures, time.monotonic() - began_s, processor_s, processes)),
        highlight=False,
        markup=False,
    )
    console.print(f"Everything else is in {folder}", soft_wrap=True, markup=False)


async def _shown(scenario: Scenario, folder: Path, console: Console, stop: Stop) -> None:
    with ProgressReport(console) as progress:
        summary, notes = await simulated(scenario, folder, functools.partial(progress, scenario.title), stop)
    console.print(summary_table(summary, folder))
    console.print("\n".join(notes), highlight=False, markup=False)
    stop.leave(what_is_left(summary, folder))


def simulate_chaos(seed: int, folder: Path | None, console: Console) -> None:
    """Run the random scenario of `seed` and check what must hold after every run; RunError when it does not."""
    folder = folder or default_folder(f"chaos-{seed}", datetime.now().astimezone())
    require_empty(folder)
    scenario = chaos(seed)
    console.print(msgspec.json.format(msgspec.json.encode(scenario.faults)).decode(), highlight=False, markup=False)
    if found := chaos_breaches(scenario, folder):
        raise RunError("; ".join(found))
    console.print(f"All invariants hold. Everything else is in {folder}", soft_wrap=True, markup=False)


def chaos_breaches(scenario: Scenario, folder: Path) -> list[str]:
    """Simulate `scenario` into `folder`; the invariants that did not hold."""
    remains: list[Remains] = []
    try:
        run_scenario(scenario, folder, on_service=lambda service: remains.append(_remains(service)))
    except RunError as error:
        return [str(error)]
    return breaches(scenario, _frames(folder), remains[0])


def simulated_frames(scenario: Scenario) -> list[FrameRecord]:
    """Simulate `scenario` and keep nothing but its frames."""
    with tempfile.TemporaryDirectory() as folder:
        run_scenario(scenario, Path(folder) / "run")
        return _frames(Path(folder) / "run")


def _frames(folder: Path) -> list[FrameRecord]:
    decoder = msgspec.json.Decoder(FrameRecord)
    return [decoder.decode(line) for line in (folder / "frames.jsonl").read_bytes().splitlines()]


def _remains(service: Service) -> Remains:
    return Remains(
        clients=tuple(service.sessions),
        queued=max((dispatcher.queued for dispatcher in service.dispatchers.values()), default=0),
        queue_capacity=QUEUE_CAPACITY,
        open_frames=sum(session.account.open for session in service.sessions.values()),
    )


def _nothing_to_check(service: Service) -> None:
    """Of what is left."""


def run_scenario(
    scenario: Scenario,
    folder: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
    on_service: OnService = _nothing_to_check,
    planner: Planner | None = None,
) -> tuple[Summary, list[str]]:
    """Simulate `scenario` and write its result files into `folder`; the summary, and what else is worth a word.

    `planner`: one of your own, instead of the one that the scenario names.
    The same scenario gives the same frames, byte for byte. Raises InputError for what cannot be simulated, and
    RunError when the frames do not add up.
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(simulated(scenario, folder, progress, Stop(), on_service, planner))


async def simulated(
    scenario: Scenario,
    folder: Path,
    progress: Callable[[int, int], None],
    stop: Stop,
    on_service: OnService = _nothing_to_check,
    planner: Planner | None = None,
) -> tuple[Summary, list[str]]:
    """What `run_scenario` does, on a `VirtualLoop`; `stop` ends it before its time."""
    with seldom_collected():
        return await Simulation(scenario, planner, alone(scenario)).run(folder, progress, on_service, stop)
