"""HDF5 files of others, opened only if they are complete in themselves.

An HDF5 file can name other files: links to objects there, raw data that lie there, datasets that
are views of datasets there, and filters that are libraries to be loaded. Whoever opens such a file
reads, as himself, whatever its maker chose. No file of this package needs any of it.
"""

from __future__ import annotations

from .text import printable

__all__ = ["HDF5Error", "check_hdf5", "load_weights", "open_hdf5"]

_FILTERS = (1, 2, 3, 4, 5, 6, 32000)
"""Numbers of the filters that come with HDF5, and of h5py's LZF."""


class HDF5Error(ValueError):
    """An HDF5 file that leads out of itself; the message names the file and the object in it."""


def open_hdf5(path, **options):
    """Open a file for reading, as an `h5py.File`.

    Parameters
    ----------
    path : str, bytes or path-like
    **options
        Of `h5py.File`.

    Raises
    ------
    HDF5Error
        If anything in it is, or may be, in another file: a link that is no hard link, a dataset
        with external raw data, a virtual dataset, a filter that HDF5 does not come with. What
        these name was not opened then.
    OSError
        If it cannot be opened.
    """
    import h5py

    file = h5py.File(path, "r", **options)
    try:
        _check(file.id)
    except HDF5Error as error:
        file.close()
        raise HDF5Error(f"{printable(path)} is refused: {error}") from None
    except BaseException:
        file.close()
        raise
    return file


def check_hdf5(path) -> None:
    """Raise what `open_hdf5` would, for a file that another library is to open."""
    open_hdf5(path).close()


def load_weights(model, path) -> None:
    """Do ``model.load_weights(path)`` with a file that passes `check_hdf5`."""
    check_hdf5(path)
    model.load_weights(path)


def _check(root) -> None:
    import h5py

    seen = {h5py.h5o.get_info(root).addr}  # hard links can make circles
    groups = [(b"", root)]
    while groups:
        above, group = groups.pop()
        for name in group:
            path = above + b"/" + name
            # Low-level throughout: nothing is followed before it is known what it is.
            if group.links.get_info(name).type != h5py.h5l.TYPE_HARD:
                raise HDF5Error(f"its {_shown(path)} is a link that may lead to another file")
            found = h5py.h5o.open(group, name)
            address = h5py.h5o.get_info(found).addr
            if address in seen:
                continue
            seen.add(address)
            if isinstance(found, h5py.h5g.GroupID):
                groups.append((path, found))
            elif isinstance(found, h5py.h5d.DatasetID):
                _check_dataset(path, found.get_create_plist())


def _check_dataset(path: bytes, created) -> None:
    import h5py

    if created.get_layout() == h5py.h5d.VIRTUAL:
        raise HDF5Error(f"its {_shown(path)} is a view of other files (a virtual dataset)")
    if created.get_external_count():
        raise HDF5Error(f"the data of its {_shown(path)} are in another file")
    for i in range(created.get_nfilters()):
        if (number := created.get_filter(i)[0]) not in _FILTERS:
            raise HDF5Error(f"its {_shown(path)} needs filter {number}, which HDF5 does not have")


def _shown(path: bytes) -> str:
    return printable(path.decode("utf-8", "backslashreplace"))[:80]
