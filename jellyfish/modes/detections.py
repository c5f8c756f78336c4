"""`detections.json`: every answered frame's detections in COCO's results format, written as the run goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from jellyfish.core import Detection
from jellyfish.results.records import FrameRecord


class DetectionFile:
    """A JSON array of COCO results; `image_id` is the captured frame's number, `client` tells cameras apart."""

    def __init__(self, path: Path, sizes: Mapping[str, tuple[int, int]]) -> None:
        """`sizes`: (width, height) of each client's video, in pixels."""
        self._sizes = sizes
        self._file = path.open("xb")
        self._separator = b"[\n"

    def add(self, record: FrameRecord, detections: Sequence[Detection]) -> None:
        """Write the detections of one frame."""
        width, height = self._sizes[record.client]
        for detection in detections:
            left, top = detection.left * width, detection.top * height
            box = (left, top, detection.right * width - left, detection.bottom * height - top)
            line = {
                "client": record.client,
                "image_id": record.frame,
                "category_id": detection.label + 1,
                "bbox": [round(side, 2) for side in box],
                "score": round(detection.score, 4),
            }
            self._file.write(self._separator + msgspec.json.encode(line))
            self._separator = b",\n"

    def close(self) -> None:
        """End the array."""
        self._file.write(b"[]\n" if self._separator == b"[\n" else b"\n]\n")
        self._file.close()
