"""The command line: parse, make a configuration, call one mode. Exit codes: 0 done, 2 bad input, 1 a failed run."""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop
from rich.console import Console
from rich.markup import escape

from jellyfish import __version__
from jellyfish.config import (
    CLIENTS_CHOOSE,
    CLOUD_FILTERS,
    DEFAULT_CARE,
    DEFAULT_FILTER,
    DEFAULT_LOCAL,
    DEFAULT_PERIOD,
    DEFAULT_PLANNER,
    MOST_CARE,
    BenchConfig,
    CameraConfig,
    DeviceConfig,
    DevicesConfig,
    Limits,
    ServerConfig,
)
from jellyfish.errors import InputError, JellyfishError

app = typer.Typer(
    name="jellyfish",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Inference for live video that answers **in time, end to end**, over networks that change every second.\n\n"
    "Try `jellyfish bench --clients 4` first: it starts a server and four emulated cameras, and shows what came of "
    "every frame.",
)
video_app = typer.Typer(no_args_is_help=True, help="Make labelled videos of procedural street scenes.")
app.add_typer(video_app, name="video")
trace_app = typer.Typer(no_args_is_help=True, help="Bandwidth traces: what there is, what they are like, make some.")
app.add_typer(trace_app, name="trace")
SWITCH_INTERVAL_S = 0.0005
"""The event loop gets the interpreter back from worker threads after at most this; Python's default is 5 ms."""

PLAIN_WIDTH = 110
DEFAULT_VIDEO = Path("videos")

OnDevice = Annotated[
    str, typer.Option(help="Where the network runs: `cpu`, `cuda:0`, or several: `cuda:0,cuda:1`.", show_default=True)
]
Weights = Annotated[Path | None, typer.Option(help="A weights file (.safetensors); the shipped ones by default.")]
Zoo = Annotated[
    str | None,
    typer.Option(help="Static detectors instead (docs/zoo.md): `torchvision`, or some: `torchvision:ssdlite,fcos`."),
]
ZooWeights = Annotated[Path | None, typer.Option(help="Folder of their state files; otherwise they are downloaded.")]
Profile = Annotated[
    Path | None, typer.Option(help="A latency profile; by default the saved one, or a quick one is made.")
]
Planner = Annotated[
    str,
    typer.Option(
        help="Who plans: `shared` (devices run several variants in turn); or, with one variant per device, `best`, "
        "`exact` or `annealing` (the published algorithm). `client`: nobody, clients choose for themselves."
    ),
]
Actuation = Annotated[
    bool, typer.Option(help="A batch that would be late may run narrower than planned, one with time to spare wider.")
]
Window = Annotated[float, typer.Option(help="Milliseconds between two plans.")]
Care = Annotated[
    float, typer.Option(min=0, max=MOST_CARE, help="0 plans with means and medians, 1 with 99th percentiles, 2 beyond.")
]
FixedVariant = Annotated[
    str | None, typer.Option("--variant", help="Serve this variant alone, without adaptation, e.g. `w100e2-448`.")
]
LocalVariant = Annotated[str, typer.Option(help="The small network, which runs on the device for every frame.")]
CloudFilter = Annotated[
    str, typer.Option(help="Which frames go to the server: `periodic`, `transition` or `gain` (docs/clownfish.md).")
]
Period = Annotated[int, typer.Option(min=1, max=1000, help="On average one frame in so many goes to the server.")]
MaxBatch = Annotated[int, typer.Option(min=1, max=64, help="Largest batch.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads of one forward pass on cpu; by default cores - 1.")]


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"jellyfish {__version__}")
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """The commands say the rest."""


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port.")] = 8765,
    device: OnDevice = "cpu",
    weights: Weights = None,
    profile: Profile = None,
    planner: Planner = DEFAULT_PLANNER,
    window_ms: Window = 500,
    care: Care = DEFAULT_CARE,
    variant: FixedVariant = None,
    max_batch: MaxBatch = 8,
    threads: Threads = None,
    zoo: Zoo = None,
    zoo_weights: ZooWeights = None,
    actuation: Actuation = True,
    max_clients: Annotated[int, typer.Option(min=1, help="Further clients are refused.")] = 128,
    max_message_kb: Annotated[int, typer.Option(min=1, help="Largest message of a client.")] = 4096,
    max_image_side: Annotated[int, typer.Option(min=32, help="Largest width or height of a frame.")] = 4096,
    max_in_flight: Annotated[int, typer.Option(min=1, help="Unanswered frames per client.")] = 4,
    hello_timeout_s: Annotated[float, typer.Option(min=0.1, help="A client must say hello within this.")] = 5.0,
    silence_timeout_s: Annotated[float, typer.Option(min=1, help="A client silent for so long is cut off.")] = 10.0,
) -> None:
    """Serve cameras until stopped. Clients connect to ws://HOST:PORT/v1/stream (see docs/protocol.md)."""
    from jellyfish.modes.serve import serve as serve_mode

    limits = Limits(
        clients=max_clients,
        message_bytes=max_message_kb * 1024,
        image_side=max_image_side,
        hello_timeout_s=hello_timeout_s,
        silence_timeout_s=silence_timeout_s,
        in_flight=max_in_flight,
    )
    config = ServerConfig(
        host,
        port,
        _devices(device),
        weights,
        profile,
        planner,
        _window_s(window_ms),
        care,
        variant,
        max_batch,
        threads,
        limits,
        zoo=zoo,
        zoo_weights=zoo_weights,
        actuation=actuation,
    )
    _run(serve_mode(config, _console()))


