"""One checkout's torch engine on one thread of a processor, asked by `engine_turns` through standard input and output.

It uses what all checkouts have since engines have three steps, and is run with the checkout on the path.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import torch

from jellyfish.core import Variant
from jellyfish.devices.process import tune_process
from jellyfish.models.model import Image, answers
from jellyfish.models.slimmable.engine import DetectorEngine
from jellyfish.models.slimmable.weights import load_weights


def pictures(paths: list[str], width: int, height: int) -> list[Image]:
    """As they come from a camera: fitted into what the network takes."""
    images = []
    for path in paths:
        image = cv2.cvtColor(np.asarray(cv2.imread(path), np.uint8), cv2.COLOR_BGR2RGB)
        scale = min(width / image.shape[1], height / image.shape[0])
        size = round(image.shape[1] * scale), round(image.shape[0] * scale)
        images.append(np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8))
    return images


def seconds(engine: DetectorEngine, variant: Variant, images: list[Image], runs: int) -> float:
    """Of the processor: the least of so many runs, after one that does not count. What others run does not count."""
    times = []
    for _ in range(runs + 1):
        began_s = time.thread_time()
        answers(engine, images, [variant] * len(images))
        times.append(time.thread_time() - began_s)
    return min(times[1:])


def found(engine: DetectorEngine, variant: Variant, images: list[Image]) -> list[list[tuple[float, ...]]]:
    """Label, score and sides of what is in each picture."""
    return [
        [(d.label, d.score, d.left, d.top, d.right, d.bottom) for d in answer.detections]
        for answer in answers(engine, images, [variant] * len(images))
    ]


def main() -> None:
    """Answer a line of JSON with a line of JSON until there are no more."""
    tune_process()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    engine = DetectorEngine(load_weights(), torch.device("cpu"))
    kept: dict[tuple[str, ...], list[Image]] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        variant = Variant(asked["resolution"], asked["network"])
        key = (*asked["pictures"], str(asked["input"]))
        if key not in kept:
            kept = {key: pictures(asked["pictures"], *asked["input"])}
        runs = asked["runs"]
        answer = seconds(engine, variant, kept[key], runs) if runs else found(engine, variant, kept[key])
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    assert Path.cwd() != Path(__file__).parent, "run by engine_turns"
    main()
