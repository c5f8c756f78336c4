"""Real cameras that come and go, each for itself: what goes wrong with one is told, and costs no other anything."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from types import TracebackType
from typing import Self

import aiohttp

from jellyfish.camera.live_camera import CameraRecording, LiveCamera, OnState
from jellyfish.camera.sources.allowed import terms
from jellyfish.camera.sources.live.source import Start
from jellyfish.camera.sources.live.source_process import SourceProcess
from jellyfish.config import SourceConfig
from jellyfish.core import SourceState
from jellyfish.errors import InputError, RunError

AGAIN_S = 5.0
"""A camera that the server refuses, or a fault of ours ends, is begun anew so much later."""

_log = logging.getLogger(__name__)


class CameraSet:
    """Cameras of one server, for the time of an `async with`, at whose end all are stopped."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        url: str,
        on_state: OnState = lambda name, state, words: None,
        recording: CameraRecording | None = None,
        start: Start = SourceProcess.start,
    ) -> None:
        """`http`: the session to connect with (`jellyfish.camera.credentials`), `url`: ws://HOST:PORT/v1/stream.

        `on_state`: told each change of a source, with words for people, without credentials; it may be set later.
        """
        self.on_state = on_state
        self.cameras: dict[str, LiveCamera] = {}
        self._http, self._url, self._recording, self._start = http, url, recording, start
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop all at the same time."""
        await asyncio.gather(*(self.remove(name) for name in list(self.cameras)))

    async def add(self, config: SourceConfig) -> None:
        """Begin to open it; returns at once. InputError for a name that is taken, or a URL that means nothing."""
        if config.name in self.cameras:
            raise InputError(f"there is a camera {config.name!r} already: give another name")
        terms(config.url, config.allowance)
        self._tasks[config.name] = asyncio.create_task(self._keep(config, self._begin(config)))

    async def remove(self, name: str) -> None:
        """Let it say goodbye, and end its reader. InputError where there is none of that name."""
        camera = self.cameras.pop(name, None)
        if camera is None:
            raise InputError(f"there is no camera {name!r}")
        task = self._tasks.pop(name)
        camera.stop()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    def states(self) -> dict[str, SourceState]:
        """Of each camera's source, by the camera's name."""
        return {name: camera.state for name, camera in self.cameras.items()}

    def _begin(self, config: SourceConfig) -> LiveCamera:
        camera = LiveCamera(config, self._http, self._url, self._tell, self._recording, self._start)
        self.cameras[config.name] = camera
        return camera

    async def _keep(self, config: SourceConfig, camera: LiveCamera) -> None:
        """Run a camera to its end, anew where it ends by a fault. It may be removed before this begins."""
        while True:
            try:
                await camera.run()
                return
            except RunError as error:
                self._tell(config.name, SourceState.DEAD, f"{error}; tried again in {AGAIN_S:.0f} s")
            except Exception as error:
                _log.exception("camera %s: begun anew in %.0f s", config.name, AGAIN_S)
                self._tell(config.name, SourceState.DEAD, f"a fault of this program: {type(error).__name__}")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(AGAIN_S):
                    await camera.stopped.wait()
                return
            camera = self._begin(config)

    def _tell(self, name: str, state: SourceState, words: str) -> None:
        self.on_state(name, state, words)
