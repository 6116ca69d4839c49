"""The table of `classify_spectra` as it looks in a terminal or a notebook."""

from __future__ import annotations

from astropy.table import QTable
from astropy.table.pprint import TableFormatter

__all__ = ["CatalogueTable"]


class _PathLast(TableFormatter):
    def _pformat_table(self, table, *args, **kwargs):
        if "path" in table.columns:
            table = table.copy(copy_data=False)
            table.columns.move_to_end("path")
        return super()._pformat_table(table, *args, **kwargs)


class CatalogueTable(QTable):
    """A table whose column ``path``, the first one, is shown as the last one: it is long."""

    TableFormatter = _PathLast
