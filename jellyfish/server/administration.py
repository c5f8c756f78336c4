"""What an administrator asks of a running server over HTTP: `POST /v1/admin/...`, with a token for administration."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from jellyfish.errors import InputError, JellyfishError
from jellyfish.server.access import RouteKind
from jellyfish.server.guarding import Handler, guarded


@dataclass(frozen=True, slots=True)
class Changes:
    """What reading the configuration anew has changed: names of options."""

    changed: tuple[str, ...]
    takes_restart: tuple[str, ...] = ()
    """Those that are others now, and hold only after a restart."""
    with_model: tuple[str, ...] = ()
    """Those that are others now, and hold when the model is changed."""
    warnings: tuple[str, ...] = ()
    """What is to be known of who may come in now, and was not so before."""

    def in_words(self) -> str:
        """A line for a person."""
        words = [f"read anew: {', '.join(self.changed) or 'no option is another'}; tokens and certificates as they are"]
        if self.with_model:
            words.append(f"the model is to be changed by {', '.join(self.with_model)}")
        if self.takes_restart:
            words.append(f"a restart takes: {', '.join(self.takes_restart)}")
        words += [f"WARNING: {warning}" for warning in self.warnings]
        return "; ".join(words)


@dataclass(frozen=True, slots=True)
class Administration:
    """What can be asked for. InputError where it cannot be done, in which case nothing is changed."""

    reload: Callable[[], Changes]
    change_model: Callable[[], Awaitable[str]]
    """Serve with the model that the configuration names now; what serves then, in words."""


def add_administration(app: web.Application, administration: Administration) -> None:
    """Routes for it."""
    for path, handler in (("reload", _reloading(administration)), ("model", _changing(administration))):
        app.router.add_post(f"/v1/admin/{path}", guarded(RouteKind.ADMINISTRATION, handler))


def _reloading(administration: Administration) -> Handler:
    async def reloaded(request: web.Request) -> web.Response:
        """Read files anew."""
        try:
            changes = administration.reload()
        except InputError as error:
            return _nothing_changed(error)
        told = {"changed": changes.changed, "takes_restart": changes.takes_restart, "with_model": changes.with_model}
        return web.json_response(told | ({"warnings": changes.warnings} if changes.warnings else {}))

    return reloaded


def _changing(administration: Administration) -> Handler:
    async def changed(request: web.Request) -> web.Response:
        """Put another model in the place of the one that serves; the answer comes when that is done."""
        try:
            return web.json_response({"serves": await administration.change_model()})
        except JellyfishError as error:
            return _nothing_changed(error)

    return changed


def _nothing_changed(error: JellyfishError) -> web.Response:
    return web.json_response({"error": f"nothing is changed: {error}"}, status=409)
