"""The command that serves cameras."""

from __future__ import annotations

import enum
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import typer

from jellyfish.cli.bounds import (
    MOST_DAYS,
    MOST_DISK_MB,
    MOST_IMAGE_SIDE,
    MOST_IN_FLIGHT,
    MOST_MESSAGE_KB,
    MOST_NAMED_CAMERAS,
    MOST_SERVED,
    MOST_WAIT_S,
)
from jellyfish.cli.configured import ConfiguredCommand
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
    TlsCertificate,
    TlsKey,
    Weights,
    Window,
    Workers,
)
from jellyfish.cli.parsing import (
    alternatives,
    engine_config,
    folders,
    host_names,
    ip_addresses,
    ip_networks,
    listening_host,
    planning_window_s,
    served_devices,
    told_url,
    web_origins,
    worker_addresses,
)
from jellyfish.cli.publishing import Mqtt, MqttCredentials, Webhook, WebhookToken, mqtt_config, webhook_config
from jellyfish.cli.running import console, guard, run_on_uvloop
from jellyfish.config import (
    DEFAULT_CARE,
    DEFAULT_MODEL,
    DEFAULT_PLANNER,
    DEFAULT_PLANNING_SHARE,
    DEFAULT_TARGET,
    AccessConfig,
    Allowance,
    Limits,
    LogConfig,
    LogFormat,
    ServerConfig,
    WorkerPlace,
    WorkersConfig,
)
from jellyfish.program.ending import Ending, Stopped
from jellyfish.server.cameras.entries import read_entries


class Tls(enum.StrEnum):
    """What encrypts connections beside a certificate that is given."""

    SELF_SIGNED = "self-signed"


@dataclass(frozen=True, slots=True)
class ServeCall:
    """What a call of `serve` asks for."""

    config: ServerConfig
    quiet: bool
    check: bool
    log_format: LogFormat


class ServeCommand(ConfiguredCommand):
    """`serve`: its options make a configuration, which is then served."""

    tables = MappingProxyType({"cameras": read_entries})

    def completed(self, made: Any, tables: Mapping[str, Any]) -> Any:
        """The call, with the cameras of the file."""
        return replace(made, config=replace(made.config, cameras=tables.get("cameras", ())))

    def invoke(self, ctx: Any) -> Any:
        """Serve until stopped, or only look."""
        call = super().invoke(ctx)
        if call.check:
            guard(lambda: _look(call.config))
            typer.echo("all that is configured can be served")
            return
        _run(call, ctx.params, lambda: self.again(ctx))


