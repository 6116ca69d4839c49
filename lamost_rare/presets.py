"""Presets: trained networks with everything that is needed to use them.

A preset is a folder with ``config.json`` (see `Preset`), ``model.weights.h5``, ``CARD.md`` and
``golden.npz``; some have more. Shipped ones lie in ``lamost_rare/weights``, others anywhere.
This module never imports Keras: listing and verifying presets is quick.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from .atomic import atomic_path, write_text_atomically
from .notebook import facts_as_html
from .preset_config import PresetConfig, PresetError
from .preset_facts import facts_of, sentences_of
from .preset_files import CONFIG_FILE, check_sha256, read_config, sha256_of, versions
from .spectra.grid import WavelengthGrid
from .text import check_paths, printable

__all__ = [
    "DEFAULT_PRESET",
    "NOVELTY_FILE",
    "WEIGHTS_FILE",
    "Preset",
    "PresetError",
    "check_kind",
    "list_presets",
    "load_preset",
    "save_preset",
]

DEFAULT_PRESET = "racnet-obafgkm-v1"
"""What `classify_spectra` and ``lamost-rare scan`` use unless told otherwise."""

WEIGHTS_FILE = "model.weights.h5"
"""Name of the weights in the folder of a preset."""
NOVELTY_FILE = "novelty.npz"
"""Name of what some have for `lamost_rare.inference.novelty`."""

_log = logging.getLogger(__name__)

_SHIPPED = Path(__file__).parent / "weights"


@dataclass(frozen=True, eq=False, repr=False)
class Preset:
    """A trained network and how to use it.

    Attributes
    ----------
    name : str
        Ends in a version, for example ``racnet-obafgkm-v1``.
    folder : Path
        Where its files are.
    config : dict
        The content of ``config.json``.

    Examples
    --------
    >>> from lamost_rare import load_preset
    >>> preset = load_preset("racnet-obafgkm-v1")
    >>> preset.rare_class, preset.grid.n_pixels
    ('O', 3072)
    """

    name: str
    folder: Path
    config: dict

    def __repr__(self) -> str:
        # Of whatever the configuration is, usable or not.
        kind, rare = self.config.get("kind"), self.config.get("rare_class")
        return printable(f"<Preset {self.name}: {kind}{f' for {rare}' if rare else ''}>")

    def _repr_html_(self) -> str | None:
        try:
            says, facts = sentences_of(self), facts_of(self)
        except PresetError:
            return None  # what `repr` says will do
        return facts_as_html(repr(self)[1:-1], facts, says=says)

    @cached_property
    def settings(self) -> PresetConfig:
        """``config`` as a typed object."""
        return PresetConfig.from_dict(self.config, f"preset {self.name!r}")

    @property
    def kind(self) -> str:
        """``classifier`` or ``generator``."""
        return self.settings.kind

    @property
    def description(self) -> str:
        """Its purpose, in a sentence or two."""
        return self.settings.description

    @property
    def architecture(self) -> dict:
        """Layer sizes, as `lamost_rare.networks` takes them."""
        return self.settings.architecture

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the network's outputs; empty for a generator."""
        return self.settings.classes

    @property
    def rare_class(self) -> str:
        """The class whose members are candidates."""
        return self.settings.rare_class

    @property
    def grid(self) -> WavelengthGrid:
        """The vacuum wavelength grid of the network's input or output."""
        return self.settings.grid

    @property
    def preprocessing(self) -> dict:
        """Parameters of `lamost_rare.spectra.normalize.network_input`."""
        return self.settings.preprocessing

    @property
    def threshold(self) -> float:
        """A candidate has at least this ``p_<rare>_survey``; without odds, this ``p_<rare>``."""
        return float(self.settings.threshold)

    @property
    def calibration(self) -> dict:
        """Numbers by which logits become probabilities."""
        return self.config.get("calibration") or {}

    @property
    def figures(self) -> dict:
        """Its figures of merit, as they were measured."""
        return self.settings.figures

    @property
    def sha256(self) -> str:
        """SHA-256 of the weights file, as 64 hexadecimal digits."""
        return self.settings.weights_sha256

    @property
    def weights_path(self) -> Path:
        """The weights file."""
        return self.folder / WEIGHTS_FILE

    def verify(self) -> None:
        """Compare the weights, and the file of novelty, with the SHA-256 in ``config.json``.

        Raises
        ------
        PresetError
            If the file is missing, unreadable or not the one that was measured.
        """
        check_sha256(self.name, self.weights_path, self.sha256)
        if own := self.settings.novelty:
            check_sha256(self.name, self.folder / NOVELTY_FILE, own.sha256)


