"""Commands on the other end of the stream: emulated cameras, and a device with a small network of its own."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Annotated

import typer

from jellyfish.cli.bounds import MOST_CLIENTS, MOST_DELAY_MS, MOST_MEMORY_MB, MOST_RUN_S, MOST_SEED
from jellyfish.cli.options import (
    SHIPPED_VIDEOS,
    Actuation,
    Care,
    CloudFilter,
    FixedVariant,
    LocalVariant,
    MaxBatch,
    OnDevice,
    Period,
    Planner,
    PlanningShare,
    Profile,
    Target,
    Threads,
    Weights,
    Window,
    Zoo,
    ZooWeights,
)
from jellyfish.cli.parsing import (
    device_names,
    known_filter,
    planning_window_s,
    positive_numbers,
    video_files,
)
from jellyfish.cli.running import console, run_on_uvloop
from jellyfish.config import (
    CLIENTS_CHOOSE,
    DEFAULT_CARE,
    DEFAULT_FILTER,
    DEFAULT_LOCAL,
    DEFAULT_PERIOD,
    DEFAULT_PLANNER,
    DEFAULT_PLANNING_SHARE,
    DEFAULT_TARGET,
    BenchConfig,
    CameraConfig,
    DeviceConfig,
    DevicesConfig,
    Encoding,
    Limits,
    ServerConfig,
)

LEAST_FPS = 0.05


def bench(
    clients: Annotated[int, typer.Option(min=1, max=MOST_CLIENTS, help="How many cameras to emulate.")] = 4,
    fps: Annotated[str, typer.Option(help="Frames per second; several cycle over clients: `15,25`.")] = "15",
    slo_ms: Annotated[str, typer.Option(help="Deadline from capture to answer; several cycle: `75,100,150`.")] = "150",
    video: Annotated[
        list[Path] | None, typer.Option(help="A video file or a folder of them; repeat to cycle over clients.")
    ] = None,
    trace: Annotated[
        str,
        typer.Option(help="Uplink: `wifi`, `lte`, `outage`, `steps`, `10mbps`, `none`, or a file; several cycle."),
    ] = "wifi",
    delay_ms: Annotated[float, typer.Option(min=0, max=MOST_DELAY_MS, help="One-way delay of the link.")] = 5.0,
    duration: Annotated[float, typer.Option(min=1, max=MOST_RUN_S, help="Seconds.")] = 20.0,
    seed: Annotated[
        int, typer.Option(min=0, max=MOST_SEED, help="Everything that is drawn at random comes from it.")
    ] = 0,
    connect: Annotated[
        str | None, typer.Option(help="Use a running server: ws://HOST:PORT/v1/stream; otherwise one is started.")
    ] = None,
    results: Annotated[Path | None, typer.Option(help="Results folder; `results/bench-DATE` by default.")] = None,
    encode: Annotated[
        Encoding,
        typer.Option(
            help="`shared`: cameras of the same video share its encoded frames, so that they are not what is measured; "
            "`each`: every camera decodes and encodes for itself."
        ),
    ] = Encoding.SHARED,
    clip_memory_mb: Annotated[
        float,
        typer.Option(
            min=1,
            max=MOST_MEMORY_MB,
            help="With `--encode shared`: what may be kept of all videos, in 10^6 bytes.",
        ),
    ] = 256.0,
    find_clients: Annotated[
        bool,
        typer.Option(
            help="Find the most cameras that meet `--target`, by doubling and halving from `--clients` on: a run of "
            "`--duration` for each number, a table and a plot."
        ),
    ] = False,
    most_clients: Annotated[
        int, typer.Option(min=1, max=MOST_CLIENTS, help="With `--find-clients`: more are not tried.")
    ] = 512,
    clownfish: Annotated[
        bool,
        typer.Option(help="Each client answers its frames itself with a small network and asks the server about some."),
    ] = False,
    save_detections: Annotated[bool, typer.Option(help="Also write detections.json (COCO results).")] = False,
    device: OnDevice = "cpu",
    weights: Weights = None,
    profile: Profile = None,
    planner: Planner = DEFAULT_PLANNER,
    controller: Annotated[
        str | None,
        typer.Option(help="No plans: cameras choose their own sizes, by `prudent`, `mpc`, ... (docs/controllers.md)."),
    ] = None,
    window_ms: Window = 500,
    target: Target = DEFAULT_TARGET,
    care: Care = DEFAULT_CARE,
    planning_share: PlanningShare = 100 * DEFAULT_PLANNING_SHARE,
    variant: FixedVariant = None,
    max_batch: MaxBatch = 8,
    threads: Threads = None,
    zoo: Zoo = None,
    zoo_weights: ZooWeights = None,
    actuation: Actuation = True,
    local_variant: LocalVariant = DEFAULT_LOCAL,
    filter: CloudFilter = DEFAULT_FILTER,
    period: Period = DEFAULT_PERIOD,
) -> None:
    """Emulate cameras against a server and measure what came of every captured frame."""
    if controller is not None and variant is not None:
        raise typer.BadParameter("with --variant there is nothing left to choose", param_hint="--controller")
    videos = video_files(video or [SHIPPED_VIDEOS])
    rates, slos = positive_numbers("--fps", fps, 240, LEAST_FPS), positive_numbers("--slo-ms", slo_ms, 60_000)
    traces = trace.split(",")

    def fleet(count: int) -> tuple[CameraConfig, ...]:
        cycles = zip(itertools.cycle(rates), itertools.cycle(slos), itertools.cycle(traces), itertools.cycle(videos))
        return tuple(
            CameraConfig(f"camera-{number}", path, rate, slo / 1000, name, delay_ms / 1000, seed + number)
            for number, (rate, slo, name, path) in zip(range(count), cycles, strict=False)
        )

    planner = planner if controller is None else CLIENTS_CHOOSE
    server = ServerConfig(
        "127.0.0.1", 0, device_names(device), weights, profile, planner, planning_window_s(window_ms), care, target,
        variant, max_batch, threads, Limits(clients=max(Limits().clients, most_clients if find_clients else clients)),
        zoo, zoo_weights, actuation, planning_share / 100,
    )  # fmt: skip
    if clownfish:
        if controller is not None or save_detections or find_clients:
            raise typer.BadParameter(
                "not with --controller, --save-detections or --find-clients", param_hint="--clownfish"
            )
        devices = tuple(
            DeviceConfig(
                f"device-{number}", camera.video, camera.fps, camera.slo_s, camera.trace, camera.delay_s, camera.seed,
                local_variant, known_filter(filter), period,
            )
            for number, camera in enumerate(fleet(clients))
        )  # fmt: skip
        _run_devices(DevicesConfig(devices, duration, results, seed, connect, weights, server))
        return
    memory_bytes = round(clip_memory_mb * 1e6)
    run = BenchConfig(
        fleet(clients), duration, results, seed, connect, save_detections, controller, encode, memory_bytes, server
    )
    if find_clients:
        from jellyfish.modes.find_clients import find_clients as find_mode

        first = min(clients, most_clients)
        run_on_uvloop(lambda stop: find_mode(run, fleet, first, most_clients, target / 100, console(), stop))
        return
    from jellyfish.modes.bench import bench as bench_mode

    run_on_uvloop(lambda stop: bench_mode(run, console(), stop))


def device(
    cloud: Annotated[str, typer.Option(help="The server to ask: ws://HOST:PORT/v1/stream. It may be slow or gone.")],
    video: Annotated[list[Path] | None, typer.Option(help="A video file; by default the first that ships.")] = None,
    fps: Annotated[
        float | None, typer.Option(min=0.1, max=240, help="Frames per second; the video's, up to 60.")
    ] = None,
    slo_ms: Annotated[float, typer.Option(min=1, max=60_000, help="Deadline of the device's own answers.")] = 100.0,
    variant: LocalVariant = DEFAULT_LOCAL,
    filter: CloudFilter = DEFAULT_FILTER,
    period: Period = DEFAULT_PERIOD,
    trace: Annotated[str, typer.Option(help="Emulate an uplink, e.g. `lte`, `5mbps`, a file.")] = "none",
    delay_ms: Annotated[
        float, typer.Option(min=0, max=MOST_DELAY_MS, help="One-way delay of the emulated link.")
    ] = 0.0,
    duration: Annotated[float, typer.Option(min=1, max=MOST_RUN_S, help="Seconds.")] = 20.0,
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Of the emulated link.")] = 0,
    name: Annotated[str, typer.Option(help="What the server and the results call it.")] = "device-0",
    results: Annotated[Path | None, typer.Option(help="Folder; `results/device-DATE` by default.")] = None,
    weights: Weights = None,
) -> None:
    """Answer every frame of a video on this machine at once, with a small network, and better it with what a server
    far away says of some frames, whenever it says it (docs/clownfish.md).
    """
    (source, *_) = video_files(video or [SHIPPED_VIDEOS])
    config = DeviceConfig(
        name, source, fps, slo_ms / 1000, trace, delay_ms / 1000, seed, variant, known_filter(filter), period
    )
    _run_devices(DevicesConfig((config,), duration, results, seed, cloud, weights))


def _run_devices(config: DevicesConfig) -> None:
    from jellyfish.modes.edge import run_devices

    run_on_uvloop(lambda stop: run_devices(config, console(), stop))
