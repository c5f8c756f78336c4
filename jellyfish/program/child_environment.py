"""What is told by environment to processes that deal with strangers' data: nothing that is a secret of ours."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import jellyfish


def environment_of_child(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of `environment` but those that are ours, tokens among them; and where this package is."""
    root = str(Path(jellyfish.__file__).parents[1])
    paths = os.pathsep.join(filter(None, [root, environment.get("PYTHONPATH")]))
    others = {name: value for name, value in environment.items() if not name.startswith("JELLYFISH_")}
    return others | {"PYTHONPATH": paths}
