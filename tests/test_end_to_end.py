"""Whole runs: real sockets, the real network with the shipped weights, the files that a run leaves behind.

Nothing here depends on how fast the machine is: what must hold is that everything adds up.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import msgspec
import pytest
import torch
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from jellyfish import cli
from jellyfish.camera.credentials import TOKEN_VARIABLE, http_session
from jellyfish.config import ReachConfig
from jellyfish.core import Outcome, Reason
from jellyfish.devices.profile.table import LatencyProfile, VariantLatency
from jellyfish.models.slimmable.sizes import SIZES, VARIANTS
from jellyfish.models.slimmable.street import CLASSES
from jellyfish.models.slimmable.weights import load_weights
from jellyfish.protocol import wire
from jellyfish.results.records import FrameRecord, PlanRecord, RunInfo
from jellyfish.results.window_lines import ClientLine, WindowLine
from jellyfish.server.certificates import own_certificate
from tests.server.peer import JPEG, Peer

ROOT = Path(__file__).parent.parent
VIDEO = ROOT / "videos" / "street-town.mp4"
FILES = {"run.json", "frames.jsonl", "plans.jsonl", "summary.json", "pictures.jpg"}
WINDOWS = {"windows.jsonl", "window_clients.jsonl", "window_devices.jsonl"}
FAST = ("--variant", "w025e1-128", "--max-batch", "2")


@pytest.fixture(autouse=True)
def unchanged_process() -> Iterator[None]:
    """A run in this process tunes it: threads, garbage collection, thread switching."""
    interval, threads = sys.getswitchinterval(), torch.get_num_threads()
    yield
    sys.setswitchinterval(interval)
    torch.set_num_threads(threads)
    gc.unfreeze()


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A handmade latency profile, so that no run measures the machine first."""
    cost = {size.name: size.width * size.exit for size in SIZES}
    latencies = []
    for variant in VARIANTS:
        each_s = 0.05 * cost[variant.network] * (variant.resolution / 448) ** 2
        times = (0.005 + each_s, 0.005 + 2 * each_s)
        latencies.append(VariantLatency(variant, times, tuple(1.5 * time for time in times)))
    made = LatencyProfile("cpu", "handmade", load_weights().card.sha256, tuple(latencies))
    path = tmp_path_factory.mktemp("profile") / "profile.json"
    path.write_bytes(msgspec.json.encode(made))
    return path


def bench(*options: str | Path) -> Result:
    arguments = ["bench", "--video", VIDEO, "--fps", "8", "--delay-ms", "2", *options]
    arguments += [] if "--slo-ms" in options else ["--slo-ms", "1000"]
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def frames_of(folder: Path) -> list[FrameRecord]:
    return lines_of(folder / "frames.jsonl", FrameRecord)


Line = TypeVar("Line")


def lines_of(path: Path, kind: type[Line]) -> list[Line]:
    return [msgspec.json.decode(line, type=kind) for line in path.read_bytes().splitlines()]


def check_sums(folder: Path, clients: set[str]) -> dict[str, Any]:
    """The summary, whose every count is that of the frames' lines."""
    summary: dict[str, Any] = msgspec.json.decode((folder / "summary.json").read_bytes())
    frames = frames_of(folder)
    assert set(summary["clients"]) == {frame.client for frame in frames} == clients
    for client in clients:
        own = [frame for frame in frames if frame.client == client]
        counts = Counter(frame.outcome for frame in own)
        figures = summary["clients"][client]
        assert sorted(frame.frame for frame in own) == list(range(figures["offered"]))
        assert {outcome.value: figures[outcome] for outcome in Outcome} == {o.value: counts[o] for o in Outcome}
    assert summary["offered"] == sum(summary[outcome] for outcome in Outcome) == len(frames)
    assert summary["offered"] == sum(figures["offered"] for figures in summary["clients"].values())
    return summary


def check_detections(folder: Path) -> None:
    """detections.json is a list of COCO results, as many as the frames' lines tell."""
    results = msgspec.json.decode((folder / "detections.json").read_bytes())
    told = {(frame.client, frame.frame): frame.detections for frame in frames_of(folder) if frame.detections}
    assert Counter((result["client"], result["image_id"]) for result in results) == told
    for result in results:
        left, top, width, height = result["bbox"]
        assert 1 <= result["category_id"] <= len(CLASSES)
        assert 0 < result["score"] <= 1
        assert min(left, top, width, height) >= 0
        assert left + width <= 640.01
        assert top + height <= 360.01


