"""Workers for real: a process of a server's own, and one that runs by itself behind TLS and a token."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from jellyfish.config import ServerConfig, WorkersConfig
from jellyfish.core import InputSize, Variant
from jellyfish.devices.executor import DistantExecutor, Undecoded
from jellyfish.devices.opening import OpenDevice
from jellyfish.devices.process import usable_cores
from jellyfish.devices.profile.table import LatencyProfile, VariantLatency
from jellyfish.devices.stream.executor import StreamExecutor
from jellyfish.devices.stream.link import WorkerGoneError
from jellyfish.devices.stream.messages import OpenWorker
from jellyfish.errors import InputError
from jellyfish.media.jpeg import encode_jpeg
from jellyfish.models.model import Model
from jellyfish.models.opening import open_model
from jellyfish.modes.changing import close_devices
from jellyfish.modes.joining import JoiningWorkers
from jellyfish.modes.reaching_workers import WorkerElsewhere, workers_elsewhere
from jellyfish.modes.stream_workers import OwnProcess, opened_device
from jellyfish.program.child_environment import environment_of_child
from jellyfish.server.certificates import own_certificate

VARIANT = Variant(160, "plain")
SIZE = InputSize(160, 160)
FILE = """
from jellyfish import Answer, Description, Detection, InputSize, Size, Task, Variant, WholeBatches

class Plain:
    description = Description(
        "plain", "1", Task.DETECTION, ("light",), (Size(Variant(160, "plain"), InputSize(160, 160), 0.5),),
        identity="plain 1",
    )

    def engine(self, options):
        return WholeBatches(found)

def found(images, variant):
    return [Answer((Detection(0, min(1.0, float(image.mean()) / 255), 0.0, 0.0, 1.0, 1.0),)) for image in images]
"""
WITHIN_S = 60.0


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> ServerConfig:
    """A server of a model that takes no time."""
    tmp_path = tmp_path_factory.mktemp("model")
    (tmp_path / "plain_of_workers.py").write_text(FILE)
    latency = VariantLatency(VARIANT, (0.001, 0.002), (0.002, 0.003))
    profile = tmp_path / "profile.json"
    profile.write_bytes(msgspec.json.encode(LatencyProfile("cpu", "any", "plain 1", (latency,))))
    return ServerConfig(model=f"{tmp_path / 'plain_of_workers.py'}:Plain", profile=profile, max_batch=2)


def model_of(config: ServerConfig) -> Model:
    return open_model(config.model, config.weights)


def untold(words: str, done: int, total: int) -> None:
    """Nobody looks on."""


async def score(device: OpenDevice, brightness: int) -> float:
    """What is found in a grey JPEG."""
    jpeg = encode_jpeg(np.full((90, 160, 3), brightness, np.uint8))
    executor = device.executor
    assert isinstance(executor, DistantExecutor)
    [answer] = (await executor.run_undecoded([VARIANT], [Undecoded(jpeg, SIZE)])).found
    assert not isinstance(answer, Exception)
    return answer.detections[0].score


async def until_there(device: OpenDevice) -> None:
    """The worker answers again."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            try:
                await score(device, 255)
            except WorkerGoneError:
                await asyncio.sleep(0.02)
            else:
                return


async def test_a_process_that_is_killed_is_started_anew_and_goes_when_its_server_does(config: ServerConfig) -> None:
    model = model_of(config)
    own = OwnProcess(config, "cpu", usable_cores())
    device = await opened_device("cpu", model, own, OpenWorker(model=model.description.identity), untold, own.kill)
    try:
        assert device.profile.device == "cpu" and isinstance(device.executor, StreamExecutor)
        assert await score(device, 255) == pytest.approx(1.0, abs=0.02)
        assert own.process is not None
        first = own.process.pid
        os.kill(first, signal.SIGKILL)
        await until_there(device)
        assert own.process.pid != first
        assert await score(device, 128) == pytest.approx(0.5, abs=0.02)
    finally:
        device.executor.close()
    assert own.process is not None and own.process.returncode == -signal.SIGKILL


async def test_a_device_that_cannot_be_opened_is_told_as_in_the_servers_own_process(config: ServerConfig) -> None:
    model = model_of(config)
    lacking = replace(config, devices=("cuda:7",))
    own = OwnProcess(lacking, "cuda:7", usable_cores())
    with pytest.raises(InputError):
        await opened_device("cuda:7", model, own, OpenWorker(model=model.description.identity), untold, own.kill)


async def reached(config: ServerConfig) -> list[OpenDevice]:
    """What a server has of its workers at the start."""
    model = model_of(config)
    joining = JoiningWorkers(config, model)
    for expected in workers_elsewhere(config.workers, model):
        joining.expect(*expected)
    return await joining.at_start(untold)


async def started(arguments: Sequence[str]) -> tuple[asyncio.subprocess.Process, str]:
    """`jellyfish worker`, and the line that says that it is ready."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "jellyfish", "worker", *arguments,
        stdout=asyncio.subprocess.PIPE, env=environment_of_child(os.environ),
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(WITHIN_S):
        while line := (await process.stdout.readline()).decode():
            if line.startswith("ready at"):
                return process, line
    raise AssertionError("the worker has ended")


async def test_a_worker_elsewhere_is_reached_by_its_certificate_and_token_alone(
    config: ServerConfig, tmp_path: Path
) -> None:
    certificate, key = own_certificate(tmp_path / "tls", ["localhost"])
    token = tmp_path / "token"
    token.write_text("worker-token\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process, said = await started(
        [
            *("--host", "127.0.0.1", "--port", str(port), "--model", config.model, "--profile", str(config.profile)),
            *("--max-batch", "2", "--token-file", str(token)),
            *("--tls-certificate", str(certificate), "--tls-key", str(key)),
        ]
    )
    try:
        assert f"tls://127.0.0.1:{port}" in said
        address = f"tls://127.0.0.1:{port}"
        there = ServerConfig(
            devices=(), model=config.model, max_batch=2, workers=WorkersConfig(
                addresses=(address,), token_file=token, ca_file=certificate
            ),
        )  # fmt: skip
        devices = await reached(there)
        assert [device.name for device in devices] == [f"127.0.0.1:{port}"]
        assert await score(devices[0], 255) == pytest.approx(1.0, abs=0.02)
        close_devices(devices)
        with pytest.raises(InputError, match="asks for a token"):
            await reached(replace(there, workers=WorkersConfig(addresses=(address,), ca_file=certificate)))
        for workers in (
            WorkersConfig(addresses=(address,), token_file=token),
            WorkersConfig(addresses=(f"127.0.0.1:{port}",), token_file=token),
        ):
            assert await reached(replace(there, workers=workers)) == []
    finally:
        process.terminate()
        assert await process.wait() == 0


@pytest.mark.parametrize("address", ["", "host", "host:", "host:port", "host:99999", "http://host:1", "a@b:1", "h:1/x"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(InputError, match="no address of a worker"):
        WorkerElsewhere.at(address, None)


def test_an_address_is_called_as_it_is_written() -> None:
    assert str(WorkerElsewhere.at("gpu-7:8770", None)) == "gpu-7:8770"
    assert str(WorkerElsewhere.at("tls://[::1]:8770", None)) == "[::1]:8770"
