"""Whether a request that a browser makes comes from a page that may use this server. Pure.

A browser sends requests to servers that its user can reach for any page that asks, this machine's own among them.
Three things are looked at, none of which a page can choose:

* `Origin`, whose page it is: the server's own, or one of those named;
* `Host`, by what name the server was found: a name of the Internet's that nobody gave it may be a stranger's that
  leads here (DNS rebinding), whose page would be the server's own;
* `Sec-Fetch-Site`, where there is no `Origin`: pictures and scripts that another page embeds.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

_USUAL_PORTS = {"http": 80, "https": 443}
_EMBEDDED_ELSEWHERE = ("cross-site", "same-site")


def why_not_from_there(
    headers: Mapping[str, str],
    by_proxy: bool,
    hosts: Collection[str],
    origins: Collection[str],
    only_pages: bool = False,
) -> str | None:
    """Why the request is refused, in words; None where it may go on.

    `by_proxy`: it comes from a proxy that is known, which says by what name it was asked. `hosts`: the server's names.
    `origins`: of pages that may use it beside its own. `only_pages`: what a browser asks for always has an `Origin`
    (WebSockets have), so that whoever has none is no browser.
    """
    origin = headers.get("origin", "").strip().lower()
    if not origin and only_pages:
        return None
    if origin and origin in {each.lower() for each in origins}:
        return None
    host = (headers.get("x-forwarded-host", "") if by_proxy else "").partition(",")[0].strip()
    host = (host or headers.get("host", "")).strip().lower()
    if host and not _is_ours(_name(host), hosts):
        return (
            f"this server is not called {_name(host)[:100]}: name it with --allow-host where it is (docs/security.md)"
        )
    if origin and not _same(origin, host):
        return f"pages of {origin[:100]} may not use this server: name them with --allow-origin (docs/security.md)"
    if not origin and headers.get("sec-fetch-site", "").strip().lower() in _EMBEDDED_ELSEWHERE:
        return "what this server shows may not be part of another page (docs/security.md)"
    return None


def _name(host: str) -> str:
    """Without its port and brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].rstrip(".")


def _is_ours(name: str, hosts: Collection[str]) -> bool:
    """An address is nobody's name, and no DNS leads elsewhere from it. A name without a dot (a machine of this network,
    a container's service) is none that a stranger can have.
    """
    if "." not in name or name.endswith(".localhost") or name in {each.lower() for each in hosts}:
        return True
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


def _same(origin: str, host: str) -> bool:
    """Whether the page is of this very server, port included. A server does not know whether TLS ends before it."""
    try:
        parts = urlsplit(origin)
        usual = _USUAL_PORTS.get(parts.scheme)
        own = urlsplit(f"{parts.scheme}://{host}")
        return usual is not None and (parts.hostname, parts.port or usual) == (own.hostname, own.port or usual)
    except ValueError:
        return False
