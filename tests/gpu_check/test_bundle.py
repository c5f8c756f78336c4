"""The bundle holds all that the check loads: the check itself is run from one, in its short form, on the processor."""

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import torch

from benchmarks.gpu_check.__main__ import main
from benchmarks.gpu_check.bundle import FOLDER, PACKED, ROOT, members, pack
from benchmarks.gpu_check.parts import PARTS

ABSENT = ("cv2", "av", "aiohttp", "scipy", "rich", "typer", "highspy", "platformdirs", "onnxruntime", "uvloop", "onnx")
"""What a machine that has torch alone lacks, and the bundle does not bring."""
BLOCK = f"""
import sys
from importlib.machinery import PathFinder
class Present:
    @staticmethod
    def find_spec(name, path=None, target=None):
        return None if name in {ABSENT} else PathFinder.find_spec(name, path, target)
sys.meta_path = [Present if finder is PathFinder else finder for finder in sys.meta_path]
"""


def tree() -> list[str]:
    """What git would track, without git."""
    places = [ROOT / place for place in PACKED]
    files = [path for place in places for path in ([place] if place.is_file() else place.rglob("*")) if path.is_file()]
    return [str(path.relative_to(ROOT)) for path in files if "__pycache__" not in path.parts]


def test_a_bundle_is_this_tree_without_what_the_check_has_no_use_for():
    names = ["jellyfish/core.py", "jellyfish/models/classification/shipped/a.safetensors", "docs/gpu/README.md"]
    names += ["docs/api.md", "tests/test_cli.py", "jellyfish/videos", "benchmarks/gpu_check/frames/town-1.jpg"]
    assert members(names) == ["benchmarks/gpu_check/frames/town-1.jpg", "docs/gpu/README.md", "jellyfish/core.py"]


def test_all_is_in_one_folder_with_the_wheels(tmp_path: Path):
    (tmp_path / "a-1-py3-none-any.whl").write_bytes(b"wheel")
    pack(["pyproject.toml"], ROOT, tmp_path, tmp_path / "bundle.tar.xz")
    with tarfile.open(tmp_path / "bundle.tar.xz") as archive:
        names = archive.getnames()
    assert names == [f"{FOLDER}/{name}" for name in ("pyproject.toml", "run.sh", "wheels/a-1-py3-none-any.whl")]


@pytest.mark.timeout(1800)
def test_the_check_runs_from_a_bundle_and_needs_nothing_else(tmp_path: Path):
    for name in members(tree()):
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(ROOT / name)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(BLOCK)
    environment = os.environ | {"PYTHONPATH": f"{tmp_path / 'site'}{os.pathsep}{tmp_path}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks.gpu_check", "--device", "cpu", "--short", "--minutes", "60"]
    command += ["--output", "found"]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    report = json.loads((tmp_path / "found" / "gpu-check.json").read_text())
    assert {part["name"]: part["state"] for part in report["parts"]} == dict.fromkeys(
        [part.name for part in PARTS], "ok"
    )
    assert "# GPU check: cpu" in (tmp_path / "found" / "gpu-check.md").read_text()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--device", "gpu0"], "gpu0"),
        (["--device", "cpu", "--max-batch", "0"], "1 to 64"),
        (["--device", "cpu", "--minutes", "0"], "above 0"),
    ],
)
def test_what_cannot_be_is_told_at_once(words, told, capsys):
    assert main(words) == 2
    assert told in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_told(tmp_path, capsys):
    assert main(["--device", "cuda:0", "--output", str(tmp_path)]) == 2
    assert "no usable CUDA GPU" in capsys.readouterr().err
