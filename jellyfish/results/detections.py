"""Detections in COCO's results format, written as they come: of a run's answered frames, or of any images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from jellyfish.classes import class_name
from jellyfish.core import Detection
from jellyfish.errors import RunError
from jellyfish.media.labels import category_id
from jellyfish.results.records import FrameRecord


class CocoResults:
    """A JSON array of COCO results in an open file, which it closes. RunError when that takes no more."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        """`path`: what a person calls the file."""
        self._file, self._path = file, path
        self._separator = b"[\n"

    def add(
        self, image_id: int, size: tuple[int, int], detections: Sequence[Detection], classes: Sequence[str], **more: str
    ) -> None:
        """Write the detections of one image of (width, height) pixels, each with what `more` says.

        `classes`: names by label. Categories have the ids that labels written here have, and their names beside them.
        """
        width, height = size
        for detection in detections:
            left, top = detection.left * width, detection.top * height
            box = (left, top, detection.right * width - left, detection.bottom * height - top)
            line = more | {
                "image_id": image_id,
                "category_id": category_id(detection.label),
                "category": class_name(detection.label, classes),
                "bbox": [round(side, 2) for side in box],
                "score": round(detection.score, 4),
            }
            self._write(self._separator + msgspec.json.encode(line))
            self._separator = b",\n"

    def close(self) -> None:
        """End the array."""
        self._write(b"[]\n" if self._separator == b"[\n" else b"\n]\n")
        try:
            self._file.close()
        except OSError as error:
            raise self._full(error) from error

    def _write(self, text: bytes) -> None:
        try:
            self._file.write(text)
        except OSError as error:
            raise self._full(error) from error

    def _full(self, error: OSError) -> RunError:
        return RunError(f"{self._path}: cannot be written any more ({error.strerror})")


class DetectionFile:
    """`detections.json` of a run: `image_id` is the captured frame's number, `client` tells cameras apart."""

    def __init__(self, path: Path, sizes: Mapping[str, tuple[int, int]]) -> None:
        """`sizes`: (width, height) of each client's video, in pixels."""
        self._sizes = sizes
        self._results = CocoResults(path.open("xb"), path)

    def add(self, record: FrameRecord, detections: Sequence[Detection], classes: Sequence[str]) -> None:
        """Write the detections of one frame; `classes`: names by label."""
        self._results.add(record.frame, self._sizes[record.client], detections, classes, client=record.client)

    def close(self) -> None:
        """End the array."""
        self._results.close()
