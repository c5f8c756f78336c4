"""A program whose output goes nowhere, to a full disk, or to a terminal of few letters still does its work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

MISSING = "the output could not be written (No space left on device); part of it is missing"
SCRIPT = """
import sys
from jellyfish.program.standard_files import open_standard_files, what_is_missing
output = open_standard_files()
for number in range(3):
    print("line", number, "\\u2026 \\udcff", flush=True)
print("done", file=sys.stderr)
if (missing := what_is_missing(output)) is not None:
    print(missing, file=sys.stderr)
open(sys.argv[1], "w").write(str(open(sys.argv[1]).fileno()))
"""


@pytest.mark.parametrize(
    ("shell", "said"),
    [
        ("exec {} >/dev/null", "done\n"),
        ("exec {} >&-", "done\n"),
        ("exec {} 2>&-", ""),
        ("exec {} >&- 2>&- <&-", ""),
        ("{} | true", "done\n"),
        (
            "exec {} >/dev/full",
            f"done\n{MISSING}\n",
        ),
        ("exec env PYTHONIOENCODING=ascii {} >/dev/null", "done\n"),
    ],
    ids=["nowhere", "no output", "no errors", "no files", "no reader", "full disk", "few letters"],
)
def test_what_is_said_fails_nothing(shell: str, said: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = shell.format(f"{sys.executable} {script} {tmp_path / 'work'}")
    root = Path(__file__).parents[2]
    done = subprocess.run(
        ["sh", "-c", command], stderr=subprocess.PIPE, text=True, check=False, timeout=60, env={"PYTHONPATH": str(root)}
    )
    assert (done.returncode, done.stderr) == (0, said)
    assert int((tmp_path / "work").read_text()) > 2  # no file of its own is taken for one of the standard ones


def test_letters_that_a_terminal_does_not_have_are_written_as_numbers(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, script, tmp_path / "work"], stdout=subprocess.PIPE, check=True, timeout=60,
        env={"PYTHONPATH": str(root), "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert done.stdout.startswith(b"line 0 \\u2026 \\udcff\n")
