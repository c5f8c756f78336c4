"""What a window decided, as lines of the three files of windows and in the run's planner figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

from jellyfish.control.capacity import worst_cases_s
from jellyfish.control.host import HostLoad
from jellyfish.control.loop import WindowRecord
from jellyfish.control.problem import ClientDemand, DevicePlan, Plan
from jellyfish.core import Variant
from jellyfish.results.planning import HostTally, PlannerTally
from jellyfish.results.records import Timeline, milliseconds
from jellyfish.results.window_lines import JOINED_BY, Cause, ClientLine, DeviceLine, WindowLine, WindowLines
from jellyfish.server.attained import Attained
from jellyfish.server.service import Service
from jellyfish.server.session import Account

OnWindow = Callable[[WindowRecord, Service], None]
Write = Callable[[WindowLines, float], None]


class WindowLog:
    """Takes the control loop's records, from the moment `start` gives it where to write."""

    def __init__(self, planner: str) -> None:
        self.tally, self.host = PlannerTally(), HostTally()
        self._planner = planner
        self._write: Write | None = None
        self._timeline = Timeline(0.0)
        self._windows = 0
        self._running: dict[str, set[Variant]] = {}

    def start(self, write: Write, timeline: Timeline) -> None:
        """From now on write lines, in the time of `timeline`."""
        self._write, self._timeline = write, timeline

    def __call__(self, record: WindowRecord, service: Service) -> None:
        """Write one window. Windows without clients, before and after the run, are left out."""
        if self._write is None or not record.problem.clients or record.plan is None:
            return
        lines = _Window(record, record.plan, service, self._windows, self._timeline).lines(self._planner)
        self._windows += 1
        self.tally.window(lines)
        self.host.window(lines.window)
        variants = {name: {share.variant for share in device.shares} for name, device in record.plan.devices.items()}
        for name, planned in variants.items():
            if self._running.get(name, planned) != planned:
                self.tally.switched(milliseconds(service.apply_s))
        self._running = variants
        self._write(lines, record.t_s + record.solve_s)


class _Window:
    """One window: the snapshot that was planned for, and the plan in force after it."""

    def __init__(self, record: WindowRecord, plan: Plan, service: Service, number: int, timeline: Timeline) -> None:
        self._record, self._plan, self._service = record, plan, service
        t_s = record.t_s
        self._moment: dict[str, Any] = {"window": number, "t_s": timeline.run_s(t_s), "unix_s": timeline.unix_s(t_s)}
        self._on_device_s = worst_cases_s(record.problem, plan)

    def lines(self, planner: str) -> WindowLines:
        repairs_ms = tuple(milliseconds(seconds) for seconds in self._record.repairs_s)
        return WindowLines(
            self._window(planner, repairs_ms),
            tuple(self._client(demand) for demand in self._record.problem.clients),
            tuple(self._device(name, device) for name, device in self._plan.devices.items()),
            repairs_ms,
        )

    def _window(self, planner: str, repairs_ms: tuple[float, ...]) -> WindowLine:
        record, plan = self._record, self._plan
        return WindowLine(
            **self._moment,
            planner=planner,
            cause=cast(Cause, record.cause),
            solve=record.why,
            solve_ms=milliseconds(record.solve_s),
            cpu_ms=milliseconds(record.cpu_s),
            accuracy=round(plan.accuracy, 4),
            clients=len(record.problem.clients),
            mapped=len(plan.clients),
            mappable=plan.mappable,
            changes=record.changes,
            repairs=len(repairs_ms),
            repairs_ms=round(sum(repairs_ms), 3),
            **_host(self._service.host),
        )

    def _client(self, demand: ClientDemand) -> ClientLine:
        session = self._service.sessions.get(demand.client)
        known: dict[str, Any] = {"overhead_ms": 0.0}
        requester = self._service.requesters.named(demand.client)
        if requester is not None:
            known |= _requested(requester.account)
        if session is not None:
            estimator = session.estimator
            known = {
                "bandwidth_mbps": _mbps(estimator.bandwidth_bps(self._record.t_s)),
                "overhead_ms": milliseconds(estimator.overhead_s),
                "client_overhead_ms": milliseconds(estimator.client_overhead_s),
                "host_overhead_ms": milliseconds(estimator.host_overhead_s),
                "care": None if session.learnt is None else round(session.learnt.care, 3),
                **_attained(session.attained),
            }
        return ClientLine(**self._moment, client=demand.client, **self._planned(demand), **known)

    def _planned(self, demand: ClientDemand) -> dict[str, Any]:
        """What the plan has for a client."""
        client, plan = demand.client, self._plan
        device = plan.clients.get(client)
        if device is None:
            return {"mapped": False}
        variant = plan.variants.get(client, plan.devices[device].variant)
        return {
            "mapped": True,
            "device": device,
            "variant": variant.name,
            "resolution": variant.resolution,
            "budget_ms": self._budget_ms(demand, variant),
            **self._promised(client, variant),
        }

    def _budget_ms(self, demand: ClientDemand, variant: Variant) -> float | None:
        variants = self._record.problem.variants
        return milliseconds(demand.budget_s[variants.index(variant)]) if variant in variants else None

    def _promised(self, client: str, variant: Variant) -> dict[str, float | None]:
        session = self._service.sessions.get(client)
        if session is None:
            return {"fps": self._plan.fps.get(client)}
        promised: dict[str, float | None] = {"fps": self._plan.rate_of(client, session.fps)}
        if client in self._on_device_s:
            beside_s = session.beside_device_s(variant.resolution, self._record.t_s)
            promised["worst_ms"] = milliseconds(beside_s + self._on_device_s[client])
        return promised

    def _device(self, name: str, plan: DevicePlan) -> DeviceLine:
        return DeviceLine(
            **self._moment,
            device=name,
            variants=_joined(share.variant.name for share in plan.shares),
            batches=_joined(share.batch for share in plan.shares),
            batch=max(share.batch for share in plan.shares),
            cycle_ms=None if plan.cycle_s is None else milliseconds(plan.cycle_s),
            clients=sum(device == name for device in self._plan.clients.values()),
        )


def _joined(parts: Iterable[object]) -> str:
    return JOINED_BY.join(map(str, parts))


def _mbps(bandwidth_bps: float) -> float:
    return round(bandwidth_bps / 1e6, 3)


def _requested(account: Account) -> dict[str, Any]:
    """Of somebody who makes requests: none is answered late."""
    missed = account.dropped.total() + account.abandoned
    return {
        "captured": account.received,
        "on_time": account.answered,
        "missed": missed,
        "estimated": False,
    }


def _attained(known: Attained) -> dict[str, Any]:
    return {
        "captured": known.captured,
        "on_time": known.on_time,
        "missed": sum(known.missed_by_reason.values()),
        "estimated": known.estimated,
    }


def _host(host: HostLoad) -> dict[str, Any]:
    if host.use is None:
        return {}
    return {
        "host_loop": round(host.use.loop, 4),
        "host_decoders": round(host.use.decoders, 4),
        "host_work_ms": milliseconds(host.work_s or 0.0),
        "host_share": round(host.share, 4),
        "host_resolution": host.resolution,
        "host_binds": host.binds,
    }
