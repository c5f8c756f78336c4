"""What a server is given, looked at before anything slow is loaded: this file itself loads little."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

from jellyfish.config import EngineKind, ServerConfig
from jellyfish.control.planners import check_planner
from jellyfish.core import Task, Variant
from jellyfish.devices.naming import check_device, parse_variant
from jellyfish.devices.process import tune_process
from jellyfish.devices.processes import begin_loading
from jellyfish.devices.profile.given import check_profile
from jellyfish.errors import InputError
from jellyfish.models.model import Model
from jellyfish.models.opening import open_model, usable
from jellyfish.modes.brought import Brought
from jellyfish.modes.own_cameras import check_cameras
from jellyfish.modes.reaching_workers import workers_elsewhere
from jellyfish.server.address import in_url, why_not_listening


def look_at(config: ServerConfig) -> None:
    """InputError for what cannot be served, or not at the address; torch begins to load, in a process of its own."""
    tune_process()
    with bound(config.host, config.port), free_for_grpc(config):
        model, _ = checked(config)
        workers_elsewhere(config.workers, model)
        check_cameras(config, model.description)


def checked(config: ServerConfig, brought: Brought | None = None) -> tuple[Model, Variant | None]:
    """The model, and the only variant that is served if there is one; InputError for whatever cannot be used.

    As nothing is wrong, what workers need begins to load.
    """
    alone = config.workers.engine.kind is EngineKind.LOCAL
    for name in config.devices if alone else ():  # else they are other machines'
        check_device(name)
    brought = brought or Brought()
    model = open_model(config.model, config.weights) if brought.model is None else usable(brought.model, "model")
    description = model.description
    fixed = None if config.variant is None else parse_variant(config.variant, description.variants)
    if fixed is None and brought.planner is None:
        check_planner(config.planner)
    check_profile(config, description)
    if config.track and description.task is not Task.DETECTION:
        raise InputError(
            f"--track follows what a detector finds; the model {description.name} is for {description.task}"
        )
    in_processes = config.workers.in_processes(config.devices, brought.model is None)
    if in_processes and brought.model is not None:
        raise InputError("a model that is brought as an object stays in this process: name it, or leave workers there")
    if "cpu" in config.devices and description.movable and alone and not in_processes:
        begin_loading(description.preload)
    return model, fixed


@contextlib.contextmanager
def bound(host: str, port: int) -> Iterator[list[socket.socket]]:
    """Sockets that have the addresses of `host`, for the time of the context; nobody is heard yet.

    InputError if one cannot be had.
    """
    with contextlib.ExitStack() as stack:
        found = []
        try:
            kind = socket.SOCK_STREAM
            for family, *_, address in socket.getaddrinfo(host or None, port, type=kind, flags=socket.AI_PASSIVE):
                found.append(stack.enter_context(socket.socket(family, kind)))
                found[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    found[-1].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                found[-1].bind(address)
        except (OSError, UnicodeError) as error:
            raise cannot_listen(host, port, error) from error
        yield found


@contextlib.contextmanager
def free_for_grpc(config: ServerConfig) -> Iterator[None]:
    """As `bound`, where gRPC will listen, which makes its sockets itself."""
    if config.grpc_port is None:
        yield
        return
    if config.grpc_port and config.grpc_port == config.port:
        raise InputError(f"--port and --grpc-port are both {config.port}: gRPC needs one of its own")
    with bound(config.host, config.grpc_port):
        yield


def cannot_listen(host: str, port: int, error: OSError | UnicodeError) -> InputError:
    """The error in words."""
    return InputError(f"cannot listen on {in_url(host)}:{port}: {why_not_listening(error)}")
