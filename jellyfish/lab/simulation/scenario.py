"""Scenario files: what is simulated, in TOML. Parsing and checking only; docs/scenarios.md is the prose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from jellyfish.config import DEFAULT_CARE, DEFAULT_PLANNER, LEAST_TARGET, MOST_CARE, MOST_TARGET
from jellyfish.errors import InputError
from jellyfish.protocol.wire import NAME_PATTERN

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=40, pattern=NAME_PATTERN)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e6)]
Positive = Annotated[float, msgspec.Meta(gt=0, le=1e6)]
Count = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
Half = Literal["first", "second"]


class SimulatedDevice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A device. `model`: `gpu` or `cpu`, which ship, or a model file."""

    name: Name
    model: str = "gpu"
    join_s: Seconds = 0.0
    leave_s: Seconds = 1e6
    lost: bool = False
    """Whether it is gone all at once when it leaves, with what runs there."""

    @property
    def stays(self) -> bool:
        """Whether it is there for as long as a run may last."""
        return self.join_s == 0.0 and self.leave_s >= 1e6


class Sites(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`count` sites alike, called `name-0`, `name-1`, ...: in each `fronts` servers share `devices`.

    Cameras are divided among sites and their fronts, one after the other.
    """

    name: Name
    count: Count = 1
    fronts: Count = 1
    devices: Count = 1
    model: str = "gpu"

    def names(self) -> tuple[str, ...]:
        """Of the sites."""
        return tuple(f"{self.name}-{number}" for number in range(self.count))


class Clients(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`count` cameras alike, called `name-0`, `name-1`, ... With `spread_s` they join one after the other."""

    name: Name
    count: Count = 1
    fps: Annotated[float, msgspec.Meta(gt=0, le=240)] = 15.0
    slo_ms: Annotated[float, msgspec.Meta(gt=0, le=60_000)] = 100.0
    trace: str = "wifi"
    delay_ms: Seconds = 5.0
    frame_size: Annotated[float, msgspec.Meta(gt=0, le=100)] | None = None
    """Size of the frames as a multiple of the reference curve; None draws one for each camera."""
    frame_bytes: tuple[tuple[Count, Positive], ...] = ()
    """Instead: resolutions, each with the bytes of the usual frame, where the video is known."""
    join_s: Seconds = 0.0
    leave_s: Seconds = 1e6
    spread_s: Seconds = 0.0
    trace_shift_s: Seconds = 0.0
    """Each camera finds the trace so much further on than the one before."""
    importance: Annotated[float, msgspec.Meta(ge=0.01, le=100)] = 1.0
    """What each counts in plans."""

    def camera_name(self, number: int) -> str:
        """Of one of them."""
        return f"{self.name}-{number}"


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """Something goes wrong at `at_s`, in seconds of the run."""

    at_s: Seconds

    @property
    def end_s(self) -> float:
        """When it is over."""
        return self.at_s + getattr(self, "for_s", 0.0)


class LinkDown(Fault, frozen=True, tag="link_down"):
    """The uplink of `client` carries nothing."""

    client: str
    for_s: Positive


class Cut(Fault, frozen=True, tag="cut"):
    """The connection of `client` is cut, in the middle of whatever is on it."""

    client: str


class ClockJump(Fault, frozen=True, tag="clock_jump"):
    """The clock of `client` jumps by `by_s` seconds."""

    client: str
    by_s: Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)]


class ClockDrift(Fault, frozen=True, tag="clock_drift"):
    """From `at_s` on the clock of `client` runs fast by `ppm` parts per million."""

    client: str
    ppm: Annotated[float, msgspec.Meta(ge=-1e5, le=1e5)]


class DeviceSlow(Fault, frozen=True, tag="device_slow"):
    """`device` takes `factor` times as long."""

    device: str
    for_s: Positive
    factor: Annotated[float, msgspec.Meta(gt=0, le=1000)] = 5.0


class DeviceHang(Fault, frozen=True, tag="device_hang"):
    """A batch that `device` begins in this time is not done before its end."""

    device: str
    for_s: Positive


class DeviceError(Fault, frozen=True, tag="device_error"):
    """Every batch that `device` begins in this time fails."""

    device: str
    for_s: Positive


class DeviceFlap(Fault, frozen=True, tag="device_flap"):
    """`device` comes and goes: every batch that it begins in the first half of a period fails, those in the second do
    not."""

    device: str
    for_s: Positive
    period_s: Positive = 1.0


