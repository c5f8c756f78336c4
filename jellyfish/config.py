"""What can be configured, as frozen values with their defaults. Parsing is the CLI's, use is the modes'."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

DEFAULT_WORKER_PORT = 8770
DEFAULT_MODEL = "slimmable"
"""What a server runs, see `jellyfish.models.opening`."""
PLANNERS = ("annealing", "best", "exact", "shared")
"""Those that ship, by name."""
DEFAULT_PLANNER = "shared"
"""Who plans for a server, see `jellyfish.control.planners`."""
DEFAULT_PLANNING_SHARE = 0.05
"""Of one core, for full solves, see `jellyfish.control.allowance`."""
CLIENTS_CHOOSE = "client"
"""In a planner's place: nobody plans, each client chooses the sizes of its frames."""
DEFAULT_TARGET = 99.9
LEAST_TARGET, MOST_TARGET = 50.0, 99.99
"""Per cent of captured frames in time."""
DEFAULT_CARE = 1.0
MOST_CARE = 3.0
"""How careful plans are, see `jellyfish.control.care`."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client may ask of the server. Over it, that client gets a clear answer and the others notice nothing."""

    clients: int = 128
    watchers: int = 64
    """Who watches what cameras are answered, at the same time."""
    message_bytes: int = 4 * 1024 * 1024
    image_side: int = 4096
    """Largest width or height of a frame, in pixels; checked before the frame is decoded."""
    decoded_megapixels: float = 25.0
    """What each client may have decoded a second, by the cost of its frames (docs/decoding.md); less while the machine
    has too much to do."""
    hello_timeout_s: float = 5.0
    silence_timeout_s: float = 10.0
    """A client that sends nothing at all for so long (pings go out every half second) is taken for gone."""
    idle_s: float = 10.0
    """When all places are taken, a client that has sent no frame for so long gives up its own to a new one."""
    in_flight: int = 4
    """Unanswered frames per client; one more is dropped at once."""
    bytes_per_s: float = 16e6
    """Of one connection; beyond it reading pauses."""
    request_timeout_s: float = 5.0
    """A request must be here whole so soon after its connection."""
    keep_alive_s: float = 15.0
    """How long a connection that has been answered may wait for its next request."""
    newcomers: int = 256
    """Connections that carry no stream (yet); for one more the oldest of whoever has most of them is closed."""
    joins_per_s: float = 40.0
    """Streams that may be opened, and other requests that may be made; what is more waits for its turn."""
    requests_per_s: float = 50.0
    inferences_per_s: float = 1000.0
    """Likewise, requests for inference: what reading and answering them may cost, devices aside."""
    body_bytes: int = 16 * 1024 * 1024
    """Largest body of a request for inference."""
    open_requests: int = 256
    """Requests for inference of one client that are unanswered; one more is refused at once."""
    images: int = 8
    """In one request."""
    request_deadline_s: float = 1.0
    """What a request has that names no timeout."""
    requests_share: float = 0.3
    """Of each device, for requests, while streams need the rest."""
    per_address: int | None = 64
    """Streams, and connections without one, that one address may have; None: as many as there is room for."""
    count_loopback: bool = False
    """Whether that holds for this machine's own addresses."""
    proxies: frozenset[str] = frozenset()
    """Addresses of proxies, which say for whom they connect (`X-Forwarded-For`)."""

    @property
    def connections(self) -> int:
        """Streams: every client may be coming back while its old connection is not yet known to be dead."""
        return 2 * self.clients + 16


Polygon = tuple[tuple[float, float], ...]
"""Corners (x, y) in shares of the frame, origin top left; the last one joins the first."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A part of what a camera sees, by name: results say which boxes stand in it."""

    name: str
    polygon: Polygon


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """What one camera's answers are to have in them, and how much the camera counts."""

    classes: tuple[str, ...] = ()
    """Names of those that are told; empty: all that the model knows."""
    min_score: float = 0.0
    """What is less sure is left out."""
    masks: tuple[Polygon, ...] = ()
    """A box that stands in one of them (the middle of its lower side) is left out."""
    zones: tuple[Zone, ...] = ()
    importance: float = 1.0
    """Weight in the plan: where not all cameras can be served, those that count less lose first."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What sources may be opened, where another than the person at this machine names them: streams of the network and
    webcams, and files of some folders alone."""

    folders: tuple[Path, ...] = ()
    """Files below these; by default none."""


