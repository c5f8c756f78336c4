"""What a source's URL leads to, whether it may be opened, and what FFmpeg is told so that it opens nothing else. Pure.

A URL may come from whoever may add cameras to a server, and what is behind it from anybody: a playlist, a redirect or
a list of files could name files of this machine. So the address that FFmpeg gets is never the text as it was given,
what it may open besides is a list, and what it may take the answer for are formats that name no other places, HLS
aside, whose parts come from the network like itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from jellyfish.config import Allowance
from jellyfish.errors import InputError

SCHEMES = ("rtsp", "rtsps", "http", "https", "v4l2", "file")
"""Of URLs of sources; what has none is a path."""
OTHER_WEBCAMS = ("avfoundation", "dshow")
"""Of macOS and Windows, for whoever sits at such a machine. They were never tried."""
_SECRETS = "pass|pwd|token|secret|auth|key|sign|user|login"
_SECRET = re.compile(_SECRETS, re.IGNORECASE)
"""In the names of what a query says."""
_SECRET_IN_PATH = re.compile(rf"/[^/]*(?:{_SECRETS})[^/=]*=.*", re.IGNORECASE | re.DOTALL)
"""Some makes have `/user=NAME&password=...` for a path."""
_LIKE_URL = re.compile(r".*://|\W*(rtsps?|https?)\W?//|(//)?(?![A-Za-z]:[/\\])[^/\\]*:.*@", re.IGNORECASE | re.DOTALL)
"""What is no file although it has no scheme: it was mistyped, or stands in quotes."""
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
_WEBCAM = re.compile(r"/dev/video[0-9]{1,4}")
_CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,ogg,nut,asf,mxf,mjpeg,mpjpeg,h264,hevc,obu,ivf"
_OPTIONS: Mapping[str, Mapping[str, str]] = {
    "rtsp": {"protocol_whitelist": "rtp,srtp,udp,tcp,tls", "format_whitelist": "rtsp"},
    "http": {"protocol_whitelist": "http,https,tcp,tls,crypto", "format_whitelist": f"hls,{_CONTAINERS},aac"},
    "file": {"protocol_whitelist": "file", "format_whitelist": _CONTAINERS},
    "v4l2": {"protocol_whitelist": "", "format_whitelist": "video4linux2,v4l2"},
}
_FORMATS = {"rtsp": "rtsp", "v4l2": "v4l2"}


@dataclass(frozen=True, slots=True)
class Terms:
    """How a source is opened."""

    scheme: str
    """One of `SCHEMES`, or of `OTHER_WEBCAMS`."""
    address: str = field(repr=False)
    """What FFmpeg is given. It may have credentials in it."""
    format: str | None
    """What FFmpeg takes it for; None lets it find out, within bounds."""
    options: Mapping[str, str]
    """Of FFmpeg: what it may open, and take it for."""
    path: Path | None = None
    """Of a file or folder, without links on the way."""


def terms(url: str, allowance: Allowance | None = None, real: Callable[[str], str] = os.path.realpath) -> Terms:
    """How `url` is opened; InputError, without credentials, for what may not be, or is no URL of a source.

    `allowance`: None where the person at this machine names it, who may open any file. `real`: a path without links.
    """
    scheme = scheme_of(url)
    if scheme in OTHER_WEBCAMS and allowance is None:
        return _of_other_webcam(url, scheme)
    if scheme not in SCHEMES:
        raise InputError(f"{scheme}: is no source; give a URL with {', '.join(SCHEMES[:-1])}, or a file")
    if any(letter <= " " or letter == "\x7f" for letter in url) and scheme != "file":
        raise InputError(f"this {scheme} URL has spaces or control characters in it: write them as %20")
    if scheme == "v4l2":
        return _of_webcam(url, real)
    if scheme == "file":
        return _of_file(url, allowance, real)
    _check_host(url, scheme)
    kind = scheme.removesuffix("s")
    return Terms(scheme, url, _FORMATS.get(kind), _OPTIONS[kind])


def scheme_of(url: str) -> str:
    """In small letters; a path has `file`, that of a webcam `v4l2`. A drive's letter is no scheme."""
    found = _SCHEME.match(url)
    if found is not None:
        return found[1].lower()
    return "v4l2" if url.startswith("/dev/") else "file"


def without_credentials(url: str) -> str:
    """The URL for people: no name, password or query, where keys stand, too."""
    if scheme_of(url) in ("file", "v4l2", *OTHER_WEBCAMS):
        return url
    head, _, rest = url.partition("://")
    place = _before_query(rest) if "/" in _before_query(rest) else _before_query(rest.rpartition("@")[2])
    place = place.rpartition("@")[2]  # the last one: a password may have slashes in it
    return f"{head}://{_SECRET_IN_PATH.sub('/...', place)}"


def _before_query(text: str) -> str:
    return re.split(r"[?#]", text, maxsplit=1)[0]


def holds_secret(url: str) -> bool:
    """Whether there may be a password in it, or something like one."""
    if scheme_of(url) in ("file", "v4l2", *OTHER_WEBCAMS):
        return False
    place, _, query = url.partition("?")
    told = any(_SECRET.search(name) for name, _ in parse_qsl(query, keep_blank_values=True))
    return told or "@" in place or _SECRET_IN_PATH.search(place) is not None


def _check_host(url: str, scheme: str) -> None:
    place = _before_query(url.partition("://")[2])
    if "/" not in place and "@" not in place and "@" in url:  # FFmpeg would ask a host that is called like the user
        raise InputError(f"the @ of this {scheme} URL stands behind ? or #: write %3F and %23 for them in a password")
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0 and "\\" not in url
    except ValueError:
        named = False
    if not named:
        raise InputError(f"this {scheme} URL names no host, or no port from 1 to 65535: give {scheme}://HOST:PORT/PATH")


def _of_webcam(url: str, real: Callable[[str], str]) -> Terms:
    path = real(re.sub(r"^v4l2:(//)?", "", url))
    if _WEBCAM.fullmatch(path) is None:
        raise InputError(f"{path} is no webcam: give v4l2:///dev/video0, or a link to one, such as /dev/v4l/by-id/NAME")
    return Terms("v4l2", path, "v4l2", _OPTIONS["v4l2"], Path(path))


def _of_other_webcam(url: str, scheme: str) -> Terms:
    name = url.partition(":")[2]
    if not name:
        raise InputError(f"{scheme}: names no webcam; give avfoundation:0, or dshow:video=NAME")
    return Terms(scheme, name, scheme, {"format_whitelist": scheme})


def _of_file(url: str, allowance: Allowance | None, real: Callable[[str], str]) -> Terms:
    if not url.startswith("file:") and _LIKE_URL.match(url):
        raise InputError(
            "this looks like a URL, but begins like none of a source: give rtsp://HOST/PATH and the like, without "
            "quotes (and ./ before the name of a file that is called so)"
        )
    given = unquote(url[5:].removeprefix("//localhost").removeprefix("//")) if url.startswith("file:") else url
    if not given or "\x00" in given:
        raise InputError("this source names no file")
    path = Path(real(given))
    if allowance is not None:
        folders = [Path(real(str(folder))) for folder in allowance.folders]
        if not any(path.is_relative_to(folder) for folder in folders):
            among = (
                f"below {', '.join(map(str, allowance.folders))}" if folders else "where --camera-files names folders"
            )
            raise InputError(f"{given} may not be opened here: files are taken {among} alone")
    return Terms("file", f"file:{path}", None, _OPTIONS["file"], path)