def test_an_adaptive_run_leaves_files_that_add_up(tmp_path: Path, profile: Path) -> None:
    folder = tmp_path / "run"
    done = bench(
        "--clients", "2", "--slo-ms", "500,1000", "--duration", "2.5", "--trace", "20mbps,none", "--max-batch", "2",
        "--profile", profile, "--save-detections", "--report", "--results", folder,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "Client and server agree on every frame that was sent" in done.output
    assert {path.name for path in folder.iterdir()} == FILES | WINDOWS | {"detections.json", "report"}
    clients = {"camera-0", "camera-1"}
    summary = check_sums(folder, clients)
    check_detections(folder)
    assert 38 <= summary["offered"] <= 40
    info = msgspec.json.decode((folder / "run.json").read_bytes(), type=RunInfo)
    assert (info.mode, info.profile, info.devices) == ("bench", "handmade", ["cpu"])
    windows = lines_of(folder / "windows.jsonl", WindowLine)
    assert len(windows) >= 3
    assert {window.planner for window in windows} == {"shared"}
    told = lines_of(folder / "window_clients.jsonl", ClientLine)
    assert Counter(line.window for line in told) == {window.window: window.clients for window in windows}
    assert {line.client for line in told} == clients
    assert any(window.mapped for window in windows)
    assert all(frame.tp is not None for frame in frames_of(folder))
    assert (folder / "report" / "report.html").read_text("utf-8").count("data:image/jpeg") == 1
    with Image.open(folder / "pictures.jpg") as strip:
        assert strip.width > 3 * 480


def test_a_run_that_is_stopped_leaves_its_frames_a_summary_and_a_table(tmp_path: Path, profile: Path) -> None:
    folder = tmp_path / "run"

    def stop_it() -> None:
        """When the first frames have ended, of which a line comes a second."""
        frames = folder / "frames.jsonl"
        while not (frames.exists() and frames.stat().st_size):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=stop_it, daemon=True).start()
    done = bench("--clients", "2", "--duration", "100", *FAST, "--profile", profile, "--results", folder)
    assert done.exit_code == 130, done.output
    summary = check_sums(folder, {"camera-0", "camera-1"})
    assert 0 < summary["duration_s"] < 90
    assert f"stopped; {summary['offered']} frames in {folder}" in done.output
    assert "Client and server agree on every frame that was sent" in done.output


def test_a_fixed_variant_serves_every_answer(tmp_path: Path, profile: Path) -> None:
    folder = tmp_path / "run"
    done = bench("--clients", "1", "--duration", "1.5", *FAST, "--profile", profile, "--results", folder)
    assert done.exit_code == 0, done.output
    check_sums(folder, {"camera-0"})
    variants = {frame.variant for frame in frames_of(folder) if frame.variant is not None}
    assert variants == {"w025e1-128"}
    assert {window.planner for window in lines_of(folder / "windows.jsonl", WindowLine)} == {"fixed"}


def test_a_camera_that_steers_is_served_what_it_asks_for(tmp_path: Path, profile: Path) -> None:
    folder = tmp_path / "run"
    options = ["--duration", "2", "--trace", "50mbps", "--max-batch", "1", "--controller", "mpc", "--no-actuation"]
    done = bench("--clients", "1", *options, "--profile", profile, "--results", folder)
    assert done.exit_code == 0, done.output
    check_sums(folder, {"camera-0"})
    answered = [frame for frame in frames_of(folder) if frame.variant is not None]
    assert len({frame.resolution for frame in answered}) > 1
    assert all(str(frame.variant).endswith(f"-{frame.resolution}") for frame in answered)
    assert {window.planner for window in lines_of(folder / "windows.jsonl", WindowLine)} == {"client"}


def test_devices_answer_themselves_and_their_cloud_is_in_the_same_run(tmp_path: Path, profile: Path) -> None:
    folder = tmp_path / "run"
    options = ("--clownfish", "--filter", "periodic", "--period", "2", "--local-variant", "w025e1-128")
    done = bench("--clients", "2", "--duration", "1.5", *options, *FAST, "--profile", profile, "--results", folder)
    assert done.exit_code == 0, done.output
    assert "F1 cloud" in done.output
    summary = check_sums(folder, {"device-0", "device-1"})
    assert sum(figures["sent"] for figures in summary["fusion"].values()) > 0
    assert all(record.cloud is not None for record in frames_of(folder) if record.bytes is not None)


