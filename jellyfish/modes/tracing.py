"""Spans of sampled frames, sent wherever OpenTelemetry's own environment variables say (extra `otel`).

The frame has taken its way when its spans are made: nothing of this is in a frame's way but the id in its answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from jellyfish.clock import seconds_now, unix_seconds_now
from jellyfish.devices.worker_thread import WorkerThread
from jellyfish.errors import InputError
from jellyfish.protocol import wire
from jellyfish.server.frame_spans import StageSpan, stages, whole
from jellyfish.server.frame_way import FrameWay
from jellyfish.server.service import Service

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Link, Span

EXPORTER_VARIABLE, PROTOCOL_VARIABLE = "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_PROTOCOL"
ENDING_S = 2.0
"""How long the last spans may take to leave when the server stops."""


class FrameTracer:
    """Makes spans of some frames."""

    def __init__(self, provider: TracerProvider, share: float, draw: Callable[[], float] = random.random) -> None:
        """`share` (0..1) of the frames have spans; `draw` says which, evenly from 0 to 1."""
        self._tracer, self._share, self._draw = provider.get_tracer("jellyfish"), share, draw

    def of_client(self, hello: wire.Hello) -> Callable[[FrameWay], str]:
        """What makes spans of frames of a client, and tells the `traceparent` of those that have some, or nothing.

        Each frame is a trace of its own. It links to the context that the hello brought, if it brought one.
        """
        links = _links(hello.traceparent)

        def traced(way: FrameWay) -> str:
            return self._spans(way, links) if self._draw() < self._share else ""

        return traced

    def _spans(self, way: FrameWay, links: list[Link]) -> str:
        from opentelemetry.trace import format_span_id, format_trace_id, set_span_in_context

        unix_s = unix_seconds_now()
        ahead_s = 0.0 if unix_s is None else unix_s - seconds_now()
        every = whole(way)
        frame = self._tracer.start_span(
            every.name, attributes=every.attributes, links=links, start_time=_nanoseconds(every.begin_s + ahead_s)
        )
        context = set_span_in_context(frame)
        for stage in stages(way):
            _ended(self._tracer.start_span(
                stage.name, context, attributes=stage.attributes, start_time=_nanoseconds(stage.begin_s + ahead_s)
            ), stage, ahead_s)  # fmt: skip
        _ended(frame, every, ahead_s)
        its = frame.get_span_context()
        sampled = its.trace_flags.sampled
        return f"00-{format_trace_id(its.trace_id)}-{format_span_id(its.span_id)}-01" if sampled else ""


def _ended(span: Span, what: StageSpan, ahead_s: float) -> None:
    span.end(_nanoseconds(what.end_s + ahead_s))


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)


def _links(traceparent: str) -> list[Link]:
    from opentelemetry.trace import Link, SpanContext, TraceFlags

    if not traceparent:
        return []
    _, trace, span, flags = traceparent.split("-")
    context = SpanContext(int(trace, 16), int(span, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))
    return [Link(context)] if context.is_valid else []


@contextlib.asynccontextmanager
async def traced(service: Service, share: float) -> AsyncIterator[None]:
    """For the time of the context `share` of the frames of clients that come have spans; none where that is 0."""
    if not share:
        yield
        return
    provider = _provider(_exporter(os.environ.get(EXPORTER_VARIABLE, "otlp")))
    service.tracing = FrameTracer(provider, share).of_client
    try:
        yield
    finally:
        thread = WorkerThread("spans", begin=lambda: None)  # a backend that hangs is not waited for
        await asyncio.wait([asyncio.wrap_future(thread.submit(provider.shutdown))], timeout=ENDING_S)
        thread.close()


def _provider(exporter: SpanExporter) -> TracerProvider:
    """One of its own: a process may have several servers."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = {} if "OTEL_SERVICE_NAME" in os.environ else {"service.name": "jellyfish"}
    provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def _exporter(name: str) -> SpanExporter:
    """InputError for one that is not there."""
    if name == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter

        return ConsoleSpanExporter()
    protocol = os.environ.get(PROTOCOL_VARIABLE, "http/protobuf")
    if name != "otlp" or protocol != "http/protobuf":
        raise InputError(
            f"spans are exported by otlp over http/protobuf, or to the console, not by {name} over {protocol}; change "
            f"{EXPORTER_VARIABLE} and {PROTOCOL_VARIABLE} (docs/tracing.md)"
        )
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()
