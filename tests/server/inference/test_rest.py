"""The protocol over HTTP, in virtual time: pages, answers, errors, and requests that cannot be answered in time."""

from __future__ import annotations

import asyncio
import base64
import contextlib

import msgspec
import numpy as np
import pytest

from jellyfish.config import Limits
from jellyfish.dispatch.dispatcher import Dispatcher
from jellyfish.errors import RequestError
from jellyfish.lab.simulation.network import HOST, PORT
from jellyfish.media.jpeg import encode_jpeg
from jellyfish.modes.window_log import WindowLog
from jellyfish.results.records import Timeline
from jellyfish.results.window_lines import ClientLine
from jellyfish.server.events import in_words
from jellyfish.server.inference.desk import BODIES_AT_ONCE, BODIES_OF_ONE, Desk
from tests.media.test_stills import png
from tests.models.descriptions import described
from tests.server.inference.asking import INFER, SeeingExecutor, ask, get, http, planned, post, unplanned
from tests.server.peer import JPEG, LARGE, PROFILE, SMALL
from tests.virtual import virtual

WHITE = encode_jpeg(np.full((72, 128, 3), 255, np.uint8))


@virtual
async def test_pages_tell_what_is_served() -> None:
    async with unplanned() as service, http() as session:
        assert (await get(session, "/v2/health/live")).status == 200
        assert (await get(session, "/v2/health/ready")).status == 200
        assert (await get(session, "/v2")).told["name"] == "jellyfish"
        for path in ("/v2/models/tested", "/v2/models/tested/versions/1"):
            metadata = (await get(session, path)).told
            assert (metadata["name"], metadata["versions"]) == ("tested", ["1"])
            assert [each["datatype"] for each in metadata["inputs"]] == ["BYTES", "UINT8"]
            assert (await get(session, path + "/ready")).status == 200
            config = (await get(session, path + "/config")).told
            assert config["parameters"]["variants"]["string_value"] == f"{SMALL.name},{LARGE.name}"
            assert (await get(session, path + "/stats")).told["model_stats"][0]["inference_count"] == 0
        assert (await get(session, "/v2/models/stats")).status == 200
        index = await post(session, b"", f"http://{HOST}:{PORT}/v2/repository/index")
        assert index.told == [{"name": "tested", "version": "1", "state": "READY"}]
        service.draining = True
        assert (await get(session, "/v2/health/ready")).status == 503
        assert (await get(session, "/v2/models/tested/ready")).status == 503
        assert (await get(session, "/v2/health/live")).status == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v2/models/other", 404),
        ("/v2/models/tested/versions/2", 404),
        ("/v2/models/other/ready", 404),
        ("/v2/nothing", 404),
        ("/v2/models/tested/infer", 404),
        ("/v2/trace/setting", 501),
        ("/v2/systemsharedmemory/status", 501),
    ],
)
@virtual
async def test_what_is_not_here_is_told_so(path: str, status: int) -> None:
    async with unplanned(), http() as session:
        reply = await get(session, path)
        assert (reply.status, bool(reply.error)) == (status, True)


@virtual
async def test_a_file_and_its_pixels_get_the_same_answer_whatever_form_they_have() -> None:
    async with unplanned() as service, http() as session:
        white = np.full((40, 60, 3), 255, np.uint8)
        files = [base64.b64encode(data).decode() for data in (encode_jpeg(white), png(white))]
        rows = [{"name": "pixels", "shape": shape, "datatype": "UINT8", "data": [255] * 12} for shape in SHAPES]
        texts = {"name": "image", "shape": [2, 1], "datatype": "BYTES", "data": files}
        replies = [await post(session, msgspec.json.encode({"inputs": [one], "id": "7"})) for one in (*rows, texts)]
        replies += [await ask(session, WHITE), await post(session, WHITE, headers={HEADER: "0"})]
        for reply in replies:
            assert reply.status == 200, reply.told
            images = len(reply.output("counts"))
            assert reply.output("boxes") == [0.25, 0.25, 0.5, 1.0] * images
            assert reply.output("scores") == pytest.approx([1.0] * images)
            assert reply.output("labels") == [2] * images
            told = [msgspec.json.decode(text) for text in reply.output("json")]
            assert [each["detections"][0]["class"] for each in told] == ["car"] * images
        assert replies[0].told["id"] == "7"
        assert replies[0].told["parameters"] == {"variant": SMALL.name, "device": "cpu"}
        assert len(replies[len(SHAPES)].output("counts")) == 2
        assert service.requesters.totals() == {"received": len(replies), "answered": len(replies), "abandoned": 0}


