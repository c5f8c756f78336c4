"""What `benchmarks/triton_client.py` calls, where tritonclient is: ADDRESS GRPC_ADDRESS SECONDS LOAD ..."""

import asyncio
import json
import random
import sys
import time
from collections.abc import Callable

import aiohttp
import cv2
import numpy as np
import tritonclient.grpc as over_grpc
import tritonclient.grpc.aio as grpc_aio
import tritonclient.http as over_http
import tritonclient.http.aio as http_aio
from tritonclient.utils import InferenceServerException

from benchmarks.fleet import Clip
from benchmarks.peers import ROOT
from jellyfish.models.slimmable.street import input_size
from jellyfish.protocol import wire

MODEL, RESOLUTION = "slimmable", 320
CLIPS, FRAMES, EVERY = ("street-junction", "street-avenue", "street-town"), 3, 20
PATIENT_US, TIMEOUT_US, PATIENCE = 5_000_000, 100_000, 40
FORMS = {"HTTP": over_http, "gRPC": over_grpc}


def jpegs() -> list[bytes]:
    found = []
    for name in CLIPS:
        frames = Clip(ROOT / "videos" / f"{name}.mp4").frames({RESOLUTION: input_size(RESOLUTION)})[RESOLUTION]
        found += frames[: FRAMES * EVERY : EVERY]
    return found


def file(form, data: bytes):
    tensor = form.InferInput("image", [1, 1], "BYTES")
    tensor.set_data_from_numpy(np.array([[data]], dtype=object))
    return tensor


def pixels(form, image: np.ndarray, **more: bool):
    tensor = form.InferInput("pixels", list(image.shape), "UINT8")
    tensor.set_data_from_numpy(image, **more)
    return tensor


def infer(client, tensor, **more):
    """An answer; where others keep the machine so busy that the device is taken for hanging, again."""
    for _ in range(PATIENCE):
        try:
            return client.infer(MODEL, [tensor], timeout=PATIENT_US, **more)
        except InferenceServerException as error:
            if not error.message().startswith(("device_error", "expired")):
                raise
            time.sleep(0.5)
    raise TimeoutError("the server did not answer")


def check_pages(name: str, client) -> None:
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready(MODEL)
    as_json = {} if name == "HTTP" else {"as_json": True}
    assert client.get_server_metadata(**as_json)["name"] == "jellyfish"
    metadata, config = client.get_model_metadata(MODEL, **as_json), client.get_model_config(MODEL, **as_json)
    assert [each["name"] for each in metadata["inputs"]] == ["image", "pixels"]
    assert config.get("config", config)["max_batch_size"] == 8
    index = client.get_model_repository_index(**as_json)
    assert (index if name == "HTTP" else index["models"])[0]["name"] == MODEL
    assert client.get_inference_statistics(MODEL, **as_json)["model_stats"][0]["name"] == MODEL


