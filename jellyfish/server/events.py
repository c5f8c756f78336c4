"""What happens to a server and its clients, as values with a name and fields, in words for a person and as JSON. Pure.

Nothing of what is in frames is in them. What of their fields comes from clients is names and addresses.
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


class DeviceChanged(msgspec.Struct, frozen=True, tag_field="event", tag="device_changed"):
    """A device works, is impaired, fails or hangs (docs/operating.md), and did not before."""

    device: str
    state: str
    before: str


class DeviceSuspect(msgspec.Struct, frozen=True, tag_field="event", tag="device_suspect"):
    """A device lastingly takes much longer than its profile says, or no longer does."""

    device: str
    slow_down: float
    """Times its profiled time."""
    suspect: bool


class PlacesMissing(msgspec.Struct, frozen=True, tag_field="event", tag="places_missing"):
    """The plan has no place for some of the clients that send frames, or has one for all again."""

    clients: int
    """That send frames."""
    without_place: int


class TargetMissed(msgspec.Struct, frozen=True, tag_field="event", tag="target_missed"):
    """In the last minute some clients had fewer of their frames in time than is aimed at."""

    clients: int
    """So many of them."""
    worst: str
    """The one with the smallest share."""
    frames: int
    """Of that one; so is the next."""
    on_time: int
    target: float
    """Per cent."""


class SourceChanged(msgspec.Struct, frozen=True, tag_field="event", tag="source_changed"):
    """The source of a camera that the server fetches itself is live, silent or dead, and was not before."""

    camera: str
    state: str
    words: str
    """What is known of it, without credentials."""


class ServerReady(msgspec.Struct, frozen=True, tag_field="event", tag="server_ready"):
    """Frames are taken from now on."""

    url: str
    model: str
    devices: str
    grpc: str | None = None
    """Address at which requests for inference are taken over gRPC."""


class ServerSaid(msgspec.Struct, frozen=True, tag_field="event", tag="server_said"):
    """Something that whoever runs the server should know: how far its start is, notes, that it drains and stops."""

    words: str


class LogRecorded(msgspec.Struct, frozen=True, tag_field="event", tag="log"):
    """A warning of the program itself."""

    level: str
    logger: str
    message: str


OfServer = (
    LogRecorded
    | DeviceChanged
    | DeviceSuspect
    | PlacesMissing
    | TargetMissed
    | SourceChanged
    | ServerReady
    | ServerSaid
)
ServerEvent = ClientJoined | ClientLeft | ClientRefused | MinutePassed | EventsLeftOut | OfServer


def as_json(event: ServerEvent, time: str) -> str:
    """One line for machines: an object with `time`, `event` (the name) and the event's own fields."""
    told = msgspec.json.encode(event).decode()
    return f'{{"time":"{time}",{told[1:]}'


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
        case _:
            words = _of_server(event)
    return _printable(words)


def _of_server(event: OfServer) -> str:
    match event:
        case DeviceChanged():
            words = f"{event.device} is {event.state} (was {event.before})"
        case DeviceSuspect():
            now = "takes" if event.suspect else "is no longer suspect: it takes"
            words = f"{event.device} {now} {event.slow_down:.1f} times its profiled time"
        case PlacesMissing(clients, 0):
            words = f"the plan has a place for each of {clients} clients"
        case PlacesMissing():
            words = f"the plan has no place for {event.without_place} of {event.clients} clients: they may only probe"
        case TargetMissed():
            those = "1 client" if event.clients == 1 else f"{event.clients} clients"
            worst = f"{event.worst} {_per_cent(event.on_time, event.frames)} of {event.frames:,} frames"
            words = f"target of {event.target:g} % missed by {those} in the last minute, most by {worst}"
        case SourceChanged():
            words = f"camera {event.camera} is {event.state}{f': {event.words}' if event.words else ''}"
        case ServerReady():
            words = f"ready: {event.url} with {event.model} on {event.devices}"
        case ServerSaid():
            words = event.words
        case LogRecorded():
            words = f"{event.level}: {event.message}"
    return words


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
