"""The house and its lab: only the commands open the lab, and only when they run."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "jellyfish"


def imports_on_load(source: str) -> set[str]:
    """Modules that a file imports when it is loaded, and not only in its functions."""
    found: set[str] = set()
    pending: list[ast.AST] = [ast.parse(source)]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            pending.extend(ast.iter_child_nodes(node))
    return found


@pytest.mark.parametrize(
    "planted",
    ["from jellyfish import lab", "import jellyfish.lab.street", "if 1:\n    from jellyfish.lab.street import x"],
)
def test_an_import_at_the_top_of_a_file_is_seen(planted: str) -> None:
    assert any(name.startswith("jellyfish.lab") for name in imports_on_load(planted))
    assert not imports_on_load("def f():\n    import jellyfish.lab")


def test_nothing_outside_the_lab_loads_it() -> None:
    for file in PACKAGE.rglob("*.py"):
        if "lab" not in file.relative_to(PACKAGE).parts:
            loaded = {name for name in imports_on_load(file.read_text()) if name.startswith("jellyfish.lab")}
            assert not loaded, f"{file.relative_to(PACKAGE)} loads {', '.join(sorted(loaded))}"


def test_class_names_are_said_once() -> None:
    places: dict[str, list[str]] = {}
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(str(file.relative_to(PACKAGE)))
    assert not {name: files for name, files in places.items() if len(files) > 1}
