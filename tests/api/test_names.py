"""`import jellyfish`: what has a name there is there, explained, and loaded only when it is asked for."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import jellyfish

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "api.md").read_text()


@pytest.mark.parametrize("name", jellyfish.__all__)
def test_each_name_is_there_and_on_the_page(name: str) -> None:
    assert getattr(jellyfish, name).__name__.rpartition(".")[2] == name
    assert re.search(rf"\b{name}\b", PAGE)


def test_no_other_name_is() -> None:
    with pytest.raises(AttributeError, match="'jellyfish' has no attribute 'Sever'"):
        _ = jellyfish.Sever  # type: ignore[attr-defined]
    assert set(jellyfish.__all__) < set(dir(jellyfish))


def test_the_package_itself_loads_nothing() -> None:
    script = "import sys, jellyfish; print([n for n in sys.modules if n.startswith('jellyfish.') or n == 'numpy'])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "[]\n"