class LogFormat(enum.StrEnum):
    """What a server's lines are for."""

    LINES = "lines"
    """People."""
    JSON = "json"
    """Machines: an object a line."""


@dataclass(frozen=True, slots=True)
class LogConfig:
    """Where a server keeps its own log, and how much of it."""

    folder: Path
    most_bytes: int = 1_000_000_000
    most_age_s: float = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class AccessConfig:
    """Who may do what with a server, and by what certificate it is known. Names of files alone, no secret itself."""

    tokens: Path | None = None
    """A file of tokens, see `jellyfish.server.tokens`; None: those of the environment, if there are any."""
    hosts: tuple[str, ...] = ()
    """Names of the server, beside its addresses, its host's name and `localhost`."""
    origins: tuple[str, ...] = ()
    """Of pages that may use it beside its own."""
    certificate: Path | None = None
    """PEM, with the chain behind it; None where it speaks no TLS, or makes its own."""
    key: Path | None = None
    """PEM; None where it is in the same file."""
    self_signed: bool = False
    """Whether it makes a certificate of its own."""

    @property
    def tls(self) -> bool:
        """Whether connections are encrypted here."""
        return self.self_signed or self.certificate is not None


@dataclass(frozen=True, slots=True)
class ReachConfig:
    """How a client proves to a server who it is, and a server to the client. Names of files alone."""

    token_file: Path | None = None
    """Its first line is the token; None: that of the environment, if there is one."""
    ca_file: Path | None = None
    """PEM: whose certificates are trusted; None: those that the system trusts."""
    any_certificate: bool = False
    """Whether any is taken, whoever made it: whoever is on the way can then read and change everything."""


DEFAULT_TOPIC = "jellyfish"
"""What all topics at a broker begin with."""


class SecretUrl:
    """An address that may be a secret itself: shown, and written down, as far as its host."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}/..."

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretUrl) and other.url == self.url

    def __hash__(self) -> int:
        return hash(self.url)


@dataclass(frozen=True, slots=True)
class MqttConfig:
    """A broker that answers are published at."""

    host: str
    port: int = 1883
    tls: bool = False
    topic: str = DEFAULT_TOPIC
    credentials: Path | None = None
    """A file of user and password, a line each; None: those of the environment, if there are any."""


@dataclass(frozen=True, slots=True)
class WebhookConfig:
    """Where answers are posted to."""

    url: SecretUrl
    token_file: Path | None = None
    """Its first line proves who posts; None: the token of the environment, if there is one."""


class WorkerPlace(enum.StrEnum):
    """Where the devices of a server's own machine are opened."""

    THREAD = "thread"
    """In its own process, each on a thread; what a processor runs there has processes behind that."""
    PROCESS = "process"
    """Each in a process of its own, which decodes what it runs."""
    AUTO = "auto"
    """`thread` for one device, `process` for each of several."""


class EngineKind(enum.StrEnum):
    """Who places a server's workers."""

    LOCAL = "local"
    """Nobody: they run on its machine, or where it is told."""
    RAY = "ray"
    """A cluster that Ray keeps."""
    AUTO = "auto"
    """Ray where this machine is a node of such a cluster, else nobody."""


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """Who places a server's workers, and where that is to be found."""

    kind: EngineKind = EngineKind.LOCAL
    address: str | None = None
    """`ray://HOST:PORT`, of Ray Client; None: the cluster that this machine is a node of."""


