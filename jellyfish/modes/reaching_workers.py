"""Workers that run elsewhere: where they are, how they are reached, and what is shown to them."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from jellyfish.config import WorkersConfig
from jellyfish.devices.stream.messages import OpenWorker
from jellyfish.errors import InputError
from jellyfish.models.model import Model
from jellyfish.secret_files import checked_token, first_lines
from jellyfish.server.address import in_url

CONNECTING_S = 3.0
"""How long a worker may take to accept a connection."""
MOST_TOKEN_LETTERS = 512


def worker_token(path: Path | None) -> str | None:
    """What fronts show to a worker; None where there is no such file. InputError for what is no token."""
    if path is None:
        return None
    [token, *_] = first_lines(path, "the token of workers", MOST_TOKEN_LETTERS + 1)
    return checked_token(token, f"the first line of {path}", MOST_TOKEN_LETTERS)


class WorkerElsewhere:
    """A worker that runs by itself, at an address."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        self._host, self._port, self._tls = host, port, tls

    def __str__(self) -> str:
        return f"{in_url(self._host)}:{self._port}"

    @classmethod
    def at(cls, address: str, ca_file: Path | None) -> WorkerElsewhere:
        """By `HOST:PORT`, or `tls://HOST:PORT`. InputError for what is neither, or a file without certificates."""
        plain = address.removeprefix("tls://")
        parts = urlsplit(f"//{plain}")
        try:
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
        if not host or port is None or parts.path or "@" in plain:
            raise InputError(f"{address!r} is no address of a worker: HOST:PORT, or tls://HOST:PORT")
        return cls(host, port, trusting(ca_file) if plain != address else None)

    async def __call__(self, protocol: Callable[[], asyncio.BaseProtocol]) -> None:
        """See `jellyfish.devices.stream.link.Connect`."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECTING_S):
                await loop.create_connection(protocol, self._host, self._port, ssl=self._tls)
        except TimeoutError:
            raise OSError("nothing answers there") from None
        except ssl.SSLCertVerificationError as error:
            raise OSError(
                f"its certificate is not trusted ({error.verify_message}): give it as --worker-ca-file"
            ) from None
        except ssl.SSLError as error:
            raise OSError(f"it does not speak TLS ({error.reason}): leave out tls://") from None


def trusting(ca_file: Path | None) -> ssl.SSLContext:
    """What takes workers' certificates; with a file of one's own, whatever the worker is called by its address.

    InputError for a file that holds none."""
    try:
        context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise InputError(f"{ca_file}: no certificates in PEM that could be read ({error})") from error
    context.check_hostname = ca_file is None
    return context


def workers_elsewhere(
    config: WorkersConfig, model: Model, url: str = ""
) -> list[tuple[str, WorkerElsewhere, OpenWorker]]:
    """The configured ones: what each is called, how it is reached, and what is said to it first.

    `url`: of our stream, for clients of other servers that use them.

    InputError for what is no address, and for files that cannot be used.
    """
    token = worker_token(config.token_file) or ""
    opening = OpenWorker(token=token, front=socket.gethostname(), model=model.description.identity, url=url)
    reaching = [WorkerElsewhere.at(address, config.ca_file) for address in config.addresses]
    return [(str(each), each, opening) for each in reaching]
