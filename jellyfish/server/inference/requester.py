"""Somebody who makes requests for inference: his rate, his place in the plan, and the way of each request.

What a session is to a camera. The difference is that nobody tells a requester what to send: so each request waits for
its turn, where requests have turns, and is scaled here to what is planned.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from jellyfish.clock import seconds_now, timeout_at
from jellyfish.config import Limits
from jellyfish.control.estimator import MARGIN_S
from jellyfish.control.host import HostLoad
from jellyfish.control.requesting import Granted, Requesting
from jellyfish.control.smoothing import Ewma
from jellyfish.core import Reason, Variant
from jellyfish.devices.executor import Undecoded
from jellyfish.dispatch.nowhere import FrameTaker
from jellyfish.dispatch.request import Answered, Dropped, Request
from jellyfish.errors import ImageError
from jellyfish.media.still import Still
from jellyfish.models.model import Description, Image
from jellyfish.protocol.inference.codes import dropped
from jellyfish.server.decoding import ClientImages
from jellyfish.server.decoding_budget import DecodingBudget
from jellyfish.server.inference.demand_rate import DemandRate
from jellyfish.server.inference.turns import Turns
from jellyfish.server.session import Account
from jellyfish.waiting import sleep_until

FIRST_PLAN_S, FIRST_PLAN_SHARE = 0.2, 0.25
"""Who has not been planned for waits for a plan so long, or such a share of the time that there is if that is less."""
UNPLANNED_FPS = 2.0
"""Images a second of somebody for whom plans have no room beside cameras."""
LEAST_DECODED_FPS = 30.0
"""What decoders are ready for, whatever was measured."""


class RequestPlace(NamedTuple):
    """Where requests are run, by the plan."""

    dispatcher: FrameTaker
    variant: Variant | None
    """None: whatever is quickest there."""


class Requester:
    """One identity's requests, or those of it that ask for the same variant."""

    def __init__(
        self,
        name: str,
        variant: Variant | None,
        model: Description,
        limits: Limits,
        host: HostLoad,
        quietest: Callable[[], FrameTaker],
        budget: DecodingBudget,
        decode: ClientImages,
    ) -> None:
        """`variant`: that which is asked for. `quietest`: the device to take where no plan says."""
        self.name, self.variant = name, variant
        self.account = Account()
        self.began: Callable[[], None] = lambda: None
        """Called when requests begin to come, after a silence."""
        self.latest_due_s = float("-inf")
        """When the last of all requests so far is due."""
        self._model, self._limits, self._host, self._quietest = model, limits, host, quietest
        self._decode, self._decoded = decode, budget
        self._rate, self._turns = DemandRate(), Turns()
        self._timeout_s, self._beside_s = Ewma(keep=0.9), Ewma(keep=0.9, initial=0.0)
        self._granted: Granted | None = None
        self._places: list[RequestPlace] = []
        self._placed = asyncio.Event()

    # --- control -----------------------------------------------------------------------------------------

    def silent(self, now: float) -> bool:
        """Whether nothing has come for so long that plans do without him."""
        return self._rate.fps(now) == 0

    def pace(self, fps: float, now: float) -> None:
        """Until there is a plan, so many images a second may go on."""
        self._turns.pace(fps, now)

    def offered_fps(self, now: float) -> float:
        """Images a second that are served, as far as they come."""
        return min(self._rate.fps(now), self._turns.fps)

    def change_to(self, model: Description) -> None:
        """Another model answers from the next request on; where, the next plan says."""
        self._model = model
        self._without_place()

    def leave(self, former: FrameTaker) -> None:
        """`former` takes no more requests."""
        self._places = [place for place in self._places if place.dispatcher is not former]

    def _without_place(self) -> None:
        self._granted, self._places = None, []
        self._placed.clear()

    def requesting(self, now: float, variants: Sequence[Variant]) -> Requesting | None:
        """What is to be planned for; None while nothing comes, or what was asked for is no more."""
        fps = self._rate.fps(now)
        if fps <= 0 or self._timeout_s.value is None or self.variant not in (None, *variants):
            self._without_place()
            return None
        beside_s = min(self._beside_s.value or 0.0, self._host.most_s)
        budget_s = max(0.0, self._timeout_s.value - MARGIN_S - beside_s)
        variant = variants.index(self.variant) if self.variant is not None else None
        return Requesting(self.name, fps, budget_s, variant)

    def grant(self, granted: Granted) -> None:
        """What plans are asked for."""
        self._granted = granted
        self._decoded.agree(max(LEAST_DECODED_FPS, sum(demand.fps for demand in granted.demands)))

    def assign(self, places: Sequence[RequestPlace], variants: Sequence[Variant], now: float) -> None:
        """Run requests there from now on, and no more of them than was granted. None: there is no room in the plan."""
        if self._granted is None:
            return
        most_fps = self._granted.most_fps
        self._places = list(places)
        if self._places:
            chosen = [variants.index(place.variant) for place in places if place.variant in variants]
            self._turns.pace(min((most_fps[each] for each in chosen), default=max(most_fps)), now)
            self._placed.set()
        else:
            self._turns.pace(max(most_fps) if max(most_fps) == float("inf") else UNPLANNED_FPS, now)

    # --- the way of a request ----------------------------------------------------------------------------

    async def answer(self, stills: Sequence[Still], timeout_s: float, arrived_s: float) -> list[Answered]:
        """What is found in the images, within `timeout_s` of the request's arrival. RequestError says why nothing is.

        Every request has exactly one outcome.
        """
        self.account.received += 1
        self._timeout_s.add(timeout_s)
        self.latest_due_s = max(self.latest_due_s, arrived_s + timeout_s)
        if self._rate.came(len(stills), arrived_s):
            self.began()
        try:
            outcome = await self._in_time(stills, arrived_s + timeout_s, arrived_s)
        except BaseException:
            self.account.abandoned += 1
            raise
        if isinstance(outcome, Dropped):
            self.account.close(outcome)
            raise dropped(outcome.reason, outcome.message)
        self.account.close(outcome[0])
        return outcome

    async def _in_time(self, stills: Sequence[Still], due_s: float, arrived_s: float) -> list[Answered] | Dropped:
        """What becomes of the images, at the latest when the answer is due, whatever holds them up."""
        try:
            async with timeout_at(due_s) as limit:
                outcome = await self._infer(stills, due_s - MARGIN_S, arrived_s)
        except TimeoutError:
            if not limit.expired():
                raise
            return Dropped(Reason.EXPIRED)
        if not isinstance(outcome, Dropped) and seconds_now() > due_s:
            return Dropped(Reason.EXPIRED)
        return outcome

    async def _infer(self, stills: Sequence[Still], deadline_s: float, arrived_s: float) -> list[Answered] | Dropped:
        """Wait for a turn, decode and run, or say why not."""
        if self.account.open > self._limits.open_requests:
            return Dropped(Reason.TOO_MANY_IN_FLIGHT, f"at most {self._limits.open_requests} may be unanswered")
        dispatcher, variant = await self._place(deadline_s)
        if variant is not None and variant not in self._model.variants:
            return Dropped(Reason.SHUTDOWN, f"another model serves now, which has no {variant.name}")
        latest_s = deadline_s - dispatcher.quickest_s(variant)
        began_s = seconds_now()
        turn_s = self._turns.next(len(stills), began_s, latest_s)
        if turn_s is None and began_s <= latest_s:
            return Dropped(Reason.TOO_FAST, f"requests have {self._turns.fps:.3g} images a second of this server now")
        if turn_s is None or max(turn_s, began_s + self._host.ahead_s) > latest_s:
            return Dropped(Reason.EXPIRED)
        if turn_s > began_s:
            await sleep_until(asyncio.get_running_loop(), turn_s)
        images = await self._images(stills, dispatcher, variant, latest_s)
        if isinstance(images, ImageError):
            return Dropped(Reason(images.reason), str(images))
        outcome = await self._run(images, dispatcher, variant, deadline_s)
        if not isinstance(outcome, Dropped):
            on_device_s = max(each.queue_s + each.execute_s for each in outcome)
            self._beside_s.add(max(0.0, seconds_now() - max(turn_s, arrived_s) - on_device_s))
        return outcome

    async def _place(self, deadline_s: float) -> RequestPlace:
        """Where to run it. The first one after a silence waits a little for its plan, which knows what there is time
        for."""
        if not self._placed.is_set():
            now = seconds_now()
            wait_s = min(FIRST_PLAN_S, FIRST_PLAN_SHARE * (deadline_s - now))
            try:
                async with timeout_at(now + wait_s):
                    await self._placed.wait()
            except TimeoutError:
                pass
        if not self._places:
            return RequestPlace(self._quietest(), self.variant)
        return min(self._places, key=lambda place: (not place.dispatcher.takes_frames, place.dispatcher.queued))

    async def _images(
        self, stills: Sequence[Still], dispatcher: FrameTaker, variant: Variant | None, until_s: float
    ) -> list[Image | Undecoded] | ImageError:
        """All of them as large as they are needed, and decoded where the device does not do that; or why one is not."""
        *_, largest = self._model.ladder
        size = self._model.input_of(variant.resolution if variant is not None else largest)
        decoded = await asyncio.gather(
            *(self._decode.as_taken(still, size, until_s, dispatcher.decodes) for still in stills),
            return_exceptions=True,
        )
        images: list[Image | Undecoded] = []
        for each in decoded:
            if isinstance(each, ImageError):
                return each
            if isinstance(each, BaseException):
                raise each
            images.append(each)
        return images

    async def _run(
        self, images: Sequence[Image | Undecoded], dispatcher: FrameTaker, variant: Variant | None, deadline_s: float
    ) -> list[Answered] | Dropped:
        loop, now = asyncio.get_running_loop(), seconds_now()
        waiting: list[asyncio.Future[Answered | Dropped]] = []
        for number, image in enumerate(images):
            waiting.append(loop.create_future())
            dispatcher.submit(Request(self.name, number, deadline_s, now, image, waiting[-1], variant))
        answered = []
        for outcome in await asyncio.gather(*waiting):
            if isinstance(outcome, Dropped):
                return outcome
            answered.append(outcome)
        return answered