@dataclass(frozen=True, slots=True)
class WorkersConfig:
    """Which workers a server has beside what runs in its own process."""

    place: WorkerPlace = WorkerPlace.AUTO
    addresses: tuple[str, ...] = ()
    """Of workers that run elsewhere: `HOST:PORT`, or `tls://HOST:PORT`."""
    token_file: Path | None = None
    """Its first line is what it shows to them; None: nothing."""
    ca_file: Path | None = None
    """PEM: whose certificates are trusted; None: those that the system trusts."""
    engine: EngineConfig = field(default_factory=EngineConfig)

    def in_processes(self, devices: Sequence[str], named: bool = True) -> bool:
        """Whether each of its machine's `devices` has a process of its own. `named`: whether the model has a name that
        such a process could be told; an object has not."""
        return self.place is WorkerPlace.PROCESS or (self.place is WorkerPlace.AUTO and len(devices) > 1 and named)


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """One server: where it listens, what it runs on and how it plans."""

    host: str = "127.0.0.1"
    port: int = 8765
    devices: tuple[str, ...] = ("cpu",)
    weights: Path | None = None
    """Of its model: a file, or a folder of several; None takes those that ship."""
    profile: Path | None = None
    """A latency profile; None takes the one saved for the device, or makes a quick one."""
    planner: str = DEFAULT_PLANNER
    window_s: float = 0.5
    """Time between two plans."""
    care: float = DEFAULT_CARE
    """Of plans at the beginning, before anything is learnt."""
    target: float = DEFAULT_TARGET
    """Per cent of the captured frames of each client that plans are to bring in time."""
    variant: str | None = None
    """Serve with this variant alone (no adaptation), e.g. `w100e2-448`."""
    max_batch: int = 8
    threads: int | None = None
    """Processor threads of one batch on `cpu`; None takes what answers most frames."""
    limits: Limits = field(default_factory=Limits)
    model: str = DEFAULT_MODEL
    """What is served, as `--model` names it."""
    actuation: bool = True
    """Whether batches may run with another variant than the planned one."""
    planning_share: float = DEFAULT_PLANNING_SHARE
    """Of one core, for full solves of the planner."""
    cameras_beside: bool = False
    """Whether cameras are emulated in the same process, which take the processors that it would share with batches."""
    log: LogConfig | None = None
    """Its own log; None keeps none."""
    drain_s: float = 0.0
    """When it is told to stop, so long streams go on before it does."""
    spans: float = 0.0
    """Share of the frames (0..1) that spans are recorded of."""
    track: bool = False
    """Whether objects are followed from frame to frame, for those who watch."""
    grpc_port: int | None = None
    """Where requests for inference are taken over gRPC, too; 0: any free port. None: nowhere."""
    access: AccessConfig = field(default_factory=AccessConfig)
    metrics_cameras: int = 0
    """Cameras that metrics tell apart by name: the first so many."""
    metrics_from: frozenset[str] = frozenset()
    """Networks that may read them, beside this machine itself."""
    cameras: tuple[ServedCamera, ...] = ()
    """Those that something is said about, or that it fetches; others come beside them, and at run time."""
    cameras_file: Path | None = None
    """Where those that were added at run time are kept; None: nowhere, they are gone after a restart."""
    allowance: Allowance = field(default_factory=Allowance)
    """What the sources of its cameras may be."""
    mqtt: MqttConfig | None = None
    webhook: WebhookConfig | None = None
    workers: WorkersConfig = field(default_factory=WorkersConfig)
    public_url: str | None = None
    """Of its stream, as others reach it; None: they are not told."""
    alternatives: tuple[str, ...] = ()
    """URLs of the streams of servers where its clients may go on without it. It may be among them."""

    @property
    def elsewhere(self) -> tuple[str, ...]:
        """Those of the alternatives that are other servers."""
        return tuple(url for url in self.alternatives if url != self.public_url)

    @property
    def planned_by(self) -> str:
        """Who plans, as the result files call it."""
        return self.planner if self.variant is None else "fixed"


@dataclass(frozen=True, slots=True)
class CameraConfig:
    """One emulated camera."""

    name: str
    video: Path
    fps: float
    slo_s: float
    trace: str
    """What `jellyfish.link.synthetic.resolve_trace` understands: `wifi`, `lte`, `steps`, `10mbps`, `none`, a file."""
    delay_s: float
    """One-way delay of the link, each way."""
    seed: int
    max_in_flight: int = 3
    join_s: float = 0.0
    leave_s: float = float("inf")
    """When it comes and goes, in seconds of the run."""


