"""Pack the check for a machine that no network reaches: this tree, and the wheels that such a machine lacks.

    python -m benchmarks.gpu_check.bundle [--output gpu-check.tar.xz] [--python 3.12]

The machine needs x86-64 Linux, that Python, torch, torchvision and NumPy. There: `tar xf gpu-check.tar.xz`, then
`sh gpu-check/run.sh --device cuda:0 --output FOLDER`: it unpacks the wheels beside itself and runs the check; nothing
is installed, and nothing fetched. What is packed is what git tracks here, as it lies in the working tree.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from jellyfish.errors import InputError, RunError

ROOT = Path(__file__).parents[2]
FOLDER = "gpu-check"
"""What all lies in, once unpacked."""
WHEELS = ("msgspec", "safetensors")
"""What the check loads beside torch, torchvision, NumPy and Pillow, which torchvision cannot do without."""
PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64")
PACKED = ("jellyfish", "benchmarks/gpu_check", "docs/gpu", "pyproject.toml", "LICENSE")
LEFT = ("jellyfish/videos", "jellyfish/models/classification/shipped", "jellyfish/report", "jellyfish/lab/street")
"""Of those, what the check has no use for, and that is large."""
MOST_BYTES = 60_000_000


def members(tracked: Iterable[str]) -> list[str]:
    """Of the files that git tracks, those that are packed."""
    return sorted(name for name in tracked if _within(name, PACKED) and not _within(name, LEFT))


def _within(name: str, places: Iterable[str]) -> bool:
    return any(name == place or name.startswith(f"{place}/") for place in places)


def pack(files: Sequence[str], root: Path, wheels: Path, output: Path) -> int:
    """Write the archive; its bytes. RunError if they are more than such a machine may be sent."""
    with tarfile.open(output, "w:xz", preset=9) as archive:
        for name in files:
            archive.add(root / name, f"{FOLDER}/{name}", recursive=False)
        archive.add(root / "benchmarks/gpu_check/run.sh", f"{FOLDER}/run.sh")
        for wheel in sorted(wheels.glob("*.whl")):
            archive.add(wheel, f"{FOLDER}/wheels/{wheel.name}")
    size = output.stat().st_size
    if size > MOST_BYTES:
        raise RunError(f"{output} has {size / 1e6:.1f} MB: more than {MOST_BYTES / 1e6:.0f}")
    return size


def _tracked() -> list[str]:
    command = ["git", "ls-files", "-z"]
    try:
        found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise InputError("the bundle is packed from a checkout: git does not know this folder") from error
    return [name for name in found.split("\0") if name and (ROOT / name).exists()]


def _download(python: str, folder: Path) -> None:
    """The wheels, of the versions that are installed here."""
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    wanted = [f"{name}=={version(name)}" for name in WHEELS]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--python-version", python, "--implementation", "cp", *platforms, "--dest", str(folder), *wanted]
    if subprocess.run(command, check=False).returncode:
        raise RunError(f"pip could not download {' and '.join(wanted)} for Python {python}: see above")


def main(words: Sequence[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("gpu-check.tar.xz"))
    parser.add_argument("--python", default="3.12", help="of that machine")
    arguments = parser.parse_args(words)
    try:
        with tempfile.TemporaryDirectory() as folder:
            _download(arguments.python, Path(folder))
            size = pack(members(_tracked()), ROOT, Path(folder), arguments.output)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    except RunError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"written: {arguments.output}, {size / 1e6:.1f} MB")
    print(f"there: tar xf {arguments.output.name} && sh {FOLDER}/run.sh --device cuda:0 --output FOLDER")
    return 0


if __name__ == "__main__":
    sys.exit(main())
