"""A server on real devices and real sockets, warm and ready.

Used by `serve` and, in the same process as its cameras, by `bench`.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from aiohttp import web

from jellyfish.clock import seconds_now
from jellyfish.config import CLIENTS_CHOOSE, ServerConfig
from jellyfish.control.solving import Solve
from jellyfish.devices.opening import OpenDevice, in_words, loading_notes
from jellyfish.devices.process import first_half_kept, thread_times_s, tune_process, usable_cores
from jellyfish.devices.workers import Report
from jellyfish.dispatch.request import Answered, Request
from jellyfish.dispatch.warmth import Warmth
from jellyfish.errors import RunError
from jellyfish.media.jpeg import encode_jpeg
from jellyfish.models.model import Description
from jellyfish.modes.assembly import PlanningPolicy, ServerParts, as_answered, assembly, policy
from jellyfish.modes.brought import Brought, on_a_thread
from jellyfish.modes.changing import ModelChanger, close_devices, largest_batch, may_stand_in, offered
from jellyfish.modes.checks import bound, cannot_listen, checked, free_for_grpc
from jellyfish.modes.cluster.joined import joined
from jellyfish.modes.decoders import Decoders
from jellyfish.modes.entrance import Entrance
from jellyfish.modes.joining import joining_workers
from jellyfish.modes.metering import counted
from jellyfish.modes.object_tracker import ByteTracker
from jellyfish.modes.own_cameras import OwnCameras, check_cameras
from jellyfish.modes.running_server import RunningServer
from jellyfish.modes.solver_process import solver_process
from jellyfish.modes.stream_workers import opening
from jellyfish.modes.tracing import traced
from jellyfish.modes.warming import warmed
from jellyfish.modes.window_log import OnWindow
from jellyfish.server.address import in_url
from jellyfish.server.administration import Administration
from jellyfish.server.app import listening
from jellyfish.server.fleet.fleet import FleetHistory
from jellyfish.server.fleet.routes import fleet_route
from jellyfish.server.host_meter import HostParts, ProcessorTime
from jellyfish.server.inference.desk import Desk
from jellyfish.server.metrics.meter import Meter
from jellyfish.server.metrics.page import metrics_route
from jellyfish.server.service import Service
from jellyfish.server.watching.fleet_news import FleetNews
from jellyfish.server.watching.following import Following

PROBE_DEADLINE_S = 30.0


@contextlib.asynccontextmanager
async def serving(
    config: ServerConfig,
    on_window: OnWindow,
    report: Report,
    brought: Brought | None = None,
    entrance: Entrance | None = None,
    administration: Administration | None = None,
) -> AsyncIterator[RunningServer]:
    """A ready server for the time of the context; it drains on the way out.

    `brought`: objects in place of what `config` names. `entrance`: who may come in; None: by the files that `config`
    names, and no secret of the environment. `administration`: what administrators may ask for; None: nothing. The port
    is bound and all that was given is looked at before anything slow begins.
    """
    tune_process()
    async with contextlib.AsyncExitStack() as stack:
        sockets = stack.enter_context(bound(config.host, config.port))
        with free_for_grpc(config):
            pass
        brought, entrance = brought or Brought(), entrance or Entrance(config)
        model, fixed = checked(config, brought)
        check_cameras(config, model.description)
        config, cluster = await stack.enter_async_context(joined(config, report))
        cores = usable_cores()
        if "cpu" in config.devices:
            stack.enter_context(first_half_kept(cores))
        solve = await _solver(config, brought, cores, stack)
        joining, named = joining_workers(config, model), brought.model is None
        devices = await opening(config, cores, named, report)(config, model)
        stack.callback(close_devices, devices)
        devices += await joining.at_start(report)
        served = offered(model.description, devices) if fixed is None else model.description.offering({fixed})
        warmth = await warmed(devices, config, served.variants, report)
        planning = partial(_policy, brought, solve)
        parts = _parts(config, served, devices, warmth, planning, cores, stack)
        meter, given_back = Meter(config.metrics_cameras), stack.enter_context(contextlib.ExitStack())
        whole = await stack.enter_async_context(assembly(parts, counted(meter.planner, on_window)))
        service = whole.service
        await stack.enter_async_context(joining.joining(whole))
        changer = ModelChanger(whole, parts, devices, planning, cluster.opening(opening(config, cores, named)))
        service.alternatives = config.elsewhere
        given_back.callback(changer.close)  # after those who run batches on them
        await stack.enter_async_context(meter.watching(service))
        cameras, desk = OwnCameras(config, service, entrance), Desk(service)
        fleet = FleetHistory(service, lambda: meter.planner.cpu_s, whole.room, cameras.sources, cameras.terms)
        await stack.enter_async_context(fleet.watching())
        service.hub.fleet = FleetNews(fleet.told)
        await stack.enter_async_context(traced(service, config.spans))
        if config.track:
            service.hub.following = Following(ByteTracker)
        routes = [metrics_route(service, meter, config.metrics_from), fleet_route(fleet), *cameras.routes]
        listening_now = _listening_on(service, sockets, config.host, entrance, administration, routes, desk)
        url = await stack.enter_async_context(listening_now)
        grpc_address = await _listening_for_grpc(config, desk, entrance, stack)
        devices += await stack.enter_async_context(cluster.followed(joining, model, report))
        await _probe(service)
        gc.collect()
        gc.freeze()
        service.ready = True
        await stack.enter_async_context(cameras.fetched(config.host, sockets[0].getsockname()[1], cores))
        profiles = tuple(device.profile for device in devices)
        yield RunningServer(
            url,
            service,
            profiles,
            in_words(devices),
            served,
            grpc_address,
            partial(loading_notes, devices),
            changer.change,
            cameras,
            fleet.split,
        )


async def _solver(
    config: ServerConfig, brought: Brought, cores: Sequence[int], stack: contextlib.AsyncExitStack
) -> Solve | None:
    """The planner's process, started early, for it needs a moment; None where nothing is searched for."""
    if brought.planner is not None:
        return stack.enter_context(on_a_thread(brought.planner))
    if config.variant is not None or config.planner == CLIENTS_CHOOSE:
        return None
    return (await stack.enter_async_context(solver_process(config.planner, seed=0, cores=cores))).solve


