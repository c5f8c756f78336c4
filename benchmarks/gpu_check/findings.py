"""What a check finds, as values: of a part, and of all. The JSON holds them, and the page is drawn from them."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Any

import msgspec


class State(enum.StrEnum):
    """How a part ended."""

    OK = "ok"
    WRONG = "wrong"
    """It ran, and something that must hold does not."""
    FAILED = "failed"
    """It ended with an error, or never."""
    LEFT_OUT = "left out"
    """There was no time left for it."""


class Sheet(msgspec.Struct, frozen=True):
    """A table of the page."""

    title: str
    header: list[str]
    rows: list[list[str]]


class Found(msgspec.Struct, frozen=True):
    """What a part found."""

    gist: str
    """In a line."""
    figures: dict[str, Any] = {}
    """Seconds, bytes and shares, by name: for programs."""
    sheets: list[Sheet] = []
    notes: list[str] = []
    """What a reader must know beside the figures."""
    wrong: list[str] = []
    """What must hold and does not."""
    missed: list[str] = []
    """What was aimed at and is not reached: told, and nothing more."""


class PartResult(msgspec.Struct, frozen=True):
    """What became of a part."""

    name: str
    title: str
    state: State
    seconds: float = 0.0
    budget_s: float = 0.0
    found: Found | None = None
    traceback: str = ""

    @property
    def gist(self) -> str:
        """In a line."""
        if self.found is not None:
            return self.found.gist
        return self.traceback.strip().splitlines()[-1] if self.traceback else "there was no time left"


class CheckReport(msgspec.Struct, frozen=True):
    """All of it."""

    started: str
    command: str
    device: str
    short: bool
    most_s: float
    seconds: float = 0.0
    parts: list[PartResult] = []

    @property
    def is_right(self) -> bool:
        """Whether every part ran and found all as it must be."""
        return all(part.state is State.OK for part in self.parts)

    def but(self, parts: list[PartResult], seconds: float) -> CheckReport:
        """With these results."""
        return msgspec.structs.replace(self, parts=parts, seconds=seconds)


def save(report: CheckReport, folder: Path) -> None:
    """As `gpu-check.json`, for programs and for comparing two machines."""
    folder.mkdir(parents=True, exist_ok=True)
    content = msgspec.json.format(msgspec.json.encode(report), indent=1)
    (folder / "gpu-check.json").write_bytes(content + b"\n")
