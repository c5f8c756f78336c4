"""Addresses of servers: as they are written, and why none can listen there, in words."""

from __future__ import annotations

import errno
import socket

_GIVE = "give --host an address of this machine: 127.0.0.1 for itself alone, 0.0.0.0 for all"
_OF_SYSTEM = {
    errno.EADDRINUSE: "the port is taken; try another --port",
    errno.EADDRNOTAVAIL: f"this machine has no such address; {_GIVE}",
    errno.EAFNOSUPPORT: f"this machine has no addresses of that kind; {_GIVE}",
    errno.EINVAL: f"the system takes no such address (link-local ones name their link: fe80::1%eth0); {_GIVE}",
    errno.EACCES: "the system keeps such ports for itself; try another --port, from 1024 on",
}


def why_not_listening(error: OSError | UnicodeError) -> str:
    """What is wrong with host or port, and what to do."""
    if isinstance(error, (UnicodeError, socket.gaierror)):
        return f"there is no such host; {_GIVE}"
    return _OF_SYSTEM.get(error.errno or 0, f"{error.strerror or error}; check --host and --port")


def in_url(host: str) -> str:
    """As it is written in a URL."""
    return f"[{host}]" if ":" in host else host
