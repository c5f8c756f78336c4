"""Profiles survive the disk, and only the right one is found."""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec
import pytest

from jellyfish.core import Variant
from jellyfish.devices.profile.hardware import processor_name
from jellyfish.devices.profile.host import HostCosts
from jellyfish.devices.profile.store import find_profile, load_profile, profile_path, save_profile
from jellyfish.devices.profile.table import LatencyProfile, Subject, VariantLatency
from jellyfish.errors import InputError

PROFILE = LatencyProfile(
    "cuda:0",
    "a GPU",
    "0123456789abcdef",
    (VariantLatency(Variant(128, "w025"), (0.01, 0.015), (0.02, 0.025)),),
    software="torch 2",
)


SUBJECT = Subject("cuda:0", "a GPU", "0123456789abcdef", "torch 2")


def test_a_saved_profile_is_found_again(tmp_path: Path) -> None:
    path = save_profile(PROFILE, tmp_path)
    assert load_profile(path) == PROFILE
    assert find_profile(SUBJECT, tmp_path) == PROFILE
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("words", ["bright things, 1/2", "..", "", "x" * 300, "ü"])
def test_a_model_may_be_told_by_any_words(tmp_path: Path, words: str) -> None:
    profile = msgspec.structs.replace(PROFILE, weights=words, model=words)
    assert save_profile(profile, tmp_path).parent == tmp_path
    assert find_profile(profile.subject, tmp_path) == profile
    assert find_profile(SUBJECT, tmp_path) is None


def test_a_profile_that_tells_more_of_its_host_than_is_asked_for_is_still_read(tmp_path: Path) -> None:
    host = HostCosts((128,), (0.001,), (0.002,), (0.0001,), 0.001, 0.0003, 0.0004)
    path = save_profile(msgspec.structs.replace(PROFILE, host=host), tmp_path)
    written = msgspec.json.decode(path.read_bytes())
    written["host"]["standing"] = 0.4
    path.write_bytes(msgspec.json.encode(written))
    found = find_profile(SUBJECT, tmp_path)
    assert found is not None and found.host == host


def test_a_folder_that_cannot_be_written_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(InputError, match="XDG_CACHE_HOME"):
        save_profile(PROFILE, tmp_path / "taken")


@pytest.mark.parametrize(
    "change", [{"device": "cuda:1"}, {"hardware": "another"}, {"weights": "f"}, {"software": "torch 3"}]
)
def test_a_profile_of_another_device_hardware_weights_or_software_is_not_found(
    change: dict[str, str], tmp_path: Path
) -> None:
    save_profile(PROFILE, tmp_path)
    assert find_profile(msgspec.structs.replace(SUBJECT, **change), tmp_path) is None


def test_a_profile_of_something_else_in_its_place_is_not_taken(tmp_path: Path) -> None:
    other = msgspec.structs.replace(SUBJECT, weights="0123456789abXXXX")
    save_profile(PROFILE, tmp_path).rename(profile_path(other, tmp_path))
    assert find_profile(other, tmp_path) is None


def test_a_profile_with_smaller_batches_than_asked_for_is_measured_anew(tmp_path: Path) -> None:
    save_profile(PROFILE, tmp_path)
    assert find_profile(SUBJECT, tmp_path, max_batch=2) == PROFILE
    assert find_profile(SUBJECT, tmp_path, max_batch=3) is None


def test_a_file_that_does_not_exist_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_profile(tmp_path / "none.json")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b'{"device": "cpu"}',
        msgspec.json.encode(PROFILE).replace(b"[0.01,0.015]", b"[0.01]"),
        msgspec.json.encode(PROFILE).replace(b"[0.01,0.015]", b"[0.01,-1]"),
        msgspec.json.encode(PROFILE).replace(b'"schema":4', b'"schema":3'),
    ],
    ids=["empty", "binary", "array", "foreign", "ragged", "negative", "older"],
)
def test_broken_and_foreign_files_are_input_errors_and_are_measured_anew(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = save_profile(PROFILE, tmp_path)
    path.write_bytes(content)
    with pytest.raises(InputError, match="measure it again"):
        load_profile(path)
    with caplog.at_level(logging.WARNING):
        assert find_profile(SUBJECT, tmp_path) is None
    assert "measure it again" in caplog.text


def test_the_processor_name_tells_model_and_cores(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(
        "processor\t: 0\nmodel name\t: Fast CPU @ 3 GHz\nprocessor\t: 1\nmodel name\t: Fast CPU @ 3 GHz\n"
    )
    assert processor_name(4, cpuinfo=cpuinfo) == "Fast CPU @ 3 GHz, 4 cores"
    assert processor_name(4, 2, cpuinfo) == "Fast CPU @ 3 GHz, 4 cores, 2 threads a batch"
    assert processor_name(4, cpuinfo=tmp_path / "none").endswith(", 4 cores")