SHAPES = ([1, 2, 2, 3], [2, 2, 3], [1, 3, 2, 2], [3, 2, 2])
HEADER = "Inference-Header-Content-Length"


@virtual
async def test_wrong_requests_are_told_what_is_wrong_with_them() -> None:
    def pixels(shape: list[int], **more: object) -> bytes:
        one = {"name": "pixels", "shape": shape, "datatype": "UINT8", "data": [0] * int(np.prod(shape))}
        return msgspec.json.encode({"inputs": [one], **more})

    wrong = {
        "one input": b'{"inputs": []}',
        "1 to 8 images": pixels([9, 1, 1, 3]),
        "RGB images": pixels([1, 2, 2, 4]),
        "RGB images ": pixels([1, 0, 2, 3]),
        "no output heads": pixels([1, 1, 3], outputs=[{"name": "heads"}]),
        "no variant w": pixels([1, 1, 3], parameters={"variant": "w"}),
        "microseconds": pixels([1, 1, 3], parameters={"timeout": "soon"}),
    }
    async with unplanned() as service, http() as session:
        for why, body in wrong.items():
            reply = await post(session, body)
            assert (reply.status, why.strip() in reply.error) == (400, True), reply
        for data in (b"", b"nonsense", JPEG[:50], png()[:70]):
            reply = await ask(session, data)
            assert (reply.status, "bad_image" in reply.error) == (400, True), reply
        assert (await ask(session, url=INFER.replace("tested", "other"))).status == 404
        assert (await post(session, b"", headers={"Content-Encoding": "gzip"})).status == 400
        assert service.requesters.totals()["bad_image"] == 4


@virtual
async def test_a_body_that_is_too_large_is_refused_by_its_length_in_words_that_clients_understand() -> None:
    async with unplanned(Limits(body_bytes=1000)), http() as session:
        reply = await post(session, bytes(1001))
        assert (reply.status, "at most 1000 are taken" in reply.error) == (413, True)


@virtual
async def test_bodies_that_are_held_are_bounded() -> None:
    async with unplanned(Limits(body_bytes=1000, request_timeout_s=5.0)), http() as session:
        head = b"POST /v2/models/tested/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
        loop = asyncio.get_running_loop()
        callers = [await loop.create_connection(asyncio.Protocol, HOST, PORT) for _ in range(BODIES_OF_ONE)]
        for transport, _ in callers:
            transport.write(head)
        await asyncio.sleep(1)
        reply = await post(session, bytes(1000))
        assert (reply.status, "queue_full" in reply.error) == (503, True)
        await asyncio.sleep(6)  # they had so long to come
        assert (await ask(session)).status == 200


@virtual
async def test_one_client_s_bodies_leave_room_for_others() -> None:
    async with unplanned(Limits(body_bytes=1000)) as service:
        desk = Desk(service)
        with contextlib.ExitStack() as stack:
            for number in range(BODIES_AT_ONCE):
                stack.enter_context(desk.holding(1000, f"client {number // BODIES_OF_ONE}"))
            for who, why in (("client 0", "this client's other"), ("somebody else", "bodies of other requests")):
                with pytest.raises(RequestError, match=why), desk.holding(1, who):
                    pass
        with desk.holding(1000, "client 0"):
            pass


@virtual
async def test_what_cannot_be_in_time_is_refused_at_once_and_never_answered_late() -> None:
    async with unplanned() as service, http() as session:
        service.requesters.requester("this machine", None)
        reply = await ask(session, timeout_ms=5)
        assert (reply.status, "expired" in reply.error) == (503, True)
        assert reply.seconds < 0.005
        assert (await ask(session, timeout_ms=100)).status == 200


@virtual
async def test_a_request_on_a_device_that_hangs_is_told_when_it_is_due() -> None:
    hangs = iter([1.0, 500.0])  # the second batch takes a second
    async with unplanned(disturbance=lambda variant, batch: next(hangs, 1.0)) as service, http() as session:
        assert (await ask(session, timeout_ms=200)).status == 200
        reply = await ask(session, timeout_ms=200)
        assert (reply.status, "expired" in reply.error) == (503, True)
        assert reply.seconds == pytest.approx(0.2, abs=0.005)
        assert service.requesters.totals() == {"received": 2, "answered": 1, "expired": 1, "abandoned": 0}