@app.command()
def bench(
    clients: Annotated[int, typer.Option(min=1, help="How many cameras to emulate.")] = 4,
    fps: Annotated[str, typer.Option(help="Frames per second; several cycle over clients: `15,25`.")] = "15",
    slo_ms: Annotated[str, typer.Option(help="Deadline from capture to answer; several cycle: `75,100,150`.")] = "150",
    video: Annotated[
        list[Path] | None, typer.Option(help="A video file or a folder of them; repeat to cycle over clients.")
    ] = None,
    trace: Annotated[
        str,
        typer.Option(help="Uplink: `wifi`, `lte`, `outage`, `steps`, `10mbps`, `none`, or a file; several cycle."),
    ] = "wifi",
    delay_ms: Annotated[float, typer.Option(min=0, help="One-way delay of the link.")] = 5.0,
    duration: Annotated[float, typer.Option(min=1, help="Seconds.")] = 20.0,
    seed: Annotated[int, typer.Option(min=0, help="Everything that is drawn at random comes from it.")] = 0,
    connect: Annotated[
        str | None, typer.Option(help="Use a running server: ws://HOST:PORT/v1/stream; otherwise one is started.")
    ] = None,
    results: Annotated[Path | None, typer.Option(help="Results folder; `results/bench-DATE` by default.")] = None,
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
    care: Care = DEFAULT_CARE,
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
    if not math.isfinite(duration):
        raise typer.BadParameter(f"{duration} is not a number of seconds", param_hint="--duration")
    if controller is not None and variant is not None:
        raise typer.BadParameter("with --variant there is nothing left to choose", param_hint="--controller")
    videos = _videos(video or [DEFAULT_VIDEO])
    rates, slos, traces = _numbers("--fps", fps, 240), _numbers("--slo-ms", slo_ms, 60_000), trace.split(",")
    cycles = zip(itertools.cycle(rates), itertools.cycle(slos), itertools.cycle(traces), itertools.cycle(videos))
    cameras = tuple(
        CameraConfig(f"camera-{number}", path, rate, slo / 1000, name, delay_ms / 1000, seed + number)
        for number, (rate, slo, name, path) in zip(range(clients), cycles, strict=False)
    )
    planner = planner if controller is None else CLIENTS_CHOOSE
    server = ServerConfig(
        "127.0.0.1", 0, _devices(device), weights, profile, planner, _window_s(window_ms), care, variant, max_batch,
        threads, zoo=zoo, zoo_weights=zoo_weights, actuation=actuation,
    )  # fmt: skip
    if clownfish:
        if controller is not None or save_detections:
            raise typer.BadParameter("not with --controller or --save-detections", param_hint="--clownfish")
        devices = tuple(
            DeviceConfig(
                f"device-{number}", camera.video, camera.fps, camera.slo_s, camera.trace, camera.delay_s, camera.seed,
                local_variant, _cloud_filter(filter), period,
            )
            for number, camera in enumerate(cameras)
        )  # fmt: skip
        _run_devices(DevicesConfig(devices, duration, results, seed, connect, weights, server))
        return
    from jellyfish.modes.bench import bench as bench_mode  # here, so that a wrong option need not wait for torch

    run = BenchConfig(cameras, duration, results, seed, connect, save_detections, controller, server)
    _run(bench_mode(run, _console()))


@app.command()
def device(
    cloud: Annotated[str, typer.Option(help="The server to ask: ws://HOST:PORT/v1/stream. It may be slow or gone.")],
    video: Annotated[list[Path] | None, typer.Option(help="A video file; by default the first that ships.")] = None,
    fps: Annotated[float | None, typer.Option(min=0.1, max=240, help="Frames per second; the video's own.")] = None,
    slo_ms: Annotated[float, typer.Option(min=1, max=60_000, help="Deadline of the device's own answers.")] = 100.0,
    variant: LocalVariant = DEFAULT_LOCAL,
    filter: CloudFilter = DEFAULT_FILTER,
    period: Period = DEFAULT_PERIOD,
    trace: Annotated[str, typer.Option(help="Emulate an uplink, e.g. `lte`, `5mbps`, a file.")] = "none",
    delay_ms: Annotated[float, typer.Option(min=0, help="One-way delay of the emulated link.")] = 0.0,
    duration: Annotated[float, typer.Option(min=1, help="Seconds.")] = 20.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the emulated link.")] = 0,
    name: Annotated[str, typer.Option(help="What the server and the results call it.")] = "device-0",
    results: Annotated[Path | None, typer.Option(help="Folder; `results/device-DATE` by default.")] = None,
    weights: Weights = None,
) -> None:
    """Answer every frame of a video on this machine at once, with a small network, and better it with what a server
    far away says of some frames, whenever it says it (docs/clownfish.md).
    """
    if not math.isfinite(duration):
        raise typer.BadParameter(f"{duration} is not a number of seconds", param_hint="--duration")
    (source, *_) = _videos(video or [DEFAULT_VIDEO])
    config = DeviceConfig(
        name, source, fps, slo_ms / 1000, trace, delay_ms / 1000, seed, variant, _cloud_filter(filter), period
    )
    _run_devices(DevicesConfig((config,), duration, results, seed, cloud, weights))


@app.command()
def simulate(
    scenario: Annotated[
        Path | None, typer.Argument(help="A scenario file, e.g. scenarios/rush-hour.toml (docs/scenarios.md).")
    ] = None,
    chaos: Annotated[
        int | None, typer.Option(min=0, help="Instead of a file: this seed's random faults, and what must hold after.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Instead of the scenario's own.")] = None,
    care: Annotated[float | None, typer.Option(min=0, max=MOST_CARE, help="Instead of the scenario's own.")] = None,
    results: Annotated[Path | None, typer.Option(help="Folder; `results/simulate-DATE` by default.")] = None,
) -> None:
    """Run a scenario in virtual time: the same server and cameras, simulated devices, links and faults."""
    from jellyfish.modes import simulate as mode

    if scenario is not None and chaos is None:
        _guard(lambda: mode.simulate(scenario, results, seed, care, _console()))
    elif chaos is not None and scenario is None:
        _guard(lambda: mode.simulate_chaos(chaos, results, _console()))
    else:
        raise typer.BadParameter("give either a scenario file or --chaos SEED", param_hint="SCENARIO")


@app.command()
def reproduce(
    evaluation: Annotated[str, typer.Argument(help="Which one: `rtss22`, the Jellyfish paper's.")] = "rtss22",
    traces: Annotated[
        Path | None, typer.Option(help="Folder of recorded traces (CSV); by default made ones like them.")
    ] = None,
    clients: Annotated[str, typer.Option(help="Numbers of clients.")] = "1,2,4,8",
    slo_ms: Annotated[str, typer.Option(help="Deadlines, milliseconds.")] = "75,100,150",
    fps: Annotated[str, typer.Option(help="Frame rates.")] = "15,25",
    policies: Annotated[str | None, typer.Option(help="Only these, e.g. `jellyfish,published`.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Each run with so many seeds.")] = 1,
    duration: Annotated[float, typer.Option(min=5, help="Virtual seconds of each run.")] = 140,
    workers: Annotated[int | None, typer.Option(min=1, help="Runs at once; by default one per processor core.")] = None,
    results: Annotated[Path, typer.Option(help="Folder; a call that was stopped goes on there.")] = Path(
        "results/rtss22"
    ),
) -> None:
    """Run a published evaluation again, in virtual time: each policy, ours and the limit, with figures of them."""
    from jellyfish.modes.reproduce import published_matrix
    from jellyfish.modes.reproduce import reproduce as reproduce_mode

    counts = [int(number) for number in _numbers("--clients", clients, 128) if _whole("--clients", number)]
    slos_ms, rates = _numbers("--slo-ms", slo_ms, 60_000), _numbers("--fps", fps, 240)

    def run() -> None:
        matrix = published_matrix(evaluation, traces, counts, slos_ms, rates, policies, seeds, duration)
        reproduce_mode(matrix, results, workers, _console())

    _guard(run)


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(help="Results folders of runs; several are compared with the first.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder; `results/report-DATE` by default.")
    ] = None,
) -> None:
    """Show runs as one page of figures and words, from their result files; several side by side."""
    from jellyfish.modes.report import report as report_mode

    _guard(lambda: report_mode(runs, output, _console()))