def test_a_device_without_its_cloud_answers_alone(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    arguments = ["device", "--cloud", "ws://127.0.0.1:9/v1/stream", "--video", VIDEO, "--fps", "8", "--slo-ms", "5000"]
    done = CliRunner().invoke(cli.app, [str(each) for each in (*arguments, "--duration", "1", "--results", folder)])
    assert done.exit_code == 0, done.output
    assert "No frame was sent" in done.output and "No server: 1 client" in done.output
    assert "nobody listens there" in done.output
    assert {record.outcome for record in frames_of(folder)} == {Outcome.ON_TIME}
    assert all(record.bytes is None for record in frames_of(folder))


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--cloud", "http://127.0.0.1:9", "begins with http:// instead of ws://"),
        ("--variant", "w999-1", "unknown variant"),
        ("--filter", "clever", "no filter"),
        ("--trace", "quick", "no trace"),
        ("--video", "none.mp4", "none.mp4"),
    ],
)
def test_a_device_is_told_what_it_cannot_do(option: str, value: str, said: str, tmp_path: Path) -> None:
    given = {"--cloud": "ws://127.0.0.1:9/v1/stream", "--video": str(VIDEO), "--duration": "1"} | {option: value}
    arguments = [word for pair in given.items() for word in pair]
    done = CliRunner().invoke(cli.app, ["device", *arguments, "--results", str(tmp_path / "run")])
    assert done.exit_code == 2
    assert said in done.output
    assert "Traceback" not in done.output


def test_a_port_in_use_is_said_in_a_line(profile: Path) -> None:
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        taken = loop.run_until_complete(asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0))
        port = taken.sockets[0].getsockname()[1]
        arguments = ["serve", "--port", str(port), *FAST, "--profile", str(profile)]
        done = CliRunner().invoke(cli.app, arguments)
        taken.close()
        loop.run_until_complete(taken.wait_closed())
    assert done.exit_code == 2, done.output
    assert f"cannot listen on 127.0.0.1:{port}: the port is taken; try another --port" in done.output


