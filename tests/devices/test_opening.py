"""Which profile a device is opened with: never silently one of something else."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from jellyfish.config import ServerConfig
from jellyfish.core import Variant
from jellyfish.devices.opening import libraries_in_words
from jellyfish.devices.profile.given import check_profile, chosen_profile
from jellyfish.devices.profile.table import LatencyProfile, Subject, VariantLatency
from jellyfish.errors import InputError
from tests.models.descriptions import described

VARIANT = Variant(128, "w025e1")
PROFILE = LatencyProfile("cpu", "a processor", "abc", (VariantLatency(VARIANT, (0.01,), (0.02,)),), software="torch 2")


SERVED = described(VARIANT)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "profile.json"
    path.write_bytes(msgspec.json.encode(PROFILE))
    return path


def test_a_profile_of_the_weights_that_are_served_is_taken(path: Path) -> None:
    check_profile(ServerConfig(profile=path), SERVED)


def test_a_profile_of_other_weights_is_refused(path: Path) -> None:
    with pytest.raises(InputError, match="other weights than those of tested"):
        check_profile(ServerConfig(profile=path), replace(SERVED, identity="def"))


def test_a_profile_for_two_devices_and_one_without_a_variant_are_refused(path: Path) -> None:
    with pytest.raises(InputError, match="for one device"):
        check_profile(ServerConfig(profile=path, devices=("cpu", "cuda:0")), SERVED)
    path.write_bytes(
        msgspec.json.encode(
            msgspec.structs.replace(PROFILE, latencies=(VariantLatency(Variant(192, "w025e1"), (0.01,), (0.02,)),))
        )
    )
    with pytest.raises(InputError, match="lacks the variant w025e1-128"):
        check_profile(ServerConfig(profile=path), SERVED)


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        (PROFILE.subject, []),
        (Subject("cpu", "another processor", "abc", "torch 2"), ["measured on a processor, torch 2; this is another"]),
        (Subject("cpu", "a processor", "abc", "torch 3"), ["this is a processor, torch 3"]),
    ],
)
def test_a_profile_of_other_hardware_or_software_is_used_and_that_is_said(
    path: Path, subject: Subject, said: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert chosen_profile(path, subject, max_batch=1) == PROFILE
    assert len(caplog.messages) == len(said)
    assert all(words in message for words, message in zip(said, caplog.messages, strict=True))


def test_a_profile_is_kept_under_the_versions_of_what_the_model_needs() -> None:
    needing = replace(SERVED, libraries=("numpy", "msgspec"))
    assert libraries_in_words(needing, "cpu") == f"numpy {np.__version__}, msgspec {msgspec.__version__}"
    elsewhere = replace(needing, processor_libraries=("msgspec",))
    assert libraries_in_words(elsewhere, "cpu") == f"msgspec {msgspec.__version__}"
    assert libraries_in_words(elsewhere, "cuda:0") == libraries_in_words(needing, "cuda:0")
    with pytest.raises(InputError, match="tested needs no-such-thing, which is not installed"):
        libraries_in_words(replace(SERVED, libraries=("no-such-thing",)), "cpu")
