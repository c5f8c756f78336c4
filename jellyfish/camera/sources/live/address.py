"""Where a live source is: what a URL or a path means, and how it is shown to people, without its secrets. Pure."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from jellyfish.errors import InputError


class SourceKind(enum.Enum):
    """How frames come."""

    RTSP = "rtsp"
    HTTP = "http"
    """A stream of JPEGs, an HLS playlist, or a file over HTTP."""
    WEBCAM = "webcam"
    FILE = "file"
    """A video, a picture, or a folder of pictures."""


_KINDS = {
    "rtsp": SourceKind.RTSP,
    "rtsps": SourceKind.RTSP,
    "http": SourceKind.HTTP,
    "https": SourceKind.HTTP,
    "v4l2": SourceKind.WEBCAM,
    "avfoundation": SourceKind.WEBCAM,
    "dshow": SourceKind.WEBCAM,
    "file": SourceKind.FILE,
}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
"""Of two letters at least: a single one is a drive of Windows."""
_SECRET = re.compile(r"pass|pwd|token|secret|auth|key|sign|user|login", re.IGNORECASE)
"""In the name of what a query says."""
_FORMS = (
    "give rtsp://, rtsps://, http:// or https:// and the rest of its URL, v4l2:/dev/video0 (on macOS avfoundation:0, "
    "on Windows dshow:video=NAME), a file, or a folder of pictures"
)


@dataclass(frozen=True, slots=True)
class SourceAddress:
    """`place` is what opens it: a URL, a path, or a device's name."""

    kind: SourceKind
    scheme: str
    place: str = field(repr=False)


def address_of(text: str) -> SourceAddress:
    """What `text` means. InputError, which does not repeat it, for what means nothing."""
    found = _SCHEME.match(text)
    if found is None:
        return _path(text)
    scheme = found[1].lower()
    kind = _KINDS.get(scheme)
    if kind is None:
        raise InputError(f"no source can be opened by {scheme}: {_FORMS}")
    if kind in (SourceKind.RTSP, SourceKind.HTTP):
        _require_host(text, scheme)
        return SourceAddress(kind, scheme, text)
    place = text[found.end() :]
    place = place.removeprefix("//") if place.startswith("//") else place
    if not place:
        raise InputError(f"{scheme}: names nothing; {_FORMS}")
    return SourceAddress(kind, scheme, place)


def _path(text: str) -> SourceAddress:
    if not text or "\0" in text:
        raise InputError(f"an empty text is no source; {_FORMS}")
    if text.startswith("/dev/video"):
        return SourceAddress(SourceKind.WEBCAM, "v4l2", text)
    return SourceAddress(SourceKind.FILE, "file", text)


def _require_host(text: str, scheme: str) -> None:
    try:
        parts = urlsplit(text)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        named = False
    if not named or any(letter.isspace() or letter < " " for letter in text):
        raise InputError(f"this is not the URL of a source: {scheme}://HOST:PORT/PATH; {_FORMS}")


def shown(text: str) -> str:
    """`text` for people, logs and files: of a URL neither user, password, query nor fragment."""
    found = _SCHEME.match(text)
    if found is None or _KINDS.get(found[1].lower()) not in (SourceKind.RTSP, SourceKind.HTTP):
        return text if found is None or found[1].lower() in _KINDS else f"{found[1]}:..."
    rest = text[found.end() :].removeprefix("//")
    place = re.split(r"[?#]", rest, maxsplit=1)[0]
    authority, slash, path = place.partition("/")
    if "@" in path:  # a password with a slash in it
        authority, slash, path = path.rpartition("@")[2].partition("/")
    return f"{found[1].lower()}://{authority.rpartition('@')[2]}{slash}{path}"


def holds_secret(text: str) -> bool:
    """Whether it may hold a password, or something like one."""
    found = _SCHEME.match(text)
    if found is None or _KINDS.get(found[1].lower()) not in (SourceKind.RTSP, SourceKind.HTTP):
        return False
    before_query, _, query = text.partition("?")
    if "@" in before_query:
        return True
    return any(_SECRET.search(name) for name, _ in parse_qsl(query, keep_blank_values=True))