class PlannerError(Fault, frozen=True, tag="planner_error"):
    """The planner raises."""

    for_s: Positive


class PlannerSlow(Fault, frozen=True, tag="planner_slow"):
    """The planner takes `takes_s` for each plan."""

    for_s: Positive
    takes_s: Positive = 5.0

    @property
    def end_s(self) -> float:
        """When the last plan that was begun in this time is there."""
        return self.at_s + self.for_s + self.takes_s


class Garbage(Fault, frozen=True, tag="garbage"):
    """A stranger connects again and again and sends bytes that are no message."""

    for_s: Positive


class Flood(Fault, frozen=True, tag="flood"):
    """A stranger sends 500 frames a second and does not care for the answers' pace."""

    for_s: Positive


class Deaf(Fault, frozen=True, tag="deaf"):
    """A stranger sends frames and never reads an answer."""

    for_s: Positive


class Vanish(Fault, frozen=True, tag="vanish"):
    """A stranger says hello, sends a frame, and is never heard of again; its connection stays open."""

    for_s: Positive


class Bystander(Fault, frozen=True, tag="bystander"):
    """Another process is busy on some of the host's cores."""

    for_s: Positive
    half: Half = "second"
    """Of the host's cores: `first`, the event loop's, or `second`, where a `cpu` device has workers to themselves."""
    cores: Positive = 1.0
    """So many of that half."""
    weight: Positive = 1.0
    """Beside the server's threads, which have 1."""


class SiteDown(Fault, frozen=True, tag="site_down"):
    """A site is gone for good: its fronts, its devices and all connections. Its cameras go to other sites' fronts."""

    site: str
    further_ms: Seconds = 0.0
    """How much longer their way is then, one way."""


AnyFault = (
    LinkDown
    | Cut
    | ClockJump
    | ClockDrift
    | DeviceSlow
    | DeviceHang
    | DeviceError
    | DeviceFlap
    | PlannerError
    | PlannerSlow
    | Garbage
    | Flood
    | Deaf
    | Vanish
    | Bystander
    | SiteDown
)


