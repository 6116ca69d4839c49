"""The files of a preset as they are on disk: their content, their checksums, who wrote them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from .installed import versions_of
from .preset_config import PresetError
from .text import printable

__all__ = ["CONFIG_FILE", "check_sha256", "read_config", "sha256_of", "versions"]

CONFIG_FILE = "config.json"

_MAX_CONFIG_BYTES = 4 << 20


def read_config(folder: Path) -> dict:
    """Return the content of ``config.json``.

    Raises
    ------
    PresetError
        If it cannot be read, or is no JSON object.
    """
    path = folder / CONFIG_FILE
    what = printable(path)
    try:
        if path.stat().st_size > _MAX_CONFIG_BYTES:
            raise PresetError(f"{what} is too large for the configuration of a preset")
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PresetError(f"cannot read {what}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, PresetError):
            raise
        raise PresetError(f"{what} is not valid JSON: {printable(error)}") from error
    if not isinstance(config, dict):
        raise PresetError(f"{what} does not hold a JSON object")
    return config


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_sha256(preset: str, path: Path, sha256: str) -> None:
    """Check that a file of a preset is the one that was measured.

    Raises
    ------
    PresetError
        If it is missing, unreadable or another one.
    """
    try:
        found = sha256_of(path)
    except OSError as error:
        raise PresetError(
            f"preset {preset!r}: cannot read {printable(path)}: {error.strerror or error}"
        ) from error
    if found != sha256:
        raise PresetError(
            f"preset {preset!r}: {printable(path)} has SHA-256 {found[:12]}…, "
            f"its config.json says {sha256[:12]}…: the file is damaged or was exchanged; "
            "install the package again or rebuild the preset"
        )


def versions() -> dict[str, str]:
    """Return the installed versions of what decides a network's outputs."""
    return versions_of(("lamost-rare", "keras", "tensorflow", "tensorflow-cpu", "numpy"))
