"""`jellyfish device` and `jellyfish bench --clownfish`: devices that answer each frame themselves, and their cloud."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from rich.console import Console

from jellyfish.camera.credentials import http_session
from jellyfish.camera.stream_url import check_stream_url
from jellyfish.config import DevicesConfig
from jellyfish.devices.process import tune_process
from jellyfish.errors import RunError
from jellyfish.modes.device_inputs import opened_inputs
from jellyfish.modes.progress import ProgressReport
from jellyfish.modes.run import run_info
from jellyfish.modes.running_server import RunningServer
from jellyfish.modes.serving import serving
from jellyfish.modes.window_log import WindowLog
from jellyfish.program.stopping import Stop
from jellyfish.results.records import RunInfo
from jellyfish.results.summary import incomplete_in_words
from jellyfish.results.table import fusion_table, summary_table, what_is_left
from jellyfish.results.writer import ResultWriter, default_folder, require_empty

if TYPE_CHECKING:
    from jellyfish.modes.edge_fleet import EdgeFleet

MODE = {True: "clownfish", False: "device"}
"""By whether the cloud is in this process."""


async def run_devices(config: DevicesConfig, console: Console, stop: Stop) -> None:
    """Run the devices, write the result files, print the tables. RunError when the frames do not add up.

    Raises Stopped when it was told to stop; files and tables are of the frames until then.
    """
    started = datetime.now().astimezone()
    folder = config.results or default_folder(MODE[config.cloud is None], started)
    require_empty(folder)
    if config.server is None:
        check_stream_url(str(config.cloud))
    tune_process()
    async with contextlib.AsyncExitStack() as stack:
        inputs = opened_inputs(config, stack)
        server, windows = None, WindowLog("" if config.server is None else config.server.planned_by)
        if config.server is not None:
            with ProgressReport(console) as progress:
                server = await stack.enter_async_context(
                    serving(replace(config.server, cameras_beside=True), windows, stop.watched(progress))
                )
        from jellyfish.modes.edge_fleet import EdgeFleet  # torch, for which no wrong input need wait

        fleet = EdgeFleet(config, inputs, stack)
        url = server.url if server else str(config.cloud)
        http = await stack.enter_async_context(http_session(config.reach, url, os.environ))
        writer = stack.enter_context(ResultWriter(folder, _run_info(config, fleet, server, started)))
        with ProgressReport(console) as progress:
            summary = await fleet.go(http, url, writer, windows, progress, stop)
    console.print(summary_table(summary, folder))
    console.print()
    console.print(fusion_table(summary))
    notes = incomplete_in_words(summary.incomplete_videos) + fleet.notes()
    console.print("\n".join(notes), highlight=False, markup=False)
    stop.leave(what_is_left(summary, folder))
    if (said := fleet.refused()) is not None:
        raise RunError(f"{said}; it answered alone")


def _run_info(config: DevicesConfig, fleet: EdgeFleet, server: RunningServer | None, started: datetime) -> RunInfo:
    """The header; what answers is the devices' own model."""
    hardware = "; ".join(profile.measured_on for profile in server.profiles) if server else str(config.cloud)
    return run_info(MODE[config.cloud is None], started, config.seed, config, fleet.device_names, hardware, fleet.model)
