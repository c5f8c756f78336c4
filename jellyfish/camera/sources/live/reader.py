"""The process that reads one source: `python -m jellyfish.camera.sources.live.reader`, told and telling in messages.

Every packet is decoded as it comes; the newest frames are kept, and made JPEGs when asked. It opens nothing before it
is told to, and ends with its input, which ends with whoever started it. What hangs in here can be killed from there.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections import OrderedDict
from typing import BinaryIO

import av
import cv2

from jellyfish.camera.sources.live.messages import (
    LENGTH_BYTES,
    TO_READER,
    FrameShown,
    FromReader,
    JpegMade,
    MakeJpeg,
    OpenSource,
    SourceFailed,
    SourceOpened,
    packed,
)
from jellyfish.camera.sources.live.opening import why_not
from jellyfish.camera.sources.live.pictures import HeldPicture, TimedPicture, pictures
from jellyfish.camera.thinning import Thinner
from jellyfish.errors import InputError

KEPT = 2
"""Frames that are held: the newest, and the one before it, which may have been asked for when that one came."""

MOST_BYTES = 2 * 1024**3
"""What a source may take of memory: a decoder of the largest frames, and as much again."""


class SourceReader:
    """The newest frames of a source. Opening and decoding have a thread of their own, all else is asked of this one."""

    def __init__(self, output: BinaryIO) -> None:
        self._output, self._writing = output, threading.Lock()
        self._kept: OrderedDict[int, HeldPicture] = OrderedDict()
        self._keeping = threading.Lock()
        self._frames = 0

    def begin(self, asked: OpenSource) -> None:
        """Open a source and show what comes of it."""
        threading.Thread(target=self._read, args=(asked,), name="source", daemon=True).start()

    def jpeg(self, asked: MakeJpeg) -> None:
        """Make a JPEG and send it."""
        with self._keeping:
            picture = self._kept.get(asked.frame)
        data = b""
        if picture is not None:
            with contextlib.suppress(Exception):  # whatever is wrong with it: it is a frame that cannot be sent
                data = picture.jpeg(asked.size)
        self._tell(JpegMade(asked.frame, data))

    def _read(self, asked: OpenSource) -> None:
        try:
            self._show_all(asked)
            words = "it has ended"
        except InputError as error:
            words = str(error)
        except (OSError, av.error.FFmpegError) as error:
            words = why_not(error)
        except Exception as error:  # this source is not to end without a word, whatever is wrong with it
            words = f"it cannot be read ({type(error).__name__})"
        with self._keeping:
            self._kept.clear()
        self._tell(SourceFailed(words))

    def _show_all(self, asked: OpenSource) -> None:
        thinner = Thinner()
        shown = pictures(asked, lambda words: self._tell(SourceOpened(words)))
        with contextlib.closing(shown):
            for timed in shown:
                if thinner.takes(timed.captured_s, asked.fps):
                    self._show(timed)

    def _show(self, timed: TimedPicture) -> None:
        with self._keeping:
            self._frames += 1
            self._kept[self._frames] = timed.picture
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._tell(FrameShown(self._frames, timed.captured_s, timed.came_s, *timed.picture.size, timed.delay_s))

    def _tell(self, message: FromReader) -> None:
        with self._writing:
            self._output.write(packed(message))
            self._output.flush()


def serve(reader: SourceReader, told: BinaryIO) -> None:
    """Do what is told until there is nothing more."""
    while len(head := told.read(LENGTH_BYTES)) == LENGTH_BYTES:
        message = TO_READER.decode(told.read(int.from_bytes(head)))
        if isinstance(message, OpenSource):
            reader.begin(message)
        else:
            reader.jpeg(message)


def _bound_memory() -> None:
    """Let this process take no more than `MOST_BYTES`, where the system can see to that."""
    if sys.platform != "win32":
        import resource

        with contextlib.suppress(OSError, ValueError):  # it has less already
            resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, MOST_BYTES))


def main() -> None:
    """Read until nobody wants it; at once then, whatever the source's thread is doing."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    av.logging.set_level(None)  # FFmpeg's own lines name URLs
    cv2.setNumThreads(1)
    _bound_memory()
    with contextlib.suppress(OSError):
        serve(SourceReader(sys.stdout.buffer), sys.stdin.buffer)
    os._exit(0)


if __name__ == "__main__":
    main()
