"""Profiles as JSON files, one per device, hardware, software and model, in the user's cache folder."""

from __future__ import annotations

import hashlib
import logging
import tempfile
from pathlib import Path

import msgspec
import platformdirs

from jellyfish.devices.profile.table import SCHEMA, LatencyProfile, Subject
from jellyfish.errors import InputError

logger = logging.getLogger(__name__)


def default_folder() -> Path:
    """Where profiles are kept unless the user names another folder."""
    return Path(platformdirs.user_cache_dir("jellyfish")) / "profiles"


def profile_path(subject: Subject, folder: Path | None = None) -> Path:
    """The file of the profile of `subject`. It need not exist."""
    place, model = _digits(subject.hardware, subject.software), _digits(subject.model, subject.weights)
    return (folder or default_folder()) / f"{subject.device.replace(':', '-')}-{place}-{model}.json"


def _digits(*words: str) -> str:
    """What stands for them in a file's name, whatever characters they have."""
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:8]


def save_profile(profile: LatencyProfile, folder: Path | None = None) -> Path:
    """Write `profile` where `find_profile` finds it, in one step; returns the path. InputError if it cannot."""
    path = profile_path(profile.subject, folder)
    partial = path.with_suffix(".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(msgspec.json.format(msgspec.json.encode(profile)) + b"\n")
        partial.replace(path)
    except OSError as error:
        raise _cannot_save(path, error) from error
    return path


def check_folder(folder: Path | None = None) -> None:
    """InputError, before anything is measured, if no profile can be saved."""
    path = folder or default_folder()
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise _cannot_save(path, error) from error


def _cannot_save(path: Path, error: OSError) -> InputError:
    return InputError(f"the profile {path} cannot be saved ({error.strerror}); set XDG_CACHE_HOME to another folder")


def load_profile(path: Path) -> LatencyProfile:
    """The profile in the file. InputError if there is none that this version can use."""
    try:
        profile = msgspec.json.decode(path.read_bytes(), type=LatencyProfile)
    except OSError as error:
        raise InputError(f"profile {path} cannot be read ({error.strerror}); measure one first") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, InputError) as error:
        raise InputError(f"{path} is not a latency profile ({error}); measure it again") from error
    if profile.schema != SCHEMA:
        raise InputError(f"profile {path} has schema {profile.schema}, this version reads {SCHEMA}; measure it again")
    return profile


def find_profile(subject: Subject, folder: Path | None = None, max_batch: int = 1) -> LatencyProfile | None:
    """The saved profile of exactly this subject, with batches of up to `max_batch` at least.

    None if it must be measured: there is none such, or its file is broken.
    """
    path = profile_path(subject, folder)
    if not path.exists():
        return None
    try:
        profile = load_profile(path)
    except InputError as error:
        logger.warning("ignored: %s", error)
        return None
    return profile if profile.subject == subject and profile.max_batch >= max_batch else None
