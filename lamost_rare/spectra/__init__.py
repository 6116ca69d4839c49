"""Spectra: how they get in, and the batch in which they flow.

Files and `Spectrum` objects become a `RawSpectrum` each; `assemble` puts many of them on one
`WavelengthGrid` as a `SpectrumBatch`. specutils and astropy are imported only by what needs them,
so names are resolved on first use.
"""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
    from .adapters import iterate_spectra, raw_from_spectrum, to_spectrum, to_spectrum_list
    from .air_vacuum import air_to_vacuum, vacuum_to_air
    from .batch import IDENTITY_DTYPES, SpectrumBatch, empty_identity
    from .grid import LAMOST_GRID, WavelengthGrid
    from .lamost import read_lamost
    from .normalize import network_input, normalize_l2
    from .quality import REJECT_REASONS, QualityFlag, SpectrumError
    from .raw import RawSpectrum
    from .reading import iterate_sources, read_batch, read_each
    from .resample import assemble

__all__ = [
    "IDENTITY_DTYPES",
    "LAMOST_GRID",
    "REJECT_REASONS",
    "QualityFlag",
    "RawSpectrum",
    "SpectrumBatch",
    "SpectrumError",
    "WavelengthGrid",
    "air_to_vacuum",
    "assemble",
    "empty_identity",
    "iterate_sources",
    "iterate_spectra",
    "network_input",
    "normalize_l2",
    "raw_from_spectrum",
    "read_batch",
    "read_each",
    "read_lamost",
    "to_spectrum",
    "to_spectrum_list",
    "vacuum_to_air",
]

_MODULES = {
    "adapters": ("iterate_spectra", "raw_from_spectrum", "to_spectrum", "to_spectrum_list"),
    "air_vacuum": ("air_to_vacuum", "vacuum_to_air"),
    "batch": ("IDENTITY_DTYPES", "SpectrumBatch", "empty_identity"),
    "grid": ("LAMOST_GRID", "WavelengthGrid"),
    "lamost": ("read_lamost",),
    "normalize": ("network_input", "normalize_l2"),
    "quality": ("REJECT_REASONS", "QualityFlag", "SpectrumError"),
    "raw": ("RawSpectrum",),
    "resample": ("assemble",),
    "reading": ("iterate_sources", "read_batch", "read_each"),
}

__getattr__, __dir__ = lazy_names(
    __name__, {name: module for module, names in _MODULES.items() for name in names}
)
