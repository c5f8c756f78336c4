"""Feedback controllers by name: policies with which one camera steers itself, one file each."""

from __future__ import annotations

from collections.abc import Callable

from jellyfish.camera.controllers.controller import Controller, ControllerTerms
from jellyfish.camera.controllers.fixed import Fixed
from jellyfish.camera.controllers.local import Local
from jellyfish.camera.controllers.mpc import Mpc
from jellyfish.camera.controllers.oracle import Oracle
from jellyfish.camera.controllers.pid import Pid
from jellyfish.camera.controllers.prudent import Prudent
from jellyfish.camera.controllers.score import Score
from jellyfish.camera.controllers.split import Split
from jellyfish.errors import InputError

MakeController = Callable[[ControllerTerms], Controller]
CONTROLLERS: dict[str, MakeController] = {
    "fixed": Fixed,
    "score": Score,
    "pid": Pid,
    "mpc": Mpc,
    "prudent": Prudent,
    "local": Local,
    "split": Split,
    "oracle": Oracle,
}


def controller_named(name: str) -> MakeController:
    """What makes the controller called `name`; InputError, listing the names, when there is none.

    `fixed:320` is `fixed` at a given resolution.
    """
    kind, _, resolution = name.partition(":")
    if kind == "fixed" and resolution.isdigit():
        return lambda terms: Fixed(terms, int(resolution))
    if name not in CONTROLLERS:
        raise InputError(f"unknown controller {name!r}: choose one of {', '.join(CONTROLLERS)}, or fixed:RESOLUTION")
    return CONTROLLERS[name]
