"""Spans of frames: the whole way, on the server's clock, linked to the client's own trace; of some frames alone."""

from __future__ import annotations

import itertools

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import format_span_id, format_trace_id

from jellyfish.errors import InputError
from jellyfish.modes.tracing import EXPORTER_VARIABLE, PROTOCOL_VARIABLE, FrameTracer, _exporter
from jellyfish.protocol import wire
from tests.camera.cameras import Setup
from tests.server.peer import JPEG, LARGE, everyone_on, running, welcomed
from tests.virtual import virtual

OWN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def recording(share: float = 1.0, draws: list[float] | None = None) -> tuple[FrameTracer, InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return FrameTracer(provider, share, (lambda: (draws or []).pop(0)) if draws else lambda: 0.5), exporter


def times(span: ReadableSpan) -> tuple[float, float]:
    assert span.start_time is not None and span.end_time is not None
    return span.start_time / 1e9, span.end_time / 1e9


@virtual
async def test_spans_of_a_frame_follow_each_other_from_capture_to_answer_on_the_servers_clock() -> None:
    tracer, exporter = recording()
    async with running() as service:
        service.tracing = tracer.of_client
        async with welcomed("door", clock_ahead_s=1000.0) as peer:
            service.apply(everyone_on(LARGE, "door"))
            await peer.send_frame(7, captured_s=peer.clock() - 0.01)
            result = await peer.until(wire.Result)
    spans = {span.name: span for span in exporter.get_finished_spans()}
    frame = spans.pop("frame")
    assert list(spans) == ["capture", "uplink", "decode", "queue", "batch", "answer"]
    ends = [times(span) for span in spans.values()]
    assert all(end == pytest.approx(begin) for (_, end), (begin, _) in itertools.pairwise(ends))
    assert (ends[0][0], ends[-1][1]) == pytest.approx(times(frame))
    assert ends[0][1] - ends[0][0] == pytest.approx(0.01)
    assert ends[4][1] - ends[4][0] == pytest.approx(0.020)
    assert times(frame)[1] < 100  # the client's clock is 1,000 s ahead
    assert frame.attributes is not None
    assert (frame.attributes["jellyfish.client"], frame.attributes["jellyfish.frame"]) == ("door", 7)
    assert all(span.parent is not None and span.parent.span_id == frame.context.span_id for span in spans.values())
    assert result.traceparent.split("-")[1] == format_trace_id(frame.context.trace_id)


@virtual
async def test_a_dropped_frame_ends_in_the_stage_that_it_had_come_to() -> None:
    tracer, exporter = recording()
    async with running() as service:
        service.tracing = tracer.of_client
        async with welcomed() as peer:
            await peer.send_frame(0, b"no JPEG")
            await peer.until(wire.Result)
    names = [span.name for span in exporter.get_finished_spans()]
    assert names == ["capture", "uplink", "decode", "frame"]
    attributes = exporter.get_finished_spans()[-1].attributes
    assert attributes is not None and attributes["jellyfish.reason"] == "bad_image"


@virtual
async def test_frames_link_to_the_context_of_the_hello_and_each_is_a_trace_of_its_own() -> None:
    tracer, exporter = recording()
    async with running() as service:
        service.tracing = tracer.of_client
        setup = Setup(traceparent=OWN)
        await setup.run(1.0, 2.0)
    frames = [span for span in exporter.get_finished_spans() if span.name == "frame"]
    contexts = [link.context for span in frames for link in span.links]
    links = {f"00-{format_trace_id(each.trace_id)}-{format_span_id(each.span_id)}-01" for each in contexts}
    assert links == {OWN}
    ids = {format_trace_id(span.context.trace_id) for span in frames}
    assert len(ids) == len(frames) == 20
    assert {record.trace_id for record in setup.records} == ids


@virtual
async def test_only_the_share_that_was_asked_for_is_traced() -> None:
    tracer, exporter = recording(0.25, [0.2, 0.3, 0.9, 0.1])
    async with running() as service:
        service.tracing = tracer.of_client
        async with welcomed() as peer:
            told = []
            for number in range(4):
                await peer.send_frame(number, JPEG)
                told.append(bool((await peer.until(wire.Result)).traceparent))
    assert told == [True, False, False, True]
    assert sum(span.name == "frame" for span in exporter.get_finished_spans()) == 2


def test_exporters_that_are_not_there_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROTOCOL_VARIABLE, "grpc")
    with pytest.raises(InputError, match=f"{EXPORTER_VARIABLE} and {PROTOCOL_VARIABLE}"):
        _exporter("otlp")
    with pytest.raises(InputError, match="zipkin"):
        _exporter("zipkin")


@pytest.mark.parametrize("traceparent", ["00-0-0-01", OWN.upper(), OWN + "\n", "x"])
def test_a_context_that_is_none_is_refused(traceparent: str) -> None:
    hello = wire.encode(wire.Hello("camera", 15, 100, traceparent=OWN))
    assert isinstance(wire.decode(hello), wire.Hello)
    with pytest.raises(wire.ProtocolError):
        wire.decode(wire.encode(wire.Hello("camera", 15, 100, traceparent=traceparent)))
