"""Which options have no effect, and beside which others: one table, for the command line, which refuses them, and for
`run.json`, which holds only what had one. Pure.

Keys are the parameters of the commands; those of a server are fields of `ServerConfig`, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jellyfish.config import CLIENTS_CHOOSE, DEFAULT_MODEL, DEFAULT_PLANNER, PLANNERS, Encoding

Values = Mapping[str, Any]
"""Parameters of one call, defaults included."""


@dataclass(frozen=True, slots=True)
class VoidRule:
    """These options have no effect where `applies` says so of a call's values."""

    options: tuple[str, ...]
    applies: Callable[[Values], bool]
    because: str
    """What follows "--option has no effect"."""


def given(option: str) -> Callable[[Values], bool]:
    """Whether `option` is given, or is on."""
    return lambda values: bool(values.get(option))


def missing(option: str) -> Callable[[Values], bool]:
    """Whether `option` is not given, or is off."""
    return lambda values: not values.get(option)


def _nobody_plans(values: Values) -> bool:
    return bool(values.get("variant") or values.get("controller")) or values.get("planner") == CLIENTS_CHOOSE


def _own_planner(values: Values) -> bool:
    return values.get("planner", DEFAULT_PLANNER) not in (*PLANNERS, CLIENTS_CHOOSE)


def _own_weights(values: Values) -> bool:
    if (name := values.get("model", DEFAULT_MODEL)) == DEFAULT_MODEL:
        return False
    from jellyfish.models.opening import takes_weights  # numpy: what has no --model need not wait for it

    return not takes_weights(name)


def _asks_for_devices(values: Values) -> bool:
    file = values.get("file")
    return file is None or str(file).endswith(".toml")


def _torchvision(values: Values) -> bool:
    return str(values.get("model")).partition(":")[0] == "torchvision"


def _only_gpus(values: Values) -> bool:
    return "cpu" not in values.get("device", "cpu")


def _placed_by_ray(values: Values) -> bool:
    return str(values.get("engine")).startswith("ray")


def _unseeded(values: Values) -> bool:
    from jellyfish.link.synthetic import RADIOS  # numpy: a wrong option need not wait for it

    return values["trace"].strip().lower() not in RADIOS


