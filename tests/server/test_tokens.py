"""Tokens in files and in the environment."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from jellyfish.errors import InputError
from jellyfish.server.access import RouteKind
from jellyfish.server.tokens import ADMINISTRATION_VARIABLE, CAMERA_VARIABLE, WATCH_VARIABLE, read_tokens, tokens_of

GOOD = "0123456789abcdef"


def written(folder: Path, text: str) -> Path:
    path = folder / "tokens.toml"
    path.write_text(text)
    return path


def test_a_file_of_tokens(tmp_path: Path) -> None:
    digest = sha256(b"another-token-of-ours").hexdigest()
    tokens, without = read_tokens(
        written(
            tmp_path,
            f'without_token = ["metrics"]\n[[token]]\nname = "door"\ntoken = "{GOOD}"\ncameras = ["door-*"]\n'
            f'[[token]]\nname = "chief"\nsha256 = "{digest.upper()}"\nmay = ["administration"]\n',
        )
    )
    door, chief = tokens
    assert (door.name, door.digest, door.cameras) == ("door", sha256(GOOD.encode()).digest(), ("door-*",))
    assert door.may == {RouteKind.CAMERA, RouteKind.REQUEST} and without == {RouteKind.METRICS}
    assert (chief.digest.hex(), chief.may) == (digest, {RouteKind.ADMINISTRATION})
    assert GOOD not in repr(tokens)


ENTRY = '[[token]]\nname = "door"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no tokens"),
        ("token = 1", "token"),
        ("[[token]\n", "is no file of tokens"),
        (f'[[token]]\ntoken = "{GOOD}"', "name"),
        (ENTRY, "give one of token and sha256"),
        (f'{ENTRY}token = "{GOOD}"\nsha256 = "{"0" * 64}"', "give one of token and sha256"),
        (f'{ENTRY}token = "short"', "16 to 512 characters, this one 5; make one with"),
        (f'{ENTRY}token = "{GOOD} {GOOD}"', "letters, digits and"),
        (f'{ENTRY}sha256 = "12"', "sha256"),
        (f'{ENTRY}token = "{GOOD}"\nmay = ["everything"]', "everything"),
        (f'{ENTRY}token = "{GOOD}"\nmay = []', "may"),
        (f'{ENTRY}token = "{GOOD}"\nmay = ["health"]', "health takes no token"),
        (f'{ENTRY}token = "{GOOD}"\nmaay = ["camera"]', "maay"),
        (f'{ENTRY}token = "{GOOD}"\n[[token]]\nname = "gate"\ntoken = "{GOOD}"', "'door' and 'gate' are the same"),
        (f'{ENTRY}token = "{GOOD}"\n{ENTRY}token = "{GOOD}"', "'door' and 'door' are the same"),
        (f'without_token = ["administration"]\n{ENTRY}token = "{GOOD}"', "administration does not go without"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError) as raised:
        read_tokens(written(tmp_path, text))
    assert said in str(raised.value) and "tokens.toml" in str(raised.value)


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_tokens(tmp_path / "none")
    with pytest.raises(InputError, match="directory"):
        read_tokens(tmp_path)


def test_tokens_of_the_environment() -> None:
    assert tokens_of({}) == () == tokens_of({CAMERA_VARIABLE: ""})
    camera, chief = tokens_of({CAMERA_VARIABLE: GOOD, ADMINISTRATION_VARIABLE: GOOD[::-1]})
    assert RouteKind.ADMINISTRATION not in camera.may and RouteKind.ADMINISTRATION in chief.may
    (watcher,) = tokens_of({WATCH_VARIABLE: GOOD})
    assert watcher.may == {RouteKind.WATCH} and RouteKind.WATCH in chief.may - camera.may
    with pytest.raises(InputError, match=f"{CAMERA_VARIABLE}: a token has 16 to 512"):
        tokens_of({CAMERA_VARIABLE: "x"})
    with pytest.raises(InputError, match="are the same token"):
        tokens_of({CAMERA_VARIABLE: GOOD, ADMINISTRATION_VARIABLE: GOOD})
    with pytest.raises(InputError, match="there is no variable JELLYFISH_CAMERA_TOKENS; there are"):
        tokens_of({f"{CAMERA_VARIABLE}S": GOOD})
    assert tokens_of({"JELLYFISH_TOKEN": GOOD, "JELLYFISH_SERVE_TOKENS": "file"}) == ()
