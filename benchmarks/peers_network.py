"""The network that all peers of `benchmarks/peers.py` run, by the code that serves; one thread, one process."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import cv2

from benchmarks.peers_load import BATCH, JPEG, READY, VARIANT
from jellyfish.core import Answer
from jellyfish.devices.naming import parse_variant
from jellyfish.devices.process import tune_process
from jellyfish.media.jpeg import decode_jpeg
from jellyfish.models.model import EngineOptions, Image, answers
from jellyfish.models.opening import open_model

LARGEST_IMAGE = 4096


class Network:
    """One variant of the shipped detector on one thread, with the settings of a process that serves; warm."""

    def __init__(self, variant: str, max_batch: int) -> None:
        tune_process()
        cv2.setNumThreads(1)
        model = open_model()
        self._engine = model.engine(EngineOptions(threads=1))
        self._variant = parse_variant(variant, model.description.variants)
        self._max_batch = max_batch

    def warm(self, jpeg: bytes) -> None:
        """Run every batch size, so that no frame pays for the first time."""
        for batch in range(1, self._max_batch + 1):
            for _ in range(3):
                self.answer([jpeg] * batch)

    def decode(self, jpeg: bytes) -> Image:
        return decode_jpeg(jpeg, LARGEST_IMAGE, LARGEST_IMAGE)

    def detect(self, images: Sequence[Image]) -> list[Answer]:
        return answers(self._engine, images, [self._variant] * len(images))

    def answer(self, jpegs: Sequence[bytes]) -> list[Answer]:
        """The whole of what a peer's worker does for a batch."""
        return self.detect([self.decode(jpeg) for jpeg in jpegs])


def open_network() -> Network:
    """In a peer's worker: the network as the environment says, warm."""
    network = Network(os.environ[VARIANT], int(os.environ[BATCH]))
    network.warm(Path(os.environ[JPEG]).read_bytes())
    print(READY, flush=True)
    return network


def count_frames(pipe: Connection, variant: str, jpeg: bytes, seconds: float) -> None:
    """A process of the raw rate: decoded frames, one after the other, for `seconds` from when it is told to."""
    network = Network(variant, max_batch=1)
    network.warm(jpeg)
    image = network.decode(jpeg)
    pipe.send("ready")
    pipe.recv()
    frames, begin_s = 0, time.monotonic()
    while (now := time.monotonic()) < begin_s + seconds:
        network.detect([image])
        frames += 1
    pipe.send(frames / (now - begin_s))
