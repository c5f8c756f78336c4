"""A server of one's own program: what `jellyfish serve` runs, for the time of an `async with`."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Self, TypedDict, Unpack

import msgspec

from jellyfish.config import DEFAULT_MODEL, DEFAULT_PLANNER, LEAST_TARGET, MOST_CARE, MOST_TARGET, Limits, ServerConfig
from jellyfish.control.problem import Planner
from jellyfish.devices.process import SWITCH_INTERVAL_S
from jellyfish.errors import InputError, RunError
from jellyfish.models.model import Description, Model
from jellyfish.modes.brought import Brought
from jellyfish.modes.running_server import RunningServer
from jellyfish.modes.serving import serving

Progress = Callable[[str, int, int], None]
"""Told what is being done, and how far it is: (words, steps done, steps in all). On a thread of its own."""


class ServerOptions(TypedDict, total=False):
    """What else a server can be told; what is left out is as `jellyfish serve` has it (`jellyfish.config`)."""

    host: str
    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)]
    devices: Annotated[Sequence[str], msgspec.Meta(min_length=1)]
    window_s: Annotated[float, msgspec.Meta(ge=0.05, le=60)]
    care: Annotated[float, msgspec.Meta(ge=0, le=MOST_CARE)]
    target: Annotated[float, msgspec.Meta(ge=LEAST_TARGET, le=MOST_TARGET)]
    variant: str
    max_batch: Annotated[int, msgspec.Meta(ge=1, le=64)]
    threads: Annotated[int, msgspec.Meta(ge=1)]
    actuation: bool
    planning_share: Annotated[float, msgspec.Meta(ge=0.001, le=1)]


class Server:
    """A server, ready for the time of the context."""

    def __init__(
        self,
        model: str | Path | Model = DEFAULT_MODEL,
        *,
        planner: str | Planner = DEFAULT_PLANNER,
        weights: str | Path | None = None,
        profile: str | Path | None = None,
        limits: Limits | None = None,
        progress: Progress = lambda words, done, total: None,
        **options: Unpack[ServerOptions],
    ) -> None:
        """`model`, `planner`: names as `--model` and `--planner` take them, or objects. InputError for bad options."""
        own_model = None if isinstance(model, str | Path) else model
        self._brought = Brought(own_model, _own(planner))
        self._config = replace(
            ServerConfig(),
            model=str(model) if own_model is None else "an object",
            planner=planner if isinstance(planner, str) else "an object",
            weights=None if weights is None else Path(weights),
            profile=None if profile is None else Path(profile),
            limits=limits or Limits(),
            **_checked(options),
        )
        self._progress = progress
        self._running: RunningServer | None = None
        self._left = False
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Load, measure the first time, warm up and listen. InputError for what cannot be served, or not there."""
        if self._left:
            raise RunError("this server has been used: make another one")
        if self._running is not None:
            raise RunError("this server runs already: one `async with` is enough")
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(self._leave)
            stack.enter_context(_quick_switches())
            opening = serving(self._config, lambda record, service: None, self._report, self._brought)
            self._running = await stack.enter_async_context(opening)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        """Answer what has been received, and end. What was started is ended; cameras come back to the next server."""
        return await self._stack.__aexit__(kind, error, traceback)

    @property
    def url(self) -> str:
        """Where cameras connect to: ws://HOST:PORT/v1/stream."""
        return self._server.url

    @property
    def model(self) -> Description:
        """What is served: the sizes that are used here, and classes by label."""
        return self._server.model

    async def serve_forever(self) -> None:
        """Return never; end by being cancelled, as by Ctrl-C, or when the server fails."""
        await asyncio.get_running_loop().create_future()

    @property
    def _server(self) -> RunningServer:
        if self._running is None:
            raise RunError("the server does not run: use it within `async with Server(...) as server:`")
        return self._running

    def _report(self, words: str, done: int, total: int) -> None:
        if self._left:  # the thread that measures a device has nobody to do it for any more
            raise RunError("the server has been left")
        self._progress(words, done, total)

    def _leave(self) -> None:
        self._running, self._left = None, True
        gc.unfreeze()


def _own(planner: str | Planner) -> Planner | None:
    if isinstance(planner, str):
        return None
    if isinstance(planner, type) or not callable(getattr(planner, "plan", None)):
        raise InputError(f"planner={planner!r} is no planner: it is an object with a method `plan` (docs/planners.md)")
    return planner


def _checked(options: ServerOptions) -> dict[str, Any]:
    """The options as a configuration has them."""
    for name in options.keys() - ServerOptions.__annotations__.keys():
        raise InputError(f"a server has no option {name!r}: it has {', '.join(sorted(ServerOptions.__annotations__))}")
    try:
        found: dict[str, Any] = dict(msgspec.convert(options, ServerOptions))
    except msgspec.ValidationError as error:
        raise InputError(f"a server cannot have that: {error}") from error
    return found | ({"devices": tuple(found["devices"])} if "devices" in found else {})


@contextlib.contextmanager
def _quick_switches() -> Iterator[None]:
    """As the command line has it: the event loop soon gets the interpreter back from other threads."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