def list_presets() -> list[str]:
    """Names of the shipped presets, the default first.

    Returns
    -------
    list of str

    Examples
    --------
    >>> from lamost_rare import list_presets
    >>> "racnet-obafgkm-v1" in list_presets()
    True
    """
    names = sorted(path.parent.name for path in _SHIPPED.glob(f"*/{CONFIG_FILE}"))
    return sorted(names, key=lambda name: name != DEFAULT_PRESET)


def load_preset(preset: str | os.PathLike | None = None, *, verify: bool = True) -> Preset:
    """Load a preset and check that its weights are the ones that were measured.

    Parameters
    ----------
    preset : str or path, optional
        Name of a shipped preset, or a folder that holds one. By default `DEFAULT_PRESET`.
    verify : bool
        Compare the weights with their SHA-256.

    Returns
    -------
    Preset

    Raises
    ------
    PresetError
        If there is no such preset, its ``config.json`` is unusable or its weights do not match.

    Examples
    --------
    >>> from lamost_rare import load_preset
    >>> load_preset().kind, load_preset("lcgan-o-v1").kind
    ('classifier', 'generator')
    """
    folder = _find(DEFAULT_PRESET if preset is None else preset)
    config = read_config(folder)
    settings = PresetConfig.from_dict(config, printable(folder / CONFIG_FILE))
    loaded = Preset(settings.name or folder.name, folder, config)
    if verify:
        loaded.verify()
    how = "verified" if verify else "not verified"
    _log.debug("%s from %s, %s", repr(loaded), printable(folder), how)
    return loaded


def save_preset(folder: str | os.PathLike, config: dict, weights_file: str | os.PathLike) -> Preset:
    """Write ``config.json`` with the SHA-256 of the weights, and put the weights beside it.

    Parameters
    ----------
    folder : str or path
        Folder of the preset; made if it does not exist. Files of an earlier preset are replaced.
    config : dict
        All of ``config.json`` but ``weights_sha256`` and ``created_with``, which are filled in.
    weights_file : str or path
        The ``.weights.h5`` file that Keras saved; copied, unless it lies in its place already.

    Returns
    -------
    Preset
        The preset as `load_preset` reads it back.

    Raises
    ------
    PresetError
        If ``config`` lacks something that a preset needs.
    OSError
        If a file cannot be read or written.

    Examples
    --------
    A copy of a shipped preset, with another description:

    >>> from lamost_rare import load_preset
    >>> from lamost_rare.presets import save_preset
    >>> shipped = load_preset("lcgan-o-v1")
    >>> config = {**shipped.config, "description": "My copy."}
    >>> save_preset("my-copy-v1", config, shipped.weights_path).description
    'My copy.'
    """
    check_paths(folder=folder, weights_file=weights_file)
    folder, weights_file = Path(folder), Path(weights_file)
    config = {
        **config,
        "weights_sha256": sha256_of(weights_file),
        "created_with": config.get("created_with") or versions(),
    }
    PresetConfig.from_dict(config, f"preset {config.get('name', folder.name)!r}")
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / WEIGHTS_FILE
    if not (target.exists() and target.samefile(weights_file)):
        with atomic_path(target) as temporary:
            shutil.copyfile(weights_file, temporary)
    text = json.dumps(config, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_text_atomically(folder / CONFIG_FILE, text)
    _log.info("preset written to %s", printable(folder))
    return load_preset(folder)


def check_kind(preset: Preset, kind: str) -> None:
    """Raise PresetError if a preset is not what is needed: a classifier, or a generator."""
    if preset.kind != kind:
        raise PresetError(f"preset {preset.name!r} is a {preset.kind}, not a {kind}")


def _find(preset: str | os.PathLike) -> Path:
    """Folder of a preset given by name or by path."""
    check_paths(preset=preset)
    known = list_presets()
    if isinstance(preset, str) and preset in known:
        return _SHIPPED / preset
    path = Path(preset)
    if (path / CONFIG_FILE).is_file():
        return path.resolve()
    if path.is_dir():
        raise PresetError(f"{printable(preset)} is a folder without {CONFIG_FILE}: not a preset")
    shipped = ", ".join(known) or "none"
    close = get_close_matches(str(preset), known, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise PresetError(f"no preset '{printable(preset)}'; {hint}Shipped: {shipped}")
