"""The process that places workers in a cluster: `python -m jellyfish.modes.cluster.placer`, beside a server.

It is told what is wanted by its first line, tells what there is by lines, and ends with its input, which ends with the
server. Keepers and workers in the cluster go on for a while: a server that starts again finds them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from typing import BinaryIO
from urllib.parse import urlsplit

from jellyfish.errors import InputError, JellyfishError
from jellyfish.modes.cluster.following import ClusterFollower, ClusterSeen
from jellyfish.modes.cluster.lines import (
    LONGEST_WORDS,
    MOST_LINE_BYTES,
    FromPlacer,
    JoinCluster,
    NoCluster,
    PlacerAlive,
    as_line,
    line_of_server,
)

ALIVE_S = 1.0
JOIN_S = 40.0
"""How long a cluster may take to answer."""
REACH_S = 3.0
"""How long the head of a cluster may take to accept a connection. Ray itself would try for half a minute."""
BY_CLIENT, GCS_PORT = "ray://", 6379
"""How addresses of Ray Client servers begin, and where a cluster's own nodes meet unless told otherwise."""


class Placer:
    """What is told over the pipe, done. `say` writes a line back."""

    def __init__(self, output: BinaryIO) -> None:
        self._output = output

    async def run(self, told: asyncio.StreamReader) -> None:
        """Follow the cluster until there is nothing more to hear of the server."""
        if not (line := await told.readline()):
            return
        alive = asyncio.create_task(self._tell_alive())
        following = asyncio.create_task(self._follow(line_of_server(line)))
        ending = asyncio.create_task(told.read())
        try:
            await asyncio.wait((following, ending), return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                following.result()
        finally:
            alive.cancel()
            following.cancel()

    def say(self, message: FromPlacer) -> None:
        """Tell the server."""
        self._output.write(as_line(message))
        self._output.flush()

    async def _follow(self, told: JoinCluster) -> None:
        try:
            async with asyncio.timeout(JOIN_S):
                cluster = await asyncio.to_thread(joined, told.address)
        except TimeoutError:
            self.say(NoCluster(f"the cluster has not answered for {JOIN_S:g} s: is its token the one of this machine?"))
            return
        except JellyfishError as error:
            self.say(NoCluster(str(error)[:LONGEST_WORDS], isinstance(error, InputError)))
            return
        await ClusterFollower(cluster, told, self.say).run()

    async def _tell_alive(self) -> None:
        while True:
            self.say(PlacerAlive())
            await asyncio.sleep(ALIVE_S)


def joined(address: str | None) -> ClusterSeen:
    """The cluster, see `jellyfish.modes.cluster.ray_cluster.join`; where nothing listens at an address that is said at
    once."""
    where = address or os.environ.get("RAY_ADDRESS", "auto")
    if where != "auto":
        _reach(where)
    from jellyfish.modes.cluster.ray_cluster import join  # Ray, which takes a second

    return join(where)


def _reach(address: str) -> None:
    by_client = address.startswith(BY_CLIENT)
    try:
        parts = urlsplit(address if by_client else f"//{address}")
        host, port = parts.hostname or "", parts.port or 0
    except ValueError:
        host, port = "", 0
    if not host or not port:
        raise InputError(f"RAY_ADDRESS is {address!r}: that is no HOST:PORT, nor ray://HOST:PORT")
    if by_client and port == GCS_PORT:
        raise InputError(
            f"{address} is where a cluster's own nodes meet: give ray://{host}:10001, where its Ray Client server "
            f"listens, or make this machine a node (`ray start --address={host}:{port} --num-cpus=0`) and say "
            "--engine ray"
        )
    try:
        socket.create_connection((host, port), REACH_S).close()
    except OSError as error:
        why = error.strerror or str(error)
        usual = f"the cluster's {'Ray Client server' if by_client else 'head'} usually listens at port"
        raise InputError(f"nothing answers at {address} ({why}): {usual} {10001 if by_client else GCS_PORT}") from error


async def place(output: BinaryIO) -> None:
    """As long as the pipe is there."""
    told = asyncio.StreamReader(MOST_LINE_BYTES)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(told), sys.stdin)
    await Placer(output).run(told)


def own_output() -> BinaryIO:
    """The pipe to the server. What else is written to the standard files from now on, by Ray most of all, is lost."""
    output = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for each in (1, 2):
        os.dup2(nowhere, each)
    return output


def main() -> None:
    """ClusterPlace until the server is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    output = own_output()
    with contextlib.suppress(BrokenPipeError):
        asyncio.run(place(output))
    os._exit(0)  # whatever Ray is at


if __name__ == "__main__":
    main()