_THREADS_RULE = VoidRule(("threads",), _only_gpus, "without the device cpu, whose batches they run")
DETECTOR_RULES = (
    VoidRule(("weights",), _own_weights, "with this --model, which brings its own"),
    _THREADS_RULE,
)
SERVER_RULES = (
    *DETECTOR_RULES,
    VoidRule(("planner",), given("variant"), "with --variant: one size for all leaves nothing to plan"),
    VoidRule(
        ("care", "planning_share"),
        _nobody_plans,
        "without a planner: nobody plans with --variant, --controller or --planner client",
    ),
    VoidRule(("planning_share",), _own_planner, "with a planner of your own, which is asked in every window"),
    VoidRule(
        ("target",),
        lambda values: _nobody_plans(values) and not values.get("find_clients"),
        "without a planner: nobody plans with --variant, --controller or --planner client",
    ),
    VoidRule(("actuation",), given("variant"), "with --variant: there is no other size to run a batch with"),
    VoidRule(
        ("actuation",),
        _torchvision,
        "with --model torchvision: a network that is not loaded cannot stand in for another",
    ),
    VoidRule(("threads",), given("profile"), "with --profile, which says how the device is divided"),
)
_NO_DEVICE = "with --device none: nothing runs on this machine"
WORKERS_RULES = (
    VoidRule(("worker_token_file", "worker_ca_file"), missing("worker"), "without --worker: nobody is shown it"),
    VoidRule(("workers", "profile"), lambda values: values.get("device") == "none", _NO_DEVICE),
    VoidRule(("workers",), _placed_by_ray, "with --engine ray: nothing runs in a process of this server"),
    VoidRule(
        ("profile",),
        _placed_by_ray,
        "with --engine ray: each node takes what `jellyfish profile` has kept there, or measures",
    ),
)
STEERED_RULE = VoidRule(("planner",), given("controller"), "with --controller: cameras choose their sizes themselves")
_ELSEWHERE = "with --connect: that server runs already, as it was started"
_ALONE = "with --clownfish: devices answer their frames themselves, each with its own decoder and encoder"
_ANY_CERTIFICATE_RULE = VoidRule(("ca_file",), given("any_certificate"), "with --any-certificate, which takes them all")
BENCH_RULES = (
    VoidRule(
        (
            *("device", "profile", "planner", "window_ms", "care", "planning_share", "variant"),
            *("max_batch", "threads", "model", "actuation", "workers"),
        ),
        given("connect"),
        _ELSEWHERE,
    ),
    VoidRule(("weights",), lambda values: values["connect"] and not values["clownfish"], _ELSEWHERE),
    VoidRule(("target",), lambda values: values["connect"] and not values["find_clients"], _ELSEWHERE),
    VoidRule(
        ("controller", "save_detections", "find_clients", "encode", "clip_memory_mb", "report"),
        given("clownfish"),
        _ALONE,
    ),
    VoidRule(
        ("local_variant", "filter", "period"),
        missing("clownfish"),
        "without --clownfish: cameras run no network of their own",
    ),
    VoidRule(
        ("token_file", "ca_file", "any_certificate"),
        missing("connect"),
        "without --connect: the server that is started here asks for no token, and encrypts nothing",
    ),
    _ANY_CERTIFICATE_RULE,
    STEERED_RULE,
    VoidRule(("variant",), given("controller"), STEERED_RULE.because),
    VoidRule(("most_clients",), missing("find_clients"), "without --find-clients"),
    VoidRule(("report",), given("find_clients"), "with --find-clients: its runs can be compared by `jellyfish report`"),
    VoidRule(
        ("clip_memory_mb",),
        lambda values: values["encode"] == Encoding.EACH,
        "with --encode each: nothing is shared, so nothing is kept",
    ),
    *SERVER_RULES,
)
_ABOUT_CAMERAS = ("clients", "fps", "slo_ms", "trace", "delay_ms")
_SAID_THERE = "with a file, which says it of its cameras"
PLAN_RULES = (
    VoidRule(_ABOUT_CAMERAS, given("file"), _SAID_THERE),
    VoidRule(
        (
            *("target", "least_accuracy", "device", "profile", "model", "weights", "times_as_fast", "max_batch"),
            *("most_devices", "seed", "plot"),
        ),
        lambda values: not _asks_for_devices(values),
        "with a file in JSON, which says how many devices there are",
    ),
    VoidRule(("time_budget_ms",), _asks_for_devices, "without a file in JSON: plans end after a number of steps"),
    VoidRule(("device",), given("profile"), "with --profile, which says what the device is"),
    VoidRule(("weights",), _own_weights, "with this --model, which brings its own"),
)
RULES: dict[str, tuple[VoidRule, ...]] = {
    "serve": (
        *SERVER_RULES,
        *WORKERS_RULES,
        VoidRule(("results_mb", "results_days"), missing("results"), "without --results, the log that they bound"),
        VoidRule(("tls_key",), missing("tls_certificate"), "without --tls-certificate, which it is the key of"),
        VoidRule(("mqtt_credentials",), missing("mqtt"), "without --mqtt, the broker that they are for"),
        VoidRule(("webhook_token",), missing("webhook"), "without --webhook, which it is for"),
        VoidRule(
            ("public_url",),
            lambda values: not values.get("alternative") and not values.get("worker"),
            "without --alternative or --worker: nobody is told of it",
        ),
    ),
    "worker": (
        *DETECTOR_RULES,
        VoidRule(("threads",), given("profile"), "with --profile, which says how the device is divided"),
        VoidRule(("tls_key",), missing("tls_certificate"), "without --tls-certificate, which it is the key of"),
    ),
    "bench": BENCH_RULES,
    "camera": (_ANY_CERTIFICATE_RULE,),
    "device": (_ANY_CERTIFICATE_RULE,),
    "profile": DETECTOR_RULES,
    "model check": (_THREADS_RULE,),
    "train": (
        VoidRule(("coco_share",), missing("coco"), "without --coco: there are no photographs to take a share of"),
        VoidRule(
            ("images",),
            lambda values: not (values["coco"] or values["validation"]),
            "without --coco or --validation, which name the images",
        ),
    ),
    "plan": PLAN_RULES,
    "simulate": (
        VoidRule(
            ("seed", "care"), lambda values: values["chaos"] is not None, "with --chaos SEED, which draws everything"
        ),
    ),
    "video make": (
        VoidRule(("duration",), missing("layout"), "without --layout: the clips that ship are as long as they are"),
    ),
    "trace show": (VoidRule(("seed",), _unseeded, "on this trace: nothing of it is drawn at random"),),
}
"""By the words of the command."""


def void(rules: tuple[VoidRule, ...], values: Values) -> dict[str, str]:
    """The options that have no effect among `values`, and why."""
    found: dict[str, str] = {}
    for rule in rules:
        if rule.applies(values):
            found |= {option: rule.because for option in rule.options if option not in found}
    return found


def effective(config: dict[str, Any]) -> dict[str, Any]:
    """How a run was configured, as it goes into `run.json`: without what had no effect."""
    nothing = void((*SERVER_RULES, STEERED_RULE), config)
    kept = {key: value for key, value in config.items() if key not in nothing}
    if config.get("connect") or config.get("cloud"):
        kept.pop("server", None)
    elif "server" in config:
        server = config["server"]
        nothing = void(SERVER_RULES, server | {"device": server["devices"]})
        kept["server"] = {key: value for key, value in server.items() if key not in nothing}
    if config.get("encode") == Encoding.EACH:
        kept.pop("memory_bytes", None)
    return kept