RTSP_TRANSPORTS = ("tcp", "udp")
ROTATIONS = (0, 90, 180, 270)
"""Degrees clockwise that pictures may be turned by."""


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """One real camera, or what stands for one: where its pictures come from, and what is asked of their answers."""

    name: str
    url: str = field(repr=False)
    """See `jellyfish.camera.sources.allowed`. It may hold a password: people are shown what `without_credentials` there
    leaves of it."""
    slo_s: float = 0.15
    fps: float | None = None
    """Frames a second, of which others are left out; None: as many as come, which is measured before it connects."""
    target: float | None = None
    """Per cent of its frames that are to be answered in time; None leaves that to the server."""
    rtsp_transport: str = "tcp"
    """Of `RTSP_TRANSPORTS`."""
    rotate: int | None = None
    """Of `ROTATIONS`, in place of what the stream says of how it is to be held; None: as it says."""
    allowance: Allowance | None = None
    """What may be opened, where another than the person at this machine names it."""


@dataclass(frozen=True, slots=True)
class ServedCamera:
    """What a server is told of one camera, by its name."""

    name: str
    settings: CameraSettings = field(default_factory=CameraSettings)
    source: SourceConfig | None = None
    """Where the server fetches its pictures itself; None where a client of that name sends them."""


@dataclass(frozen=True, slots=True)
class LiveConfig:
    """One real camera of a server that runs somewhere."""

    source: SourceConfig
    connect: str
    results: Path | None = None
    """Folder for the result files; None writes none."""
    duration_s: float | None = None
    """None: until it is stopped."""
    reach: ReachConfig = field(default_factory=ReachConfig)


DEFAULT_LOCAL = "w050e1-256"
"""What a device runs on each frame itself."""
DEFAULT_FUSION = "detections"
FUSED_MODELS = {DEFAULT_FUSION: DEFAULT_MODEL, "scores": "classification"}
"""What devices fuse -> the model that their small networks are of."""
DEFAULT_LOCALS = {DEFAULT_FUSION: DEFAULT_LOCAL, "scores": "w050-64"}
"""What devices fuse -> the network that they run themselves, unless told otherwise."""
CLOUD_FILTERS = ("periodic", "transition", "gain")
DEFAULT_FILTER = CLOUD_FILTERS[0]
"""Which frames go to the cloud, see `jellyfish.edge.fusion.filters` and `jellyfish.edge.fusion.gain`."""
DEFAULT_PERIOD = 5
"""One frame in so many goes to the cloud (Clownfish, SEC 2020)."""


@dataclass(frozen=True, slots=True)
class DeviceConfig:
    """One device that answers its frames itself and asks a cloud about some of them."""

    name: str
    video: Path
    fps: float | None
    """None: the video's own."""
    slo_s: float
    trace: str
    delay_s: float
    seed: int
    variant: str = DEFAULT_LOCAL
    filter: str = DEFAULT_FILTER
    period: int = DEFAULT_PERIOD


@dataclass(frozen=True, slots=True)
class DevicesConfig:
    """One run of devices against a cloud in this process or elsewhere."""

    devices: tuple[DeviceConfig, ...]
    duration_s: float
    results: Path | None
    seed: int
    cloud: str | None = None
    """URL of a running server; None starts one in this process."""
    weights: Path | None = None
    """Of the small network; None takes those that ship."""
    server: ServerConfig | None = field(default_factory=ServerConfig)
    """The one in this process; None where the server is elsewhere."""
    fusion: str = DEFAULT_FUSION
    """What is fused, of `DEFAULT_LOCALS`: boxes, or class scores."""
    reach: ReachConfig = field(default_factory=ReachConfig)


class Encoding(enum.StrEnum):
    """Who decodes and encodes for emulated cameras."""

    SHARED = "shared"
    EACH = "each"


@dataclass(frozen=True, slots=True)
class BenchConfig:
    """One measured run: a fleet of cameras against a server in this process or elsewhere."""

    cameras: tuple[CameraConfig, ...]
    duration_s: float
    results: Path | None
    """Folder for the result files; None makes one below `results/`."""
    seed: int
    connect: str | None = None
    """URL of a running server; None starts one in this process."""
    save_detections: bool = False
    controller: str | None = None
    """With one, the cameras steer themselves by it; None lets them follow the server's plan."""
    encode: Encoding = Encoding.SHARED
    """`shared`: cameras of a clip share its encoded frames; `each`: every camera decodes and encodes for itself."""
    memory_bytes: int = 256_000_000
    """What may be kept of all shared clips."""
    server: ServerConfig | None = field(default_factory=ServerConfig)
    """The one in this process; None where the server is elsewhere."""
    reach: ReachConfig = field(default_factory=ReachConfig)
