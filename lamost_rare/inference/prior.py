"""How frequent classes are in a survey, as users say it: a mapping, a text, or a file."""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Iterable, Mapping
from numbers import Real
from pathlib import Path

from ..annotations import PriorLike
from ..text import check_paths, first_line, printable
from .prevalence import PriorError

__all__ = ["read_prior"]

_MOST_BYTES = 1 << 20
_NAMES = ("population", "class")
_VALUE = "prevalence"
_SUFFIXES = (".csv", ".ecsv", ".json")
_PAIR = re.compile(r"\s*([^=,/]+?)\s*=\s*([^=,/]*?)\s*")


def read_prior(prior: PriorLike) -> dict[str, float]:
    """Return prevalences by class or population.

    They are as `~lamost_rare.inference.prevalence.with_prior` takes them.

    Parameters
    ----------
    prior : mapping, str, path, sequence of str, or None
        A mapping from names to fractions of a survey's spectra; text such as ``"O=2e-5, B=0.01"``;
        the path of a table; or several texts and paths, which are put together. A table is CSV or
        ECSV with a column ``population`` or ``class`` and a column ``prevalence``, or JSON: an
        object of names and numbers, or a list of objects with these two keys. Other columns are
        left alone.

    Returns
    -------
    dict of str to float
        Empty for None.

    Raises
    ------
    PriorError
        If it cannot be read, a value is no number, or a name is there twice.
    TypeError
        If it is something else.

    Examples
    --------
    >>> from lamost_rare.inference.prior import read_prior
    >>> read_prior("O=2e-5, B=0.01")
    {'O': 2e-05, 'B': 0.01}
    """
    if prior is None:
        return {}
    if isinstance(prior, Mapping):
        return _joined(prior.items(), "prior")
    if isinstance(prior, (str, os.PathLike)):
        check_paths(prior=prior)
        return _joined(_pairs(prior), "prior")
    if isinstance(prior, (list, tuple)) and all(isinstance(x, (str, os.PathLike)) for x in prior):
        return _joined((pair for one in prior for pair in read_prior(one).items()), "prior")
    raise TypeError(
        f"prior must be a mapping, text such as 'O=2e-5' or the path of a table, "
        f"not {printable(repr(prior))[:80]}"
    )


def _pairs(prior: str | os.PathLike) -> Iterable[tuple]:
    """Return names and values of a text or a file."""
    if isinstance(prior, str) and "=" in prior:
        found = [_PAIR.fullmatch(part) for part in prior.split(",")]
        if all(found):
            return [match.groups() for match in found if match]
        if not os.path.lexists(prior):
            raise PriorError(
                f"prior {printable(repr(prior))[:80]} is neither NAME=VALUE nor a file: write "
                "O=2e-5,B=0.01"
            )
    return _of_file(Path(prior))


def _joined(pairs: Iterable[tuple], what: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, value in pairs:
        shown = printable(repr(name))[:80]
        if not isinstance(name, str):
            raise PriorError(f"{what}: {shown} is not the name of a class or population")
        if name in found:
            raise PriorError(f"{what}: the prevalence of {shown} is given twice")
        found[name] = _number(name, value, what)
    return found


def _number(name: str, value, what: str) -> float:
    """Return a value; YAML takes 2e-5 for text, and so does a table with a word in the column."""
    if isinstance(value, (str, Real)) and not isinstance(value, bool):
        try:
            return float(value)
        except (ValueError, OverflowError):
            pass
    shown, name = printable(repr(value))[:80], printable(name)[:80]
    raise PriorError(f"{what}: the prevalence of {name} must be a number, not {shown}")


def _of_file(path: Path) -> list[tuple]:
    name = printable(path)
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        raise PriorError(
            f"prior {name}: write NAME=VALUE, or name a table that ends in {', '.join(_SUFFIXES)}"
        )
    try:
        with open(path, "rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise PriorError(f"prior {name} is too large for a table of prevalences")
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise PriorError(f"cannot read prior {name}: {error.strerror or error}") from error
    except UnicodeError as error:
        raise PriorError(f"prior {name} is not UTF-8 text") from error
    except ValueError as error:  # a NUL in the name
        raise PriorError(f"cannot read prior {name}: {printable(first_line(error))}") from error
    found = _of_json(text, name) if suffix == ".json" else _of_table(text, suffix, name)
    if not found:
        raise PriorError(f"prior {name} names no class")
    return list(_joined(found, f"prior {name}").items())


def _of_json(text: str, name: str) -> list[tuple]:
    try:
        # Pairs in a list, since of two equal keys a mapping would keep one in silence.
        content = json.loads(text, object_pairs_hook=_Object)
    except (ValueError, RecursionError) as error:
        raise PriorError(f"prior {name} is not JSON: {printable(first_line(error))}") from error
    if isinstance(content, _Object):
        return list(content)
    if isinstance(content, list) and all(isinstance(row, _Object) for row in content):
        rows = [dict(row) for row in content]
        keys = {key for row in rows for key in row}
        column = _column_of_names(keys, name)
        if all({column, _VALUE} <= row.keys() for row in rows):
            return [(row[column], row[_VALUE]) for row in rows]
    raise PriorError(
        f"prior {name} must be an object of names and numbers, or a list of objects with "
        f"{' or '.join(_NAMES)}, and {_VALUE}"
    )


class _Object(list):
    """An object of JSON, as its pairs."""


def _of_table(text: str, suffix: str, name: str) -> list[tuple]:
    from astropy.table import Table

    kind = "ascii.ecsv" if suffix == ".ecsv" else "ascii.csv"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            table = Table.read(text.splitlines(), format=kind)
    except Exception as error:  # astropy's readers, and those of YAML below them, raise anything
        what = printable(first_line(error))[:200]
        raise PriorError(f"prior {name} is not a {suffix[1:].upper()} table: {what}") from error
    column = _column_of_names(table.colnames, name)
    if _VALUE not in table.colnames:
        raise PriorError(f"prior {name} has no column {_VALUE!r}")
    return list(zip(map(str, table[column]), table[_VALUE].tolist(), strict=True))


def _column_of_names(names: Iterable[str], what: str) -> str:
    found = [name for name in _NAMES if name in names]
    if len(found) != 1:
        wrong = "has 'population' and 'class'" if found else "has neither 'population' nor 'class'"
        raise PriorError(f"prior {what} {wrong}: one of them must say what the prevalences are of")
    return found[0]
