"""What `serve` takes on the command line stands in a file and in the environment, too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from jellyfish import cli
from jellyfish.cli.configuration_page import page
from jellyfish.cli.configured import CALL_ALONE, ConfiguredCommand
from jellyfish.cli.serving import ServeCommand
from jellyfish.errors import InputError
from jellyfish.modes.reloading import AT_RUN_TIME

ROOT = Path(__file__).parents[1]
PROGRAM = typer.main.get_command(cli.app)
COMMAND = PROGRAM.commands["serve"]  # type: ignore[attr-defined]
assert isinstance(COMMAND, ServeCommand)


def parsed(*words: str) -> Any:
    return COMMAND.make_context("serve", list(words), parent=typer.Context(PROGRAM, info_name="jellyfish"))


def made(*words: str) -> dict[str, Any]:
    """The options as a call would have them."""
    with parsed(*words) as context:
        call = ConfiguredCommand.invoke(COMMAND, context)
        return {**context.params, "config": call.config}


def written(folder: Path, text: str) -> str:
    path = folder / "server.toml"
    path.write_text(text)
    return str(path)


def said(*words: str) -> str:
    """What is said of a call that is refused."""
    done = CliRunner().invoke(cli.app, ["serve", "--check", "--port", "0", *words], env={"COLUMNS": "500"}, color=False)
    assert done.exit_code == 2, done.output
    return " ".join(done.output.split())


def test_the_command_line_goes_before_the_environment_that_before_the_file_and_that_before_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, "target = 95\nmax_clients = 5\nport = 1111\n")
    monkeypatch.setenv("JELLYFISH_SERVE_MAX_CLIENTS", "6")
    monkeypatch.setenv("JELLYFISH_SERVE_PORT", "2222")
    options = made("--config", file, "--port", "3333")
    assert [options[name] for name in ("port", "max_clients", "target", "max_batch")] == [3333, 6, 95.0, 8]
    monkeypatch.setenv("JELLYFISH_SERVE_CONFIG", file)
    monkeypatch.setenv("JELLYFISH_SERVE_PORT", "")
    assert made()["port"] == 1111


def test_a_file_has_numbers_texts_flags_and_lists(tmp_path: Path) -> None:
    text = 'device = ["cuda:0", "cuda:1"]\nquiet = true\nactuation = false\ncare = 2\nallow_host = "gpu,cpu"\n'
    options = made("--config", written(tmp_path, text + 'tokens = "some.toml"\n'))
    config = options["config"]
    assert (config.devices, options["quiet"], config.actuation, config.care) == (("cuda:0", "cuda:1"), True, False, 2.0)
    assert (config.access.hosts, config.access.tokens) == (("gpu", "cpu"), Path("some.toml"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("max_client = 3", ["server.toml has a key 'max_client'", "do you mean max_clients?"]),
        ("qwertz = 3", ["'qwertz'", "there are host, port"]),
        ("check = true", ["'check'"]),
        ("max_clients = 0", ["'max_clients' in", "server.toml", "greater than or equal to 1"]),
        ("max_clients = 3.5", ["'max_clients' in", "valid integer"]),
        ('max_clients = "many"', ["'max_clients' in", "valid integer"]),
        ("max_clients = true", ["'max_clients' in", "give one text, number"]),
        ("max_clients = [1, 2]", ["'max_clients' in", "give one text, number"]),
        ("care = {a = 1}", ["'care' in"]),
        ('quiet = "yes"', ["'quiet' in", "give true or false"]),
        ('weights = ""', ["'weights' in", "is empty"]),
        ('device = ["cpu", "cpu"]', ["'device' in", "name each device once"]),
        ('proxy = "somewhere"', ["'proxy' in", "give addresses"]),
        ("window_ms = 1", ["'window_ms' in", "between 50 and 60000"]),
        ('variant = "w100e2-448"\ncare = 1.0', ["'care' in", "has no effect", "nobody plans"]),
        ("care", ["is no TOML"]),
        ('tokens = "/nowhere/tokens.toml"', ["the tokens cannot be read: /nowhere/tokens.toml"]),
        ('tls_certificate = "/nowhere/c.pem"', ["the certificate cannot be read: /nowhere/c.pem"]),
        ('tls_key = "/nowhere/c.pem"', ["'tls_key' in", "has no effect without --tls-certificate"]),
        ('allow_origin = "viewer.example"', ["'allow_origin' in", "https://viewer.example.org"]),
        ('allow_host = "gpu:8765"', ["'allow_host' in", "without port"]),
        ('tls = "none"', ["'tls' in"]),
        ('alternative = ["http://gpu-2:8765"]', ["'alternative' in", "begins with http:// instead of ws://"]),
        ('alternative = "ws://gpu-2/v1/stream"\ntls = "self-signed"', ["'alternative' in", "give wss://"]),
        (f"alternative = {[f'ws://gpu-{n}/v1/stream' for n in range(17)]}", ["'alternative' in", "told of 16"]),
        ('alternative = "ws://a:b@gpu-2/v1/stream"', ["'alternative' in", "has a password"]),
        (
            'public_url = "gpu-1"\nalternative = "ws://gpu-2/v1/stream"',
            ["'public_url' in", "is not the URL of a stream"],
        ),
        ('model = "nowhere"', ["nowhere"]),
        ("cameras = 3", ["'cameras' in", "[[cameras]]"]),
        ("[[camera]]\nname = 'x'", ["do you mean cameras?"]),
        ("[[cameras]]\nnam = 'x'", ["'cameras' in", "camera number 1", "`nam`"]),
        ("[[cameras]]\nname = 'x'\nclasses = ['cra']", ["camera 'x'", "do you mean car?"]),
        ("[[cameras]]\nname = 'x'\nurl = '/etc/hosts'", ["camera 'x'", "may not be opened here", "--camera-files"]),
        ("[[cameras]]\nname = 'x'\nurl = 'rtsp://u:geheim@:1/'", ["camera 'x'", "names no host"]),
        (
            "max_clients = 1\n[[cameras]]\nname='a'\nurl='rtsp://h/'\n[[cameras]]\nname='b'\nurl='rtsp://h/'",
            ["2 cameras"],
        ),
        ('camera_files = "/nowhere"', ["/nowhere is no folder"]),
        ('camera_files = "/srv,"', ["'camera_files' in", "/srv/clips"]),
        ('cameras_file = "/nowhere/x.json"', ["no folder /nowhere"]),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_place(tmp_path: Path, text: str, words: list[str]) -> None:
    told = said("--config", written(tmp_path, text))
    assert [word for word in words if word not in told] == [], told
    assert "geheim" not in told


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("JELLYFISH_SERVE_MAX_CLIENT", "3", ["do you mean JELLYFISH_SERVE_MAX_CLIENTS?"]),
        ("JELLYFISH_SERVE_MAX_CLIENTS", "0", ["JELLYFISH_SERVE_MAX_CLIENTS: ", "greater than or equal to 1"]),
        ("JELLYFISH_SERVE_DEVICE", ",", ["JELLYFISH_SERVE_DEVICE: ", "name each device once"]),
        ("JELLYFISH_SERVE_CONFIG", "/nowhere/server.toml", ["/nowhere/server.toml cannot be read"]),
        ("JELLYFISH_CAMERA_TOKEN", "short", ["JELLYFISH_CAMERA_TOKEN: a token has 16 to 512 characters"]),
    ],
)
def test_what_is_wrong_in_the_environment_is_said_with_its_place(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: Sequence[str]
) -> None:
    monkeypatch.setenv(variable, value)
    told = said()
    assert [word for word in words if word not in told] == [], told


def test_what_is_right_is_said_to_be(tmp_path: Path) -> None:
    file = written(tmp_path, 'host = "127.0.0.1"\nport = 0\nmax_clients = 5\n')
    done = CliRunner().invoke(cli.app, ["serve", "--check", "--config", file])
    assert (done.exit_code, done.output.strip()) == (0, "all that is configured can be served")


def test_options_are_read_anew_from_the_file_of_the_same_call(tmp_path: Path) -> None:
    file = written(tmp_path, "target = 95")
    with parsed("--config", file, "--max-clients", "7") as context:
        written(tmp_path, "target = 90\nmax_clients = 9")
        call, options = COMMAND.again(context)
        assert (call.config.target, call.config.limits.clients, options["target"]) == (90.0, 7, 90.0)
        written(tmp_path, "target = 1000")
        with pytest.raises(InputError, match=r"'target' in .*server\.toml"):
            COMMAND.again(context)


def test_cameras_of_the_file_are_read_with_it_and_anew(tmp_path: Path) -> None:
    file = written(tmp_path, "port = 0\n[[cameras]]\nname = 'gate'\nurl = 'rtsp://h/'\nfps = 5")
    with parsed("--config", file, "--camera-files", "/srv/clips, /srv/more") as context:
        config = ConfiguredCommand.invoke(COMMAND, context).config
        assert [(each.name, each.source.fps) for each in config.cameras] == [("gate", 5.0)]
        assert config.allowance.folders == (Path("/srv/clips"), Path("/srv/more"))
        written(tmp_path, "[[cameras]]\nname = 'phone'\nimportance = 2")
        call, options = COMMAND.again(context)
        assert [(each.name, each.settings.importance) for each in call.config.cameras] == [("phone", 2.0)]
        assert "cameras" not in options
    assert made()["config"].cameras == ()


def test_every_option_can_stand_in_a_file_and_what_is_taken_at_run_time_is_one() -> None:
    names = {option.name for option in COMMAND.params} - set(CALL_ALONE)
    assert names >= AT_RUN_TIME
    assert not [option.name for option in COMMAND.params if option.multiple], "a list of a file is one text"


def test_the_page_says_what_the_options_say() -> None:
    assert (ROOT / "docs" / "configuration.md").read_text() == page(), (
        "python -m jellyfish.cli.configuration_page > docs/configuration.md"
    )
