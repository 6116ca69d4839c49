"""Spectra: how they get in, and the batch in which they flow.

Files and `Spectrum` objects become a `RawSpectrum` each; `assemble` puts many of them on one
`WavelengthGrid` as a `SpectrumBatch`. specutils and astropy are imported only by what needs them,
so names are resolved on first use.
"""

from importlib import import_module

_MODULES = {
    "batch": ("IDENTITY_DTYPES", "SpectrumBatch", "empty_identity"),
    "grid": ("LAMOST_GRID", "WavelengthGrid"),
    "quality": ("REJECT_REASONS", "QualityFlag", "SpectrumError"),
    "raw": ("RawSpectrum",),
    "lamost": ("read_lamost",),
    "air_vacuum": ("air_to_vacuum", "vacuum_to_air"),
    "resample": ("assemble",),
    "sources": ("iterate_sources", "read_batch"),
    "normalize": ("network_input", "normalize_l2"),
    "adapters": ("iterate_spectra", "raw_from_spectrum", "to_spectrum", "to_spectrum_list"),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = sorted(_HOMES)


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *__all__})
