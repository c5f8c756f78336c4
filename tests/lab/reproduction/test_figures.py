"""The figures of a matrix: drawn for whatever was run, with a line for each policy."""

from __future__ import annotations

import re

import cv2
import numpy as np

from jellyfish.lab.reproduction.figures import COLOURS, DASHES, MARKERS, figures
from jellyfish.lab.reproduction.outcome import CellResult
from jellyfish.lab.reproduction.policies import NAMES
from jellyfish.report.style import Picture
from tests.lab.reproduction.test_outcome import result
from tests.report.runs import frame

DRAWN = ["miss-rate", "accuracy", "accuracy-offered", "latency", "sizes-over-time", "profiles"]


def cells(policies: tuple[str, ...], traces: tuple[str, ...], slos_ms: tuple[float, ...]) -> list[CellResult]:
    """Cells in which every fifth frame of one client, and none of four, is missed."""
    return [
        result(
            [frame(number=n, miss=clients == 1 and n % 5 == 0, expected_f1=0.5, slo_ms=slo_ms) for n in range(20)],
            policy, trace, slo_ms=slo_ms, clients=clients,
        )
        for trace in traces
        for slo_ms in slos_ms
        for clients in (1, 4)
        for policy in policies
    ]  # fmt: skip


def pixels(picture: Picture) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(picture.png, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return image


def coloured(picture: Picture, colour: str) -> int:
    """How often the SVG uses a colour."""
    return len(re.findall(colour, picture.svg.decode(), re.IGNORECASE))


def test_every_policy_can_be_told_apart() -> None:
    looks = list(zip(COLOURS, map(str, DASHES), MARKERS, strict=True))
    assert len(looks) == len(set(looks)) == len(NAMES) == len(set(MARKERS))


def test_all_figures_are_drawn_with_a_line_for_each_policy() -> None:
    pictures = figures(cells(NAMES, ("synthetic", "wifi"), (100.0,)))
    assert [picture.name for picture in pictures] == DRAWN
    assert all(pixels(picture).std() > 5 and picture.words.endswith(".") for picture in pictures)
    for picture in pictures[:4]:
        assert [name for name, colour in zip(NAMES, COLOURS, strict=True) if not coloured(picture, colour)] == []


def test_one_policy_is_enough_even_if_it_is_neither_ours_nor_the_published_one() -> None:
    pictures = figures(cells(("split",), ("lte",), (75.0, 100.0)))
    assert [picture.name for picture in pictures] == DRAWN
    drawn, other = (COLOURS[NAMES.index(name)] for name in ("split", "oracle"))
    assert all(coloured(picture, drawn) for picture in pictures[:5])
    assert not any(coloured(picture, other) for picture in pictures[:3])
    by_clients, latency = pixels(pictures[0]).shape[0], pixels(pictures[3]).shape[0]
    assert by_clients > 1.5 * latency, "a row of panels for each of the two SLOs"
