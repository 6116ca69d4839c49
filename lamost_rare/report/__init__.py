"""The page on which people look at candidates and decide, and pictures of spectra.

The package is a function, too: ``lamost_rare.report(scan, output)`` is `making.make_report`,
whatever was imported of the package before. ``lamost_rare.report.serve(scan)`` is `server.serve`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Unpack

if TYPE_CHECKING:  # the package is a function that is quick to import
    from pathlib import Path

    from ..annotations import PathLike
    from .asking import PageOptions, ServeOptions
    from .server import Served

__all__ = ["report"]


class _CallableModule(ModuleType):
    def __call__(
        self, scan: PathLike, output: PathLike | None = None, **options: Unpack[PageOptions]
    ) -> Path:
        return import_module(".making", __name__).make_report(scan, output, **options)

    def serve(self, scan: PathLike, **options: Unpack[ServeOptions]) -> Served:
        """Serve the page of a scan, which keeps verdicts in a file: `server.serve`."""
        return import_module(".server", __name__).serve(scan, **options)


report = sys.modules[__name__]
report.__class__ = _CallableModule
