"""What a window decided, as a line of `windows.jsonl` and in the run's planner figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from jellyfish.control.capacity import worst_cases_s
from jellyfish.control.host import HostLoad
from jellyfish.control.loop import WindowRecord
from jellyfish.control.problem import DevicePlan, Plan, Problem
from jellyfish.core import Variant
from jellyfish.results.planning import HostTally, PlannerTally
from jellyfish.results.records import (
    AttainedSnapshot,
    Cause,
    ClientAssignment,
    ClientSnapshot,
    DeviceAssignment,
    HostSnapshot,
    WindowLine,
    WindowPlan,
    milliseconds,
)
from jellyfish.server.attained import Attained
from jellyfish.server.service import Service


class WindowLog:
    """Takes the control loop's records, from the moment `start` gives it where to write."""

    def __init__(self, planner: str) -> None:
        self.tally, self.host = PlannerTally(), HostTally()
        self._planner = planner
        self._write: Callable[[WindowLine, float], None] | None = None
        self._origin_s = 0.0
        self._running: dict[str, set[Variant]] = {}

    def start(self, write: Callable[[WindowLine, float], None], origin_s: float) -> None:
        """From now on write lines; `origin_s` is the run's start on the loop's clock."""
        self._write, self._origin_s = write, origin_s

    def __call__(self, record: WindowRecord, service: Service) -> None:
        """Write one window. Windows without clients, before and after the run, are left out."""
        if self._write is None or not record.problem.clients or record.plan is None:
            return
        line = window_line(record, record.plan, service, self._planner, self._origin_s)
        self.tally.window(line)
        self.host.window(line)
        variants = {name: {share.variant for share in device.shares} for name, device in record.plan.devices.items()}
        for name, planned in variants.items():
            if self._running.get(name, planned) != planned:
                self.tally.switched(milliseconds(service.apply_s))
        self._running = variants
        self._write(line, record.t_s + record.solve_s)


def window_line(record: WindowRecord, plan: Plan, service: Service, planner: str, origin_s: float) -> WindowLine:
    """One line: the snapshot that was planned for, and the plan in force after it."""
    return WindowLine(
        t_s=round(record.t_s - origin_s, 6),
        planner=planner,
        cause=cast(Cause, record.cause),
        solve_ms=milliseconds(record.solve_s),
        accuracy=round(plan.accuracy, 4),
        mapped=len(plan.clients),
        mappable=plan.mappable,
        snapshot=_snapshot(record.problem, record.t_s, service),
        plan=WindowPlan(
            {name: _device(device) for name, device in plan.devices.items()},
            _assignments(record.problem, plan, record.t_s, service),
        ),
        solve=record.why,
        cpu_ms=milliseconds(record.cpu_s),
        repairs_ms=tuple(milliseconds(seconds) for seconds in record.repairs_s),
        changes=record.changes,
        host=_host(service.host),
    )


def _host(host: HostLoad) -> HostSnapshot | None:
    if host.use is None:
        return None
    loop, decoders = round(host.use.loop, 4), round(host.use.decoders, 4)
    return HostSnapshot(loop, decoders, milliseconds(host.work_s or 0.0), round(host.share, 4), host.binds)


def _snapshot(problem: Problem, now: float, service: Service) -> dict[str, ClientSnapshot]:
    snapshot = {}
    for demand in problem.clients:
        session = service.sessions.get(demand.client)
        estimator = None if session is None else session.estimator
        budgets = zip(problem.variants, demand.budget_s, strict=True)
        snapshot[demand.client] = ClientSnapshot(
            overhead_ms=0.0 if estimator is None else milliseconds(estimator.overhead_s),
            budget_ms={variant.name: milliseconds(seconds) for variant, seconds in budgets},
            bandwidth_mbps=None if estimator is None else round(estimator.bandwidth_bps(now) / 1e6, 3),
            attained=None if session is None else _attained(session.attained),
            care=None if session is None or session.learnt is None else round(session.learnt.care, 3),
            client_overhead_ms=None if estimator is None else milliseconds(estimator.client_overhead_s),
            host_overhead_ms=None if estimator is None else milliseconds(estimator.host_overhead_s),
        )
    return snapshot


def _attained(known: Attained) -> AttainedSnapshot:
    return AttainedSnapshot(known.captured, known.on_time, sum(known.missed_by_reason.values()), known.estimated)


def _device(plan: DevicePlan) -> DeviceAssignment:
    batches = tuple(share.batch for share in plan.shares)
    cycle_ms = None if plan.cycle_s is None else milliseconds(plan.cycle_s)
    return DeviceAssignment(tuple(share.variant.name for share in plan.shares), max(batches), batches, cycle_ms)


def _assignments(problem: Problem, plan: Plan, now: float, service: Service) -> dict[str, ClientAssignment]:
    on_device_s = worst_cases_s(problem, plan)
    assignments = {}
    for client, device in plan.clients.items():
        variant = plan.variants.get(client, plan.devices[device].variant)
        session, fps, worst_ms = service.sessions.get(client), plan.fps.get(client), None
        if session is not None:
            fps = plan.rate_of(client, session.fps)
        if session is not None and client in on_device_s:
            worst_ms = milliseconds(session.beside_device_s(variant.resolution, now) + on_device_s[client])
        assignments[client] = ClientAssignment(device, variant.name, variant.resolution, fps, worst_ms)
    return assignments
