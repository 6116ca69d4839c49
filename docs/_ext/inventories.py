"""Inventories of other projects, made of the short lists in ``docs/inventories``.

A list names what the pages refer to, so that nothing has to be fetched when they are built. Its
first line is the address of a project's documentation. Each other line is an object, its role and
the path of its page below that address; ``$`` at the end of a path stands for the name.
"""

import zlib
from pathlib import Path

__all__ = ["ALIASES", "intersphinx_entries", "read_list", "write_inventory"]

ALIASES = {
    "Generator": "numpy.random.Generator",
    "IntFlag": "enum.IntFlag",
    "NoiseBank": "lamost_rare.simulation.noise.NoiseBank",
    "Path": "pathlib.Path",
    "QTable": "astropy.table.QTable",
    "Table": "astropy.table.Table",
    "Quantity": "astropy.units.Quantity",
    "Spectrum": "specutils.Spectrum",
    "SpectrumCollection": "specutils.SpectrumCollection",
    "SpectrumList": "specutils.SpectrumList",
    "astropy.table.QTable": "astropy.table.QTable",
    "astropy.table.Table": "astropy.table.Table",
    "astropy.units.Unit": "astropy.units.Unit",
    "distributed.Client": "distributed.Client",
    "numpy.random.Generator": "numpy.random.Generator",
    "pathlib.Path": "pathlib.Path",
    "pyarrow.Table": "pyarrow.Table",
    "pyarrow.Schema": "pyarrow.Schema",
    "specutils.Spectrum": "specutils.Spectrum",
    "specutils.SpectrumList": "specutils.SpectrumList",
}
"""Words of docstrings' types that are not in numpydoc's own list, and what they stand for."""


def read_list(path: Path) -> tuple[str, list[tuple[str, str, str]]]:
    """Return the address of a project, and (name, role, path of the page) for each object."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    address, *rest = (line for line in lines if not line.startswith("#"))
    return address, [tuple(line.split()) for line in rest]


def write_inventory(path: Path, project: str, objects) -> None:
    """Write what Sphinx reads as ``objects.inv``, version 2 of its form."""
    heading = (
        "# Sphinx inventory version 2\n"
        f"# Project: {project}\n"
        "# Version: \n"
        "# The remainder of this file is compressed using zlib.\n"
    )
    lines = "".join(f"{name} {role} 1 {page} -\n" for name, role, page in sorted(objects))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(heading.encode() + zlib.compress(lines.encode(), 9))


def intersphinx_entries(lists: Path, folder: Path) -> dict[str, tuple[str, str]]:
    """Write all inventories into a folder; return what ``intersphinx_mapping`` takes."""
    entries = {}
    for path in sorted(lists.glob("*.txt")):
        address, objects = read_list(path)
        write_inventory(folder / f"{path.stem}.inv", path.stem, objects)
        entries[path.stem] = (address, str(folder / f"{path.stem}.inv"))
    return entries
