"""Commands on the other end of the stream: emulated cameras, and a device with a small network of its own."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from jellyfish.cli.bounds import MOST_CLIENTS, MOST_DELAY_MS, MOST_MEMORY_MB, MOST_RUN_S, MOST_SEED
from jellyfish.cli.options import (
    Actuation,
    AnyCertificate,
    CaFile,
    Care,
    CloudFilter,
    FixedVariant,
    LocalVariant,
    MaxBatch,
    ModelName,
    OnDevice,
    Period,
    Planner,
    PlanningShare,
    Profile,
    Target,
    Threads,
    TokenFromFile,
    Weights,
    Window,
    Workers,
)
from jellyfish.cli.parsing import (
    check_used,
    client_name,
    device_names,
    fusion_with,
    known_filter,
    known_fusion,
    one_video,
    planning_window_s,
    positive_numbers,
    shipped_clips,
    video_files,
)
from jellyfish.cli.running import console, run_on_uvloop
from jellyfish.config import (
    CLIENTS_CHOOSE,
    DEFAULT_CARE,
    DEFAULT_FILTER,
    DEFAULT_FUSION,
    DEFAULT_LOCALS,
    DEFAULT_MODEL,
    DEFAULT_PERIOD,
    DEFAULT_PLANNER,
    DEFAULT_PLANNING_SHARE,
    DEFAULT_TARGET,
    FUSED_MODELS,
    BenchConfig,
    CameraConfig,
    DeviceConfig,
    DevicesConfig,
    Encoding,
    Limits,
    ReachConfig,
    ServerConfig,
    WorkerPlace,
    WorkersConfig,
)

if TYPE_CHECKING:
    from jellyfish.modes.running_server import Serving

LEAST_FPS = 0.05


def bench(
    clients: Annotated[int, typer.Option(min=1, max=MOST_CLIENTS, help="How many cameras to emulate.")] = 4,
    fps: Annotated[
        str, typer.Option(help="Frames per second; of several, e.g. `15,25`, the cameras take turns.")
    ] = "15",
    slo_ms: Annotated[
        str,
        typer.Option(
            help="Milliseconds from capture to answer; of several, e.g. `75,100,150`, the cameras take turns."
        ),
    ] = "150",
    video: Annotated[
        list[Path] | None,
        typer.Option(help="A video file or a folder of them; give it several times and the cameras take turns."),
    ] = None,
    trace: Annotated[
        str,
        typer.Option(
            help="Emulated uplink: `wifi`, `lte`, `outage`, `steps`, a rate such as `10mbps`, `none`, or a file "
            "(docs/traces.md); of several, e.g. `wifi,lte`, the cameras take turns."
        ),
    ] = "wifi",
    delay_ms: Annotated[
        float, typer.Option(min=0, max=MOST_DELAY_MS, help="Milliseconds that the emulated link takes one way.")
    ] = 5.0,
    duration: Annotated[float, typer.Option(min=1, max=MOST_RUN_S, help="Seconds of the run.")] = 20.0,
    seed: Annotated[
        int, typer.Option(min=0, max=MOST_SEED, help="Everything that is drawn at random comes from it.")
    ] = 0,
    connect: Annotated[
        str | None,
        typer.Option(
            help="Cameras alone, for a server that runs already: ws://HOST:PORT/v1/stream. Without it one is started "
            "here. Options about the server (--device, --planner, --variant, ...) are then to be given to that "
            "one's `jellyfish serve`."
        ),
    ] = None,
    results: Annotated[
        Path | None, typer.Option(help="Folder for the result files; by default results/bench-DATE.")
    ] = None,
    report: Annotated[
        bool, typer.Option("--report", help="Also draw the run as a page, in its results folder.")
    ] = False,
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
            help="With --encode shared: megabytes that may be kept of all videos.",
        ),
    ] = 256.0,
    find_clients: Annotated[
        bool,
        typer.Option(
            "--find-clients",
            help="Find the most cameras that meet --target, by doubling and halving from --clients on: a run of "
            "--duration for each number, a table and a plot.",
        ),
    ] = False,
    most_clients: Annotated[
        int, typer.Option(min=1, max=MOST_CLIENTS, help="With --find-clients: more are not tried.")
    ] = 512,
    clownfish: Annotated[
        bool,
        typer.Option(
            "--clownfish",
            help="Each camera answers its frames itself with a small network (--local-variant) and asks the server "
            "about some of them (--filter, --period; docs/clownfish.md).",
        ),
    ] = False,
    save_detections: Annotated[
        bool, typer.Option("--save-detections", help="Also write detections.json (COCO results).")
    ] = False,
    device: OnDevice = "cpu",
    model: ModelName = DEFAULT_MODEL,
    weights: Weights = None,
    profile: Profile = None,
    planner: Planner = DEFAULT_PLANNER,
    controller: Annotated[
        str | None,
        typer.Option(
            help="Nobody plans, each camera chooses its own sizes by `prudent` (ours), `mpc`, `pid`, `score`, "
            "`local`, `split`, `oracle` or `fixed` (docs/controllers.md)."
        ),
    ] = None,
    window_ms: Window = 500,
    target: Target = DEFAULT_TARGET,
    care: Care = DEFAULT_CARE,
    planning_share: PlanningShare = 100 * DEFAULT_PLANNING_SHARE,
    variant: FixedVariant = None,
    max_batch: MaxBatch = 8,
    threads: Threads = None,
    actuation: Actuation = True,
    workers: Workers = WorkerPlace.AUTO,
    local_variant: LocalVariant = None,
    filter: CloudFilter = DEFAULT_FILTER,
    period: Period = DEFAULT_PERIOD,
    token_file: TokenFromFile = None,
    ca_file: CaFile = None,
    any_certificate: AnyCertificate = False,
) -> None:
    """Emulate cameras and a server; count what came of each frame.

    Without options: four cameras that show the shipped videos, over a WiFi-like link, for 20 seconds.
    """
    videos = video_files(video or shipped_clips(model))
    rates, slos = positive_numbers("--fps", fps, 240, LEAST_FPS), positive_numbers("--slo-ms", slo_ms, 60_000)
    traces = trace.split(",")
    check_used(
        {"--fps": rates, "--slo-ms": slos, "--trace": traces, "--video": video or []},
        most_clients if find_clients else clients,
    )
    if find_clients and clients > most_clients:
        raise typer.BadParameter(f"{clients} is more than --most-clients {most_clients}", param_hint="--clients")

    def fleet(count: int) -> tuple[CameraConfig, ...]:
        cycles = zip(itertools.cycle(rates), itertools.cycle(slos), itertools.cycle(traces), itertools.cycle(videos))
        return tuple(
            CameraConfig(f"camera-{number}", path, rate, slo / 1000, name, delay_ms / 1000, seed + number)
            for number, (rate, slo, name, path) in zip(range(count), cycles, strict=False)
        )

    planner, reach = (
        planner if controller is None else CLIENTS_CHOOSE,
        ReachConfig(token_file, ca_file, any_certificate),
    )
    server = ServerConfig(
        "127.0.0.1", 0, device_names(device), weights, profile, planner, planning_window_s(window_ms), care, target,
        variant, max_batch, threads, Limits(clients=max(Limits().clients, most_clients if find_clients else clients)),
        model, actuation, planning_share / 100, workers=WorkersConfig(workers),
    )  # fmt: skip
    if clownfish:
        fusion = fusion_with(model)
        devices = tuple(
            DeviceConfig(
                f"device-{number}", camera.video, camera.fps, camera.slo_s, camera.trace, camera.delay_s, camera.seed,
                local_variant or DEFAULT_LOCALS[fusion], known_filter(filter), period,
            )
            for number, camera in enumerate(fleet(clients))
        )  # fmt: skip
        _run_devices(
            DevicesConfig(
                devices, duration, results, seed, connect, weights, None if connect else server, fusion, reach
            )
        )
        return
    memory_bytes = round(clip_memory_mb * 1e6)
    run = BenchConfig(
        fleet(clients), duration, results, seed, connect, save_detections, controller, encode, memory_bytes,
        None if connect else server, reach,
    )  # fmt: skip
    serving = None if connect else _server_here()
    if find_clients:
        from jellyfish.modes.bench import measured
        from jellyfish.modes.find_clients import find_clients as find_mode

        trial = partial(measured, serving)
        run_on_uvloop(lambda stop: find_mode(run, fleet, clients, most_clients, target / 100, console(), stop, trial))
        return
    from jellyfish.modes.bench import bench as bench_mode

    run_on_uvloop(lambda stop: bench_mode(run, console(), stop, serving, _draw_report if report else None))


def _server_here() -> Serving:
    """What starts a server in this process. Where one runs elsewhere nothing of it is loaded, nor need be there."""
    from jellyfish.modes.serving import serving

    return serving


def _draw_report(runs: Sequence[Path], folder: Path, console: Console) -> Path:
    """Runs as a page, with all that draws figures loaded when there are some."""
    from jellyfish.modes.report import write_report

    return write_report(runs, folder, console)


def device(
    cloud: Annotated[str, typer.Option(help="The server to ask: ws://HOST:PORT/v1/stream. It may be slow or away.")],
    video: Annotated[
        list[Path] | None, typer.Option(help="A video file; by default the first of the clips that ship.")
    ] = None,
    fps: Annotated[
        float | None, typer.Option(min=0.1, max=240, help="Frames per second; by default the video's, up to 60.")
    ] = None,
    slo_ms: Annotated[
        float, typer.Option(min=1, max=60_000, help="Milliseconds from capture to the device's own answer.")
    ] = 100.0,
    fusion: Annotated[
        str,
        typer.Option(
            help="What its answers and the server's are fused of: `detections`, or `scores` of classes, for what a "
            "whole frame shows; the server then needs a classifier, e.g. `serve --model classification`."
        ),
    ] = DEFAULT_FUSION,
    variant: LocalVariant = None,
    filter: CloudFilter = DEFAULT_FILTER,
    period: Period = DEFAULT_PERIOD,
    trace: Annotated[
        str, typer.Option(help="Emulated uplink: `wifi`, `lte`, `5mbps`, `none`, or a file (docs/traces.md).")
    ] = "none",
    delay_ms: Annotated[
        float, typer.Option(min=0, max=MOST_DELAY_MS, help="Milliseconds that the emulated link takes one way.")
    ] = 0.0,
    duration: Annotated[float, typer.Option(min=1, max=MOST_RUN_S, help="Seconds of the run.")] = 20.0,
    seed: Annotated[
        int,
        typer.Option(
            min=0, max=MOST_SEED, help="Everything that is drawn at random for the emulated link comes from it."
        ),
    ] = 0,
    name: Annotated[str, typer.Option(help="What the server and the results call it.")] = "device-0",
    results: Annotated[
        Path | None, typer.Option(help="Folder for the result files; by default results/device-DATE.")
    ] = None,
    weights: Weights = None,
    token_file: TokenFromFile = None,
    ca_file: CaFile = None,
    any_certificate: AnyCertificate = False,
) -> None:
    """Answer every frame here at once; let a server better some.

    A small network on this machine answers each frame of a video. A server far away, with a large one, is asked about
    some frames, and what it says is used for later ones whenever it comes (docs/clownfish.md).
    """
    source = one_video(video, FUSED_MODELS[known_fusion(fusion)])
    config = DeviceConfig(
        client_name(name),
        source,
        fps,
        slo_ms / 1000,
        trace,
        delay_ms / 1000,
        seed,
        variant or DEFAULT_LOCALS[fusion],
        known_filter(filter),
        period,
    )
    reach = ReachConfig(token_file, ca_file, any_certificate)
    _run_devices(DevicesConfig((config,), duration, results, seed, cloud, weights, None, fusion, reach))


def _run_devices(config: DevicesConfig) -> None:
    from jellyfish.modes.edge import run_devices

    run_on_uvloop(lambda stop: run_devices(config, console(), stop))