def check_forms(form, client, jpeg: bytes) -> None:
    """Pixels in rows, in planes and as a PNG; several at once; in JSON where there is JSON."""
    image = cv2.cvtColor(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    png = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()
    planes = np.ascontiguousarray(image.transpose(2, 0, 1))[None]
    asked = [pixels(form, image[None]), pixels(form, planes), file(form, png)]
    answers = [infer(client, each).as_numpy("boxes") for each in asked]
    assert all((answer == answers[0]).all() for answer in answers)
    both = infer(client, pixels(form, np.stack([image, image])))
    assert both.as_numpy("counts").ravel().tolist() == [answers[0].shape[1]] * 2
    if form is over_http:
        outputs = [form.InferRequestedOutput(name, binary_data=False) for name in ("boxes", "scores", "labels", "json")]
        small = np.ascontiguousarray(image[:60, :60])[None]
        plain = infer(client, pixels(form, small, binary_data=False), outputs=outputs)
        packed = infer(client, pixels(form, small))
        assert all((plain.as_numpy(name) == packed.as_numpy(name)).all() for name in ("boxes", "scores", "labels"))


def check_errors(form, client, jpeg: bytes) -> None:
    def fails(call: Callable[[], object], http: str, grpc: str, word: str) -> None:
        try:
            call()
        except InferenceServerException as error:
            told = str(error.status())
            assert told in (http, f"StatusCode.{grpc}") and word in error.message(), error
        else:
            raise AssertionError(f"no error where {word} was to be told")

    def asked(*inputs, **more) -> Callable[[], object]:
        return lambda: client.infer(MODEL, list(inputs), **more)

    good = file(form, jpeg)
    fails(lambda: client.infer("other", [good]), "404", "NOT_FOUND", "other")
    fails(asked(file(form, b"nonsense")), "400", "INVALID_ARGUMENT", "bad_image")
    fails(asked(pixels(form, np.zeros((1, 2, 2, 4), np.uint8))), "400", "INVALID_ARGUMENT", "RGB images")
    fails(asked(good, outputs=[form.InferRequestedOutput("heads")]), "400", "INVALID_ARGUMENT", "heads")
    fails(asked(good, parameters={"variant": "w"}), "400", "INVALID_ARGUMENT", "variant")
    fails(asked(good, timeout=1000), "503", "DEADLINE_EXCEEDED", "expired")


async def by_stream(address: str, frames: list[bytes]) -> list[tuple]:
    """What a stream gets for them."""
    found: list[tuple] = []
    async with aiohttp.ClientSession() as session, session.ws_connect(f"ws://{address}/v1/stream") as socket:
        await socket.send_bytes(wire.encode(wire.Hello("camera", 15, 5000)))
        async for received in socket:
            message, now = wire.decode(received.data), time.monotonic()
            if isinstance(message, wire.Ping):
                await socket.send_bytes(wire.encode(wire.Pong(message.server_s, now, now)))
            elif isinstance(message, wire.Welcome | wire.Result):
                if isinstance(message, wire.Result) and message.reason is None:
                    found.append(message.detections)
                if len(found) == len(frames):
                    return found
                await socket.send_bytes(wire.encode(wire.Frame(len(found), RESOLUTION, now, now, frames[len(found)])))
    return found


def check_same(form, client, frames: list[bytes], streamed: list[tuple]) -> None:
    for jpeg, detections in zip(frames, streamed, strict=True):
        answer = infer(client, file(form, jpeg))
        rows = [(each.label, each.score, each.left, each.top, each.right, each.bottom) for each in detections]
        told = json.loads(answer.as_numpy("json")[0, 0])["detections"]
        assert [(each["label"], each["score"], *each["box"]) for each in told] == rows
        assert (answer.as_numpy("boxes")[0] == np.array([row[2:] for row in rows], np.float32)).all()
        assert (answer.as_numpy("scores")[0] == np.array([row[1] for row in rows], np.float32)).all()
        assert answer.as_numpy("labels")[0].tolist() == [row[0] for row in rows]


async def load(name: str, form, client, jpeg: bytes, seconds: float, per_s: float) -> None:
    """At random, whatever becomes of those before."""
    chance, image, asked = random.Random(1), file(form, jpeg), []

    async def ask() -> tuple[bool, float]:
        began_s = time.monotonic()
        try:
            await client.infer(MODEL, [image], timeout=TIMEOUT_US)
        except InferenceServerException as error:
            assert str(error.status()) in ("503", "StatusCode.DEADLINE_EXCEEDED", "StatusCode.UNAVAILABLE"), error
            return False, time.monotonic() - began_s
        return True, time.monotonic() - began_s

    ends_s = time.monotonic() + seconds
    while time.monotonic() < ends_s:
        asked.append(asyncio.create_task(ask()))
        await asyncio.sleep(chance.expovariate(per_s))
    done = await asyncio.gather(*asked)
    answered = sorted(took_s for good, took_s in done if good)
    refused = sorted(took_s for good, took_s in done if not good)
    late = sum(took_s > TIMEOUT_US / 1e6 for took_s in answered)
    print(f"{name}, {per_s:g} a second, timeout {TIMEOUT_US // 1000} ms: {len(answered)} of {len(done)} answered")
    print(f"  after {percentiles(answered)}, {late} of them over the timeout; refused after {percentiles(refused)}")


def percentiles(seconds: list[float]) -> str:
    if not seconds:
        return "-"
    p50, p99 = (1000 * float(np.percentile(seconds, percent)) for percent in (50, 99))
    return f"p50 {p50:.0f}, p99 {p99:.0f} ms"


async def loads(addresses: dict[str, str], jpeg: bytes, seconds: float, rates: list[float]) -> None:
    for name, kind in (("HTTP", http_aio), ("gRPC", grpc_aio)):
        more = {"conn_limit": 512} if name == "HTTP" else {}
        client = kind.InferenceServerClient(addresses[name], **more)
        for per_s in rates:
            await load(name, FORMS[name], client, jpeg, seconds, per_s)
        await client.close()


def main() -> None:
    address, grpc_address, seconds, *rates = sys.argv[1:]
    addresses, frames = {"HTTP": address, "gRPC": grpc_address}, jpegs()
    streamed = asyncio.run(by_stream(address, frames))
    for name, form in FORMS.items():
        client = form.InferenceServerClient(addresses[name])
        check_pages(name, client)
        check_forms(form, client, frames[0])
        check_errors(form, client, frames[0])
        check_same(form, client, frames, streamed)
        client.close()
        print(f"{name}: pages, forms and errors are as they must be")
        print(f"  {sum(map(len, streamed))} boxes in {len(frames)} frames are those that a stream gets")
    asyncio.run(loads(addresses, frames[0], float(seconds), [float(rate) for rate in rates]))


if __name__ == "__main__":
    main()