def _parts(
    config: ServerConfig,
    model: Description,
    devices: list[OpenDevice],
    warmth: Mapping[str, Warmth],
    planning: Callable[[ServerConfig, Description, int], PlanningPolicy],
    cores: Sequence[int],
    stack: contextlib.AsyncExitStack,
) -> ServerParts:
    """What the server is made of. Decoders have threads of their own. `planning`: by what is served, in batches."""
    decoders = Decoders(cores, config.limits.image_side)
    stack.push_async_callback(decoders.close)
    max_batch = largest_batch(config, model, devices)
    return ServerParts(
        devices=[(device.executor, device.profile) for device in devices],
        model=model,
        max_batch=max_batch,
        decode=decoders.decode,
        decode_large=decoders.decode_large,
        policy=planning(config, model, max_batch),
        limits=config.limits,
        actuation=may_stand_in(config, devices),
        host=HostParts(decoders.threads, lambda: ProcessorTime(*thread_times_s(), decoders.spent_s)),
        warmth=warmth,
    )


def _policy(
    brought: Brought, solve: Solve | None, config: ServerConfig, model: Description, max_batch: int
) -> PlanningPolicy:
    if brought.planner is not None and solve is not None:
        return as_answered(solve, config.window_s, config.care, config.target)
    return policy(
        config.planner,
        model.variants[0] if config.variant else None,
        max_batch,
        config.window_s,
        seed=0,
        care=config.care,
        target=config.target,
        share=config.planning_share,
        solve=solve,
    )


@contextlib.asynccontextmanager
async def listening_at(service: Service, host: str, port: int) -> AsyncIterator[str]:
    """Accept streams for the time of the context, then drain; the stream's URL. InputError if the port is taken."""
    with bound(host, port) as sockets:
        async with _listening_on(service, sockets, host) as url:
            yield url


async def _listening_for_grpc(
    config: ServerConfig, desk: Desk, entrance: Entrance, stack: contextlib.AsyncExitStack
) -> str | None:
    """Take requests for inference over gRPC, too, where that is wanted; the address."""
    if config.grpc_port is None:
        return None
    from jellyfish.server.inference.grpc_service import grpc_listening  # an extra, which not everybody has

    host = in_url(config.host)
    listening_now = grpc_listening(desk, f"{host}:{config.grpc_port}", entrance.access, entrance.pem(config))
    try:
        port = await stack.enter_async_context(listening_now)
    except OSError as error:
        raise cannot_listen(config.host, config.grpc_port, error) from error
    return f"{host}:{port}"


@contextlib.asynccontextmanager
async def _listening_on(
    service: Service,
    sockets: Sequence[socket.socket],
    host: str,
    entrance: Entrance | None = None,
    administration: Administration | None = None,
    routes: Sequence[web.RouteDef] = (),
    desk: Desk | None = None,
) -> AsyncIterator[str]:
    """As `listening_at`, on sockets that are bound."""
    port = sockets[0].getsockname()[1]
    access, tls = (None, None) if entrance is None else (entrance.access, entrance.tls)
    async with contextlib.AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(
                listening(
                    service, sockets=sockets, access=access, tls=tls, administration=administration, routes=routes,
                    desk=desk,
                )
            )  # fmt: skip
        except OSError as error:
            raise cannot_listen(host, port, error) from error
        yield f"{'ws' if tls is None else 'wss'}://{in_url(host)}:{port}/v1/stream"


async def _probe(service: Service) -> None:
    """Send one frame the whole way, decoder and device included, on every device."""
    loop = asyncio.get_running_loop()
    *_, largest = service.model.ladder.values()
    decode = service.decoding.for_client("probe", 1.0, largest)
    frame = encode_jpeg(np.full((360, 640, 3), 128, np.uint8))
    image = await decode(frame, largest, seconds_now() + PROBE_DEADLINE_S)
    for name, dispatcher in list(service.dispatchers.items()):
        done: asyncio.Future[Any] = loop.create_future()
        dispatcher.submit(Request("probe", 0, seconds_now() + PROBE_DEADLINE_S, seconds_now(), image, done))
        outcome = await done
        if not isinstance(outcome, Answered):
            raise RunError(f"device {name} did not answer the probe frame: {outcome.reason}")
