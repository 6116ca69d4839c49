"""Scan of a directory of spectra: discovery, readers, shards, resume, catalogue.

Read in the order in which a file travels: what a scan is given (`inputs`) names it, mostly because
`discovery` finds it; `input_list` lists it, `workers` gives it to a `reader` process, `catalogue`
makes its row, `shards` puts the row on disk and `merge` into the result. `shard_run` is what every
run over shards needs; `scan` does one, `pack` writes a store in the same way, and `distributed` has
the workers of a Dask cluster do shards.
"""

from typing import TYPE_CHECKING

from ..lazy import lazy_names
from .errors import ScanError, ScanInterrupted

if TYPE_CHECKING:
    from .distributed import dask_scan
    from .pack import pack_spectra
    from .scan import scan_directory
    from .summary import ScanSummary

__all__ = [
    "ScanError",
    "ScanInterrupted",
    "ScanSummary",
    "dask_scan",
    "pack_spectra",
    "scan_directory",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "ScanSummary": "summary",
        "dask_scan": "distributed",
        "pack_spectra": "pack",
        "scan_directory": "scan",
    },
)