class Host(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a frame costs beside the device, and the cores on which that is done.

    Without cores, each frame's encoding and decoding take their time, however many there are, and all else is free.
    """

    encode_ms: Seconds = 2.0
    """A camera scales and encodes a frame."""
    decode_ms: Seconds = 1.0
    """The server decodes a frame."""
    decode_pixel_ns: Seconds = 0.0
    """The same, for each pixel that the network takes, on top."""
    cores: Annotated[int, msgspec.Meta(ge=0, le=1024)] = 0
    cameras: bool = False
    """Whether the cameras run on these cores too, in the server's process, as in `bench`."""
    costs: Literal["given", "measured"] = "given"
    """`measured`: all that a frame and a plan cost are those of the first device's profile."""
    capture_ms: Seconds = 0.0
    """A camera decodes the next frame of its video."""
    hand_ms: Seconds = 0.0
    """A worker of a `cpu` device is handed a frame; part of what its batch takes."""
    server_ms: Seconds = 0.0
    """The event loop's work for a frame, the server's part."""
    camera_ms: Seconds = 0.0
    """The same, the camera's part."""


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One simulated run."""

    title: str
    duration_s: Annotated[float, msgspec.Meta(gt=0, le=1e6)]
    devices: tuple[SimulatedDevice, ...] = ()
    """Of one server."""
    clients: tuple[Clients, ...] = ()
    seed: Annotated[int, msgspec.Meta(ge=0)] = 0
    sites: tuple[Sites, ...] = ()
    """Instead of devices: many servers."""
    planner: str = DEFAULT_PLANNER
    search: Literal["ended", "charged"] = "ended"
    """How long the planner searches, whatever time it is charged: to the end, or as many steps as fit that time."""
    controller: str | None = None
    """With one, clients steer themselves and nothing is planned for them."""
    variant: str | None = None
    """Run every frame with this one, without adaptation."""
    actuation: bool = True
    """Whether batches may run with another variant than the planned one."""
    dispatch: Literal["deadline", "lazy"] = "deadline"
    """Who decides what a device runs next: our batcher, or the published dispatch (`lab.simulation.lazy_queue`)."""
    back_off: Literal["timely", "published"] = "timely"
    """How cameras step down between plans: ours, or as published."""
    foresight: bool = False
    """Whether planner and cameras know the uplinks' future, to see what could be had (`.simulation.foresight`)."""
    window_ms: Annotated[float, msgspec.Meta(ge=50, le=60_000)] = 500.0
    care: Annotated[float, msgspec.Meta(ge=0, le=MOST_CARE)] = DEFAULT_CARE
    target: Annotated[float, msgspec.Meta(ge=LEAST_TARGET, le=MOST_TARGET)] | None = None
    """Per cent of each client's frames that are to be in time: care is learnt for it; None keeps `care`."""
    max_batch: Count = 8
    host: Host = Host()
    faults: tuple[AnyFault, ...] = ()

    def client_names(self) -> tuple[str, ...]:
        """Every camera's name."""
        return tuple(group.camera_name(number) for group in self.clients for number in range(group.count))

    def site_names(self) -> tuple[str, ...]:
        """Every site's name."""
        return tuple(name for sites in self.sites for name in sites.names())


def load_scenario(path: Path) -> Scenario:
    """The scenario in a TOML file; InputError that says what is wrong with it."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise InputError(f"scenario {path} cannot be read: {error.strerror}") from error
    try:
        scenario = msgspec.toml.decode(text, type=Scenario)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a scenario: {error}; see docs/scenarios.md") from error
    check(scenario, str(path))
    return scenario


def check(scenario: Scenario, where: str) -> None:
    """InputError for names that are used twice or that nothing has."""
    names, devices = scenario.client_names(), [device.name for device in scenario.devices]
    if not names:
        raise InputError(f"{where}: there are no clients; give [[clients]]")
    if bool(devices) == bool(scenario.sites):
        raise InputError(f"{where}: give [[devices]] of one server, or [[sites]] of several; not both")
    for what, given in (("clients", names), ("devices", devices), ("sites", scenario.site_names())):
        twice = [name for name, count in Counter(given).items() if count > 1]
        if twice:
            raise InputError(f"{where}: two {what} are called {twice[0]}; give each a name of its own")
    for device in scenario.devices:
        if device.leave_s <= device.join_s:
            raise InputError(f"{where}: device {device.name} leaves before it has come; give leave_s more than join_s")
    _check_host(scenario, where)
    _check_sites(scenario, where)
    for fault in scenario.faults:
        _check_fault(fault, names, devices, where)


def _check_host(scenario: Scenario, where: str) -> None:
    host = scenario.host
    charged = host.cameras or host.server_ms or host.camera_ms or host.hand_ms or host.decode_pixel_ns
    if not host.cores and (charged or host.capture_ms or host.costs == "measured"):
        raise InputError(f"{where}: what a host is charged needs cores to be done on; give [host] cores")
    if not host.cores and any(isinstance(fault, Bystander) for fault in scenario.faults):
        raise InputError(f"{where}: a bystander takes cores from a host; give [host] cores")


def _check_sites(scenario: Scenario, where: str) -> None:
    """A city is simulated site by site, so that much of what happens to one server is not to be had there."""
    sites, downs = scenario.site_names(), [fault for fault in scenario.faults if isinstance(fault, SiteDown)]
    for fault in downs:
        if fault.site not in sites:
            known = ", ".join(sites) or "none, without [[sites]]"
            raise InputError(f"{where}: fault site_down is for site {fault.site!r}; there are {known}")
    if not sites:
        return
    if len({fault.site for fault in downs}) < len(downs) or len(downs) == len(sites):
        raise InputError(f"{where}: each site can fail once, and one of them has to stay")
    if len(downs) < len(scenario.faults):
        raise InputError(f"{where}: with [[sites]] there are no other faults than site_down")
    if scenario.host.cores or scenario.foresight:
        raise InputError(f"{where}: [host] cores and foresight are for [[devices]] of one server, not for [[sites]]")


def _check_fault(fault: AnyFault, names: Sequence[str], devices: Sequence[str], where: str) -> None:
    kind = str(type(fault).__struct_config__.tag)
    client, device = getattr(fault, "client", None), getattr(fault, "device", None)
    if client is not None and client not in names:
        raise InputError(f"{where}: fault {kind} is for client {client!r}; there are {', '.join(names[:8])}, ...")
    if device is not None and device not in devices:
        raise InputError(f"{where}: fault {kind} is for device {device!r}; there are {', '.join(devices)}")
