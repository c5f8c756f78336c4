"""Every error that Jellyfish raises on purpose, in one small tree by whose fault it is.

Late, dropped and skipped frames are *outcomes*, not errors, and never appear here.
"""

from __future__ import annotations

from typing import TypeVar

_ErrorT = TypeVar("_ErrorT", bound=BaseException)


class JellyfishError(Exception):
    """Base of all errors that carry a message meant for a person."""


class InputError(JellyfishError):
    """The user's input (a file, a flag, a trace, a profile) cannot be used. CLI exit code 2."""


class RunError(JellyfishError):
    """A run that started properly failed. CLI exit code 1."""


class DeviceLostError(RunError):
    """A device is of no use any more to the process that this happened in: nothing is to be run on it again."""


class ProtocolError(JellyfishError):
    """The peer broke the stream protocol. `code` is one of the codes in docs/protocol.md."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ImageError(JellyfishError):
    """There is no image of one frame: it cannot be decoded, takes more than is allowed, or was not decoded in time.

    `reason` is the drop reason the client is told: `bad_image`, `image_too_large`, or why nobody decodes it.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class RequestError(JellyfishError):
    """A request for inference is not answered. `code` says whose fault that is, see `jellyfish.protocol.inference`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def each_error(group: BaseExceptionGroup[_ErrorT]) -> list[_ErrorT]:
    """All errors of a group, also those of groups inside it."""
    found: list[_ErrorT] = []
    for error in group.exceptions:
        found += each_error(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
