"""Whether the files of presets are those that were made and measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ..inference.first_stage import load_first_stage
from ..inference.novelty import load_novelty
from ..presets import Preset, PresetError, list_presets, load_preset
from ..validation.tried import TRIED_FILE, load_tried
from .finding import PROBLEM, Finding

__all__ = ["look_at_weights"]

AGAIN = "install lamost-rare again; if the preset is your own, train it again"


def look_at_weights(names: Iterable[str] = ()) -> Iterator[tuple[Finding, Path | None]]:
    """Yield for each preset whether its files are whole, and its folder if they are.

    Parameters
    ----------
    names : iterable of str
        Names or folders; by default those of all shipped presets.
    """
    names = list(names) or list_presets()
    if not names:
        says = "none is shipped with this installation"
        yield Finding("presets", says, PROBLEM, AGAIN), None
    for name in names:
        try:
            preset = load_preset(name)
            parts = _sound_parts(preset)
        except PresetError as error:
            yield Finding(f"preset {name}", str(error), PROBLEM, AGAIN), None
        else:
            says = f"{', '.join(parts)}: whole, SHA-256 {preset.sha256[:12]}…"
            yield Finding(f"preset {preset.name}", says), preset.folder


def _sound_parts(preset: Preset) -> list[str]:
    """Return what a preset has, or raise PresetError if any of it is damaged."""
    parts = ["weights"]  # which loading it has compared
    if load_novelty(preset) is not None:
        parts.append("novelty")
    if load_first_stage(preset) is not None:
        parts.append("first stage")
    if (preset.folder / TRIED_FILE).exists():
        load_tried(preset)
        parts.append("trials")
    return parts
