"""Kernel TCP through shaped namespaces carries frames as the emulated link does. Needs root, Linux and iproute2."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.namespaces import SMALLEST_BURST_BYTES, Network, why_not
from benchmarks.real_network import PORT, Case, differences_ms, network_ms, run_pair
from jellyfish.config import Limits
from jellyfish.core import Outcome
from jellyfish.lab.simulation.timed_executor import TimedExecutor
from jellyfish.link.synthetic import constant
from jellyfish.media.video_writer import write_video
from jellyfish.modes.assembly import ServerParts, assembled, policy
from jellyfish.server.app import listening
from tests.server.peer import MODEL, PROFILE, SMALL, decode

SECONDS, FPS, SLO_MS = 4.0, 5.0, 1000.0
RATE_MBPS = 1.0


@pytest.fixture(autouse=True)
def permitted() -> None:
    if (reason := why_not()) is not None:
        pytest.skip(f"no real network here: {reason}")


@contextlib.asynccontextmanager
async def server(network: Network) -> AsyncIterator[None]:
    """A server in this process, a timed device behind it, that listens in the namespace of the network's server."""
    parts = ServerParts(
        devices=[(TimedExecutor(PROFILE), PROFILE)],
        model=MODEL.offering({SMALL}),
        max_batch=4,
        decode=decode,
        policy=policy("best", SMALL, 4, 0.5, seed=0),
        limits=Limits(),
        actuation=False,
    )
    async with assembled(parts, lambda record, service: None) as service:
        service.ready = True
        async with listening(service, sockets=[network.server_socket(PORT)]):
            yield


def namespaces() -> str:
    return subprocess.run(["ip", "netns", "list"], check=True, capture_output=True, text=True).stdout


async def test_the_kernel_holds_frames_up_for_as_long_as_the_emulated_link(tmp_path: Path) -> None:
    video = tmp_path / "noise.mp4"
    noise = np.random.default_rng(0).integers(0, 255, (8, 96, 128, 3)).astype(np.uint8)
    write_video(video, noise, 8, 128, 96)
    with Network(2) as network:
        async with server(network):
            told = await run_pair(network, Case("slow", [constant(RATE_MBPS)], SLO_MS, FPS), video, SECONDS)
    assert len(told.real) == len(told.emulated) == SECONDS * FPS
    for frame in told.real:
        assert frame.outcome is Outcome.ON_TIME
        took_ms, bits = network_ms(frame), 8 * (frame.bytes or 0)
        assert took_ms is not None
        assert took_ms > 0.9 * 1000 * (bits - 8 * SMALLEST_BURST_BYTES) / (RATE_MBPS * 1e6)
    transfer_ms = np.median([8 * (frame.bytes or 0) / RATE_MBPS / 1000 for frame in told.real])
    assert transfer_ms > 50  # a link so slow that it can be told from none
    assert abs(np.median(differences_ms(told))) < 0.4 * transfer_ms


def test_nothing_is_left_of_a_network_after_a_failure() -> None:
    with pytest.raises(RuntimeError, match="in between"), Network(2) as network:
        assert network.server in namespaces()
        network.shape(0, 1e6)
        raise RuntimeError("something in between")
    assert network.server not in namespaces()


def test_nothing_is_left_of_a_network_that_could_not_be_made() -> None:
    network, before = Network(1), namespaces()
    with Network(1), pytest.raises(subprocess.CalledProcessError):  # this process has one of that name
        network.__enter__()
    assert namespaces() == before


async def test_a_link_that_cannot_be_shaped_any_more_is_an_error_and_not_a_link_of_another_rate() -> None:
    with Network(1) as network:
        network.shape(0, 1e30)  # more than tc takes: it ends
        with pytest.raises(BrokenPipeError):
            await network.follow(0, constant(1.0), asyncio.get_running_loop().time())