@contextlib.asynccontextmanager
async def server(cache: Path, *options: str | Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """`jellyfish serve` as a process of its own, killed if the test leaves it running."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, ROOT / "cli.py", "serve", "--port", "0", *options,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"XDG_CACHE_HOME": str(cache), "COLUMNS": "200"},
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def line_with(process: asyncio.subprocess.Process, words: str) -> str:
    """The next line that holds `words`."""
    assert process.stdout is not None
    while words not in (line := (await process.stdout.readline()).decode()):
        assert line, f"ended without {words!r}"
    return line


async def ended(process: asyncio.subprocess.Process) -> tuple[int | None, str, str]:
    """Exit code, and what was said after what has been read."""
    output, errors = await process.communicate()
    return process.returncode, output.decode(), errors.decode()


async def test_a_server_of_its_own_serves_is_measured_and_stops_in_order(tmp_path: Path, profile: Path) -> None:
    log = tmp_path / "log"
    async with server(tmp_path, *FAST, "--profile", profile, "--results", log) as process:
        url = (await line_with(process, "ready")).split()[1]
        folder = tmp_path / "run"
        done = await asyncio.to_thread(
            bench, "--clients", "2", "--duration", "1.5", "--connect", url, "--results", folder
        )
        assert done.exit_code == 0, done.output
        check_sums(folder, {"camera-0", "camera-1"})
        assert FILES <= {path.name for path in folder.iterdir()} <= FILES | {"outages.jsonl"}  # a slow start is one
        assert {plan.client for plan in lines_of(folder / "plans.jsonl", PlanRecord)} == {"camera-0", "camera-1"}
        assert "server" not in msgspec.json.decode((folder / "run.json").read_bytes())["config"]
        steering = ("--controller", "mpc", "--clients", "1", "--duration", "60", "--connect", url)  # ends at once
        refused = await asyncio.to_thread(bench, *steering, "--results", tmp_path / "refused")
        assert refused.exit_code == 1, refused.output
        assert "camera-0: this server plans for its clients" in refused.output
        async with aiohttp.ClientSession() as http:
            health = url.replace("ws", "http", 1).replace("/v1/stream", "/readyz")
            assert (await http.get(health)).status == 200
            await _see_the_server_go(http, url, process)
        code, said, errors = await ended(process)
    assert code == 0
    lines = said.splitlines()
    planned = lines_of(log / "window_clients-000001.jsonl", ClientLine)
    assert {line.client for line in planned} >= {"camera-0", "camera-1"}
    assert lines[-2:] == ["draining ...", "stopped"]
    for client in ("camera-0", "camera-1", "witness"):
        assert any(f"{client} joined from 127.0.0.1: " in line for line in lines)
    assert all(any(f"{client} left after " in line for line in lines) for client in ("camera-0", "camera-1"))
    assert "Traceback" not in errors


async def test_cameras_of_a_server_that_is_killed_are_answered_by_the_other(tmp_path: Path, profile: Path) -> None:
    folder = tmp_path / "run"
    async with server(tmp_path, *FAST, "--profile", profile) as other:
        there = (await line_with(other, "ready")).split()[1]
        async with server(tmp_path, *FAST, "--profile", profile, "--alternative", there) as home:
            here = (await line_with(home, "ready")).split()[1]
            running = asyncio.create_task(
                asyncio.to_thread(bench, "--clients", "3", "--duration", "6", "--connect", here, "--results", folder)
            )
            for _ in range(3):
                await line_with(home, "joined")
            home.kill()
            for _ in range(3):
                await line_with(other, "joined")
            done = await running
    assert done.exit_code == 0, done.output
    assert f"3 cameras went on at {there}." in done.output
    clients = {"camera-0", "camera-1", "camera-2"}
    check_sums(folder, clients)
    plans = lines_of(folder / "plans.jsonl", PlanRecord)
    moved_s = {
        client: min(plan.t_s for plan in plans if plan.client == client and plan.server == there) for client in clients
    }
    for frame in frames_of(folder):
        if frame.captured_s > moved_s[frame.client] + 0.1:
            assert frame.reason is not Reason.DISCONNECTED
    answered = {
        frame.client for frame in frames_of(folder) if frame.captured_s > moved_s[frame.client] and frame.e2e_ms
    }
    assert answered == clients


async def _see_the_server_go(http: aiohttp.ClientSession, url: str, process: asyncio.subprocess.Process) -> None:
    """A client with an open stream is answered, and told when the server shuts down."""
    async with http.ws_connect(url) as socket:
        peer = Peer(socket, asyncio.get_running_loop().time)
        await peer.send(wire.Hello("witness", 15, 60_000))
        await peer.until(wire.Welcome)
        await peer.send_frame(0, JPEG)
        assert (await peer.until(wire.Result)).variant == "w025e1-128"
        process.send_signal(signal.SIGTERM)
        assert (await peer.until(wire.ErrorMessage)).code == "draining"


async def test_a_server_told_to_stop_while_it_measures_stops(tmp_path: Path) -> None:
    async with server(tmp_path, "--threads", "1") as process:
        await line_with(process, "measuring cpu")
        process.send_signal(signal.SIGTERM)
        code, said, errors = await ended(process)
    assert (code, said, errors) == (0, "", "stopped\n")
    assert not await asyncio.to_thread(lambda: list(tmp_path.rglob("*.json")))  # nothing of a profile that is not whole


async def test_files_and_model_are_taken_anew_while_a_stream_with_a_token_goes_on(
    tmp_path: Path, profile: Path
) -> None:
    certificate, key = own_certificate(tmp_path / "tls", ["127.0.0.1"])
    tokens, config = tmp_path / "tokens.toml", tmp_path / "server.toml"
    camera, chief = "camera-camera-camera", "chief-chief-chief-chief"
    entries = f'[[token]]\nname = "chief"\ntoken = "{chief}"\nmay = ["administration"]\n'
    tokens.write_text(f'{entries}[[token]]\nname = "camera"\ntoken = "{camera}"\n')
    files = {"tokens": tokens, "tls_certificate": certificate, "tls_key": key}
    config.write_text("".join(f'{name} = "{path}"\n' for name, path in files.items()))
    async with server(tmp_path, *FAST, "--profile", profile, "--config", config) as process:
        url = (await line_with(process, "ready")).split()[1]
        async with (
            http_session(ReachConfig(ca_file=certificate), url, {TOKEN_VARIABLE: camera}) as http,
            http.ws_connect(url) as socket,
        ):
            peer = Peer(socket, asyncio.get_running_loop().time)
            await peer.send(wire.Hello("witness", 15, 2_000))
            await peer.until(wire.Welcome)
            config.write_text(config.read_text() + "max_clients = 7\n")
            process.send_signal(signal.SIGHUP)
            assert "read anew: max_clients" in await line_with(process, "anew")
            page = url.replace("wss", "https", 1).replace("stream", "admin/model")
            changing = asyncio.create_task(http.post(page, headers={"Authorization": f"Bearer {chief}"}))
            sent = 0
            while not changing.done():
                await peer.send_frame(sent, JPEG)
                assert (await peer.until(wire.Result)).frame == sent
                sent += 1
                await asyncio.wait({changing}, timeout=0.1)  # no faster than it has said
            answer = await changing
            assert (answer.status, list(await answer.json())) == (200, ["serves"])
            await peer.send(wire.Bye())
            farewell = await peer.until(wire.Farewell)
            assert farewell.received == farewell.answered + sum(farewell.dropped.values()) == sent > 0
        process.send_signal(signal.SIGTERM)
        code, _, errors = await ended(process)
    assert code == 0 and "Traceback" not in errors
