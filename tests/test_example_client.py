"""The documented client works as it stands, so does its first version; docs/protocol.md lists what the code speaks."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import hashlib
import re
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import msgspec
import numpy as np
import pytest

from jellyfish.config import Limits
from jellyfish.core import Reason
from jellyfish.dispatch.dispatcher import Dispatcher
from jellyfish.lab.simulation.timed_executor import TimedExecutor
from jellyfish.media.jpeg import encode_jpeg
from jellyfish.modes.serving import listening_at
from jellyfish.protocol import wire
from jellyfish.server.offered import RATE_TOLERANCE
from jellyfish.server.service import Service
from jellyfish.server.session import Session
from tests.server.peer import MODEL, PROFILE, SMALL, decode, everyone_on

ROOT = Path(__file__).parent.parent
CODE = ROOT / "jellyfish"
EXAMPLE = ROOT / "docs" / "examples" / "client.py"
FROZEN = ROOT / "tests" / "frozen" / "client_protocol_1.py"
"""The example as it was before there were reports: every server of protocol 1 serves it as it stands."""
FROZEN_SHA256 = "ca852ef7bf8616f5704394d4771ad72ca58dbc1723e9fb1952f082d8c58106db"
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text()
FRAMES = 30


@contextlib.asynccontextmanager
async def listening(
    limits: Limits | None = None,
    fps: Mapping[str, float] | None = None,
    sessions: list[Session] | None = None,
    port: int = 0,
) -> AsyncIterator[str]:
    """The stream's URL of a server with a timed device on the loopback interface.

    It plans with `fps` for clients, and adds to `sessions` those that come.
    """
    dispatcher = Dispatcher(TimedExecutor(PROFILE), PROFILE, SMALL, 4)
    service = Service([dispatcher], MODEL.offering({SMALL}), decode, limits or Limits())

    def on_change(cause: str) -> None:
        service.apply(msgspec.structs.replace(everyone_on(SMALL, *service.sessions), fps=dict(fps or {})))
        if sessions is not None:
            sessions.extend(session for session in service.sessions.values() if session not in sessions)

    service.on_change = on_change
    service.ready = True
    task = asyncio.create_task(dispatcher.run())
    try:
        async with listening_at(service, "127.0.0.1", port) as url:
            yield url
    finally:
        task.cancel()


async def example(url: str, photo: Path, client: Path = EXAMPLE) -> list[str]:
    """What the example prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, client, url, photo, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await process.communicate()
    assert (process.returncode, errors.decode()) == (0, "")
    return output.decode().splitlines()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(encode_jpeg(np.full((180, 320, 3), 90, np.uint8)))
    return path


def test_the_frozen_client_is_frozen() -> None:
    assert hashlib.sha256(FROZEN.read_bytes()).hexdigest() == FROZEN_SHA256


@pytest.mark.parametrize("client", [EXAMPLE, FROZEN], ids=["newest", "frozen"])
async def test_the_example_prints_a_result_for_each_of_its_frames_and_the_farewell(photo: Path, client: Path) -> None:
    async with listening() as url:
        *results, farewell = await example(url, photo, client)
    check_results(results, farewell)


async def test_the_frozen_client_is_served_by_plans_with_a_rate_too(photo: Path) -> None:
    sessions: list[Session] = []
    async with listening(fps={"example": 5.0}, sessions=sessions) as url:
        *results, farewell = await example(url, photo, FROZEN)
    check_results(results, farewell)
    assert "too_fast" in ast.literal_eval(farewell)["dropped"]
    assert sessions[0].attained.estimated
    assert sessions[0].attained.captured == FRAMES


async def test_the_example_reports_and_keeps_to_a_plans_rate(photo: Path) -> None:
    sessions: list[Session] = []
    async with listening(fps={"example": 5.0}, sessions=sessions) as url:
        *results, farewell = await example(url, photo)
    attained = sessions[0].attained
    assert not attained.estimated
    assert attained.captured == FRAMES
    assert attained.missed_by_reason["thinned"] == FRAMES - len(results)
    assert FRAMES / 6 <= len(results) <= FRAMES / 3 + 1  # one may have gone before there was a plan
    assert ast.literal_eval(farewell)["received"] == len(results)


