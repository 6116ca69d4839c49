"""Scan of a directory of spectra: discovery, readers, shards, resume, catalogue.

Read in the order in which a file travels: a source (`sources`, `lists`, `store`,
`general_catalogue`) names it, mostly because `discovery` finds it; `inputs` lists it, `workers`
gives it to a `reader` process, `catalogue` makes its row, `shards` puts the row on disk and `merge`
into the result; `manifest` remembers what was asked for, and `scan` ties them together. `pack`
writes a store in the same way, and `distributed` has the workers of a Dask cluster do shards.
"""

from .errors import ScanError, ScanInterrupted

__all__ = [
    "ScanError",
    "ScanInterrupted",
    "ScanSummary",
    "dask_scan",
    "pack_spectra",
    "scan_directory",
]


def __getattr__(name):
    if name == "scan_directory":
        from .scan import scan_directory as value
    elif name == "pack_spectra":
        from .pack import pack_spectra as value
    elif name == "dask_scan":
        from .distributed import dask_scan as value
    elif name == "ScanSummary":
        from .summary import ScanSummary as value
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *__all__})
