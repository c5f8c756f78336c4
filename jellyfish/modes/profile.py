"""`jellyfish profile`: how long a device takes for every variant and batch, and its host beside, measured and saved."""

from __future__ import annotations

from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from jellyfish.devices.measuring import QUICK_PROFILE_S, measured_profile
from jellyfish.devices.naming import check_device
from jellyfish.devices.opening import subject_of
from jellyfish.devices.process import tune_process, usable_cores
from jellyfish.devices.processes import begin_loading
from jellyfish.devices.profile.host import HostCosts
from jellyfish.devices.profile.store import check_folder, profile_path, save_profile
from jellyfish.devices.profile.table import LatencyProfile
from jellyfish.devices.workers import Workplace
from jellyfish.models.model import Description
from jellyfish.models.opening import open_model
from jellyfish.modes.host_costs.measure import measure_host
from jellyfish.modes.progress import ProgressReport
from jellyfish.modes.variants import MEASURE


def profile(
    devices: tuple[str, ...],
    model_name: str,
    weights: Path | None,
    max_batch: int,
    threads: int | None,
    quick: bool,
    console: Console,
) -> None:
    """Measure each device, save what was found and show it; InputError for what cannot be measured.

    `quick`: as a server does that has no profile: fewer batches, and nothing of the host.
    """
    for name in devices:
        check_device(name)
    model = open_model(model_name, weights)
    description = model.description
    check_folder()
    tune_process()
    cores = usable_cores()
    if "cpu" in devices and description.movable:
        begin_loading(description.preload)
    for name in devices:
        workplace = Workplace(name, model, cores, description.most(max_batch))
        with ProgressReport(console) as progress:
            measured = _measured(workplace, max_batch, threads, quick, progress)
        _show(measured, description, console)


def _measured(
    workplace: Workplace, max_batch: int, threads: int | None, quick: bool, progress: ProgressReport
) -> LatencyProfile:
    """The device's profile, saved."""
    subject = subject_of(workplace, threads)
    budget_s = QUICK_PROFILE_S if quick else None
    measured, executor = measured_profile(workplace, subject, max_batch, threads, budget_s, progress)
    executor.close()
    if quick:
        return measured
    measured = msgspec.structs.replace(measured, host=measure_host(measured, workplace.model.description, progress))
    save_profile(measured)
    return measured


def _show(measured: LatencyProfile, model: Description, console: Console) -> None:
    console.print(_table(measured, model))
    if measured.host is not None:
        console.print(_in_words(measured.host), highlight=False)
    if measured.division:
        console.print(f"{measured.device}: {measured.division}", soft_wrap=True)
    console.print(f"saved: {profile_path(measured.subject)}", soft_wrap=True)


def _table(measured: LatencyProfile, model: Description) -> Table:
    """Latency of a batch of one and of the largest, best rate, and accuracy, per variant."""
    largest = measured.max_batch
    table = Table(title=f"{model.name} on {measured.device}: {measured.measured_on}")
    for column in (
        "variant",
        "ms p50, batch 1",
        "p99",
        f"ms p50, batch {largest}",
        "p99",
        "best fps",
        MEASURE[model.task],
    ):
        table.add_column(column, justify="left" if column == "variant" else "right")
    for entry in measured.latencies:
        rate = measured.workers * max((batch + 1) / seconds for batch, seconds in enumerate(entry.keeps_s))
        times = (entry.p50_s[0], entry.p99_s[0], entry.p50_s[-1], entry.p99_s[-1])
        accuracy = model.accuracy(entry.variant)
        table.add_row(
            entry.variant.name, *(f"{seconds * 1000:.2f}" for seconds in times), f"{rate:.0f}", f"{accuracy:.3f}"
        )
    return table


def _in_words(host: HostCosts) -> str:
    """What a frame takes beside the device, in milliseconds of one core."""
    smallest, largest = host.resolutions[0], host.resolutions[-1]
    return (
        f"beside the device, ms of one core: decode {1000 * host.decode_s[0]:.2f} (at {smallest}) to "
        f"{1000 * host.decode_s[-1]:.2f} (at {largest}), event loop {1000 * host.server_s:.2f}; of an emulated camera: "
        f"video {1000 * host.capture_s:.2f}, encode {1000 * host.encode_s[0]:.2f} to {1000 * host.encode_s[-1]:.2f}, "
        f"event loop {1000 * host.camera_s:.2f}"
    )
