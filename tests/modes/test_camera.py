"""`jellyfish camera` on files, against a real server with a timed device."""

from __future__ import annotations

import asyncio
import io
import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from jellyfish import cli
from jellyfish.cli.live import URL_VARIABLE
from jellyfish.config import LiveConfig, SourceConfig
from jellyfish.core import SourceState
from jellyfish.errors import RunError
from jellyfish.modes.camera import camera, why_for_nothing
from jellyfish.program.stopping import Stop
from tests.media.films import film
from tests.test_cli import nobodys_url, refused
from tests.test_example_client import listening


async def run(config: LiveConfig, enough: Callable[[str], bool]) -> str:
    """What it says; it is stopped when that is `enough`."""
    console, stop = Console(file=io.StringIO(), width=200), Stop()
    assert isinstance(console.file, io.StringIO)
    task = asyncio.create_task(camera(config, console, stop))
    while not task.done() and not enough(console.file.getvalue()):
        await asyncio.wait((task,), timeout=0.05)
    if not task.done():
        stop.request(signal.SIGINT)
    await task
    return console.file.getvalue()


async def test_frames_of_a_file_are_sent_answered_and_written_down_like_a_benchs(tmp_path: Path) -> None:
    source = SourceConfig("gate", str(film(tmp_path / "film.mp4")), slo_s=5.0, fps=10.0)
    file = tmp_path / "run" / "frames.jsonl"

    def enough(said: str) -> bool:
        return file.exists() and file.read_text().count('"on_time"') >= 5

    async with listening() as url:
        said = await run(LiveConfig(source, url, tmp_path / "run"), enough)
    assert "source live" in said
    assert "agree on every frame" in said
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    frames = [json.loads(line) for line in file.read_text().splitlines()]
    assert summary["offered"] == len(frames) >= 5
    assert [frame["frame"] for frame in frames] == list(range(len(frames)))
    info = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (info["mode"], info["config"]["source"]["name"]) == ("camera", "gate")
    assert info["model"]


async def test_nothing_that_a_run_says_or_leaves_has_the_password(tmp_path: Path) -> None:
    source = SourceConfig("gate", "rtsp://user:secret@127.0.0.1:1/x", fps=10.0)
    async with listening() as url:
        said = await run(LiveConfig(source, url, tmp_path / "run"), lambda said: "source dead" in said)
    assert "gate: rtsp://127.0.0.1:1/x to" in said
    assert "source dead: Connection refused" in said
    assert "rtsp://127.0.0.1:1/x" in (tmp_path / "run" / "run.json").read_text()
    for text in (said, *(file.read_text() for file in (tmp_path / "run").iterdir())):
        assert "secret" not in text


async def test_a_server_that_is_not_there_yet_is_no_reason_not_to_begin(tmp_path: Path) -> None:
    source = SourceConfig("gate", str(film(tmp_path / "film.mp4")), fps=10.0)
    said = await run(LiveConfig(source, nobodys_url()), lambda said: "source live" in said)
    assert "tried again until one does" in said


async def test_a_run_that_was_for_nothing_has_failed() -> None:
    with pytest.raises(RunError, match="no frame was captured"):
        await run(LiveConfig(SourceConfig("gate", "nowhere.mp4"), nobodys_url(), None, 1.0), lambda said: False)


def test_a_run_that_was_too_short_to_know_the_rate_says_so() -> None:
    assert "--duration" in str(why_for_nothing(False, 0, SourceState.LIVE, ""))
    assert "source is dead (refused)" in str(why_for_nothing(False, 0, SourceState.DEAD, "refused"))
    assert why_for_nothing(False, 3, SourceState.LIVE, "") == "the server took no camera in"
    assert why_for_nothing(True, 0, SourceState.LIVE, "") is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["rtsp://user:secret@gate/x"], ["--url-file", URL_VARIABLE, "others can read"]),
        (["http://gate/x?password=secret"], ["--url-file"]),
        ([], ["give a source", "--url-file", URL_VARIABLE]),
        (["rtsp://gate/user=admin&password=secret"], ["--url-file"]),
        (["rtsp//user:secret@gate/x"], ["looks like a URL"]),
        (["ftp://gate"], ["ftp: is no source"]),
        (["x.mp4", "--url-file", "y"], ["named twice"]),
        (["--url-file", "nowhere"], ["--url-file", "nowhere", "No such file"]),
        (["x.mp4", "--transport", "udp"], ["--transport", "no effect"]),
        (["rtsp://gate/x", "--transport", "sctp"], ["tcp, udp"]),
        (["x.mp4", "--rotate", "45"], ["45", "0, 90, 180, 270"]),
        (["x.mp4", "--name", "a\nb"], ["--name"]),
        (["x.mp4", "--connect", "http://gate"], ["--connect is given 2 times"]),
    ],
    ids=lambda value: " ".join(value)[:40],
)
def test_what_cannot_be_is_refused_and_no_password_repeated(options: list[str], words: list[str]) -> None:
    said = refused("camera", "--connect", "ws://127.0.0.1:1/v1/stream", *options)
    assert [word for word in words if word not in said] == []
    assert "secret" not in said


def test_a_url_with_a_password_comes_from_a_file_or_the_environment(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("gopher://user:secret@gate\n")
    for more, environment in (
        (["--url-file", str(tmp_path / "url")], {}),
        ([], {URL_VARIABLE: "gopher://user:secret@x"}),
    ):
        arguments = ["camera", "--connect", "ws://127.0.0.1:1/v1/stream", *more]
        result = CliRunner().invoke(cli.app, arguments, env=environment)
        assert result.exit_code == 2
        assert "gopher: is no source" in " ".join(result.output.split())
        assert "secret" not in result.output
