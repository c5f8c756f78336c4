"""What an administrator asks of a running server over HTTP: `POST /v1/admin/...`, with a token for administration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from jellyfish.errors import InputError
from jellyfish.server.access import RouteKind
from jellyfish.server.guarding import Handler, guarded


@dataclass(frozen=True, slots=True)
class Changes:
    """What reading the configuration anew has changed: names of options."""

    changed: tuple[str, ...]
    takes_restart: tuple[str, ...]
    """Those that are others now, and hold only after a restart."""

    def in_words(self) -> str:
        """A line for a person."""
        words = [f"read anew: {', '.join(self.changed) or 'no option is another'}; tokens and certificates as they are"]
        if self.takes_restart:
            words.append(f"a restart takes: {', '.join(self.takes_restart)}")
        return "; ".join(words)


@dataclass(frozen=True, slots=True)
class Administration:
    """What can be asked for. InputError where it cannot be done, in which case nothing is changed."""

    reload: Callable[[], Changes]


def add_administration(app: web.Application, administration: Administration) -> None:
    """Routes for it."""
    app.router.add_post("/v1/admin/reload", guarded(RouteKind.ADMINISTRATION, _reloading(administration)))


def _reloading(administration: Administration) -> Handler:
    async def reloaded(request: web.Request) -> web.Response:
        """Read files anew."""
        try:
            changes = administration.reload()
        except InputError as error:
            return web.json_response({"error": f"nothing is changed: {error}"}, status=409)
        return web.json_response({"changed": changes.changed, "takes_restart": changes.takes_restart})

    return reloaded
