"""All who make requests for inference, as planners and the rims see them."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from jellyfish.clock import seconds_now
from jellyfish.config import Limits
from jellyfish.control.host import HostLoad
from jellyfish.control.problem import ClientDemand, DeviceOption, Plan
from jellyfish.control.requesting import granted
from jellyfish.core import Variant
from jellyfish.dispatch.dispatcher import Dispatcher
from jellyfish.dispatch.nowhere import FrameTaker
from jellyfish.errors import RequestError
from jellyfish.models.model import Description
from jellyfish.protocol.inference.codes import RequestCode
from jellyfish.server.decoding import Decoding
from jellyfish.server.decoding_budget import DecodingBudget
from jellyfish.server.inference.requester import LEAST_DECODED_FPS, UNPLANNED_FPS, Requester, RequestPlace

MOST_REQUESTERS = 16
"""Who are told apart; what is more shares one name."""
MOST_VARIANTS = 3
"""That one of them may ask for by name at a time, beside those that leave it to the server."""
ALL_OTHERS = "all others"


class RequestsEnded(NamedTuple):
    """Requests."""

    ended: int
    """Those that have an outcome."""
    answered: int


class Requesters:
    """Of one server."""

    def __init__(
        self,
        model: Description,
        limits: Limits,
        host: HostLoad,
        decoding: Decoding,
        dispatchers: Mapping[str, Dispatcher],
        quietest: Callable[[], FrameTaker],
    ) -> None:
        self.on_begin: Callable[[], None] = lambda: None
        """Called when somebody begins to make requests."""
        self.others: Collection[str] = ()
        """Names that are in use for others."""
        self.limits = limits
        self._model, self._host, self._decoding = model, host, decoding
        self._dispatchers, self._quietest = dispatchers, quietest
        self._requesters: dict[tuple[str, Variant | None], Requester] = {}
        self._leaving: list[Requester] = []
        """Those that are forgotten, and may have open requests yet."""
        self._gone = Counter[str]()
        self._told = RequestsEnded(0, 0)
        self._beside_cameras = False

    def __iter__(self) -> Iterator[Requester]:
        return iter(self._requesters.values())

    def requester(self, identity: str, variant: Variant | None) -> Requester:
        """Who makes a request. RequestError where he asks for too many variants. When there are too many to tell apart,
        one who is silent is forgotten for him; where nobody is, he is one of all others."""
        found = self._requesters.get((identity, variant))
        if found is not None:
            return found
        self._forget_silent(identity)
        asked = sum(who == identity and other is not None for who, other in self._requesters)
        if variant is not None and asked >= MOST_VARIANTS:
            raise RequestError(RequestCode.UNAVAILABLE, f"{MOST_VARIANTS} variants may be asked for by name at a time")
        if len(self._requesters) >= MOST_REQUESTERS:
            identity, variant = ALL_OTHERS, None
        return self._requesters.get((identity, variant)) or self._new(identity, variant)

    def named(self, name: str) -> Requester | None:
        """The one whom plans call so."""
        return next((each for each in self if each.name == name), None)

    def totals(self) -> Counter[str]:
        """Requests so far: `received`, `answered`, `abandoned` and each reason of those that were dropped."""
        counts = self._gone.copy()
        for each in (*self, *self._leaving):
            counts.update(_counts(each))
        return counts

    def change_to(self, model: Description, dispatchers: Mapping[str, Dispatcher]) -> None:
        """Another model answers from the next request on. Who asked for a variant that it has not got is forgotten."""
        self._model, self._dispatchers = model, dispatchers
        for key, each in list(self._requesters.items()):
            each.change_to(model)
            if key[1] is not None and key[1] not in model.variants:
                self._leaving.append(self._requesters.pop(key))

    def leave(self, former: FrameTaker) -> None:
        """A device is gone."""
        for each in self:
            each.leave(former)

    def since_told(self) -> RequestsEnded:
        """What has ended since it was asked before."""
        counts = self.totals()
        answered = counts["answered"]
        ended = RequestsEnded(counts.total() - counts["received"], answered)
        before, self._told = self._told, ended
        return RequestsEnded(ended.ended - before.ended, ended.answered - before.answered)

    # --- control -----------------------------------------------------------------------------------------

    @property
    def latest_due_s(self) -> float:
        """When the last of the requests that are open is due; minus infinity where there is none."""
        known = (*self, *self._leaving)
        return max((each.latest_due_s for each in known if each.account.open), default=float("-inf"))

    def demands(
        self, now: float, cameras: Sequence[ClientDemand], devices: Sequence[DeviceOption], accuracy: Sequence[float]
    ) -> tuple[ClientDemand, ...]:
        """What is to be planned for beside `cameras`."""
        self._beside_cameras = bool(cameras)
        asking = [(each, asked) for each in self if (asked := each.requesting(now, self._model.variants)) is not None]
        if not asking or not devices:
            return ()
        share = self.limits.requests_share
        grants = granted([asked for _, asked in asking], cameras, devices, accuracy, share)
        for (requester, _), grant in zip(asking, grants, strict=True):
            requester.grant(grant)
        return tuple(demand for grant in grants for demand in grant.demands)

    def offered_fps(self, now: float) -> float:
        """Images a second of all of them that are served."""
        return sum(each.offered_fps(now) for each in self)

    def apply(self, plan: Plan, now: float) -> None:
        """Put `plan` into force."""
        for requester in self:
            places = [
                RequestPlace(self._dispatchers[device], plan.variant_of(client))
                for client, device in plan.clients.items()
                if client == requester.name or client.startswith(f"{requester.name}, part ")
            ]
            requester.assign(places, self._model.variants, now)

    # --- who is there ------------------------------------------------------------------------------------

    def _new(self, identity: str, variant: Variant | None) -> Requester:
        asked = "" if variant is None else f" for {variant.name}"
        said = f"requests of {identity}{asked}"
        names = itertools.chain([said], (f"{said}#{number}" for number in itertools.count(2)))
        name = next(name for name in names if name not in self.others and self.named(name) is None)
        *_, largest = self._model.ladder.values()
        budget = DecodingBudget(self.limits, LEAST_DECODED_FPS, largest)
        requester = Requester(
            name, variant, self._model, self.limits, self._host, self._quietest, budget,
            self._decoding.within(budget, name),
        )  # fmt: skip
        requester.began = self.on_begin
        if self._beside_cameras:
            requester.pace(UNPLANNED_FPS, seconds_now())
        self._requesters[identity, variant] = requester
        return requester

    def _forget_silent(self, identity: str) -> None:
        """Make room: of this one's variants, and where there are too many requesters, of all."""
        now, full = seconds_now(), len(self._requesters) >= MOST_REQUESTERS
        for key, each in list(self._requesters.items()):
            if (full or key[0] == identity) and not each.account.open and each.silent(now):
                self._gone.update(_counts(self._requesters.pop(key)))


def _counts(requester: Requester) -> Counter[str]:
    account = requester.account
    counts = Counter(received=account.received, answered=account.answered, abandoned=account.abandoned)
    counts.update(account.dropped)
    return counts
