"""Every error that Jellyfish raises on purpose, in one small tree by whose fault it is.

Late, dropped and skipped frames are *outcomes*, not errors, and never appear here.
"""

from __future__ import annotations

import logging

logger = logging.getLogger(__name__)


class JellyfishError(Exception):
    """Base of all errors that carry a message meant for a person."""


class InputError(JellyfishError):
    """The user's input (a file, a flag, a trace, a profile) cannot be used. CLI exit code 2."""


class RunError(JellyfishError):
    """A run that started properly failed. CLI exit code 1."""


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


def each_of(error: BaseException) -> list[BaseException]:
    """`error`, or all errors inside a group, however deep."""
    if isinstance(error, BaseExceptionGroup):
        return [inner for each in error.exceptions for inner in each_of(each)]
    return [error]


def first_of(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error of a group, to go on with; the others are logged, in a line each."""
    first, *others = each_of(errors)
    for other in others:
        logger.error("besides: %s: %s", type(other).__name__, other)
    return first
