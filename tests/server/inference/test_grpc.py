"""The protocol over gRPC, on real sockets: answers, errors by their codes, and streams of requests."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import numpy as np
import pytest
import uvloop

pytest.importorskip("grpc", reason="gRPC is an extra, which is not installed here (pip install grpcio)")

import grpc

from jellyfish.config import Limits
from jellyfish.protocol.inference.messages import MESSAGES, SERVICE
from jellyfish.server.access import Access, AccessRules, RouteKind, Token
from jellyfish.server.inference.desk import Desk
from jellyfish.server.inference.grpc_service import grpc_listening
from tests.protocol.inference.test_grpc_forms import pixels
from tests.server.inference.asking import without_address
from tests.server.peer import JPEG, SMALL


class Client:
    """Calls by name."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel

    async def __call__(self, name: str, request: Any = None, **more: Any) -> Any:
        call = self._channel.unary_unary(
            f"/{SERVICE}/{name}", type(request or MESSAGES[f"{name}Request"]()).SerializeToString,
            MESSAGES[f"{name}Response"].FromString,
        )  # fmt: skip
        return await call(request or MESSAGES[f"{name}Request"](), **more)

    def stream(self, requests: list[Any]) -> Any:
        call = self._channel.stream_stream(
            f"/{SERVICE}/ModelStreamInfer", MESSAGES["ModelInferRequest"].SerializeToString,
            MESSAGES["ModelStreamInferResponse"].FromString,
        )  # fmt: skip
        return call(iter(requests))

    async def fails(self, name: str, request: Any = None, **more: Any) -> tuple[str, str]:
        """(code, words) of a call that must fail."""
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await self(name, request, **more)
        return failed.value.code().name, failed.value.details()


@contextlib.asynccontextmanager
async def calling(limits: Limits | None = None, access: Access | None = None) -> AsyncIterator[tuple[Client, Desk]]:
    async with without_address(limits) as service:
        desk = Desk(service)
        async with (
            grpc_listening(desk, "127.0.0.1:0", access) as port,
            grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
        ):
            yield Client(channel), desk


def image(data: bytes = JPEG, **parameters: int | str) -> Any:
    message = MESSAGES["ModelInferRequest"](model_name="tested", id="7")
    message.inputs.add(name="image", datatype="BYTES", shape=[1])
    message.raw_input_contents.append(len(data).to_bytes(4, "little") + data)
    for name, value in parameters.items():
        field = "string_param" if isinstance(value, str) else "int64_param"
        setattr(message.parameters.add(key=name).value, field, value)
    return message


class NoMessage:
    """What a client could send in a message's place."""

    def SerializeToString(self) -> bytes:  # noqa: N802 (as messages have it)
        return b"\xff" * 10


def test_pages_and_answers() -> None:
    async def run() -> None:
        async with calling() as (call, desk):
            assert (await call("ServerLive")).live
            assert (await call("ServerReady")).ready
            assert (await call("ModelReady", MESSAGES["ModelReadyRequest"](name="tested"))).ready
            assert (await call("ServerMetadata")).name == "jellyfish"
            for name in ("ModelMetadata", "ModelConfig", "ModelStatistics"):
                assert await call(name, MESSAGES[f"{name}Request"](name="tested", version="1"))
            assert (await call("RepositoryIndex")).models[0].state == "READY"
            answer = await call("ModelInfer", image(timeout=10_000_000), timeout=10)
            assert [each.name for each in answer.outputs] == ["boxes", "scores", "labels", "counts", "json"]
            assert np.frombuffer(answer.raw_output_contents[0], np.float32).tolist() == [0.25, 0.25, 0.5, 1.0]
            assert {each.key: each.value.string_param for each in answer.parameters}["variant"] == SMALL.name
            told = await call("ModelStatistics")
            assert told.model_stats[0].inference_count == 1
            assert desk.service.requesters.totals()["answered"] == 1

    uvloop.run(run())


def test_errors_by_their_codes() -> None:
    async def run() -> None:
        async with calling(Limits(body_bytes=100_000)) as (call, desk):
            assert await call.fails("ModelInfer", image(b"nonsense")) == (
                "INVALID_ARGUMENT",
                "bad_image: not a JPEG that can be decoded: it does not begin like one",
            )
            other = image()
            other.model_name = "other"
            assert (await call.fails("ModelInfer", other))[0] == "NOT_FOUND"
            assert (await call.fails("ModelReady", MESSAGES["ModelReadyRequest"](name="other")))[0] == "NOT_FOUND"
            assert (await call.fails("ModelInfer", image(timeout=1)))[0] == "DEADLINE_EXCEEDED"
            wrong = pixels(raw=b"1234")
            wrong.model_name = "tested"
            assert (await call.fails("ModelInfer", wrong))[0] == "INVALID_ARGUMENT"
            assert (await call.fails("ModelInfer", image(bytes(200_000))))[0] == "RESOURCE_EXHAUSTED"
            assert (await call.fails("ModelInfer", NoMessage()))[0] == "INVALID_ARGUMENT"
            desk.service.draining = True
            assert (await call.fails("ModelInfer", image()))[0] == "UNAVAILABLE"
            assert not (await call("ServerReady")).ready

    uvloop.run(run())


def test_who_has_no_token_is_told_so_and_each_token_is_one_client() -> None:
    tokens = tuple(Token(name, sha256(name.encode()).digest(), frozenset({may})) for name, may in MAY.items())

    async def run() -> None:
        async with calling(access=Access(AccessRules(tokens))) as (call, desk):
            assert (await call("ServerLive")).live
            assert (await call.fails("ModelInfer", image()))[0] == "UNAUTHENTICATED"
            assert (await call.fails("ServerMetadata"))[0] == "UNAUTHENTICATED"
            wrong = (("authorization", "Bearer camera"),)
            assert (await call.fails("ModelInfer", image(), metadata=wrong))[0] == "PERMISSION_DENIED"
            for name in ("one", "other", "one"):
                await call("ModelInfer", image(timeout=10_000_000), metadata=(("authorization", f"Bearer {name}"),))
            assert [each.name for each in desk.service.requesters] == [
                "requests of token one",
                "requests of token other",
            ]

    uvloop.run(run())


MAY = {"camera": RouteKind.CAMERA, "one": RouteKind.REQUEST, "other": RouteKind.REQUEST}


def test_a_stream_of_requests_is_answered_in_order_and_an_error_is_one_s_own() -> None:
    async def run() -> None:
        async with calling() as (call, _):
            requests = [image(timeout=10_000_000), image(b"nonsense"), image(timeout=10_000_000)]
            answers = [answer async for answer in call.stream(requests)]
            assert [bool(answer.error_message) for answer in answers] == [False, True, False]
            assert "INVALID_ARGUMENT" in answers[1].error_message
            assert answers[1].infer_response.id == "7"

    uvloop.run(run())