@virtual
async def test_a_request_that_names_no_timeout_has_the_server_s() -> None:
    def hangs(variant: object, batch: int) -> float:
        return 1e3

    async with unplanned(Limits(request_deadline_s=0.3), hangs) as service, http() as session:
        reply = await ask(session)
        assert (reply.status, reply.seconds) == (503, pytest.approx(0.3, abs=0.005))
        assert service.requesters.totals()["expired"] == 1


@virtual
async def test_too_many_unanswered_ones_are_refused_at_once() -> None:
    async with unplanned(Limits(open_requests=2)) as service, http() as session:
        replies = await asyncio.gather(*(ask(session) for _ in range(5)))
        assert sorted(reply.status for reply in replies) == [200, 200, 503, 503, 503]
        assert service.requesters.totals()["too_many_in_flight"] == 3


@virtual
async def test_a_server_that_drains_says_so() -> None:
    async with unplanned() as service, http() as session:
        service.draining = True
        reply = await ask(session)
        assert (reply.status, "shutdown" in reply.error) == (503, True)


@virtual
async def test_statistics_add_up() -> None:
    async with unplanned() as service, http() as session:
        for _ in range(3):
            await ask(session)
        await ask(session, timeout_ms=1)
        (told,) = (await get(session, "/v2/models/tested/stats")).told["model_stats"]
        assert told["inference_count"] == told["execution_count"] == 3
        assert told["inference_stats"]["success"]["count"] == 3
        assert told["inference_stats"]["fail"]["count"] == 1
        assert told["inference_stats"]["compute_infer"]["ns"] == pytest.approx(3 * 0.002e9, rel=0.01)
        assert service.dispatchers["cpu"].statistics().frames == 3


@virtual
async def test_the_first_request_waits_for_its_plan_and_runs_with_the_best_there_is_time_for() -> None:
    async with planned(), http() as session:
        assert (await ask(session, timeout_ms=1000)).told["parameters"]["variant"] == LARGE.name


@virtual
async def test_a_variant_that_is_asked_for_by_name_is_planned() -> None:
    async with planned(), http() as session:
        small = await ask(session, timeout_ms=1000, variant=SMALL.name)
        assert (small.status, small.told["parameters"]["variant"]) == (200, SMALL.name)
        assert (await ask(session, timeout_ms=1000)).told["parameters"]["variant"] == LARGE.name


@virtual
async def test_requests_are_counted_in_the_minute_s_line_once() -> None:
    async with unplanned() as service, http() as session:
        assert service.last_minute() is None
        await ask(session)
        await ask(session, b"nonsense")
        minute = service.last_minute()
        assert minute is not None
        assert (minute.clients, minute.frames, minute.requests, minute.requests_answered) == (0, 0, 2, 1)
        assert "50.0 % of 2 requests answered" in in_words(minute)
        assert service.last_minute() is None


@virtual
async def test_another_model_answers_while_requests_come() -> None:
    async with unplanned() as service, http() as session:
        assert (await ask(session, variant=SMALL.name)).told["parameters"]["variant"] == SMALL.name
        assert (await ask(session)).status == 200
        newer = Dispatcher(SeeingExecutor(PROFILE), PROFILE, LARGE, 4)
        running = asyncio.create_task(newer.run())
        open_request = asyncio.create_task(ask(session, variant=SMALL.name))
        await asyncio.sleep(0.001)
        service.change_to(described(LARGE), [newer])
        reply = await open_request
        assert (reply.status, "another model" in reply.error) == (503, True)
        assert (await ask(session)).told["parameters"]["variant"] == LARGE.name
        assert (await ask(session, variant=SMALL.name)).status == 400
        assert (await ask(session, variant=LARGE.name)).status == 200
        assert newer.statistics().frames == 2
        assert service.requesters.totals() == {"received": 5, "answered": 4, "abandoned": 0, "shutdown": 1}
        running.cancel()


@virtual
async def test_windows_tell_of_requesters_as_of_cameras() -> None:
    lines: list[ClientLine] = []
    log = WindowLog("shared")
    log.start(lambda window, now: lines.extend(window.clients), Timeline(0.0))
    async with planned(on_window=log) as service, http() as session:
        for _ in range(4):
            await ask(session)
            await asyncio.sleep(0.2)
        await ask(session, timeout_ms=1)
        await asyncio.sleep(0.6)
        newest = lines[-1]
        assert newest.client == next(iter(service.requesters)).name
        assert (newest.captured, newest.on_time, newest.missed, newest.estimated) == (5, 4, 1, False)
        assert (newest.mapped, newest.variant) == (True, LARGE.name)
