"""A worker's program as a process of its keeper: with a token and a certificate that nobody else has, on a leash."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from jellyfish.modes.cluster.lines import LONGEST_WORDS, WorkerWish
from jellyfish.program.child_environment import environment_of_child
from jellyfish.server.certificates import own_certificate

LISTENS = re.compile(rb"worker at \S+:(\d+): ")
"""What the program says when fronts can connect."""
BEGIN_S = 120.0
"""It has so long to say that: it loads its libraries before."""
MOST_LINE_BYTES = 65536


class WorkerEndedError(Exception):
    """A worker's program has ended, and why, in words."""


def words_of(wish: WorkerWish, device: str, host: str, token: Path, certificate: Path, key: Path) -> list[str]:
    """The command line of a worker for `device`, the only one that it sees. No secret is on it."""
    words = ["worker", "--host", host, "--port", "0", "--device", "cpu" if device == "cpu" else "cuda:0"]
    words += ["--model", wish.model, "--max-batch", str(wish.max_batch), "--token-file", str(token)]
    words += ["--tls-certificate", str(certificate), "--tls-key", str(key)]
    given = {"--weights": wish.weights, "--threads": wish.threads}
    return words + [word for option, value in given.items() if value is not None for word in (option, str(value))]


class WorkerChild:
    """One that has been started. `certificate` and `token`: what it shows, and asks for."""

    def __init__(self, process: Process, kept: TemporaryDirectory[str], certificate: str, token: str) -> None:
        """`kept`: the folder of its files, which it has read when it listens: no secret stays on the disk."""
        self._kept, self.certificate, self.token = kept, certificate, token
        self._process = process
        self._said: deque[str] = deque(maxlen=3)
        """The last lines that it has said of what is wrong."""
        self._hearing = asyncio.create_task(self._hear())

    async def listens(self) -> int:
        """Wait until fronts can connect: the port. WorkerEndedError where it ends before."""
        output = self._process.stdout
        assert output is not None
        try:
            async with asyncio.timeout(BEGIN_S):
                while line := await output.readline():
                    if found := LISTENS.search(line):
                        self._kept.cleanup()
                        return int(found[1])
        except (TimeoutError, ValueError):
            raise WorkerEndedError(f"it has not said within {BEGIN_S:g} s that it listens") from None
        raise WorkerEndedError(await self.ended())

    async def ended(self) -> str:
        """Wait until it has: why, in words."""
        output = self._process.stdout
        assert output is not None
        while await output.read(MOST_LINE_BYTES):  # nobody needs to hear what else it says of how it is
            pass
        code = await self._process.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await asyncio.shield(self._hearing)
        said = " ".join(self._said)[-LONGEST_WORDS:]
        return said or (f"it was ended by signal {-code}" if code < 0 else f"it has ended with code {code}")

    async def _hear(self) -> None:
        errors = self._process.stderr
        assert errors is not None
        with contextlib.suppress(ValueError):  # a line without end
            while line := await errors.readline():
                self._said.append(line.decode(errors="replace").strip().removeprefix("error: "))

    async def close(self) -> None:
        """End it, whatever it does: it has nothing to lose."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        self._hearing.cancel()


@contextlib.asynccontextmanager
async def worker_child(
    wish: WorkerWish, device: str, host: str, processors: Sequence[int]
) -> AsyncIterator[WorkerChild]:
    """A worker's process for the time of the context, which listens at `host`, of this machine.

    It ends when the thread does that calls this. `processors`: those that it may use; empty: all of its keeper's.
    """
    kept = TemporaryDirectory(prefix="jellyfish-worker-")  # nobody else may look into it
    with kept as folder:
        certificate, key = own_certificate(Path(folder), [host])
        token_file, token = Path(folder) / "token", secrets.token_urlsafe(32)
        with os.fdopen(os.open(token_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(token)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "jellyfish.program.leash", str(os.getpid()), ",".join(map(str, processors)) or "all",
            *words_of(wish, device, host, token_file, certificate, key),
            stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=environment_of_child(os.environ), limit=MOST_LINE_BYTES,
        )  # fmt: skip
        child = WorkerChild(process, kept, certificate.read_text(), token)
        try:
            yield child
        finally:
            await child.close()
