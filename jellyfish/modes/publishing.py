"""Where a server publishes what its cameras are answered: a broker, a webhook, both or neither."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from functools import partial

import aiohttp
import msgspec

from jellyfish.config import MqttConfig, ServerConfig, WebhookConfig
from jellyfish.errors import InputError
from jellyfish.modes.broker import Login, MqttBroker
from jellyfish.modes.keeping_up import kept_up
from jellyfish.modes.mqtt import MqttPublisher
from jellyfish.modes.webhook import HttpHook, WebhookPublisher
from jellyfish.secret_files import checked_token, first_lines
from jellyfish.server.access import Allowed
from jellyfish.server.address import in_url
from jellyfish.server.fleet.fleet import Sources, nothing_fetched
from jellyfish.server.publishing.bulletin import Bulletin
from jellyfish.server.publishing.states import camera_states
from jellyfish.server.service import Service

USER_VARIABLE, PASSWORD_VARIABLE = "JELLYFISH_MQTT_USER", "JELLYFISH_MQTT_PASSWORD"
TOKEN_VARIABLE = "JELLYFISH_WEBHOOK_TOKEN"
LONGEST_SECRET = 4096


class Publishing:
    """What a configuration says of it, with its secrets. InputError where these cannot be read."""

    def __init__(self, config: ServerConfig, environment: Mapping[str, str]) -> None:
        self._mqtt, self._webhook = config.mqtt, config.webhook
        self.login = None if self._mqtt is None else _login(self._mqtt, environment)
        self.token = "" if self._webhook is None else _token(self._webhook, environment)

    @contextlib.asynccontextmanager
    async def of(self, service: Service, sources: Sources = nothing_fetched) -> AsyncIterator[None]:
        """Publish for the time of the context. `sources`: how those are that the server fetches itself."""
        async with contextlib.AsyncExitStack() as stack:
            if self._mqtt is not None:
                await stack.enter_async_context(self._publisher(self._mqtt, service, sources).publishing())
            if self._webhook is not None:
                await stack.enter_async_context(_posting(self._webhook, self.token, service))
            yield

    def _publisher(self, config: MqttConfig, service: Service, sources: Sources) -> MqttPublisher:
        return MqttPublisher(
            MqttBroker(config, self.login),
            Bulletin(config.topic),
            service.hub,
            lambda now: camera_states(service, sources(), now),
            partial(_stats, service),
            f"{in_url(config.host)}:{config.port}",
        )


async def _stats(service: Service) -> bytes:
    """What `GET /v1/fleet` tells those who may see all cameras."""
    news = service.hub.fleet
    if news is None:
        return b"{}"
    told = msgspec.json.decode(await news.json(Allowed()), type=dict[str, msgspec.Raw])
    return bytes(told["fleet"])


@contextlib.asynccontextmanager
async def _posting(config: WebhookConfig, token: str, service: Service) -> AsyncIterator[None]:
    async with aiohttp.ClientSession() as session:
        hook = HttpHook(session, config.url.url, token)
        work = WebhookPublisher(service.hub, hook, str(config.url)).run
        task = asyncio.create_task(kept_up(work, "posting to the webhook"))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def _login(config: MqttConfig, environment: Mapping[str, str]) -> Login | None:
    if config.credentials is not None:
        meaning = "the broker's user (the second one the password)"
        user, *password = first_lines(config.credentials, meaning, LONGEST_SECRET)[:2]
        return Login(user, password[0] if password else None)
    known, secret = environment.get(USER_VARIABLE), environment.get(PASSWORD_VARIABLE)
    if secret and not known:
        raise InputError(f"{PASSWORD_VARIABLE} is set, but {USER_VARIABLE} is not: say whose password it is")
    return Login(known, secret) if known else None


def _token(config: WebhookConfig, environment: Mapping[str, str]) -> str:
    if config.token_file is not None:
        where, token = str(config.token_file), first_lines(config.token_file, "the webhook's token", LONGEST_SECRET)[0]
    else:
        where, token = TOKEN_VARIABLE, environment.get(TOKEN_VARIABLE, "").strip()
    return checked_token(token, where, LONGEST_SECRET)
