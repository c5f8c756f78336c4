"""Under what address others reach this server, as far as it can know: what a phone is to open."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from jellyfish.server.address import in_url

ANYWHERE = "0.0.0.0"
"""All addresses of a machine; `::` are those of IPv6."""


@dataclass
class ListensAt:
    """Where a server listens."""

    hosts: Sequence[str] = ()
    """Addresses."""

    @property
    def everywhere(self) -> bool:
        """Whether it does so at every address of its machine."""
        return not {ANYWHERE, "::"}.isdisjoint(self.hosts)


@dataclass(frozen=True, slots=True)
class Origin:
    """How a page of this server is opened elsewhere."""

    url: str
    """`https://192.168.1.5:8765`."""
    notes: tuple[str, ...] = ()
    """Why that will not do, and what to change."""


def origin_for_others(asked: str, everywhere: bool, address: str | None) -> Origin:
    """`asked`: the origin of the page that is open here; ValueError where it is none. `everywhere`: whether the server
    listens at all addresses of its machine. `address`: this machine's in its network, where it has one. Pure.

    A name by which the page has been opened is kept, unless only this machine knows it.
    """
    parts = urlsplit(asked)
    host = parts.hostname or ""
    notes = []
    if _of_this_machine(host):
        if everywhere and address is not None:
            host = address
        else:
            notes.append(
                "this server listens for its own machine alone: other devices reach it when it is started with "
                "--host 0.0.0.0"
            )
    if parts.scheme != "https":
        notes.append(
            "browsers open their camera only for pages that come over HTTPS: start the server with --tls self-signed, "
            "or put a proxy before it that speaks TLS"
        )
    port = "" if parts.port is None else f":{parts.port}"
    return Origin(f"{parts.scheme}://{in_url(host)}{port}", tuple(notes))


def own_address() -> str | None:
    """This machine's address in its network; None where it is in none. Nothing is sent."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.connect(("192.0.2.1", 9))  # an address for examples: the system says from where it would go there
        return str(asking.getsockname()[0])
    return None


def _of_this_machine(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False
