"""The command that serves cameras."""

from __future__ import annotations

from typing import Annotated

import typer

from jellyfish.cli.options import (
    Actuation,
    Care,
    FixedVariant,
    MaxBatch,
    OnDevice,
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
from jellyfish.cli.parsing import device_names, ip_addresses, planning_window_s
from jellyfish.cli.running import console, run_on_uvloop
from jellyfish.config import DEFAULT_CARE, DEFAULT_PLANNER, DEFAULT_PLANNING_SHARE, DEFAULT_TARGET, Limits, ServerConfig


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port.")] = 8765,
    device: OnDevice = "cpu",
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
    zoo: Zoo = None,
    zoo_weights: ZooWeights = None,
    actuation: Actuation = True,
    max_clients: Annotated[int, typer.Option(min=1, help="Further clients are refused.")] = 128,
    max_message_kb: Annotated[int, typer.Option(min=1, help="Largest message of a client.")] = 4096,
    max_image_side: Annotated[int, typer.Option(min=32, help="Largest width or height of a frame.")] = 4096,
    max_in_flight: Annotated[int, typer.Option(min=1, help="Unanswered frames per client.")] = 4,
    hello_timeout_s: Annotated[float, typer.Option(min=0.1, help="A client must say hello within this.")] = 5.0,
    silence_timeout_s: Annotated[float, typer.Option(min=1, help="A client silent for so long is cut off.")] = 10.0,
    per_address: Annotated[
        int, typer.Option(min=0, help="Streams from one address; 0: any number. This machine's own are not counted.")
    ] = 64,
    proxy: Annotated[
        str,
        typer.Option(help="Addresses of proxies (10.0.0.1,10.0.0.2), whose X-Forwarded-For says whose stream it is."),
    ] = "",
    quiet: Annotated[
        bool,
        typer.Option("--quiet", help="Say nothing of clients: no line for each that comes and goes, none a minute."),
    ] = False,
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
        per_address=per_address or None,
        proxies=ip_addresses(proxy, "--proxy"),
    )
    config = ServerConfig(
        host,
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
        zoo=zoo,
        zoo_weights=zoo_weights,
        actuation=actuation,
        planning_share=planning_share / 100,
    )
    run_on_uvloop(serve_mode(config, console(), quiet))
