"""Options without effect: each is refused by its command, and none gets into `run.json`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from jellyfish import cli
from jellyfish.cli.options import SHIPPED_VIDEOS
from jellyfish.config import CLIENTS_CHOOSE, BenchConfig, DevicesConfig, Encoding, ServerConfig
from jellyfish.effects import BENCH_RULES, RULES, VoidRule, void
from jellyfish.modes.run import run_info

URL = "ws://127.0.0.1:9/v1/stream"
OF_SERVERS = {
    "device": "cuda:1", "profile": "x.json", "planner": "best", "window-ms": "500", "care": "1", "target": "99",
    "planning-share": "5", "variant": "w100e2-448", "max-batch": "8", "threads": "1", "model": "torchvision",
}  # fmt: skip
TWO_CLIPS = [word for name in ("avenue", "town") for word in ("--video", str(SHIPPED_VIDEOS / f"street-{name}.mp4"))]
NOBODY_PLANS = {option: OF_SERVERS[option] for option in ("care", "target", "planning-share")}


def options(given: dict[str, str], *beside: str) -> list[list[str]]:
    """One call for each option given."""
    return [[f"--{name}", value, *beside] for name, value in given.items()]


VOID_ON_SERVERS = [
    ["--weights", "x", "--model", "my_model.py:Detector"],
    ["--threads", "1", "--device", "cuda:0"],
    ["--threads", "1", "--profile", "x.json"],
    ["--planner", "best", "--variant", "w100e2-448"],
    *options(NOBODY_PLANS, "--variant", "w100e2-448"),
    *options(NOBODY_PLANS, "--planner", "client"),
    ["--planning-share", "5", "--planner", "my_planner.py:MyPlanner"],
    ["--no-actuation", "--variant", "w100e2-448"],
    ["--actuation", "--model", "torchvision:fcos"],
]
VOID = {
    "serve": [
        *VOID_ON_SERVERS,
        *(["--results-mb", "20"], ["--results-days", "1"], ["--tls-key", "x"]),
        *(["--mqtt-credentials", "x"], ["--webhook-token", "x"]),
        *(["--worker-token-file", "x"], ["--worker-ca-file", "x"]),
        *options({"workers": "process", "profile": "x"}, "--device", "none", "--worker", "h:1"),
        *options({"workers": "process", "profile": "x"}, "--engine", "ray"),
        ["--public-url", URL],
    ],
    "worker": [*VOID_ON_SERVERS[:3], ["--tls-key", "x"]],
    "bench": [
        *VOID_ON_SERVERS,
        *options(OF_SERVERS, "--connect", URL),
        ["--workers", "process", "--connect", URL],
        ["--no-actuation", "--connect", URL],
        ["--weights", "x", "--connect", URL],
        ["--planner", "best", "--controller", "mpc"],
        ["--variant", "w100e2-448", "--controller", "mpc"],
        *options(NOBODY_PLANS, "--controller", "mpc"),
        ["--controller", "mpc", "--clownfish"],
        ["--save-detections", "--clownfish"],
        ["--find-clients", "--clownfish"],
        ["--encode", "each", "--clownfish"],
        ["--clip-memory-mb", "9", "--clownfish"],
        ["--clip-memory-mb", "9", "--encode", "each"],
        ["--most-clients", "9"],
        ["--report", "--clownfish"],
        ["--report", "--find-clients"],
        ["--local-variant", "w050e1-256"],
        ["--filter", "gain"],
        ["--period", "5"],
        ["--token-file", "x"],
        ["--ca-file", "x"],
        ["--any-certificate"],
        ["--ca-file", "x", "--any-certificate", "--connect", URL],
    ],
    "camera": [["--ca-file", "x", "--any-certificate", "--connect", URL, "x.mp4"]],
    "device": [["--ca-file", "x", "--any-certificate", "--cloud", URL]],
    "profile": VOID_ON_SERVERS[:2],
    "model check": [["--threads", "1", "--device", "cuda:0", "package", "image"]],
    "train": [["--coco-share", "0.5"], ["--images", "x"]],
    "simulate": [["--seed", "1", "--chaos", "1"], ["--care", "0", "--chaos", "1"]],
    "video make": [["--duration", "9", "--name", "street-town"]],
    "trace show": [["--seed", "1", "10mbps"]],
}  # fmt: skip


def refused(command: str, words: list[str]) -> str:
    """What the command says, in one line."""
    done = CliRunner().invoke(cli.app, [*command.split(), *words], env={"COLUMNS": "200"})
    assert done.exit_code == 2, done.output
    return " ".join(done.output.replace("│", " ").split())


@pytest.mark.parametrize("command", VOID)
def test_every_option_without_effect_is_refused_and_why(command: str) -> None:
    unseen = {(option, rule.because) for rule in RULES[command] for option in rule.options}
    for words in VOID[command]:
        said = refused(command, words)
        assert f"{words[0]} has no effect " in said, words
        unseen -= {(option, why) for option, why in unseen if option.replace("_", "-") in words[0] and why in said}
    assert not unseen, "rules that no call shows"


def test_the_table_is_of_options_that_there_are() -> None:
    group: Any = typer.main.get_command(cli.app)
    for words, rules in RULES.items():
        command = group
        for word in words.split():
            command = command.commands[word]
        known = {parameter.name for parameter in command.params}
        assert {option for rule in rules for option in rule.options} <= known, words


ALWAYS = {
    *(
        "engine",
        "clients",
        "fps",
        "slo_ms",
        "video",
        "trace",
        "traces",
        "delay_ms",
        "duration",
        "results",
        "connect",
        "clownfish",
    ),
    *("cloud", "variant", "filter", "period", "name", "weights", "device", "max_batch", "window_ms", "planner", "seed"),
    *("host", "port", "max_clients", "max_message_kb", "max_image_side", "max_in_flight", "hello_timeout_s", "quiet"),
    *("requests_share", "request_timeout_ms", "max_request_kb", "grpc_port", "cameras_file", "camera_files"),
    *("mqtt", "webhook", "alternative", "begin", "end", "camera", "worker"),
    *("silence_timeout_s", "per_address", "proxy", "scenario", "chaos", "evaluation", "policies", "seeds", "workers"),
    *("runs", "output", "file", "time_budget_ms", "json", "quick", "model", "profile", "folder", "coco", "validation"),
    *("backbone", "scenes", "steps", "resume", "images", "limit", "draw", "score", "layout", "plot", "kind"),
    *(
        "files",
        "package",
        "image",
        "task",
        "fusion",
        "metrics_cameras",
        "metrics_from",
        "log_format",
        "spans",
        "track",
        "drain_s",
    ),
    *(
        "tokens",
        "allow_host",
        "allow_origin",
        "tls_certificate",
        "tls",
        "config",
        "check",
        "token_file",
        "any_certificate",
    ),
    *("mean_mbps", "variation", "autocorrelation", "outage_s", "outage_every_s"),
    *("source", "url_file", "transport", "rotate", "target"),
}
"""Options that have an effect whatever else is given, on the commands that have no rule for them."""


def commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    parts: dict[str, Any] = getattr(command, "commands", {})
    if not parts:
        yield " ".join(words), command
    for name, part in parts.items():
        yield from commands(part, (*words, name))


def test_somebody_has_thought_of_every_option() -> None:
    for words, command in commands(typer.main.get_command(cli.app)):
        ruled = {option for rule in RULES.get(words, ()) for option in rule.options}
        unknown = {parameter.name for parameter in command.params} - ruled - ALWAYS
        assert not unknown, f"{words}: add rules to jellyfish/effects.py, or say here that they are never void"


def defaults(command: str, **given: Any) -> dict[str, Any]:
    group: Any = typer.main.get_command(cli.app)
    return {parameter.name: parameter.default for parameter in group.commands[command].params} | given


@pytest.mark.parametrize(
    ("given", "option"),
    [
        ({"connect": URL, "find_clients": True}, "target"),
        ({"connect": URL, "clownfish": True}, "weights"),
        ({"connect": URL}, "controller"),
        ({"controller": "mpc"}, "window_ms"),
        ({"controller": "mpc"}, "actuation"),
        ({"controller": "mpc", "find_clients": True}, "target"),
        ({"variant": "w100e2-448"}, "max_batch"),
        ({"device": "cuda:0,cpu"}, "threads"),
    ],
)
def test_what_has_an_effect_is_not_refused(given: dict[str, Any], option: str) -> None:
    assert option not in void(BENCH_RULES, defaults("bench", **given))
    assert void(BENCH_RULES, defaults("bench")).keys() == {
        *("local_variant", "filter", "period", "most_clients"), *("token_file", "ca_file", "any_certificate"),
    }  # fmt: skip


def test_an_option_given_twice_is_refused_where_only_the_last_would_count() -> None:
    assert "--fps is given 2 times" in refused("bench", ["--fps", "15", "--fps", "25"])
    assert "is given 2 times" in refused("serve", ["--actuation", "--no-actuation"])


@pytest.mark.parametrize("option", ["connect", "results", "video", "weights", "variant", "controller"])
def test_an_empty_option_is_not_taken_for_none(option: str) -> None:
    assert f"--{option} is empty" in refused("bench", [f"--{option}", ""])
    assert f"--{option} is empty" in refused("bench", [f"--{option}="])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--clients", "1", "--fps", "15,25"], "--fps: 2 values for 1 client"),
        (["--clients", "2", "--slo-ms", "75,100,150"], "--slo-ms: 3 values for 2 clients"),
        (["--clients", "1", "--trace", "wifi,lte"], "--trace: 2 values"),
        (["--clients", "1", *TWO_CLIPS], "--video: 2 values"),
        (["--find-clients", "--most-clients", "8", "--clients", "9"], "9 is more than --most-clients 8"),
    ],
)
def test_values_that_no_client_would_get_are_refused(words: list[str], said: str) -> None:
    assert said in refused("bench", words)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (TWO_CLIPS, "2 videos for one device"),
        (["--name", "n" * 65], "65 characters: between 1 and 64"),
        (["--name", ""], "0 characters"),
        (["--name", "a\x1bb"], "control characters"),
    ],
)
def test_a_device_is_one_device_with_a_name_that_servers_take(words: list[str], said: str) -> None:
    assert said in refused("device", ["--cloud", URL, *words])


def configured(config: Any) -> dict[str, Any]:
    return run_info("bench", datetime(2026, 1, 31), 0, config, [], "").config


def test_a_run_against_another_server_says_nothing_of_a_server() -> None:
    told = configured(BenchConfig((), 1.0, None, 0, connect=URL, server=None))
    assert told["connect"] == URL
    assert not {"server", "planner", "care", "variant"} & told.keys()
    assert "server" not in configured(DevicesConfig((), 1.0, None, 0, cloud=URL, server=None))


def test_run_json_holds_only_what_had_an_effect() -> None:
    adaptive = configured(BenchConfig((), 1.0, Path("x"), 0))
    assert adaptive["server"].keys() >= {"planner", "care", "target", "planning_share", "threads", "actuation"}
    assert adaptive["memory_bytes"]
    fixed = configured(BenchConfig((), 1.0, None, 0, encode=Encoding.EACH, server=ServerConfig(variant="w025e1-128")))
    assert fixed["server"]["variant"] == "w025e1-128"
    assert not {"planner", "care", "target", "planning_share", "actuation"} & fixed["server"].keys()
    assert "memory_bytes" not in fixed
    steered = configured(
        BenchConfig(
            (), 1.0, None, 0, controller="mpc", server=ServerConfig(planner=CLIENTS_CHOOSE, devices=("cuda:0",))
        )
    )
    assert steered["server"]["planner"] == CLIENTS_CHOOSE
    assert not {"care", "target", "threads"} & steered["server"].keys()


def test_a_rule_says_which_option_and_why() -> None:
    rule = VoidRule(("a", "b"), lambda values: values["c"], "with --c")
    assert void((rule,), {"c": True}) == {"a": "with --c", "b": "with --c"}
    assert void((rule,), {"c": False}) == {}
