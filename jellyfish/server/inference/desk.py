"""Where requests for inference come in, whichever way: who asks for what, until when, and what is answered.

REST and gRPC are rims around this: they hand over what came as a value, and tell the answer or the error.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from jellyfish.clock import seconds_now, unix_seconds_now
from jellyfish.core import Reason, Variant
from jellyfish.errors import RequestError
from jellyfish.protocol.inference.answers import ImageAnswer, check_wanted, outputs
from jellyfish.protocol.inference.asked import InferenceRequest
from jellyfish.protocol.inference.codes import RequestCode, bad, dropped
from jellyfish.protocol.inference.description import ONLY_VERSION, ModelFacts
from jellyfish.protocol.inference.tensors import Parameter, Tensor
from jellyfish.server.inference.statistics import RequestStatistics
from jellyfish.server.inference.stills import stills_of
from jellyfish.server.service import Service

BODIES_AT_ONCE, BODIES_OF_ONE = 12, 3
"""So many of the largest may be held at a time: all clients together, and one of them."""


class Inferred(NamedTuple):
    """What is to be told."""

    tensors: Sequence[Tensor]
    parameters: dict[str, Parameter]
    """What it was run with, and where."""


class Desk:
    """Of one server."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.statistics = RequestStatistics()
        self._held_bytes: Counter[str] = Counter()
        """Identity -> of its requests' bodies."""

    @property
    def model(self) -> ModelFacts:
        """What clients may know of the model."""
        model, limits = self.service.model, self.service.limits
        variants = tuple(variant.name for variant in model.variants)
        version = model.version or ONLY_VERSION
        return ModelFacts(
            model.name, version, model.task, model.classes, variants, limits.images, limits.request_deadline_s
        )

    @property
    def ready(self) -> bool:
        """Whether requests are answered."""
        return self.service.takes_frames

    def require_model(self, name: str, version: str = "") -> None:
        """RequestError if another model is meant than the one that is served."""
        if name != self.model.name:
            raise RequestError(
                RequestCode.UNKNOWN, f"there is no model {name[:80]!r}; this server has {self.model.name}"
            )
        if version not in ("", self.model.version):
            raise RequestError(
                RequestCode.UNKNOWN, f"{name} has no version {version[:80]!r}; there is {self.model.version}"
            )

    @contextlib.contextmanager
    def holding(self, size_bytes: int, identity: str) -> Iterator[None]:
        """For the time that a body of so many bytes is held. RequestError where too much is held already."""
        held, largest = self._held_bytes, self.service.limits.body_bytes
        if held[identity] + size_bytes > BODIES_OF_ONE * largest:
            raise dropped(Reason.QUEUE_FULL, "the bodies of this client's other requests take all the room that it has")
        if held.total() + size_bytes > BODIES_AT_ONCE * largest:
            raise dropped(Reason.QUEUE_FULL, "the bodies of other requests take all the room that there is")
        held[identity] += size_bytes
        try:
            yield
        finally:
            held[identity] -= size_bytes
            if not held[identity]:
                del held[identity]

    async def infer(
        self, request: InferenceRequest, identity: str, arrived_s: float, most_s: float = float("inf")
    ) -> Inferred:
        """Answer `request`, which came at `arrived_s`; RequestError says why not, at once. `most_s`: of its timeout, as
        its transport says."""
        model = self.service.model
        check_wanted(request.outputs, model.task)
        variant = self._variant(request.variant)
        stills = stills_of(request.inputs, self.service.limits.images)
        timeout_s = min(request.timeout_s or self.service.limits.request_deadline_s, most_s)
        if self.service.draining:
            raise dropped(Reason.SHUTDOWN)
        requester = self.service.requesters.requester(identity, variant)
        try:
            outcome = await requester.answer(stills, timeout_s, arrived_s)
        except RequestError:
            self.statistics.failed(seconds_now() - arrived_s)
            raise
        self.statistics.answered(outcome, seconds_now() - arrived_s, unix_seconds_now() or 0.0)
        found = [ImageAnswer(each.answer, each.variant.name) for each in outcome]
        parameters: dict[str, Parameter] = {"variant": outcome[0].variant.name, "device": outcome[0].device}
        return Inferred(outputs(found, model.task, model.classes, request.outputs), parameters)

    def _variant(self, name: str | None) -> Variant | None:
        if name is None:
            return None
        for variant in self.service.model.variants:
            if variant.name == name:
                return variant
        raise bad(f"there is no variant {name[:40]} in service; there are {', '.join(self.model.variants)}")
