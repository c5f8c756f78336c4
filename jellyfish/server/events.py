"""What happens to a server's clients, as values with a name and fields, and in words for a person. Pure.

A form for machines is one formatter away: `msgspec.json.encode` puts the name of each into `event`.
"""

from __future__ import annotations

import msgspec

LONGEST = 240
"""Characters of a line."""


class ClientJoined(msgspec.Struct, frozen=True, tag_field="event", tag="client_joined"):
    """A client has been let in."""

    client: str
    address: str
    fps: float
    slo_ms: float


class ClientLeft(msgspec.Struct, frozen=True, tag_field="event", tag="client_left"):
    """The stream of a client that had been let in is over."""

    client: str
    address: str
    code: str
    """`bye`, `gone` (its connection ended), or the code of the error that it was told (docs/protocol.md)."""
    why: str
    seconds: float
    """Since it came."""
    frames: int
    """That it captured and that have an outcome, as far as the server can tell."""
    on_time: int


class ClientRefused(msgspec.Struct, frozen=True, tag_field="event", tag="client_refused"):
    """A client was not let in."""

    client: str
    """Empty where it has not said who it is."""
    address: str
    code: str
    why: str


class MinutePassed(msgspec.Struct, frozen=True, tag_field="event", tag="minute_passed"):
    """How clients fared in the last minute."""

    clients: int
    """That are there now."""
    frames: int
    on_time: int
    sizes: dict[str, int]
    """Variant -> clients that are served with it now."""
    requests: int = 0
    """For inference, that have an outcome."""
    requests_answered: int = 0


class EventsLeftOut(msgspec.Struct, frozen=True, tag_field="event", tag="events_left_out"):
    """So many were not told, for there were too many."""

    count: int


ServerEvent = ClientJoined | ClientLeft | ClientRefused | MinutePassed | EventsLeftOut


def in_words(event: ServerEvent) -> str:
    """One line, of printable characters alone, whatever clients say."""
    match event:
        case ClientJoined():
            words = f"{event.client} joined from {event.address}: {event.fps:g} fps, {event.slo_ms:g} ms"
        case ClientLeft():
            words = f"{event.client} left after {event.seconds:.0f} s ({event.code}: {event.why}); {_share(event)}"
        case ClientRefused():
            who = f"{event.client} from {event.address}" if event.client else event.address
            words = f"{who} refused ({event.code}: {event.why})"
        case MinutePassed():
            clients = "1 client" if event.clients == 1 else f"{event.clients} clients"
            words = f"{clients}; {_share(event)}{_sizes(event)}{_requests(event)}"
        case EventsLeftOut():
            words = f"{event.count} more such lines left out"
    return _printable(words)


def _share(event: ClientLeft | MinutePassed) -> str:
    if not event.frames:
        return "no frames"
    return f"{_per_cent(event.on_time, event.frames)} of {event.frames:,} frames on time"


def _requests(event: MinutePassed) -> str:
    if not event.requests:
        return ""
    return f"; {_per_cent(event.requests_answered, event.requests)} of {event.requests:,} requests answered"


def _per_cent(part: int, whole: int) -> str:
    """Never 100 % where one is missing."""
    return "100 %" if part == whole else f"{min(100 * part / whole, 99.9):.1f} %"


def _sizes(event: MinutePassed) -> str:
    parts = [f"{count} x {name}" for name, count in sorted(event.sizes.items(), key=lambda item: (-item[1], item[0]))]
    without = event.clients - sum(event.sizes.values())
    if without > 0:
        parts.append(f"{without} without a place")
    return f"; {', '.join(parts)}" if parts else ""


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:LONGEST]
