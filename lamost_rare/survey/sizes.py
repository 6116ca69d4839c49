"""How many files a scan takes at a time. Imports nothing: the command line looks here, too."""

from __future__ import annotations

__all__ = ["BATCH_SIZE"]

BATCH_SIZE = 512
"""Files that are read and classified together, unless something else is asked for."""
