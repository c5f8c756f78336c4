"""What a client proves itself with, and whom it takes for its server."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

import pytest

from jellyfish.camera.credentials import TOKEN_VARIABLE, http_session, token_of
from jellyfish.config import ReachConfig
from jellyfish.errors import InputError

TOKEN = "0123456789abcdef"
NEAR, SAFE, FAR = (
    f"{where}/v1/stream" for where in ("ws://127.0.0.1:8765", "wss://gpu.example", "ws://192.0.2.7:8765")
)


def test_the_token_is_a_files_first_line_or_the_environments(tmp_path: Path) -> None:
    (path := tmp_path / "token").write_text(f"{TOKEN}\nanything else\n")
    assert token_of(ReachConfig(path), {TOKEN_VARIABLE: "another"}) == TOKEN
    assert token_of(ReachConfig(), {TOKEN_VARIABLE: f" {TOKEN}\n"}) == TOKEN
    assert token_of(ReachConfig(), {}) == ""


async def test_it_goes_with_every_request() -> None:
    async with http_session(ReachConfig(), NEAR, {TOKEN_VARIABLE: TOKEN}) as http:
        assert http.headers["Authorization"] == f"Bearer {TOKEN}"
    async with http_session(ReachConfig(), NEAR, {}) as http:
        assert "Authorization" not in http.headers


@pytest.mark.parametrize(("url", "warned"), [(NEAR, False), (SAFE, False), (FAR, True)])
async def test_a_token_that_goes_over_a_network_unencrypted_is_warned_of(
    url: str, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        async with http_session(ReachConfig(), url, {TOKEN_VARIABLE: TOKEN}):
            assert ("unencrypted" in caplog.text) is warned and TOKEN not in caplog.text


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "is empty"), ("two words", "is no token"), ("x" * 600, "is no token"), ("tökentöken", "is no")],
)
def test_a_file_without_a_token_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (path := tmp_path / "token").write_text(text)
    with pytest.raises(InputError, match=said):
        token_of(ReachConfig(path), {})


def test_files_that_cannot_be_read_are_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        token_of(ReachConfig(tmp_path / "none"), {})
    (binary := tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="it is no text"):
        token_of(ReachConfig(binary), {})


@pytest.mark.parametrize(
    ("reach", "url", "said"),
    [
        (ReachConfig(ca_file=Path("/nowhere.pem")), SAFE, "/nowhere.pem: No such file"),
        (ReachConfig(ca_file=Path(__file__)), SAFE, "no certificates in PEM"),
        (ReachConfig(ca_file=Path("/nowhere.pem")), NEAR, "--ca-file has no effect without wss://"),
        (ReachConfig(any_certificate=True), NEAR, "--any-certificate has no effect without wss://"),
        (ReachConfig(), "ws://me:password@192.0.2.7:8765/v1/stream", "exclude each other"),
        (ReachConfig(), "http://192.0.2.7", "is not the URL of a stream"),
    ],
)
async def test_what_cannot_be_used_is_said(reach: ReachConfig, url: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        http_session(reach, url, {TOKEN_VARIABLE: TOKEN})


async def test_any_certificate_is_taken_only_where_that_is_said() -> None:
    for reach, expected in ((ReachConfig(), True), (ReachConfig(any_certificate=True), False)):
        async with http_session(reach, SAFE, {}) as http:
            assert http.connector is not None and http.connector._ssl is expected  # type: ignore[attr-defined]
    assert ssl.create_default_context().verify_mode is ssl.CERT_REQUIRED
