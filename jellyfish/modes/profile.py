"""`jellyfish profile`: how long a device takes for every variant and batch, and its host beside, measured and saved."""

from __future__ import annotations

from functools import partial

import msgspec
from rich.console import Console
from rich.table import Table

from jellyfish.config import DEFAULT_PLANNER
from jellyfish.devices.executor import detect_images
from jellyfish.devices.opening import QUICK_PROFILE_S, hardware_name, profile_device, set_threads, torch_device
from jellyfish.devices.process import tune_process
from jellyfish.devices.profile.host import HostCosts
from jellyfish.devices.profile.measure import Subject
from jellyfish.devices.profile.store import profile_path, save_profile
from jellyfish.devices.profile.table import LatencyProfile
from jellyfish.models.families import Detectors, identity, make_engine
from jellyfish.modes.host_costs.measure import measure_host
from jellyfish.modes.progress import ProgressReport


def profile(
    devices: tuple[str, ...], detectors: Detectors, max_batch: int, threads: int | None, quick: bool, console: Console
) -> None:
    """Measure each device, save what was found and show it."""
    tune_process()
    count = set_threads(threads)
    for name in devices:
        device = torch_device(name)
        subject = Subject(name, hardware_name(device, count), identity(detectors))
        with ProgressReport(console) as progress:
            engine = make_engine(detectors, device)
            measured = profile_device(engine, subject, max_batch, QUICK_PROFILE_S if quick else None, progress)
            detect = partial(detect_images, engine)
            host = measure_host(measured, detect, detectors.accuracy, DEFAULT_PLANNER, progress)
            measured = msgspec.structs.replace(measured, host=host)
            save_profile(measured)
        console.print(_table(measured, detectors))
        console.print(_in_words(host), highlight=False)
        console.print(f"saved: {profile_path(name, subject.hardware, subject.weights)}", soft_wrap=True)


def _table(measured: LatencyProfile, detectors: Detectors) -> Table:
    """Latency of a batch of one and of the largest, best rate, and F1, per variant."""
    largest = measured.max_batch
    table = Table(title=f"{measured.device}: {measured.hardware}")
    for column in ("variant", "ms p50, batch 1", "p99", f"ms p50, batch {largest}", "p99", "best fps", "F1"):
        table.add_column(column, justify="left" if column == "variant" else "right")
    for entry in measured.latencies:
        rate = max((batch + 1) / seconds for batch, seconds in enumerate(entry.p50_s))
        times = (entry.p50_s[0], entry.p99_s[0], entry.p50_s[-1], entry.p99_s[-1])
        accuracy = detectors.accuracy(entry.variant)
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
