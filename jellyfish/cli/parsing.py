"""What options say, as values; typer.BadParameter, which names the option, where they say nothing sensible."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import typer

from jellyfish.camera.stream_url import check_stream_url
from jellyfish.cli.options import CLASSIFIER_VIDEOS, SHIPPED_VIDEOS
from jellyfish.config import CLOUD_FILTERS, DEFAULT_FUSION, FUSED_MODELS, EngineConfig, EngineKind
from jellyfish.errors import InputError
from jellyfish.media.files import require_file
from jellyfish.protocol.wire import LONGEST_NAME, LONGEST_URL, MOST_ALTERNATIVES, NAME_PATTERN

VIDEO_ENDINGS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg")
"""Of the files of a folder that are played, in any letters; others are named one by one."""


def device_names(text: str) -> tuple[str, ...]:
    """`cuda:0,cuda:1` -> its parts."""
    devices = tuple("cuda:0" if part.strip() == "cuda" else part.strip() for part in text.split(","))
    if not all(devices) or len(set(devices)) != len(devices):
        raise typer.BadParameter(f"{text!r}: name each device once, e.g. cpu or cuda:0,cuda:1", param_hint="--device")
    return devices


def served_devices(text: str, worker: str, engine: EngineConfig) -> tuple[str, ...]:
    """As `device_names`; `none` where there are workers elsewhere, `cpu` or `cuda` alone where Ray places them."""
    if engine.kind is EngineKind.RAY and text.strip() not in ("cpu", "cuda"):
        raise typer.BadParameter(
            f"{text!r}: with --engine ray it is cuda, for all GPUs of the cluster, or cpu", param_hint="--device"
        )
    if text.strip() != "none":
        return device_names(text)
    if not worker:
        raise typer.BadParameter("none: then there must be a --worker elsewhere", param_hint="--device")
    return ()


def engine_config(text: str) -> EngineConfig:
    """`local`, `auto`, `ray` or `ray://HOST:PORT`."""
    if text in list(EngineKind):
        return EngineConfig(EngineKind(text))
    parts = urlsplit(text)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if parts.scheme != "ray" or not host or port is None or parts.path or "@" in parts.netloc:
        raise typer.BadParameter(
            f"{text!r}: give local, auto, ray (the cluster that this machine is a node of) or ray://HOST:PORT (its Ray "
            "Client server, usually at port 10001 of the head)",
            param_hint="--engine",
        )
    return EngineConfig(EngineKind.RAY, text)


def worker_addresses(text: str) -> tuple[str, ...]:
    """`10.0.0.5:8770,tls://gpu:8770` -> its parts; none of an empty text."""
    addresses = tuple(part.strip() for part in text.split(",")) if text else ()
    if not all(addresses) or len(set(addresses)) != len(addresses):
        raise typer.BadParameter(f"{text!r}: name each worker once, as HOST:PORT", param_hint="--worker")
    return addresses


def ip_addresses(text: str, option: str) -> frozenset[str]:
    """`10.0.0.1,::1` -> its parts; none of an empty text."""
    parts = [part.strip() for part in text.split(",")] if text else []
    try:
        return frozenset(str(ipaddress.ip_address(part)) for part in parts)
    except ValueError as error:
        raise typer.BadParameter(f"{error}; give addresses such as 10.0.0.1,10.0.0.2", param_hint=option) from None


def host_names(text: str) -> tuple[str, ...]:
    """`gpu,gpu.example.org` -> its parts; none of an empty text."""
    names = tuple(part.strip() for part in text.split(",")) if text else ()
    for name in names:
        if re.fullmatch(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:]+", name) is None:
            raise typer.BadParameter(
                f"{name!r}: give names of hosts alone, such as gpu.example.org, without port", param_hint="--allow-host"
            )
    return names


def folders(text: str, option: str) -> tuple[Path, ...]:
    """`/srv/clips,/srv/more` -> its parts; none of an empty text."""
    parts = [part.strip() for part in text.split(",")] if text else []
    if not all(parts):
        raise typer.BadParameter(f"{text!r}: give folders such as /srv/clips,/srv/more", param_hint=option)
    return tuple(Path(part) for part in parts)


def web_origins(text: str) -> tuple[str, ...]:
    """`https://viewer.example.org` and more -> its parts; none of an empty text."""
    origins = tuple(part.strip() for part in text.split(",")) if text else ()
    for origin in origins:
        if re.fullmatch(r"https?://[^/\s?#@]+", origin) is None:
            raise typer.BadParameter(
                f"{origin!r}: give origins of pages such as https://viewer.example.org, or http://localhost:3000, "
                "without a path",
                param_hint="--allow-origin",
            )
    return origins


def told_url(url: str | None) -> str | None:
    """`url`, if clients can be told of it."""
    return None if url is None else _told_url(url, "--public-url")


def alternatives(text: str, tls: bool) -> tuple[str, ...]:
    """`ws://10.0.0.2:8765/v1/stream` and more -> its parts; none of an empty text.

    `tls`: whether clients of this server come to it encrypted.
    """
    urls = tuple(_told_url(part.strip(), "--alternative") for part in text.split(",")) if text else ()
    if len(urls) > MOST_ALTERNATIVES:
        raise typer.BadParameter(
            f"{len(urls)} addresses: clients are told of {MOST_ALTERNATIVES}", param_hint="--alternative"
        )
    for url in urls:
        if tls and not url.startswith("wss://"):
            raise typer.BadParameter(
                f"{url} is not encrypted, so no client of this server would go there: give wss://",
                param_hint="--alternative",
            )
    return urls


def _told_url(url: str, option: str) -> str:
    try:
        check_stream_url(url)
    except InputError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None
    if "@" in url or len(url) > LONGEST_URL:
        what = "has a password" if "@" in url else f"has more than {LONGEST_URL} characters"
        raise typer.BadParameter(f"this address {what}, and is told to every client: leave that out", param_hint=option)
    return url


def ip_networks(text: str, option: str) -> frozenset[str]:
    """`10.0.0.0/8,::1` -> its parts; none of an empty text."""
    parts = [part.strip() for part in text.split(",")] if text else []
    try:
        return frozenset(str(ipaddress.ip_network(part)) for part in parts)
    except ValueError as error:
        raise typer.BadParameter(f"{error}; give networks such as 10.0.0.0/8,10.1.2.3", param_hint=option) from None


def listening_host(text: str) -> str:
    """An address to listen at, without the brackets that IPv6 has in URLs."""
    host = text.strip()
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if not host:
        raise typer.BadParameter("an empty address would be all of them: give 0.0.0.0 for that", param_hint="--host")
    if host.count(":") == 1 or "/" in host or "]" in host:
        raise typer.BadParameter(f"{text!r}: give an address alone; the port goes to --port", param_hint="--host")
    return host


def planning_window_s(window_ms: float) -> float:
    """Milliseconds between two plans -> seconds."""
    if not 50 <= window_ms <= 60_000:
        raise typer.BadParameter(f"{window_ms:g} ms: between 50 and 60000", param_hint="--window-ms")
    return window_ms / 1000


def positive_numbers(option: str, text: str, most: float, least: float | None = None) -> list[float]:
    """`75,100` -> positive numbers, at least `least`, and at most what the protocol takes."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or not all((least or 0) <= number <= most and number > 0 for number in numbers):
        bounds = "above 0" if least is None else f"of at least {least:g}"
        raise typer.BadParameter(
            f"{text!r} is not a list of numbers {bounds}, at most {most}, such as 15,25", param_hint=option
        )
    return numbers


