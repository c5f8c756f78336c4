"""Inputs that are nearly right, by the thousand: does anything break that should only refuse?

    python -m benchmarks.fuzz protocol [--inputs 100000] [--seed N]
    python -m benchmarks.fuzz http [--inputs 3000] [--seed N]

`protocol`: messages (`benchmarks/fuzz_messages.py`) to what reads them. It must give a message that can be written and
read again, or a ProtocolError, and at once. `http`: requests (`benchmarks/odd_requests.py`) and streams whose bytes are
mutated, to a real server on a real socket, which must go on to answer `/livez` within a second and log no error.

What fails is made as small as it can be and written to `fuzz-failure-SEED.bin`; the exit code is 1. The same seed makes
the same inputs.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.fuzz_conversation import read_by_conversation
from benchmarks.fuzz_messages import VALID, mended, message
from benchmarks.misbehaving import address, upgrade
from benchmarks.odd_requests import IMPATIENT, ODD, get, reply_to
from benchmarks.raw_stream import binary
from benchmarks.shrinking import smallest
from benchmarks.timed_server import Settings, TimedServer
from jellyfish.errors import ProtocolError
from jellyfish.protocol import wire

SLOW_S = 0.05
"""For one message; looked at again, as the machine may have been elsewhere."""
AT_ONCE = 32
HTTP_LIMIT_S, ALIVE_WITHIN_S = 0.5, 1.0
HTTP_TRIES = 60
SHORT_BYTES = 20_000
"""Longer requests are left to the tests."""

Fault = str | None


def read_by_wire(data: bytes) -> Fault:
    """What is wrong with how `data` is read; None when nothing is."""
    began_s = time.thread_time()
    try:
        read = wire.decode(data)
    except ProtocolError:
        read = None
    except Exception as error:  # what this is looking for
        return f"{type(error).__name__}: {error}"
    if read is not None and not _same(read):
        return f"{type(read).__name__} is not read as it is written"
    spent_s = time.thread_time() - began_s
    return f"took {spent_s:.3f} s of processor time" if spent_s > SLOW_S else None


def _same(read: wire.Message) -> bool:
    """Whether writing and reading it again gives the same; by its text, as nan is not itself."""
    return repr(wire.decode(wire.encode(read))) == repr(read)


PROTOCOL_TARGETS: dict[str, Callable[[bytes], Fault]] = {"wire": read_by_wire, "conversation": read_by_conversation}
"""What is fed: one function each, from bytes to what was wrong."""


def twice(target: Callable[[bytes], Fault], data: bytes) -> Fault:
    """A fault that is there again."""
    return target(data) and target(data)


def fuzz_protocol(seed: int, inputs: int, console: Console) -> bytes | None:
    """The smallest message that breaks something, or None."""
    draw = random.Random(seed)
    began_s, refused = time.monotonic(), 0
    for _ in range(inputs):
        data = message(draw)
        for name, target in PROTOCOL_TARGETS.items():
            if fault := twice(target, data):
                console.print(f"{name}: {fault}", markup=False)
                return smallest(data, lambda smaller, target=target: twice(target, smaller) is not None)
        refused += _refused(data)
    rate = inputs / (time.monotonic() - began_s)
    console.print(f"protocol: {inputs} messages, {refused} of them refused, {rate:,.0f} a second, nothing broke")
    return None


def _refused(data: bytes) -> bool:
    try:
        wire.decode(data)
    except ProtocolError:
        return True
    return False


def request(draw: random.Random, kinds: Sequence[bytes]) -> bytes:
    """A mutated request; of a third of them the stream's upgrade is good and what follows is not."""
    if draw.random() < 1 / 3:
        hello = binary(draw.choice((VALID[0], mended(message(draw)))))
        return upgrade("server") + hello + b"".join(mutated(draw, binary(message(draw))) for _ in range(3))
    return mutated(draw, draw.choice(kinds))


def mutated(draw: random.Random, data: bytes) -> bytes:
    """With up to four bytes changed, put in or left out."""
    changed = bytearray(data)
    for _ in range(draw.randint(0, 4)):
        at = draw.randrange(len(changed) + 1)
        changed[at : at + draw.randint(0, 2)] = draw.choice((b"", b"\0", b"\r\n", b":", b" ", draw.randbytes(2)))
    return bytes(changed)


class HttpTarget:
    """A server, and what it did about some requests at once."""

    def __init__(self, server: TimedServer) -> None:
        self._server, self._where = server, address(server.url)

    async def fault(self, requests: Sequence[bytes]) -> Fault:
        await asyncio.gather(*(self._send(each) for each in requests))
        if not self._server.alive:
            return "the server's process has ended"
        alive = await reply_to(get("Connection: close"), self._where, ALIVE_WITHIN_S)
        if alive.status != 200:
            return f"/livez did not answer within {ALIVE_WITHIN_S:g} s"
        bad = [each.text for each in self._server.look().logged if each.bad]
        return bad[0].splitlines()[0] if bad else None

    async def _send(self, data: bytes) -> None:
        await reply_to(data, self._where, HTTP_LIMIT_S)

    def faulty(self, data: bytes) -> bool:
        """Whether one request alone does it."""
        return asyncio.run(self.fault([data])) is not None


def fuzz_http(seed: int, inputs: int, console: Console) -> bytes | None:
    """The smallest request that has the server log an error or be silent, or None."""
    draw = random.Random(seed)
    kinds = [odd.data for odd in ODD.values() if len(odd.data) < SHORT_BYTES]
    with TimedServer(Settings(IMPATIENT)) as server:
        target = HttpTarget(server)
        for done in range(0, inputs, AT_ONCE):
            requests = [request(draw, kinds) for _ in range(min(AT_ONCE, inputs - done))]
            if fault := asyncio.run(target.fault(requests)):
                console.print(f"http: {fault}", markup=False)
                alone = next((each for each in requests if target.faulty(each)), None)
                return b"".join(requests) if alone is None else smallest(alone, target.faulty, HTTP_TRIES)
    console.print(f"http: {inputs} requests, no error was logged and /livez answered all along")
    return None


FUZZERS = {"protocol": (fuzz_protocol, 100_000), "http": (fuzz_http, 3_000)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=tuple(FUZZERS))
    parser.add_argument("--inputs", type=int, help="default 100,000 messages, 3,000 requests")
    parser.add_argument("--seed", type=int, help="default: another one each time")
    arguments, console = parser.parse_args(), Console()
    seed = random.SystemRandom().randrange(2**32) if arguments.seed is None else arguments.seed
    fuzz, usual = FUZZERS[arguments.what]
    console.print(f"{arguments.what}: seed {seed}", highlight=False)
    failing = fuzz(seed, usual if arguments.inputs is None else arguments.inputs, console)
    if failing is not None:
        path = Path(f"fuzz-failure-{seed}.bin")
        path.write_bytes(failing)
        console.print(f"FAILED, the smallest input ({len(failing)} bytes, in {path}): {failing[:200]!r}", markup=False)
        sys.exit(1)


if __name__ == "__main__":
    main()
