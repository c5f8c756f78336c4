"""The command that is a worker for servers elsewhere."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from jellyfish.cli.options import MaxBatch, ModelName, OnDevice, Profile, Threads, TlsCertificate, TlsKey, Weights
from jellyfish.cli.parsing import device_names, listening_host
from jellyfish.cli.running import console, guard, run_on_uvloop
from jellyfish.cli.serving import Tls, one_certificate
from jellyfish.config import DEFAULT_MODEL, DEFAULT_WORKER_PORT, AccessConfig, ServerConfig
from jellyfish.program.ending import Ending, Stopped


def worker(
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 for all, so that servers elsewhere reach it.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes any free one.")
    ] = DEFAULT_WORKER_PORT,
    device: OnDevice = "cpu",
    model: ModelName = DEFAULT_MODEL,
    weights: Weights = None,
    profile: Profile = None,
    max_batch: MaxBatch = 8,
    threads: Threads = None,
    token_file: Annotated[
        Path | None, typer.Option(help="File whose first line is the token that servers have to show.")
    ] = None,
    tls_certificate: TlsCertificate = None,
    tls_key: TlsKey = None,
    tls: Annotated[
        Tls | None,
        typer.Option(help="`self-signed`: encrypt with a certificate that it makes itself; says where that is."),
    ] = None,
) -> None:
    """Run one device for servers elsewhere.

    Servers reach it by `jellyfish serve --worker HOST:PORT`, several at a time if need be. It decodes and runs what
    they send; which frames, and when, is theirs to decide (docs/scale.md). Model and weights are to be the server's.
    """
    one_certificate(tls, tls_certificate)
    config = ServerConfig(
        listening_host(host),
        port,
        device_names(device),
        weights,
        profile,
        max_batch=max_batch,
        threads=threads,
        model=model,
        access=AccessConfig(certificate=tls_certificate, key=tls_key, self_signed=tls is not None),
    )
    _run(config, token_file)


def _run(config: ServerConfig, token_file: Path | None) -> None:
    from jellyfish.modes.saying import Saying
    from jellyfish.modes.worker import look_at_worker, work

    saying = Saying(console())
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # what asks servers to read anew is no reason to end
    try:
        guard(lambda: look_at_worker(config, token_file))
        run_on_uvloop(lambda stop: work(config, token_file, saying, stop), Ending(code=lambda number: 0))
    except Stopped as stopped:
        raise Stopped(0, stopped.said) from None