def whole_numbers(option: str, text: str, most: float) -> list[int]:
    """`1,2,4` -> positive whole numbers."""
    numbers = positive_numbers(option, text, most)
    for number in numbers:
        if not number.is_integer():
            raise typer.BadParameter(f"{number:g} is not a whole number", param_hint=option)
    return [int(number) for number in numbers]


def video_files(paths: list[Path]) -> list[Path]:
    """Video files, folders replaced by the videos in them."""
    videos: list[Path] = []
    for path in paths:
        try:
            videos += _videos_in(path) if path.is_dir() else [path]
        except OSError as error:
            raise typer.BadParameter(f"{path} cannot be used: {error.strerror}", param_hint="--video") from None
    if not videos:
        raise typer.BadParameter(
            f"no video in {', '.join(map(str, paths))}: give --video FILE, or make some with `jellyfish video make`",
            param_hint="--video",
        )
    try:
        for video in videos:  # here, as what reads them takes a second to load
            require_file(video, "video file")
    except InputError as error:
        raise typer.BadParameter(str(error), param_hint="--video") from None
    return videos


def _videos_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in VIDEO_ENDINGS and path.is_file())


def known_filter(name: str) -> str:
    """`name`, if a filter of frames for the server is called so."""
    if name not in CLOUD_FILTERS:
        raise typer.BadParameter(f"no filter {name!r}: choose {', '.join(CLOUD_FILTERS)}", param_hint="--filter")
    return name


def check_used(lists: Mapping[str, Sequence[object]], clients: int) -> None:
    """Refuse values that no client would get, of options whose values cycle over the clients."""
    for option, values in lists.items():
        if len(values) > clients:
            raise typer.BadParameter(
                f"{len(values)} values for {clients} client{'s' * (clients > 1)}: nobody would have the last; give "
                f"at most {clients}",
                param_hint=option,
            )


def shipped_clips(model: str) -> list[Path]:
    """The folder with the clips that are shown to a model where none are named."""
    return [CLASSIFIER_VIDEOS if fusion_with(model) != DEFAULT_FUSION else SHIPPED_VIDEOS]


def known_fusion(name: str) -> str:
    """`name`, if something that devices fuse is called so."""
    if name not in FUSED_MODELS:
        raise typer.BadParameter(f"no fusion of {name!r}: choose {', '.join(FUSED_MODELS)}", param_hint="--fusion")
    return name


def fusion_with(model: str) -> str:
    """What devices fuse whose cloud runs this model."""
    return next((fusion for fusion, own in FUSED_MODELS.items() if own == model.partition(":")[0]), DEFAULT_FUSION)


def one_video(paths: list[Path] | None, model: str) -> Path:
    """The video of a single device; the first that ships for its model where none is named."""
    if paths is None:
        return video_files(shipped_clips(model))[0]
    videos = video_files(paths)
    if len(videos) > 1:
        raise typer.BadParameter(f"{len(videos)} videos for one device: name one file", param_hint="--video")
    return videos[0]


def client_name(name: str) -> str:
    """`name`, if a server would let a client be called so."""
    if not 1 <= len(name) <= LONGEST_NAME:
        raise typer.BadParameter(f"{len(name)} characters: between 1 and {LONGEST_NAME}", param_hint="--name")
    if re.search(NAME_PATTERN, name) is None:
        raise typer.BadParameter(f"{name!r} has control characters: leave them out", param_hint="--name")
    return name
