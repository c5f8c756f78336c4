"""Browsers as cameras: an address to open on one, as a QR code, and what the code in it is exchanged for.

POST /v1/cameras/invitations?camera=NAME     an invitation; where the server has tokens, an administrator's business
POST /camera/accept                          the code, as a bearer token, for a camera's token; once
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import quote

from aiohttp import hdrs, web

from jellyfish.clock import seconds_now
from jellyfish.protocol.wire import LONGEST_NAME, NAME_PATTERN
from jellyfish.server.access import RouteKind, told_token
from jellyfish.server.guarding import ACCESS, guarded
from jellyfish.server.page.invitations import CODE_S, Invitations
from jellyfish.server.page.reach import ListensAt, origin_for_others, own_address

INVITATIONS: web.AppKey[Invitations] = web.AppKey("invitations", Invitations)
LISTENS_AT: web.AppKey[ListensAt] = web.AppKey("listens_at", ListensAt)
Fetched = Callable[[], Collection[str]]
"""The cameras that the server fetches itself, by name: nobody else may call itself so."""
FETCHED: web.AppKey[Fetched] = web.AppKey("fetched")
NOT_KEPT = {hdrs.CACHE_CONTROL: "no-store"}


def add_inviting(app: web.Application, fetched: Fetched = frozenset) -> None:
    """Routes, and that those who were invited are let in."""
    app[INVITATIONS], app[LISTENS_AT], app[FETCHED] = Invitations(), ListensAt(), fetched
    app[ACCESS].guests = lambda digest: app[INVITATIONS].token(digest, seconds_now())
    inviting = guarded(RouteKind.ADMINISTRATION, _invite, without_tokens=RouteKind.CAMERA)
    app.router.add_post("/v1/cameras/invitations", inviting)
    app.router.add_post("/camera/accept", guarded(RouteKind.PAGE, _accept))


async def _invite(request: web.Request) -> web.Response:
    """An address with a new code, which stands behind `#`: no browser sends that, and no log has it."""
    camera = request.query.get("camera", "")
    if not 1 <= len(camera) <= LONGEST_NAME or re.match(NAME_PATTERN, camera) is None:
        return _wrong(400, f"a camera is called by 1 to {LONGEST_NAME} letters, none of them a control character")
    if camera in request.app[FETCHED]():
        return _wrong(409, f"the server fetches the camera {camera} itself: invite one by another name")
    try:
        origin = origin_for_others(_asked_at(request), request.app[LISTENS_AT].everywhere, own_address())
    except ValueError:
        return _wrong(400, f"no page is at {_asked_at(request)[:100]}: Host is a name or an address, and a port")
    address = f"{origin.url}/camera#camera={quote(camera, safe='')}"
    told: dict[str, Any] = {"camera": camera, "notes": origin.notes}
    if request.app[ACCESS].rules.asks_for_token(RouteKind.CAMERA):
        address += f"&code={request.app[INVITATIONS].invite(camera, seconds_now())}"
        told["expires_s"] = CODE_S
    return web.json_response(told | {"address": address, "qr": _modules(address)}, headers=NOT_KEPT)


async def _accept(request: web.Request) -> web.Response:
    """A token for the camera whose code this is."""
    accepted = request.app[INVITATIONS].accept(told_token(request.headers), seconds_now())
    if accepted is None:
        return _wrong(403, f"this invitation has been used, or is older than {CODE_S / 60:g} minutes: ask for another")
    return web.json_response(accepted._asdict(), headers=NOT_KEPT)


def _wrong(status: int, why: str) -> web.Response:
    return web.json_response({"error": why}, status=status)


def _asked_at(request: web.Request) -> str:
    """The origin of the page that asks: a browser says it with every POST, behind a proxy, too."""
    return request.headers.get(hdrs.ORIGIN, "") or f"{request.scheme}://{request.host}"


def _modules(address: str) -> list[str]:
    """A QR code: a row of `0` and `1` (dark) for each of its own."""
    import segno

    code = segno.make(address, error="m", micro=False)
    return ["".join(str(int(bool(module))) for module in row) for row in code.matrix]
