"""`jellyfish device` and `jellyfish bench --clownfish`: devices that answer each frame themselves, and their cloud."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import datetime

import aiohttp
from rich.console import Console

from jellyfish.config import DevicesConfig
from jellyfish.devices.process import tune_process
from jellyfish.errors import InputError
from jellyfish.modes.device_inputs import opened_inputs
from jellyfish.modes.progress import ProgressReport
from jellyfish.modes.run import run_info
from jellyfish.modes.serving import RunningServer, serving
from jellyfish.modes.window_log import WindowLog
from jellyfish.results.records import RunInfo
from jellyfish.results.table import fusion_table, summary_table
from jellyfish.results.writer import ResultWriter, default_folder, require_empty

MODE = {True: "clownfish", False: "device"}
"""By whether the cloud is in this process."""


async def run_devices(config: DevicesConfig, console: Console) -> None:
    """Run the devices, write the result files, print the tables. RunError when the frames do not add up."""
    started = datetime.now().astimezone()
    folder = config.results or default_folder(MODE[config.cloud is None], started)
    require_empty(folder)
    if config.cloud is not None:
        _check_url(config.cloud)
    tune_process()
    async with contextlib.AsyncExitStack() as stack:
        inputs = opened_inputs(config, stack)
        server, windows = None, WindowLog(config.server.planner)
        if config.cloud is None:
            with ProgressReport(console) as progress:
                server = await stack.enter_async_context(
                    serving(replace(config.server, cameras_beside=True), windows, progress)
                )
        from jellyfish.modes.edge_fleet import EdgeFleet

        fleet = EdgeFleet(config, inputs, stack)
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        writer = stack.enter_context(ResultWriter(folder, _run_info(config, fleet.device_names, server, started)))
        with ProgressReport(console) as progress:
            summary = await fleet.go(http, server.url if server else str(config.cloud), writer, windows, progress)
    console.print(summary_table(summary, folder))
    console.print()
    console.print(fusion_table(summary.fusion or {}))
    console.print("\n".join(fleet.notes()), highlight=False, markup=False)


def _check_url(url: str) -> None:
    """InputError for what is not the URL of a stream. Whether anybody answers there is not asked: a device goes on."""
    if not url.startswith(("ws://", "wss://")) or not url.endswith("/v1/stream"):
        raise InputError(f"{url} is not the URL of a cloud: give ws://HOST:PORT/v1/stream, as `jellyfish serve` says")


def _run_info(
    config: DevicesConfig, device_names: list[str], server: RunningServer | None, started: datetime
) -> RunInfo:
    hardware = "; ".join(profile.hardware for profile in server.profiles) if server else str(config.cloud)
    return run_info(MODE[config.cloud is None], started, config.seed, config, device_names, hardware)
