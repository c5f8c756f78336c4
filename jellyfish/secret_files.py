"""What users keep out of command lines: the first lines of a file of theirs, and tokens."""

from __future__ import annotations

from pathlib import Path

from jellyfish.errors import InputError


def first_lines(path: Path, meaning: str, most_letters: int) -> list[str]:
    """The lines of a file's first letters, without blanks around them; the first one says something.

    `meaning`: what that is to be, in words. InputError where there is none.
    """
    try:
        with path.open() as file:
            lines = [line.strip() for line in file.read(most_letters).splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise InputError(f"{meaning} cannot be read: {path}: {why}") from error
    if not lines or not lines[0]:
        raise InputError(f"{path} is empty: its first line is to be {meaning}")
    return lines


def checked_token(token: str, where: str, most_letters: int) -> str:
    """`token`, empty or not; InputError, which says where it stands, for one that no header can hold."""
    if len(token) > most_letters or not token.isascii() or any(letter.isspace() for letter in token):
        raise InputError(f"{where} is no token: that is one word of at most {most_letters} plain letters")
    return token
