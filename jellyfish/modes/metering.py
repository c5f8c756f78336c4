"""The control loop's windows, counted for metrics: server and control loop do not know each other."""

from __future__ import annotations

from jellyfish.control.loop import WindowRecord
from jellyfish.modes.window_log import OnWindow
from jellyfish.server.metrics.meter import PlannerCounts
from jellyfish.server.service import Service


def counted(counts: PlannerCounts, on_window: OnWindow) -> OnWindow:
    """`on_window`, which is told only what has been counted before."""

    def told(record: WindowRecord, service: Service) -> None:
        accuracy = 0.0 if record.plan is None else record.plan.accuracy
        counts.window(_result(record), record.cpu_s, sum(record.repairs_s), record.looks_s, record.changes, accuracy)
        on_window(record, service)

    return told


def _result(record: WindowRecord) -> str:
    if not record.problem.clients:
        return "idle"
    return "failed" if record.error is not None else record.why