@app.command()
def plan(
    file: Annotated[Path, typer.Argument(help="One instance or a list of them, in JSON (docs/planning.md).")],
    planner: Planner = "best",
    time_budget_ms: Annotated[
        float, typer.Option(min=1, help="The planner improves its plan for at most this long.")
    ] = 300,
    json: Annotated[bool, typer.Option("--json", help="A JSON list instead of a table.")] = False,
) -> None:
    """Plan given clients on given devices, without running anything: what if there were more of them?"""
    from jellyfish.modes.plan import plan as plan_mode

    _guard(lambda: plan_mode(file, planner, time_budget_ms / 1000, json, _console()))


@app.command()
def profile(
    device: OnDevice = "cpu",
    weights: Weights = None,
    max_batch: MaxBatch = 8,
    threads: Threads = None,
    quick: Annotated[bool, typer.Option(help="About 15 seconds instead of a thorough measurement.")] = False,
    zoo: Zoo = None,
    zoo_weights: ZooWeights = None,
) -> None:
    """Measure how long a device takes for every variant and batch; saved for `serve` and `bench`."""
    from jellyfish.modes.detectors import open_detectors
    from jellyfish.modes.profile import profile as profile_mode

    def measure() -> None:
        detectors = open_detectors(weights, zoo, zoo_weights)
        profile_mode(_devices(device), detectors, max_batch, threads, quick, _console())

    _guard(measure)


