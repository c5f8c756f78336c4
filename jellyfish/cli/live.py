"""`jellyfish camera`: a real camera for a server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from jellyfish.camera.sources.allowed import holds_secret, scheme_of, terms
from jellyfish.cli.bounds import MOST_RUN_S
from jellyfish.cli.options import AnyCertificate, CaFile, TokenFromFile
from jellyfish.cli.parsing import client_name
from jellyfish.cli.running import console, run_on_uvloop
from jellyfish.config import ROTATIONS, RTSP_TRANSPORTS, LiveConfig, ReachConfig, SourceConfig
from jellyfish.errors import InputError
from jellyfish.secret_files import first_lines

URL_VARIABLE = "JELLYFISH_CAMERA_URL"
"""Of the environment: the source, where none is named."""
LONGEST_URL = 4096


def camera(
    connect: Annotated[str, typer.Option(help="The server to send to: ws://HOST:PORT/v1/stream, or wss://.")],
    source: Annotated[
        str | None,
        typer.Argument(
            help="Where the pictures come from: rtsp://, rtsps://, http://, https:// (JPEGs, HLS), v4l2:/dev/video0 "
            "(avfoundation:0 on macOS, dshow:video=NAME on Windows), a file, or a folder of pictures. A URL with a "
            f"password goes into --url-file or {URL_VARIABLE} instead: others can read command lines.",
            show_default=False,
        ),
    ] = None,
    url_file: Annotated[
        Path | None, typer.Option(help="A file whose first line is the source, for a URL with a password in it.")
    ] = None,
    name: Annotated[str, typer.Option(help="What the server and the results call it.")] = "camera",
    fps: Annotated[
        float | None,
        typer.Option(
            min=0.05, max=240, help="Frames a second, of which others are left out; by default all that come."
        ),
    ] = None,
    slo_ms: Annotated[float, typer.Option(min=1, max=60_000, help="Milliseconds from capture to answer.")] = 150.0,
    target: Annotated[
        float | None,
        typer.Option(min=50, max=99.99, help="Percent of its frames to be answered in time; by default the server's."),
    ] = None,
    transport: Annotated[
        str | None, typer.Option(help="Of rtsp:// and rtsps://: `tcp` (default) or `udp`.", show_default=False)
    ] = None,
    rotate: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=270,
            help="Degrees by which pictures are turned clockwise: 0, 90, 180 or 270; by default as the stream says.",
        ),
    ] = None,
    duration: Annotated[
        float | None, typer.Option(min=1, max=MOST_RUN_S, help="Seconds of the run; by default until it is stopped.")
    ] = None,
    results: Annotated[
        Path | None, typer.Option(help="Folder for the result files (docs/results.md); by default none are written.")
    ] = None,
    token_file: TokenFromFile = None,
    ca_file: CaFile = None,
    any_certificate: AnyCertificate = False,
) -> None:
    """Send a real camera's newest frames to a server.

    What came of each is counted.

    The source is opened anew, for ever, when no frame has come for 5 seconds. Ends with Ctrl-C.
    """
    url = _source_url(source, url_file)
    if rotate not in (None, *ROTATIONS):
        raise typer.BadParameter(f"{rotate} is none of {', '.join(map(str, ROTATIONS))}", param_hint="--rotate")
    shown = SourceConfig(client_name(name), url, slo_ms / 1000, fps, target, _transport(transport, url), rotate)
    reach = ReachConfig(token_file, ca_file, any_certificate)
    config = LiveConfig(shown, connect, results, duration, reach)
    from jellyfish.modes.camera import camera as camera_mode

    run_on_uvloop(lambda stop: camera_mode(config, console(), stop))


def _source_url(source: str | None, url_file: Path | None) -> str:
    """The source, from one of the places where it may be named."""
    if source is not None and url_file is not None:
        raise typer.BadParameter("the source is named twice: by --url-file, too", param_hint="SOURCE")
    if source is not None and holds_secret(source):
        raise typer.BadParameter(
            f"there may be a password in it, which others can read in a command line: put it into a file and give "
            f"--url-file FILE, or into {URL_VARIABLE}",
            param_hint="SOURCE",
        )
    url = source if source is not None else _from_file(url_file) if url_file else os.environ.get(URL_VARIABLE, "")
    if not url:
        raise typer.BadParameter(f"give a source, --url-file FILE, or {URL_VARIABLE}", param_hint="SOURCE")
    try:
        terms(url)
    except InputError as error:
        raise typer.BadParameter(str(error), param_hint="SOURCE" if url_file is None else "--url-file") from None
    return url


def _from_file(path: Path) -> str:
    try:
        return first_lines(path, "the source", LONGEST_URL)[0]
    except InputError as error:
        raise typer.BadParameter(str(error), param_hint="--url-file") from None


def _transport(transport: str | None, url: str) -> str:
    if transport is None:
        return RTSP_TRANSPORTS[0]
    if transport not in RTSP_TRANSPORTS:
        raise typer.BadParameter(f"{transport!r}: choose {', '.join(RTSP_TRANSPORTS)}", param_hint="--transport")
    if scheme_of(url) not in ("rtsp", "rtsps"):
        raise typer.BadParameter("it has no effect on a source that is not rtsp://", param_hint="--transport")
    return transport