def check_results(results: list[str], farewell: str) -> None:
    """A line for each frame, and a farewell that counts what they say."""
    assert sorted(int(line.split()[0]) for line in results) == list(range(FRAMES))
    reasons = [line.split(maxsplit=1)[1] for line in results]
    counted = ast.literal_eval(farewell)
    assert counted["received"] == FRAMES
    assert counted["answered"] == reasons.count("[]")
    assert sum(counted["dropped"].values()) == FRAMES - reasons.count("[]")


async def test_the_example_tells_what_is_wrong_with_its_picture(tmp_path: Path) -> None:
    no_photo = tmp_path / "photo.jpg"
    no_photo.write_text("no picture")
    async with listening() as url:
        lines = await example(url, no_photo)
    assert {line.split()[1] for line in lines[:-1]} <= {"bad_image", "expired", "too_fast", "too_many_in_flight"}
    assert any("bad_image" in line for line in lines)


def table(heading: str) -> list[list[str]]:
    """The cells of the rows of the table whose header begins with `heading`."""
    rows = PROTOCOL[PROTOCOL.index(f"| {heading} |") :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("| ").split(" | ")] for row in rows]


def sources(*folders: str, but: str = "") -> str:
    """The code of some modules or packages. `but`: a folder inside them that is left out."""
    files = [path for folder in folders for path in (CODE / folder).rglob("*.py") if but not in path.parts[:-1]]
    return "\n".join(path.read_text() for path in files)


def test_every_kind_of_message_is_documented_with_its_number() -> None:
    documented = {(int(number), name) for number, _, name, _ in table("kind")}
    assert documented == {(kind.value, kind.name.lower()) for kind in wire.Kind}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hello", wire.Hello),
        ("welcome", wire.Welcome),
        ("result", wire.Result),
        ("plan", wire.PlanMessage),
        ("bye", wire.Bye),
        ("report", wire.Report),
        ("arrived", wire.Arrived),
        ("ping", wire.Ping),
        ("pong", wire.Pong),
        ("farewell", wire.Farewell),
        ("error", wire.ErrorMessage),
    ],
)
def test_every_key_of_a_message_is_documented(name: str, message: type[msgspec.Struct]) -> None:
    (body,) = (row[3] for row in table("kind") if row[2] == name)
    keys = set(re.findall(r"`(\w+)`", body))
    assert keys == {field.name for field in msgspec.structs.fields(message)}


def test_the_reasons_documented_are_those_that_the_server_gives() -> None:
    code = sources("server", "dispatch", but="fleet")  # which explains all of them
    named = re.findall(r"Reason\.([A-Z_]+)", code)
    given = {Reason[name].value for name in named}
    given |= set(re.findall(r'ImageError\(\s*"(\w+)"', sources("media")))
    assert {row[0].strip("`") for row in table("reason")} == given


def test_the_error_codes_documented_are_those_that_the_server_sends() -> None:
    code = sources("server", "protocol")
    sent = set(re.findall(r'ProtocolError\(\s*"(\w+)"', code))
    assert {row[0].strip("`") for row in table("code")} == sent


def test_the_documented_limits_are_those_that_hold() -> None:
    limits = Limits()
    assert f"within {limits.hello_timeout_s:g} s" in PROTOCOL
    assert f"nothing heard for {limits.silence_timeout_s:g} s" in PROTOCOL
    (hello,) = (row[3] for row in table("kind") if row[2] == "hello")
    for fields in (
        {"target": 49.9},
        {"target": 100},
        {"fps": 240.5},
        {"slo_ms": 60_001},
        {"client": ""},
        {"client": "x" * 65},
        {"fps": 0},
    ):
        values = {"client": "camera", "fps": 240, "slo_ms": 60_000} | fields
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(values, wire.Hello)
    assert "50 .. 99.99" in hello
    edges = [int(edge) for edge in re.findall(r"-?\d+", re.search(r"divided at (.*), 0 and", PROTOCOL, re.S)[1])]
    assert (
        tuple(edges)
        == wire.SLACK_EDGES_MS[: len(edges)]
        == tuple(-edge for edge in wire.SLACK_EDGES_MS[: len(edges) : -1])
    )
    assert f"`slack` ({wire.SLACK_BUCKETS} counts)" in PROTOCOL
    assert f"than {RATE_TOLERANCE:g} x `fps`" in PROTOCOL
    assert "1..64" in hello
    assert "<= 240" in hello
    assert "<= 60000" in hello