@app.command()
def train(
    output: Annotated[Path, typer.Option(help="Weights file to write; its card goes beside it.")] = Path(
        "weights/street.safetensors"
    ),
    folder: Annotated[Path, typer.Option(help="Where rendered frames and checkpoints are kept.")] = Path("training"),
    coco: Annotated[
        Path | None,
        typer.Option(help="Labelled photographs to learn from too, in COCO format; `iscrowd` is masked out."),
    ] = None,
    validation: Annotated[
        Path | None, typer.Option(help="Photographs held out, to measure on, in COCO format.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="The folder these files' names are relative to; by default each file's own.")
    ] = None,
    coco_share: Annotated[
        float, typer.Option(help="Share of the photographs among what is learned from; the rest is generated.")
    ] = 0.65,
    backbone: Annotated[
        Path | None, typer.Option(help="State file of EfficientNet-Lite0 to begin with; by default from scratch.")
    ] = None,
    scenes: Annotated[int, typer.Option(min=1, help="Generated street scenes to learn from.")] = 1200,
    steps: Annotated[int, typer.Option(min=1, help="Optimiser steps.")] = 7500,
    seed: Annotated[int, typer.Option(min=0, help="Seed of scenes, first weights and order.")] = 0,
    device: Annotated[str, typer.Option(help="`cpu` or `cuda:N`.")] = "cpu",
    workers: Annotated[int, typer.Option(min=0, help="Processes that prepare batches.")] = 1,
    resume: Annotated[bool, typer.Option(help="Go on from the folder's last checkpoint.")] = False,
) -> None:
    """Train the slimmable detector on photographs and generated street scenes, measure every variant, and write weights
    and card. A run that was stopped goes on with `--resume` as if it had not been.
    """
    from jellyfish.modes.train import train as train_mode
    from jellyfish.training.config import TrainingConfig

    _guard(
        lambda: train_mode(
            TrainingConfig(
                output=output, folder=folder, coco=coco, validation=validation, images=images, coco_share=coco_share,
                backbone=backbone, scenes=scenes, steps=steps, seed=seed, device=device, workers=workers,
                resume=resume, command=" ".join(["jellyfish", *sys.argv[1:]]),
            ),
            _console(),
        )
    )  # fmt: skip


@app.command()
def evaluate(
    coco: Annotated[Path, typer.Option(help="Labels of a set of images, in COCO format.")],
    images: Annotated[
        Path | None, typer.Option(help="The folder its file names are relative to; by default its own.")
    ] = None,
    weights: Weights = None,
    variant: Annotated[
        list[str] | None, typer.Option(help="Only this variant, e.g. `w100e2-448`; repeat for several.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many images, spread evenly over the set.")
    ] = None,
    device: Annotated[str, typer.Option(help="Where the network runs: `cpu` or `cuda:0`.")] = "cpu",
    output: Annotated[Path | None, typer.Option(help="Also write the figures as JSON.")] = None,
) -> None:
    """Measure what each variant finds in labelled images: AP50, AP50:95, and F1 at the score threshold that serves."""
    from jellyfish.modes.evaluate import evaluate as evaluate_mode

    _guard(lambda: evaluate_mode(coco, images or coco.parent, weights, variant, limit, device, output, _console()))


@app.command()
def detect(
    file: Annotated[Path, typer.Argument(help="A video or an image.")],
    variant: Annotated[str, typer.Option(help="The variant that looks.")] = "w100e2-448",
    output: Annotated[
        Path,
        typer.Option(
            help="COCO results (JSON). `image_id` is the frame's number from 1 on, as in the label files of "
            "`jellyfish video make`; an image's is 1. `bbox` is in pixels of the file."
        ),
    ] = Path("detections.json"),
    draw: Annotated[
        Path | None, typer.Option(help="Also write the video (.mp4) or image with the detections drawn on it.")
    ] = None,
    score: Annotated[
        float | None, typer.Option(min=0, max=1, help="Least score of a detection; by default the one that serves.")
    ] = None,
    weights: Weights = None,
    device: Annotated[str, typer.Option(help="Where the network runs: `cpu` or `cuda:0`.")] = "cpu",
) -> None:
    """Find the objects in a video or an image with one variant, and write them down or draw them."""
    from jellyfish.modes.detect import detect as detect_mode

    _guard(lambda: detect_mode(file, variant, output, draw, score, weights, device, _console()))


@video_app.command("make")
def video_make(
    folder: Annotated[Path, typer.Argument(help="Folder to write to.")] = DEFAULT_VIDEO,
    name: Annotated[str | None, typer.Option(help="Only this clip; all that ship by default.")] = None,
    layout: Annotated[str | None, typer.Option(help="Kind of street for a clip of your own.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of a clip of your own.")] = None,
    duration: Annotated[float, typer.Option(min=0.5, help="Seconds.")] = 20.0,
) -> None:
    """Render street videos with exact labels beside them. Without options: the clips that ship, the same again."""
    from jellyfish.modes.video import make

    _guard(lambda: make(folder, name, layout, seed, duration, _console()))


@trace_app.command("list")
def trace_list() -> None:
    """Name the traces that the program knows by itself."""
    from jellyfish.modes.trace import show_known

    _guard(lambda: show_known(_console()))


@trace_app.command("show")
def trace_show(
    trace: Annotated[str, typer.Argument(help="A name of `trace list`, or a file.")],
    seed: Annotated[int, typer.Option(min=0, help="Seed of a trace by name.")] = 0,
    plot: Annotated[Path | None, typer.Option(help="Also draw it: a PNG file to write.")] = None,
) -> None:
    """Print the statistics of a trace: duration, mean, percentiles, low seconds, outages."""
    from jellyfish.modes.trace import show

    _guard(lambda: show(trace, seed, plot, _console()))


@trace_app.command("make")
def trace_make(
    kind: Annotated[str, typer.Argument(help="`wifi`, `lte` or `outage`.")],
    file: Annotated[Path, typer.Argument(help="CSV file to write.")],
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another trace.")] = 0,
    duration: Annotated[float, typer.Option(min=1, help="Seconds.")] = 600.0,
    mean_mbps: Annotated[float | None, typer.Option(help="Mean of the trace.")] = None,
    variation: Annotated[float | None, typer.Option(help="Its coefficient of variation.")] = None,
    autocorrelation: Annotated[float | None, typer.Option(help="Of one second with the next.")] = None,
    outage_s: Annotated[float | None, typer.Option(help="Mean length of an outage.")] = None,
    outage_every_s: Annotated[float | None, typer.Option(help="Mean time from one outage to the next.")] = None,
) -> None:
    """Make a trace like those measured on real links, or with other statistics than theirs."""
    from jellyfish.link.synthetic import Wanted
    from jellyfish.modes.trace import make

    wanted = Wanted(mean_mbps, variation, autocorrelation, outage_s, outage_every_s)
    _guard(lambda: make(kind, file, seed, duration, wanted, _console()))


def _cloud_filter(name: str) -> str:
    if name not in CLOUD_FILTERS:
        raise typer.BadParameter(f"no filter {name!r}: choose {', '.join(CLOUD_FILTERS)}", param_hint="--filter")
    return name


def _run_devices(config: DevicesConfig) -> None:
    from jellyfish.modes.device import run_devices

    _run(run_devices(config, _console()))


def _console() -> Console:
    """Where people read: the terminal as wide as it is, files and pipes wide enough for the tables."""
    console = Console()
    return console if console.is_terminal else Console(width=PLAIN_WIDTH)


def _devices(text: str) -> tuple[str, ...]:
    """`cuda:0,cuda:1` -> its parts."""
    devices = tuple("cuda:0" if part.strip() == "cuda" else part.strip() for part in text.split(","))
    if not all(devices) or len(set(devices)) != len(devices):
        raise typer.BadParameter(f"{text!r}: name each device once, e.g. cpu or cuda:0,cuda:1", param_hint="--device")
    return devices


def _window_s(window_ms: float) -> float:
    if not 50 <= window_ms <= 60_000:
        raise typer.BadParameter(f"{window_ms:g} ms: between 50 and 60000", param_hint="--window-ms")
    return window_ms / 1000


def _numbers(option: str, text: str, most: float) -> list[float]:
    """`75,100` -> positive numbers, at most what the protocol takes."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or not all(0 < number <= most for number in numbers):
        raise typer.BadParameter(
            f"{text!r} is not a list of numbers above 0, at most {most}, such as 15,25", param_hint=option
        )
    return numbers


def _whole(option: str, number: float) -> bool:
    if number != int(number):
        raise typer.BadParameter(f"{number:g} is not a whole number", param_hint=option)
    return True


def _videos(paths: list[Path]) -> list[Path]:
    """Video files, folders replaced by the videos in them."""
    videos: list[Path] = []
    for path in paths:
        videos += sorted(path.glob("*.mp4")) if path.is_dir() else [path]
    if not videos:
        raise typer.BadParameter(
            f"no .mp4 in {', '.join(map(str, paths))}: give --video FILE, or make some with `jellyfish video make`",
            param_hint="--video",
        )
    return videos


def _run(mode: Coroutine[Any, Any, None]) -> None:
    """Run a mode on uvloop."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)

    def run() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(mode)

    _guard(run)


def _guard(action: Any) -> None:
    """Errors meant for a person become one line and an exit code, never a traceback."""
    try:
        action()
    except (JellyfishError, BaseExceptionGroup) as raised:
        error = _meant_for_a_person(raised)
        if error is None:
            raise
        Console(stderr=True).print(f"[bold red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        raise typer.Exit(2 if isinstance(error, InputError) else 1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _meant_for_a_person(error: BaseException) -> JellyfishError | None:
    """`error`, or the first such error in a group (a camera's failure ends its fleet); None if there is none."""
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(_meant_for_a_person, error.exceptions)), None)
    return error if isinstance(error, JellyfishError) else None


def main() -> None:
    """Entry point of the console script."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    app()
