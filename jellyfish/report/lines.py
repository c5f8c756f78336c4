"""Reads JSON Lines files of any length, block by block, and keeps account of what in them could not be read.

The lines are taken as other versions of the program may have written them: only what a report cannot do without
is required, unknown keys are noted and ignored, and a line that cannot be read is counted and left out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Annotated, Generic, TypeVar

import msgspec

from jellyfish.errors import InputError

BLOCK_BYTES = 1 << 18
LONGEST_LINE = 1 << 24
"""Bytes; a longer line is not one of ours and is not kept in memory."""

Seconds = Annotated[float, msgspec.Meta(ge=-1e7, le=1e7)]
UnixSeconds = Annotated[float, msgspec.Meta(ge=0, le=1e11)]
Milliseconds = Annotated[float, msgspec.Meta(ge=-1e10, le=1e10)]
Count = Annotated[int, msgspec.Meta(ge=0, le=10**9)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class FrameRow(msgspec.Struct, frozen=True, gc=False):
    """What a report takes from a line of `frames.jsonl`: see `jellyfish.results.records.FrameRecord`.

    Outcomes and reasons are plain text, as other versions may know others.
    """

    client: str
    captured_s: Seconds
    outcome: str
    frames: Count = 1
    """That fared so: more than one in a server's own log, which counts frames."""
    slo_ms: Milliseconds | None = None
    reason: str | None = None
    blame: str | None = None
    """Where a miss comes from, in a server's own log."""
    resolution: Count | None = None
    bytes: Count | None = None
    variant: str | None = None
    e2e_ms: Milliseconds | None = None
    wait_ms: Milliseconds | None = None
    uplink_ms: Milliseconds | None = None
    queue_ms: Milliseconds | None = None
    execute_ms: Milliseconds | None = None
    downlink_ms: Milliseconds | None = None
    tp: Count | None = None
    fp: Count | None = None
    fn: Count | None = None
    expected_f1: Share | None = None
    class_right: bool | None = None


class WindowRow(msgspec.Struct, frozen=True):
    """What a report takes from a line of `windows.jsonl`: see `jellyfish.results.window_lines.WindowLine`."""

    t_s: Seconds
    solve_ms: Milliseconds | None = None
    solve: str = "solved"
    accuracy: Milliseconds | None = None
    mapped: Count | None = None
    mappable: Count | None = None


class ClientRow(msgspec.Struct, frozen=True, gc=False):
    """What a report takes from a line of `window_clients.jsonl`: see `jellyfish.results.window_lines.ClientLine`."""

    t_s: Seconds
    client: str
    bandwidth_mbps: Annotated[float, msgspec.Meta(ge=0, le=1e9)] | None = None
    care: Annotated[float, msgspec.Meta(ge=-100, le=100)] | None = None
    worst_ms: Milliseconds | None = None


class LoggedFrames(FrameRow, frozen=True, gc=False, kw_only=True, rename={"captured_s": "unix_s"}):
    """The same from a server's own log, which may be several servers', one after the other: their times are the
    machine's. See `jellyfish.results.outcome_lines.OutcomeLine`."""

    captured_s: UnixSeconds


class LoggedWindow(WindowRow, frozen=True, kw_only=True, rename={"t_s": "unix_s"}):
    """Likewise."""

    t_s: UnixSeconds


class LoggedClient(ClientRow, frozen=True, gc=False, kw_only=True, rename={"t_s": "unix_s"}):
    """Likewise."""

    t_s: UnixSeconds


Line = TypeVar("Line", bound=msgspec.Struct)


class LineReader(Generic[Line]):
    """Iterate once to get lists of lines; what was left out is known afterwards.

    `known` keys raise no eyebrow. `advance` is told the bytes read. Raises InputError when the file cannot be read.
    """

    def __init__(self, path: Path, kind: type[Line], known: Collection[str], advance: Callable[[int], None]) -> None:
        self.read = 0
        self.unreadable = 0
        self.first_unreadable = ""
        """Number of the first unreadable line and what is wrong with it."""
        self.cut = False
        """Whether the file ends in the middle of a line."""
        self.unknown_keys: set[str] = set()
        self._path, self._known, self._advance = path, frozenset(known), advance
        self._decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(kind)
        self._seen = 0

    def __iter__(self) -> Iterator[list[Line]]:
        try:
            for block, whole in self._blocks():
                lines = self._decode(block) if whole else self._decode_last(block)
                self.read += len(lines)
                yield lines
        except OSError as error:
            raise InputError(f"{self._path}: cannot be read ({error.strerror or error})") from error

    def _blocks(self) -> Iterator[tuple[bytes, bool]]:
        """Blocks of whole lines, then what follows the last newline, if anything."""
        rest, skipping = b"", False
        with self._path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                self._advance(len(block))
                head, newline, tail = block.rpartition(b"\n")
                if skipping and newline:  # the end of a line that was too long
                    head, skipping = head.partition(b"\n")[2], False
                if newline:
                    yield rest + head, True
                    rest = tail
                elif not skipping:
                    rest += block
                if len(rest) > LONGEST_LINE:
                    self._leave_out(f"it is longer than {LONGEST_LINE >> 20} MiB")
                    rest, skipping = b"", True
        if rest:
            yield rest, False

    def _decode(self, block: bytes) -> list[Line]:
        self._note_keys(block)
        try:
            lines: list[Line] = self._decoder.decode_lines(block)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return self._decode_one_by_one(block)
        self._seen += len(lines)
        return lines

    def _decode_one_by_one(self, block: bytes) -> list[Line]:
        lines = []
        for text in block.split(b"\n"):
            if not text.strip():
                continue
            self._seen += 1
            try:
                lines.append(self._decoder.decode(text))
            except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                self._leave_out(str(error))
        return lines

    def _decode_last(self, text: bytes) -> list[Line]:
        """A line without its newline: whole all the same, or cut off."""
        try:
            return [self._decoder.decode(text)]
        except (msgspec.MsgspecError, ValueError, RecursionError):
            self.cut = True
            return []

    def _leave_out(self, what: str) -> None:
        self.unreadable += 1
        self.first_unreadable = self.first_unreadable or f"line {max(1, self._seen)}: {what}"

    def _note_keys(self, block: bytes) -> None:
        """The keys of every line of the first block, and of one line of each later one."""
        texts = block.split(b"\n") if self._seen == 0 else [block.partition(b"\n")[0]]
        for text in texts:
            try:
                keys = msgspec.json.decode(text, type=dict[str, msgspec.Raw]).keys()
            except (msgspec.MsgspecError, ValueError, RecursionError):
                continue
            self.unknown_keys |= keys - self._known
