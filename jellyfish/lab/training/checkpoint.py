"""A learner's state on disk, so that an interrupted run can go on as if it had not been.

Read with `weights_only`: tensors, numbers and containers, never code.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch

from jellyfish.errors import InputError, RunError


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Replace the checkpoint at `path` by `state`, in one move. RunError if it cannot be written."""
    partial = path.with_suffix(".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(state, partial)
        partial.replace(path)
    except (OSError, RuntimeError) as error:  # torch's own, of a full disk
        partial.unlink(missing_ok=True)
        raise RunError(f"the checkpoint {path} cannot be written: {str(error).splitlines()[0]}") from error


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The state last saved at `path`; InputError if there is none or it cannot be read."""
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"There is no checkpoint {path} to resume from") from None
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise InputError(f"Cannot read the checkpoint {path}: {error}") from error
    return state
