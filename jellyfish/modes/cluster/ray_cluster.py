"""A cluster of Ray's, seen through Ray. Only the placer and the keepers' own processes load this, and so Ray.

Ray places keepers, reserves GPUs and processors for them, and starts them anew where their process has died. Workers,
and what they are sent, it knows nothing of.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from jellyfish.devices.process import usable_cores
from jellyfish.errors import InputError, RunError
from jellyfish.modes.cluster.following import ClusterSilentError, KeeperGoneError
from jellyfish.modes.cluster.keeper import Keeper
from jellyfish.modes.cluster.lines import LONGEST_WORDS
from jellyfish.modes.cluster.places import ClusterNode, ClusterPlace
from jellyfish.modes.cluster.worker_child import worker_child

NAMESPACE = "jellyfish"
"""Where keepers have their names."""
AT_A_TIME = 256
"""Questions that a keeper has open: one of each server."""
SILENT_S = 10.0
NOT_LOADED = "failed to import"
"""What Ray says, among much else, where an actor's module cannot be loaded on its node."""


class RayKeeper(Keeper):
    """A keeper as Ray's actor. Its process holds what Ray has reserved for it."""

    def __init__(self, device: str, host: str, processors: int) -> None:
        """`processors`: how many of its node's are reserved; 0: it shares them."""
        cores = usable_cores()
        start = partial(
            worker_child,
            device=device,
            host=host,
            processors=cores[-processors:] if 0 < processors < len(cores) else (),
        )
        super().__init__(start, _leave)


def _leave() -> None:
    """End this actor for good."""
    ray.kill(ray.get_runtime_context().current_actor, no_restart=True)


class RayKeeperSeen:
    """See `jellyfish.modes.cluster.following.KeeperSeen`."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    async def ask(self, front: str, wish: bytes, seen: int) -> bytes:
        """See there."""
        try:
            answer: bytes = await self._actor.ask.remote(front, wish, seen)
        except RayError as error:
            raise KeeperGoneError(_in_words(error)) from error
        return answer


class RayCluster:
    """See `jellyfish.modes.cluster.following.ClusterSeen`."""

    async def nodes(self) -> list[ClusterNode]:
        """See there."""
        try:
            async with asyncio.timeout(SILENT_S):
                found = await asyncio.to_thread(ray.nodes)
        except TimeoutError:
            raise ClusterSilentError(f"nothing for {SILENT_S:g} s") from None
        except (RayError, RuntimeError, ConnectionError) as error:
            raise ClusterSilentError(_in_words(error)) from error
        return [
            ClusterNode(
                node["NodeID"],
                node["NodeManagerAddress"],
                int(node["Resources"].get("CPU", 0)),
                int(node["Resources"].get("GPU", 0)),
            )
            for node in found
            if node["Alive"]
        ]

    async def keeper(self, place: ClusterPlace) -> RayKeeperSeen:
        """See there."""
        return RayKeeperSeen(await asyncio.to_thread(self._keeper, place))

    def _keeper(self, place: ClusterPlace) -> Any:
        processors = place.node.processors if place.number is None else 0
        options = ray.remote(RayKeeper).options(
            name=place.key, namespace=NAMESPACE, get_if_exists=True, lifetime="detached", max_restarts=-1,
            num_cpus=processors, num_gpus=0 if place.number is None else 1, max_concurrency=AT_A_TIME,
            scheduling_strategy=NodeAffinitySchedulingStrategy(place.node.key, soft=False),
        )  # fmt: skip
        try:
            return options.remote(place.device, place.node.host, processors)
        except (RayError, ValueError, RuntimeError, ConnectionError) as error:
            raise KeeperGoneError(_in_words(error)) from error


def join(address: str) -> RayCluster:
    """The cluster at `ray://HOST:PORT`; at `HOST:PORT`, or any (`auto`), where this machine is a node of it. It blocks.

    InputError where there is none, or it cannot be talked to; RunError where it does not answer.
    """
    by_client = address.startswith("ray://")
    try:
        ray.init(
            address,
            namespace=NAMESPACE, log_to_driver=False, logging_level="ERROR", configure_logging=False,
        )  # fmt: skip
    except (ConnectionError, GetTimeoutError) as error:
        raise (RunError if by_client else InputError)(_why_not(address, by_client, error)) from error
    except (RayError, RuntimeError, ValueError) as error:
        raise InputError(_why_not(address, by_client, error)) from error
    return RayCluster()


def _why_not(address: str, by_client: bool, error: Exception) -> str:
    words = _in_words(error)
    if any(each in str(error) for each in ("ersion mismatch", "versions differ", "incompatible with server")):
        return f"Ray here and in the cluster are not the same: {words}. Install one version of Ray and of Python on all"
    if by_client:
        return (
            f"no Ray Client server answers at {address} ({words}): it usually listens at port 10001 of the cluster's "
            "head, where `pip install 'ray[client]'` is on it"
        )
    return (
        f"no Ray cluster was found that this machine is a node of ({words}): `ray start --head` begins one, "
        "`ray start --address=HEAD:6379` joins one"
    )


def _in_words(error: Exception) -> str:
    """The first line that says something; of an error from elsewhere the last one, in which it is named."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    line = lines[-1 if "Traceback (most recent call last)" in str(error) else 0] if lines else type(error).__name__
    if NOT_LOADED in str(error):
        return f"Jellyfish cannot be loaded there ({line}): install the same version, in the Python that Ray runs in"
    return line.partition("(pid=")[0].strip(" .")[:LONGEST_WORDS]
