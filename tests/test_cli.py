"""The command line: every wrong input ends with exit code 2 and one clear message, never a traceback."""

from __future__ import annotations

import errno
import inspect
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_type_hints

import click
import msgspec
import numpy as np
import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from jellyfish import cli
from jellyfish.cli.options import SHIPPED_VIDEOS
from jellyfish.cli.parsing import fusion_with, shipped_clips, video_files
from jellyfish.cli.running import guard
from jellyfish.errors import InputError, ProtocolError, RunError
from jellyfish.media.labels import labels_path
from jellyfish.media.video_writer import write_video
from tests.server.peer import PROFILE

TEXT = Path(__file__)


@pytest.fixture(autouse=True)
def switch_interval() -> Iterator[None]:
    before = sys.getswitchinterval()
    yield
    sys.setswitchinterval(before)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "grey.mp4"
    write_video(path, (np.full((48, 64, 3), 100 + index, np.uint8) for index in range(5)), 5, 64, 48)
    return path


@pytest.fixture
def broken_trace(tmp_path: Path) -> Path:
    path = tmp_path / "broken.csv"
    path.write_text("time_s,mbps\n0,10\n1,fast\n")
    return path


@pytest.fixture
def broken_profile(tmp_path: Path) -> Path:
    path = tmp_path / "profile.json"
    path.write_text('{"device": "cpu", "latenc')
    return path


