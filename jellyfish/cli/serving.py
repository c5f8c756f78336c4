"""The command that serves cameras."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jellyfish.cli.bounds import (
    MOST_DAYS,
    MOST_DISK_MB,
    MOST_IMAGE_SIDE,
    MOST_IN_FLIGHT,
    MOST_MESSAGE_KB,
    MOST_SERVED,
    MOST_WAIT_S,
)
from jellyfish.cli.options import (
    Actuation,
    Care,
    FixedVariant,
    MaxBatch,
    ModelName,
    OnDevice,
    Planner,
    PlanningShare,
    Profile,
    Target,
    Threads,
    Weights,
    Window,
)
from jellyfish.cli.parsing import device_names, ip_addresses, listening_host, planning_window_s
from jellyfish.cli.running import console, guard, run_on_uvloop
from jellyfish.config import (
    DEFAULT_CARE,
    DEFAULT_MODEL,
    DEFAULT_PLANNER,
    DEFAULT_PLANNING_SHARE,
    DEFAULT_TARGET,
    Limits,
    LogConfig,
    ServerConfig,
)
from jellyfish.program.ending import Ending, Stopped


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 for all, so that others reach it.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes any free one.")] = 8765,
    device: OnDevice = "cpu",
    model: ModelName = DEFAULT_MODEL,
    weights: Weights = None,
    profile: Profile = None,
    planner: Planner = DEFAULT_PLANNER,
    window_ms: Window = 500,
    target: Target = DEFAULT_TARGET,
    care: Care = DEFAULT_CARE,
    planning_share: PlanningShare = 100 * DEFAULT_PLANNING_SHARE,
    variant: FixedVariant = None,
    max_batch: MaxBatch = 8,
    threads: Threads = None,
    actuation: Actuation = True,
    max_clients: Annotated[
        int, typer.Option(min=1, max=MOST_SERVED, help="Most cameras at a time; further ones are refused.")
    ] = 128,
    max_message_kb: Annotated[
        int, typer.Option(min=1, max=MOST_MESSAGE_KB, help="Largest message of a camera, in kB.")
    ] = 4096,
    max_image_side: Annotated[
        int, typer.Option(min=32, max=MOST_IMAGE_SIDE, help="Largest width or height of a frame, in pixels.")
    ] = 4096,
    max_in_flight: Annotated[
        int, typer.Option(min=1, max=MOST_IN_FLIGHT, help="Most unanswered frames per camera.")
    ] = 4,
    hello_timeout_s: Annotated[
        float, typer.Option(min=0.1, max=MOST_WAIT_S, help="Seconds within which a camera must say hello.")
    ] = 5.0,
    silence_timeout_s: Annotated[
        float, typer.Option(min=1, max=MOST_WAIT_S, help="Seconds of silence after which a camera is cut off.")
    ] = 10.0,
    per_address: Annotated[
        int,
        typer.Option(
            min=0,
            max=MOST_SERVED,
            help="Most cameras from one address; 0: any number. This machine's own are not counted.",
        ),
    ] = 64,
    proxy: Annotated[
        str,
        typer.Option(
            help="Addresses of proxies before this server, e.g. 10.0.0.1,10.0.0.2: their X-Forwarded-For says whose "
            "camera it is."
        ),
    ] = "",
    requests_share: Annotated[
        float,
        typer.Option(
            min=0,
            max=100,
            help="Percent of each device that requests for inference have (docs/inference-protocol.md) while cameras "
            "need the rest.",
        ),
    ] = 30,
    request_timeout_ms: Annotated[
        float,
        typer.Option(
            min=1,
            max=1000 * MOST_WAIT_S,
            help="Milliseconds within which such a request that names no timeout is answered.",
        ),
    ] = 1000,
    max_request_kb: Annotated[
        int, typer.Option(min=1, max=MOST_MESSAGE_KB, help="Largest body of such a request, in kB.")
    ] = 16384,
    grpc_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Port on which such requests are taken over gRPC, too (needs the extra `grpc`); 0 takes any free one. "
            "By default none.",
        ),
    ] = None,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", help="Say nothing of clients: no line for each that comes and goes, none a minute."),
    ] = False,
    results: Annotated[
        Path | None,
        typer.Option(
            help="Folder for a log of what the server knew and planned (docs/results.md); one that is there goes on."
        ),
    ] = None,
    results_mb: Annotated[
        float, typer.Option(min=10, max=MOST_DISK_MB, help="Most megabytes of that log; the oldest are deleted.")
    ] = 1000,
    results_days: Annotated[float, typer.Option(min=0.01, max=MOST_DAYS, help="Days for which that log is kept.")] = 7,
) -> None:
    """Serve cameras until stopped.

    Cameras connect to ws://HOST:PORT/v1/stream (docs/client.md). Single images: http://HOST:PORT/v2/models/...
    (docs/inference-protocol.md). Whether it is ready: http://HOST:PORT/readyz. How to run it for good, who may connect,
    where it keeps what it measured: docs/operating.md.
    """
    from jellyfish.modes.checks import look_at

    limits = Limits(
        clients=max_clients,
        message_bytes=max_message_kb * 1024,
        image_side=max_image_side,
        hello_timeout_s=hello_timeout_s,
        silence_timeout_s=silence_timeout_s,
        in_flight=max_in_flight,
        per_address=per_address or None,
        proxies=ip_addresses(proxy, "--proxy"),
        body_bytes=max_request_kb * 1024,
        request_deadline_s=request_timeout_ms / 1000,
        requests_share=requests_share / 100,
    )
    config = ServerConfig(
        listening_host(host),
        port,
        device_names(device),
        weights,
        profile,
        planner,
        planning_window_s(window_ms),
        care,
        target,
        variant,
        max_batch,
        threads,
        limits,
        model=model,
        actuation=actuation,
        planning_share=planning_share / 100,
        grpc_port=grpc_port,
        log=None if results is None else LogConfig(results, int(1e6 * results_mb), 86_400 * results_days),
    )
    guard(lambda: look_at(config))
    from jellyfish.modes.serve import serve as serve_mode

    try:
        run_on_uvloop(lambda stop: serve_mode(config, console(), stop, quiet), Ending(code=lambda number: 0))
    except Stopped as stopped:
        raise Stopped(0, stopped.said) from None  # there is no other way for a server to end
    raise Stopped(0, said=True)
