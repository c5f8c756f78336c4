"""A log that never ends: bounded by size and age, whatever happens."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.errors import InputError
from jellyfish.results.parted_files import PartedFiles
from jellyfish.results.rotation import PARTS, Part, Rotation

MOST_BYTES, MOST_AGE_S = 16_000, 1600.0


@given(st.lists(st.tuples(st.integers(1, 3000), st.floats(0, 500)), max_size=200))
def test_parts_never_hold_more_than_they_may_nor_anything_too_old(steps: list[tuple[int, float]]) -> None:
    rotation, now_s = Rotation(MOST_BYTES, MOST_AGE_S), 1e9
    kept: dict[int, list[tuple[float, int]]] = {}
    for size_bytes, later_s in steps:
        now_s += later_s
        for number in rotation.surplus(size_bytes, now_s):
            del kept[number]
        if not rotation.takes(size_bytes, now_s):
            kept[rotation.begin(now_s)] = []
        rotation.wrote(size_bytes)
        kept[max(kept)].append((now_s, size_bytes))
        lines = [line for part in kept.values() for line in part]
        assert sum(size for _, size in lines) == rotation.bytes <= MOST_BYTES
        assert min(when_s for when_s, _ in lines) > now_s - MOST_AGE_S


def test_a_part_is_a_share_of_what_may_be_kept_and_earlier_ones_count() -> None:
    rotation = Rotation(MOST_BYTES, MOST_AGE_S, [Part(7, 0.0, MOST_BYTES - 500), Part(3, 0.0, 100)])
    assert not rotation.takes(100, 10.0)
    assert rotation.begin(10.0) == 8
    rotation.wrote(400)
    assert rotation.takes(600, 10.0) and not rotation.takes(601, 10.0)
    assert not rotation.takes(1, 10.0 + MOST_AGE_S / PARTS)
    assert rotation.surplus(1, 11.0) == [3]
    assert rotation.surplus(1000, 11.0) == [7]


def sizes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in folder.iterdir()}


def test_files_stay_below_the_limit_and_a_server_that_is_started_again_goes_on(tmp_path: Path) -> None:
    for start in range(3):
        files = PartedFiles(tmp_path / "log", MOST_BYTES, MOST_AGE_S)
        files.begin(b"{}\n")
        for second in range(100):
            files.write(
                {"windows": b"w" * 99 + b"\n", "window_clients": b"c" * 299 + b"\n"}, 1e9 + 100 * start + second
            )
            assert sum(sizes(tmp_path / "log").values()) <= MOST_BYTES
    names = sizes(tmp_path / "log")
    numbers = sorted({int(name.split("-")[1].split(".")[0]) for name in names})
    assert numbers == list(range(numbers[0], numbers[-1] + 1)) and numbers[0] > 100
    assert len(names) == 3 * len(numbers)  # each part has its header
    files.tidy(0, 1e9 + 300 + MOST_AGE_S)
    assert sizes(tmp_path / "log") == {}


def test_after_a_failure_lines_go_into_another_part(tmp_path: Path) -> None:
    files = PartedFiles(tmp_path / "log", MOST_BYTES, MOST_AGE_S)
    files.begin(b"{}\n")
    files.write({"windows": b"1\n"}, 1e9)
    (tmp_path / "log").rename(tmp_path / "gone")
    with pytest.raises(OSError, match="No such file"):
        files.write({"windows": b"2\n"}, 1e9 + 1)
    (tmp_path / "gone").rename(tmp_path / "log")
    files.write({"windows": b"3\n"}, 1e9 + 2)
    assert [path.read_bytes() for path in sorted((tmp_path / "log").glob("windows-*"))] == [b"1\n", b"3\n"]


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "frames.jsonl").touch()
    with pytest.raises(InputError, match=r"holds frames.jsonl, which no server's log does"):
        PartedFiles(tmp_path, MOST_BYTES, MOST_AGE_S)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be used"):
        PartedFiles(tmp_path / "file", MOST_BYTES, MOST_AGE_S)