def nobodys_url() -> str:
    """A URL at whose port nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"ws://127.0.0.1:{probe.getsockname()[1]}/v1/stream"


def jellyfish(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def refused(*arguments: str | Path) -> str:
    """What a command that must be refused says, on one line of words."""
    result = jellyfish(*arguments)
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    return " ".join(result.output.replace("│", " ").split())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--planner", "clever"], ["'clever'", "annealing", "exact", "client"]),
        (["--controller", "clever"], ["'clever'", "prudent", "mpc"]),
        (["--controller", "mpc", "--variant", "w025e1-128"], ["--variant has no effect with --controller"]),
        (["--variant", "w200-999"], ["'w200-999'", "w025e1-128", "w100e2-448"]),
        (["--video", "nowhere.mp4"], ["nowhere.mp4", "no video file"]),
        (["--video", str(TEXT)], [TEXT.name, "not a video"]),
        (["--trace", "5g"], ["'5g'", "wifi", "10mbps", "CSV"]),
        (["--trace", "nowhere.csv"], ["nowhere.csv", "time_s,mbps"]),
        (["--trace", ""], ["no trace ''"]),
        (["--fps", "15,fast"], ["--fps", "'15,fast'"]),
        (["--fps", "15,0"], ["--fps", "'15,0'"]),
        (["--fps", "500"], ["--fps", "'500'", "240"]),
        (["--fps", "0.01"], ["--fps", "'0.01'", "at least 0.05"]),
        (["--encode", "twice"], ["--encode", "shared", "each"]),
        (["--clip-memory-mb", "0"], ["--clip-memory-mb"]),
        (["--find-clients", "--target", "101"], ["--target"]),
        (["--slo-ms", "nan"], ["--slo-ms", "'nan'"]),
        (["--slo-ms", ""], ["--slo-ms"]),
        (["--device", "tpu"], ["'tpu'", "cpu", "cuda:N"]),
        (["--device", "cuda:99"], ["'cuda:99'"]),
        (["--device", "mps"], ["'mps'", "not supported"]),
        (["--device", "cpu,cpu"], ["--device", "once"]),
        (["--weights", "nowhere.safetensors"], ["cannot read the weights nowhere.safetensors", "No such file"]),
        (["--weights", str(TEXT)], ["test_cli.py is not a safetensors file"]),
        (["--profile", "nowhere.json"], ["nowhere.json", "No such file", "measure"]),
        (["--window-ms", "1"], ["--window-ms", "between 50 and 60000"]),
        (["--clients", "0"], ["--clients"]),
        (["--duration", "soon"], ["--duration"]),
        (["--duration", "nan"], ["--duration"]),
        (["--device", "cuda,cuda:0"], ["--device", "once"]),
        (["--connect", "127.0.0.1"], ["127.0.0.1 is not the URL of a stream", "ws://HOST:PORT/v1/stream"]),
        (["--connect", "ws://127.0.0.1:8765"], ["not the URL of a stream"]),
        (["--connect", "ws://127.0.0.1:70000/v1/stream"], ["its port is not a number from 1 to 65535"]),
        (["--no-such-option"], ["--no-such-option"]),
    ],
    ids=lambda value: " ".join(value[:2])[:40] if isinstance(value, list) else None,
)
def test_a_wrong_option_is_refused_with_words(clip: Path, tmp_path: Path, options: list[str], words: list[str]) -> None:
    said = refused("bench", "--video", clip, "--results", tmp_path / "results", *options)
    assert [word for word in words if word not in said] == []
    assert not (tmp_path / "results" / "frames.jsonl").exists()


def test_a_broken_trace_is_refused_with_its_line(clip: Path, broken_trace: Path) -> None:
    said = refused("bench", "--video", clip, "--trace", broken_trace)
    assert "line 3" in said
    assert "fast" in said


def test_a_corrupted_profile_is_refused(clip: Path, broken_profile: Path) -> None:
    for command in (["bench", "--video", str(clip)], ["serve"]):
        assert "not a latency profile" in refused(*command, "--profile", broken_profile)


def test_a_profile_of_another_device_is_refused(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(PROFILE, device="cuda:0")))
    assert "is the profile of cuda:0, not of cpu" in refused("bench", "--video", clip, "--profile", path)


def test_a_folder_that_holds_something_is_not_written_to(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "earlier.txt").write_text("kept")
    said = refused("bench", "--video", clip, "--results", tmp_path, "--connect", nobodys_url())
    assert "not empty" in said
    assert [path.name for path in tmp_path.iterdir()] == ["earlier.txt"]


def test_nobody_at_the_url_is_said_at_once(clip: Path, tmp_path: Path) -> None:
    url = nobodys_url()
    said = refused("bench", "--video", clip, "--results", tmp_path / "run", "--connect", url)
    assert f"no Jellyfish server answers at {url}: nobody listens there; run `jellyfish serve`" in said


@pytest.mark.parametrize(("host", "words"), [("", "an empty address"), ("127.0.0.1:80", "the port goes to --port")])
def test_a_host_that_is_no_address_is_refused_at_once(host: str, words: str) -> None:
    assert words in refused("serve", "--host", host)


def test_the_clips_that_ship_are_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = video_files([SHIPPED_VIDEOS])
    assert [path.stem for path in found] == ["street-avenue", "street-junction", "street-town"]
    assert all(labels_path(path).is_file() for path in found)


def test_a_classifier_is_shown_one_thing_at_a_time_and_a_detector_the_street() -> None:
    assert [path.stem for path in video_files(shipped_clips("classification"))] == ["objects"]
    assert [fusion_with(model) for model in ("classification", "slimmable", "other.zip")] == [
        "scores",
        "detections",
        "detections",
    ]
    assert shipped_clips("other.zip") == shipped_clips("slimmable") == [SHIPPED_VIDEOS]


def test_what_devices_cannot_fuse_is_refused() -> None:
    server = ("--cloud", "ws://127.0.0.1:9/v1/stream")
    assert "choose detections, scores" in refused("device", *server, "--fusion", "boxes")
    assert "w050-64" in refused("device", *server, "--fusion", "scores", "--variant", "w050e1-256")


def test_of_a_folder_all_videos_are_taken_however_they_end(tmp_path: Path) -> None:
    for name in ("a.MP4", "b.mkv", "c.mp4", "c.labels.json", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "folder.mp4").mkdir()
    assert [path.name for path in video_files([tmp_path])] == ["a.MP4", "b.mkv", "c.mp4"]


def test_a_folder_without_videos_is_refused(tmp_path: Path) -> None:
    assert "jellyfish video make" in refused("bench", "--video", tmp_path)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--layout", "avenue"], "--seed"),
        (["--layout", "motorway", "--seed", "1", "--duration", "0.5"], "motorway"),
        (["--name", "nothing"], "street-avenue"),
    ],
)
def test_a_video_that_cannot_be_made_is_refused(tmp_path: Path, options: list[str], word: str) -> None:
    assert word in refused("video", "make", tmp_path, *options)
    assert list(tmp_path.iterdir()) == []


def test_a_video_of_ones_own_is_made_with_labels_beside_it(tmp_path: Path) -> None:
    result = jellyfish("video", "make", tmp_path, "--layout", "avenue", "--seed", "7", "--duration", "0.5")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["street-avenue-7.labels.json", "street-avenue-7.mp4"]


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command below `command`, by its words."""
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name, part in command.commands.items():
        yield from commands(part, (*path, name))


HARMLESS = {"window_ms", "limit", "variation", "autocorrelation", "outage_s", "outage_every_s"}
COMMANDS = dict(commands(typer.main.get_command(cli.app)))


