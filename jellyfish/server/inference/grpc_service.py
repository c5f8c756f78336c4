"""The protocol over gRPC: around the desk, on a port of its own. Loaded only where it is asked for (extra `grpc`).

These connections do not pass the gate, for HTTP/2 has its own framing: gRPC itself bounds them, by the options below.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import unquote

import grpc
from google.protobuf.message import DecodeError

from jellyfish import __version__
from jellyfish.clock import seconds_now
from jellyfish.config import Limits
from jellyfish.errors import RequestError
from jellyfish.protocol.inference.codes import RequestCode, bad, grpc_status
from jellyfish.protocol.inference.description import repository_index, server_metadata
from jellyfish.protocol.inference.grpc_forms import answer_of, config_of, metadata_of, request_of, statistics_of
from jellyfish.protocol.inference.messages import MESSAGES, SERVICE
from jellyfish.server.access import Access, Allowed, Refused, RouteKind
from jellyfish.server.inference.desk import Desk
from jellyfish.server.inference.identity import identity

MOST_CONNECTIONS, MOST_CALLS = 256, 64
"""Connections at a time; calls of one of them at a time."""
ENDING_S = 1.0
HEALTH = ("ServerLive", "ServerReady", "ModelReady")
"""Calls that anybody may make."""
_FRAMING_BYTES = 64 * 1024
"""Of a message beside its largest tensor."""
_Call = Callable[[Any, Any], Awaitable[Any]]


@contextlib.asynccontextmanager
async def grpc_listening(
    desk: Desk, address: str, access: Access | None = None, pem: tuple[bytes, bytes] | None = None
) -> AsyncIterator[int]:
    """Serve the protocol at `address` (HOST:PORT; port 0: any) for the time of the context; the port.

    `access`: who may ask. `pem`: key and certificate of TLS; None leaves connections plain. OSError if the address
    cannot be had.
    """
    limits = desk.service.limits
    server = grpc.aio.server(options=_options(limits), maximum_concurrent_rpcs=2 * limits.open_requests)
    calls = GrpcService(desk, access or Access()).handlers()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, calls),))
    try:
        if pem is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, grpc.ssl_server_credentials([pem]))
    except RuntimeError as error:
        raise OSError(f"cannot listen at {address} for gRPC: {error}") from error
    await server.start()
    try:
        yield port
    finally:
        await server.stop(ENDING_S)


def _options(limits: Limits) -> list[tuple[str, int]]:
    most_bytes = limits.body_bytes + _FRAMING_BYTES
    return [
        ("grpc.max_receive_message_length", most_bytes),
        ("grpc.max_send_message_length", most_bytes),
        ("grpc.max_concurrent_streams", MOST_CALLS),
        ("grpc.max_allowed_incoming_connections", MOST_CONNECTIONS),
        ("grpc.max_connection_idle_ms", round(1000 * limits.keep_alive_s * 20)),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.so_reuseport", 0),
    ]


class GrpcService:
    """The calls of `inference.GRPCInferenceService`."""

    def __init__(self, desk: Desk, access: Access) -> None:
        self._desk, self._access = desk, access

    def handlers(self) -> dict[str, grpc.RpcMethodHandler]:
        """By name."""
        calls: dict[str, _Call] = {
            "ServerLive": self._server_live,
            "ServerReady": self._server_ready,
            "ModelReady": self._model_ready,
            "ServerMetadata": self._server_metadata,
            "ModelMetadata": self._model_metadata,
            "ModelConfig": self._model_config,
            "ModelStatistics": self._model_statistics,
            "RepositoryIndex": self._repository_index,
            "ModelInfer": self._model_infer,
        }
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                _told(call if name in HEALTH else self._guarded(call)),
                _read(f"{name}Request"),
                MESSAGES[f"{name}Response"].SerializeToString,
            )
            for name, call in calls.items()
        }
        handlers["ModelStreamInfer"] = grpc.stream_stream_rpc_method_handler(
            self._model_stream_infer,
            _read("ModelInferRequest"),
            MESSAGES["ModelStreamInferResponse"].SerializeToString,
        )
        return handlers

    def _guarded(self, call: _Call) -> _Call:
        """Only for who may ask."""

        async def handle(request: Any, context: Any) -> Any:
            self._allowed(context)
            return await call(request, context)

        return handle

    def _allowed(self, context: Any) -> Allowed:
        """As whom a call goes on. RequestError for who may not."""
        said = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
        verdict = self._access.judge(said, _address(context.peer()), RouteKind.REQUEST)
        if isinstance(verdict, Refused):
            unknown = verdict.status == 401
            raise RequestError(RequestCode.UNKNOWN_CLIENT if unknown else RequestCode.NOT_ALLOWED, verdict.why)
        return verdict

    async def _server_live(self, request: Any, context: Any) -> Any:
        return MESSAGES["ServerLiveResponse"](live=True)

    async def _server_ready(self, request: Any, context: Any) -> Any:
        return MESSAGES["ServerReadyResponse"](ready=self._desk.ready)

    async def _model_ready(self, request: Any, context: Any) -> Any:
        self._desk.require_model(request.name, request.version)
        return MESSAGES["ModelReadyResponse"](ready=self._desk.ready)

    async def _server_metadata(self, request: Any, context: Any) -> Any:
        return MESSAGES["ServerMetadataResponse"](**server_metadata(__version__))

    async def _model_metadata(self, request: Any, context: Any) -> Any:
        self._desk.require_model(request.name, request.version)
        return metadata_of(self._desk.model)

    async def _model_config(self, request: Any, context: Any) -> Any:
        self._desk.require_model(request.name, request.version)
        return config_of(self._desk.model)

    async def _model_statistics(self, request: Any, context: Any) -> Any:
        if request.name:
            self._desk.require_model(request.name, request.version)
        return statistics_of(self._desk.statistics.told(self._desk.model))

    async def _repository_index(self, request: Any, context: Any) -> Any:
        models = repository_index(self._desk.model, self._desk.ready)
        return MESSAGES["RepositoryIndexResponse"](models=models)

    async def _model_infer(self, request: Any, context: Any) -> Any:
        return await self._infer(request, context)

    async def _model_stream_infer(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        """One after the other, in order; an error is one request's."""
        async for request in requests:
            try:
                yield MESSAGES["ModelStreamInferResponse"](infer_response=await self._infer(request, context))
            except RequestError as error:
                yield MESSAGES["ModelStreamInferResponse"](
                    error_message=f"[{grpc_status(error.code)}] {error}",
                    infer_response=MESSAGES["ModelInferResponse"](id=getattr(request, "id", "")),
                )

    async def _infer(self, message: Any, context: Any) -> Any:
        desk, arrived_s = self._desk, seconds_now()
        whose = identity(self._allowed(context), _address(context.peer()))
        _require_message(message)
        desk.require_model(message.model_name, message.model_version)
        with desk.holding(message.ByteSize(), whose):
            asked = request_of(message)
            left_s = context.time_remaining()
            inferred = await desk.infer(asked, whose, arrived_s, float("inf") if left_s is None else left_s)
        return answer_of(inferred.tensors, asked, desk.model, inferred.parameters)


def _address(peer: str) -> str:
    """Of what gRPC calls a peer: `ipv4:ADDRESS:PORT`, `ipv6:[ADDRESS]:PORT`, `unix:`."""
    kind, _, rest = peer.partition(":")
    return unquote(rest.rpartition(":")[0]) if kind in ("ipv4", "ipv6") else ""


def _read(name: str) -> Callable[[bytes], Any]:
    """What reads such messages. Bytes that are none become the error itself: gRPC would log each with a traceback."""
    from_bytes = MESSAGES[name].FromString

    def read(data: bytes) -> Any:
        try:
            return from_bytes(data)
        except DecodeError as error:
            return bad(f"the request is no {name}: {error}")

    return read


def _require_message(request: Any) -> None:
    if isinstance(request, RequestError):
        raise request


def _told(call: _Call) -> _Call:
    """Errors are told by gRPC's codes."""

    async def handle(request: Any, context: Any) -> Any:
        try:
            _require_message(request)
            return await call(request, context)
        except RequestError as error:
            return await context.abort(grpc.StatusCode[grpc_status(error.code)], str(error))

    return handle