def one_certificate(tls: Tls | None, certificate: Path | None) -> None:
    """Refuse two of them."""
    if tls is not None and certificate is not None:
        raise typer.BadParameter("self-signed and --tls-certificate exclude each other", param_hint="--tls")


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
            "camera it is, their X-Forwarded-Host by what name it was asked."
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
    tokens: Annotated[
        Path | None,
        typer.Option(
            help="File of the tokens that cameras and administrators must have, in TOML (docs/security.md). Taken, "
            "too: JELLYFISH_CAMERA_TOKEN and JELLYFISH_ADMINISTRATION_TOKEN of the environment."
        ),
    ] = None,
    allow_host: Annotated[
        str,
        typer.Option(
            help="Names by which browsers and others may know this server, e.g. gpu.example.org, beside addresses, "
            "localhost and this machine's name."
        ),
    ] = "",
    allow_origin: Annotated[
        str,
        typer.Option(
            help="Pages that may use it from a browser without a token, beside its own: https://viewer.example.org."
        ),
    ] = "",
    tls_certificate: TlsCertificate = None,
    tls_key: TlsKey = None,
    tls: Annotated[
        Tls | None,
        typer.Option(help="`self-signed`: encrypt with a certificate that it makes itself; says how cameras know it."),
    ] = None,
    cameras_file: Annotated[
        Path | None,
        typer.Option(
            help="File in which cameras are kept that are added while it runs (POST /v1/cameras), URLs with their "
            "passwords; without it they are gone after a restart."
        ),
    ] = None,
    camera_files: Annotated[
        str,
        typer.Option(
            help="Folders below which files may be taken for cameras that the server fetches: `/srv/clips,/srv/more`. "
            "By default no file may."
        ),
    ] = "",
    quiet: Annotated[
        bool,
        typer.Option("--quiet", help="Say nothing of clients: no line for each that comes and goes, none a minute."),
    ] = False,
    log_format: Annotated[
        LogFormat,
        typer.Option(help="What the server says: `lines` for people, or `json`, an object a line, for machines."),
    ] = LogFormat.LINES,
    metrics_cameras: Annotated[
        int,
        typer.Option(
            min=0, max=MOST_NAMED_CAMERAS, help="Cameras that /metrics tells apart by name: the first so many."
        ),
    ] = 0,
    metrics_from: Annotated[
        str,
        typer.Option(help="Networks that may read /metrics, beside this machine itself: `10.0.0.0/8,192.0.2.9`."),
    ] = "",
    drain_s: Annotated[
        float,
        typer.Option(
            min=0,
            max=MOST_WAIT_S,
            help="Seconds that streams go on after SIGTERM, while /readyz already says `draining` and new ones are "
            "refused; 0: cameras are told at once.",
        ),
    ] = 0,
    track: Annotated[
        bool,
        typer.Option(
            "--track",
            help="Follow objects from frame to frame for those who watch (docs/watching.md): each has a number that it "
            "keeps (needs the extra `track`).",
        ),
    ] = False,
    spans: Annotated[
        float,
        typer.Option(
            min=0, max=100, help="Percent of the frames whose way is sent to OpenTelemetry as spans (docs/tracing.md)."
        ),
    ] = 0,
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
    mqtt: Mqtt = None,
    mqtt_credentials: MqttCredentials = None,
    webhook: Webhook = None,
    webhook_token: WebhookToken = None,
    workers: Workers = WorkerPlace.AUTO,
    worker: Annotated[
        str,
        typer.Option(
            help="Workers that run elsewhere (`jellyfish worker`): HOST:PORT, or tls://HOST:PORT, several with commas. "
            "With --device none nothing runs here."
        ),
    ] = "",
    worker_token_file: Annotated[
        Path | None, typer.Option(help="File whose first line is the token that these workers ask for.")
    ] = None,
    worker_ca_file: Annotated[
        Path | None,
        typer.Option(
            help="Whose certificates are taken for workers at tls://, in PEM: also the one that a worker made itself. "
            "By default those that the system trusts."
        ),
    ] = None,
    alternative: Annotated[
        str,
        typer.Option(
            help="Streams of other servers where cameras go on when this one is gone, full or draining: "
            "`ws://10.0.0.2:8765/v1/stream,ws://10.0.0.3:8765/v1/stream` (docs/protocol.md). --public-url may be among "
            "them, so that all servers can have the same list."
        ),
    ] = "",
    public_url: Annotated[
        str | None,
        typer.Option(
            "--public-url",
            help="This server's own stream, as cameras reach it: ws://HOST:PORT/v1/stream. Other servers that use the "
            "same workers name it to their cameras (docs/scale.md).",
        ),
    ] = None,
    engine: Annotated[
        str,
        typer.Option(
            help="Who places workers: `local`, nobody; `ray`, the Ray cluster that this machine is a node of; "
            "`ray://HOST:PORT`, the one whose Ray Client server that is; `auto`, `ray` where there is one (needs the "
            "extra `ray`; docs/scale.md). Ray's workers are on all GPUs with --device cuda, else on all processors."
        ),
    ] = "local",
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            help="TOML file with any of these options, e.g. max_clients = 16 (docs/configuration.md); the command line "
            "and the environment go before it.",
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Look at all that is configured, say what is wrong, and end.")
    ] = False,
) -> ServeCall:
    """Serve cameras until stopped.

    Cameras connect to ws://HOST:PORT/v1/stream (docs/client.md). Single images: http://HOST:PORT/v2/models/...
    (docs/inference-protocol.md). Whether it is ready: http://HOST:PORT/readyz. How to run it for good, where it keeps
    what it measured: docs/operating.md. Who may connect: docs/security.md.
    """
    one_certificate(tls, tls_certificate)
    placed_by = engine_config(engine)
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
    return ServeCall(
        ServerConfig(
            listening_host(host),
            port,
            served_devices(device, worker, placed_by),
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
            metrics_cameras=metrics_cameras,
            drain_s=drain_s,
            spans=spans / 100,
            track=track,
            metrics_from=ip_networks(metrics_from, "--metrics-from"),
            mqtt=mqtt_config(mqtt, mqtt_credentials),
            webhook=webhook_config(webhook, webhook_token),
            workers=WorkersConfig(workers, worker_addresses(worker), worker_token_file, worker_ca_file, placed_by),
            log=None if results is None else LogConfig(results, int(1e6 * results_mb), 86_400 * results_days),
            access=AccessConfig(
                tokens,
                host_names(allow_host),
                web_origins(allow_origin),
                tls_certificate,
                tls_key,
                tls is not None,
            ),
            cameras_file=cameras_file,
            allowance=Allowance(folders(camera_files, "--camera-files")),
            public_url=told_url(public_url),
            alternatives=alternatives(alternative, tls is not None or tls_certificate is not None),
        ),
        quiet,
        check,
        log_format,
    )


def _look(config: ServerConfig) -> None:
    """InputError for what cannot be served."""
    from jellyfish.modes.checks import look_at
    from jellyfish.modes.entrance import Entrance
    from jellyfish.modes.publishing import Publishing

    Entrance(config, os.environ)
    Publishing(config, os.environ)
    look_at(config)


def _run(call: ServeCall, options: Mapping[str, Any], again: Callable[[], tuple[Any, Mapping[str, Any]]]) -> None:
    """Serve until stopped. `again`: the call and its options as they are when the server is told to read them anew."""
    guard(lambda: _look(call.config))
    from jellyfish.modes.reloading import Asked
    from jellyfish.modes.saying import Saying
    from jellyfish.modes.serve import serve as serve_mode

    def asked_again() -> Asked:
        newest, newest_options = again()
        return Asked(newest.config, newest_options)

    asked, saying = Asked(call.config, options), Saying(console(), call.log_format)
    saying.take_warnings()
    try:
        run_on_uvloop(
            lambda stop: serve_mode(asked, saying, stop, call.quiet, asked_again), Ending(code=lambda number: 0)
        )
    except Stopped as stopped:
        raise Stopped(0, stopped.said) from None  # there is no other way for a server to end
    raise Stopped(0, said=True)


def doctor(
    json: Annotated[
        bool, typer.Option("--json", help="As JSON: for each thing what was found, and what to change.")
    ] = False,
) -> None:
    """Say what this machine can do for a server, and what to change.

    Processors and what else runs on them, limits of the container and of the process, memory, disk, clocks, GPUs,
    packages, codecs. Exit code 0, or 1 where something prevents serving. Nothing is started, measured or changed.
    """
    from jellyfish.modes.doctor.doctor import doctor as examine

    if not examine(console(), json):
        raise typer.Exit(1)