def test_these_are_the_commands() -> None:
    expected = {("serve",), ("bench",), ("profile",), ("train",), ("evaluate",), ("detect",), ("video", "make")}
    assert set(COMMANDS) >= expected


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_explains_itself_and_each_option(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(cli.app, [*words, "--help"], env={"COLUMNS": "200"}, color=False)
    assert result.exit_code == 0
    shown = click.unstyle(result.output)
    for parameter in COMMANDS[words].params:
        if parameter.name != "help":
            assert getattr(parameter, "help", None), f"{words}: {parameter.name} is not explained"
        if isinstance(parameter, click.Option):
            assert max(parameter.opts, key=len) in shown


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_number_that_is_taken_has_an_upper_bound(words: tuple[str, ...]) -> None:
    """All but those that cannot do harm: what is checked by what takes it, or is only ever compared."""
    command = COMMANDS[words].callback
    assert command is not None
    for name, hint in get_type_hints(inspect.unwrap(command), include_extras=True).items():
        kind, option = (*get_args(hint), None, None)[:2]
        if {int, float} & {kind, *get_args(kind)} and name not in HARMLESS:
            assert option is not None
            assert option.max is not None, f"{words}: {name} has no bound"


@pytest.mark.parametrize(
    "words",
    [
        "bench --threads 100000000000",
        "bench --threads 1000",
        "bench --clients 1000000",
        "bench --duration inf",
        "bench --delay-ms nan",
        "serve --silence-timeout-s 1e300",
        "reproduce --workers 1000",
        "trace make lte FILE --duration 1e12",
        "trace make lte FILE --duration nan",
        "video make FILE --layout avenue --seed 1 --duration 1e12",
        "plan FILE --time-budget-ms 1e300",
    ],
)
def test_a_number_that_would_drown_the_machine_is_refused(words: str, tmp_path: Path) -> None:
    *command, option, number = words.replace("FILE", str(tmp_path / "file")).split()
    said = refused(*command, option, number)
    assert option in said
    assert "less than or equal to" in said
    assert list(tmp_path.iterdir()) == []


def test_the_bare_command_shows_what_there_is() -> None:
    result = jellyfish()
    assert result.exit_code == 2
    assert all(word in result.output for word in ("serve", "bench", "profile", "train", "evaluate", "detect", "video"))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("a [bold] word"), 2),
        (RunError("a [bold] word"), 1),
        (ProtocolError("full", "a [bold] word"), 1),
        (ExceptionGroup("", [ExceptionGroup("", [InputError("a [bold] word"), InputError("a [bold] word")])]), 2),
    ],
)
def test_an_error_becomes_a_line_and_a_code(error: Exception, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(typer.Exit) as left:
        guard(fail)
    assert left.value.exit_code == code
    assert capsys.readouterr().err == "error: a [bold] word\n"


def test_a_full_disk_is_said_in_a_line_wherever_it_shows(capsys: pytest.CaptureFixture[str]) -> None:
    def fill() -> None:
        with Path("/dev/full").open("w") as file:
            file.write("x" * 100_000)

    def leave_no_room() -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "labels.json")

    for action, said in ((fill, "a file"), (leave_no_room, "labels.json")):
        with pytest.raises(typer.Exit) as left:
            guard(action)
        assert left.value.exit_code == 1
        assert capsys.readouterr().err == f"error: {said} cannot be written: No space left on device\n"


def test_an_error_of_the_system_that_nobody_has_foreseen_stays_visible() -> None:
    def fail() -> None:
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        guard(fail)


@pytest.mark.parametrize("command", [["report"], ["simulate"], ["plan"], ["detect"], ["bench", "--video"]])
def test_a_name_that_no_file_can_have_is_refused(command: list[str]) -> None:
    assert "File name too long" in refused(*command, "x" * 300)


def test_all_errors_of_a_group_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise ExceptionGroup("", [RunError("one"), ExceptionGroup("", [InputError("another")])])

    with pytest.raises(typer.Exit):
        guard(fail)
    assert capsys.readouterr().err == "error: one\nerror: another\n"


def test_an_error_of_ours_that_nobody_means_stays_visible() -> None:
    def fail() -> None:
        raise ExceptionGroup("", [ValueError("a bug"), InputError("and more")])

    with pytest.raises(ExceptionGroup):
        guard(fail)


def test_the_program_itself_refuses_a_wrong_option_without_waiting_for_torch(clip: Path) -> None:
    script = "import sys\nfrom jellyfish.__main__ import main\ntry: main()\nfinally: print('torch' in sys.modules)\n"
    arguments = ["bench", "--video", str(clip), "--fps", "x"]
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (2, "False\n")
    assert "Traceback" not in done.stderr
