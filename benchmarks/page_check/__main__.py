"""Whether the page does what docs/page.md says, in a real browser: `make browser-check`.

    python -m benchmarks.page_check [--shots FOLDER] [--only WORD ...]

First the JavaScript that decides (protocol, account, sizes) under node, against messages that Python has written. Then
Chromium, driven by Playwright, which comes from PyPI into an environment of its own: against a stand-in that says that
it has six cameras of all kinds, and against a real `jellyfish serve` with a camera that plays a file. What a machine
lacks is said and left out. `--shots` also writes the pictures that docs/page.md shows.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import platformdirs

from benchmarks.page_check.vectors import vectors
from benchmarks.peers import environment

ROOT = Path(__file__).parents[2]
JAVASCRIPT = Path(__file__).parent / "javascript"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PACKAGES = ("playwright==1.65.2",)
LEAST_NODE = 20


def node_checks() -> bool:
    """The JavaScript alone; whether all is well."""
    node = shutil.which("node")
    version = subprocess.run([node, "--version"], capture_output=True, text=True).stdout.strip() if node else ""
    if node is None or int(version.lstrip("v").split(".")[0]) < LEAST_NODE:
        print(f"left out: the JavaScript alone, for there is no node of version {LEAST_NODE} or newer")
        return True
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "vectors.json"
        told.write_text(json.dumps(vectors()))
        files = sorted(map(str, JAVASCRIPT.glob("*.test.mjs")))
        done = subprocess.run([node, "--test", "--test-reporter=spec", *files], env=os.environ | {"VECTORS": str(told)})
    return done.returncode == 0


def browser_checks(words: list[str]) -> bool:
    """The page in Chromium; whether all is well."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print("left out: the page in a browser, for there is no Chromium: apt install chromium")
        return True
    python = environment(platformdirs.user_cache_path("jellyfish"), "browser-environment", PACKAGES)
    command = [str(python), "-m", "benchmarks.page_check.in_browser", browser, *words]
    return subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}).returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shots", type=Path, help="folder to write pictures of the page to")
    parser.add_argument("--only", nargs="+", default=[], metavar="WORD", help="those checks that have it in their name")
    arguments = parser.parse_args()
    words = [f"--shots={arguments.shots.resolve()}"] if arguments.shots else []
    well = [] if arguments.only else [node_checks()]
    well.append(browser_checks([*words, *(f"--only={word}" for word in arguments.only)]))
    sys.exit(not all(well))


if __name__ == "__main__":
    main()
