"""What a scan was asked to do and what it did: DIR/manifest.json."""

from __future__ import annotations

import hashlib
import json
import platform
from pathlib import Path

from .. import __version__
from ..atomic import write_text_atomically
from ..installed import versions_of
from ..text import printable
from ..wording import named
from .errors import ScanError

__all__ = [
    "describe_preset",
    "describe_steps",
    "read_manifest",
    "refuse_other",
    "versions",
    "write_manifest",
]

FORMAT = 1
"""Version of the layout of output directories."""


def _override() -> str:
    return f"use {named('overwrite', True)} to start again, or another {named('output')}"


def describe_preset(preset) -> dict:
    """Return what identifies a preset: results of two presets that differ in any of it do not
    mix."""
    config = json.dumps(preset.config, sort_keys=True).encode()
    return {
        "name": preset.name,
        "weights_sha256": preset.sha256,
        "config_sha256": hashlib.sha256(config).hexdigest(),
    }


def versions() -> dict[str, str]:
    """Return the versions of what the numbers in a catalogue depend on."""
    found = {"lamost-rare": __version__, "python": platform.python_version()}
    names = ("numpy", "scipy", "astropy", "pyarrow", "keras", "tensorflow", "tensorflow-cpu")
    return found | versions_of(names)


def write_manifest(path: Path, manifest: dict) -> None:
    """Write the manifest in place of the one that may be there."""
    write_text_atomically(path, json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")


def read_manifest(path: Path) -> dict | None:
    """Return the manifest, or None if there is none.

    Raises
    ------
    ScanError
        If it is there and is not one that this version can go on from.
    """
    try:
        manifest = json.loads(path.read_bytes())
        if manifest["format"] == FORMAT:
            return manifest
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        pass
    raise ScanError(
        f"{printable(path)} is damaged or of another version of lamost-rare: {_override()}"
    )


def describe_steps(steps) -> list[dict]:
    """Return what identifies steps with their parameters, as it comes back from JSON."""
    return json.loads(json.dumps([step.fingerprint() for step in steps], default=repr))


def _other_steps(old: list[dict], new: list[dict]) -> str:
    before, now = ([step["name"] for step in steps] for steps in (old, new))
    if before != now:
        return f"steps {printable(', '.join(before) or 'none')}, not {printable(', '.join(now))}"
    for name, *both in zip(now, old, new, strict=True):
        a, b = ({**step.pop("parameters", {}), **step} for step in map(dict, both))
        for key in {**a, **b}:
            if a.get(key) != b.get(key):
                return printable(f"{key} {a.get(key)!r} of step {name}, not {b.get(key)!r}")
    return "other steps"


def refuse_other(old: dict, new: dict, output: Path) -> None:
    """Raise `ScanError` unless ``new`` asks for what the manifest ``old`` stands for."""

    def refuse(what: str):
        raise ScanError(f"{printable(output)} holds a scan {what}: {_override()}")

    if old["source"] != new["source"]:
        refuse(f"of {printable(old['source'])}, not of {printable(new['source'])}")
    if old.get("root") != new.get("root"):
        before, now = (printable(m.get("root") or f"no {named('root')}") for m in (old, new))
        refuse(f"of spectra below {before}, not {now}")
    if old["inputs"] != new["inputs"]:
        before, now = old["inputs"]["count"], new["inputs"]["count"]
        other = f"{before} inputs, now there are {now}" if before != now else "other inputs"
        refuse(f"of {other}")
    if old["preset"] != new["preset"]:
        before, now = (printable((m["preset"] or {"name": "none"})["name"]) for m in (old, new))
        other = f"{before}, not {now}" if before != now else f"another state of {now}"
        refuse(f"with preset {other}")
    if old.get("steps") != new["steps"]:
        refuse(f"with {_other_steps(old.get('steps') or [], new['steps'])}")
    for name, value in new["configuration"].items():
        before = old["configuration"].get(name)
        if before != value:
            refuse(f"with {named(name)} {before}, not {value}")
    before = old["versions"]["lamost-rare"]
    if before != new["versions"]["lamost-rare"]:
        refuse(f"by lamost-rare {printable(before)}")
