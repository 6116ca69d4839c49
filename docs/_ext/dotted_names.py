"""Whether a dotted name, such as ``lamost_rare.spectra.grid.WavelengthGrid``, is that of something.

Needs nothing besides Python, so that tests can use it where the site is not built.
"""

from importlib import import_module

__all__ = ["leads_somewhere"]


def leads_somewhere(dotted: str) -> bool:
    """Tell whether a name is that of a module, or of what is in one, as a field of a class.

    Raises
    ------
    ImportError
        If a module is there and cannot be imported.
    """
    parts = dotted.split(".")
    for end in range(len(parts), 0, -1):
        module = ".".join(parts[:end])
        try:
            found = import_module(module)
        except ModuleNotFoundError as error:
            if not module.startswith(str(error.name)):
                raise  # what the module itself needs is missing
            continue
        for part in parts[end:]:
            # A dataclass has fields without a default in its annotations alone.
            if not hasattr(found, part):
                return part in getattr(found, "__annotations__", {})
            found = getattr(found, part)
        return True
    return False
