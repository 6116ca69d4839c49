"""What a step is: a class with a name, parameters, and a method from batch to batch."""

from __future__ import annotations

import math
import os
import re
import reprlib
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import UnionType
from typing import Any

from ..inference.columns import Column
from ..spectra.batch import SpectrumBatch
from ..text import printable
from .errors import PipelineError

__all__ = ["Column", "Parameter", "Step", "did_you_mean"]

_WORDS: dict[Any, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str | dict: "text or a mapping",
}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a step.

    Attributes
    ----------
    name : str
        A Python identifier; the value becomes the attribute of this name.
    type : type
        ``str``, ``int``, ``float`` or ``bool``, or any class that a value must be an instance of,
        or several of them, as ``str | dict``.
    default
        The value where none is given. With None, None is an allowed value too.
    help : str
        What it does, in a line.
    choices : tuple
        The allowed values, if they are few.
    path : bool
        Whether the value is, or may be, a path: ``~`` at its beginning is the home directory.

    Examples
    --------
    >>> from lamost_rare.pipeline import Parameter
    >>> Parameter("scale", float, 1.0, "multiply by this").check(2)
    2.0
    """

    name: str
    type: type | UnionType
    default: object = None
    help: str = ""
    choices: tuple = field(default=())
    path: bool = False

    @property
    def type_name(self) -> str:
        """Name of the type, or names with ``|`` between them."""
        return getattr(self.type, "__name__", None) or str(self.type).replace(" ", "")

    def check(self, value: Any) -> Any:
        """Return the value as the step gets it.

        Raises
        ------
        ValueError
            If it is not of the type, not finite or not among the choices.
        """
        if value is None and self.default is None:
            return None
        if self.type is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        wrong = not isinstance(value, self.type) or (self.type is int and isinstance(value, bool))
        if wrong or (isinstance(value, float) and not math.isfinite(value)):
            wanted = _WORDS.get(self.type, f"of type {self.type_name}")
            hint = ""
            if self.type is float and isinstance(value, str) and re.fullmatch(r"\d+e-?\d+", value):
                hint = "; YAML takes it for text, write an exponent as in 1.0e-3"
            raise ValueError(
                f"{self.name} must be {wanted}, not {printable(reprlib.repr(value))}{hint}"
            )
        if self.path and isinstance(value, str):
            value = os.path.expanduser(value)
        if self.choices and value not in self.choices:
            known = ", ".join(map(str, self.choices))
            hint = did_you_mean(value, self.choices)
            raise ValueError(f"{self.name} must be one of {known}, not {value!r}{hint}")
        return value


class Step:
    """A step of a pipeline: subclass it, set the attributes and write `process`.

    Attributes
    ----------
    name : str
        As the step is registered in the entry-point group ``lamost_rare.steps``.
    summary : str
        What it does, in a line.
    parameters : tuple of Parameter
        The value of each is the instance's attribute of that name.
    needs : tuple of str
        Columns or properties that the batch must have (``"label"``), or must not have
        (``"not rectified"``). An instance may set its own, where they depend on its parameters.
    adds : tuple of Column or str
        A `Column` for each column that `process` adds, which ``lamost-rare run`` writes into the
        catalogue; a text for a property that the spectra have from here on (``"rectified"``).
    grid : WavelengthGrid or None
        The grid on which `process` needs the batch to be, or on which it puts it; None if it takes
        any. Spectra from files are read onto the grid of the first step that has one.
    regrids : bool
        Whether `process` puts a batch onto its grid that is on another.
    origin : str
        Distribution and version that the step was found in.

    Raises
    ------
    PipelineError
        If a parameter is unknown or its value is not allowed.

    Notes
    -----
    Nothing heavy belongs into ``__init__``: what a step needs for its work is built when `process`
    is first called.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from lamost_rare.pipeline import Parameter, Step
    >>> class Scale(Step):
    ...     name = "scale"
    ...     summary = "multiply flux by a number"
    ...     parameters = (Parameter("factor", float, 2.0, "multiply by this"),)
    ...
    ...     def process(self, batch):
    ...         flux, ivar = batch.flux * self.factor, batch.ivar / self.factor**2
    ...         return replace(batch, flux=flux, ivar=ivar)
    >>> Scale(factor=3)
    Scale(factor=3.0)
    """

    name: str = ""
    summary: str = ""
    parameters: tuple[Parameter, ...] = ()
    needs: tuple[str, ...] = ()
    adds: tuple[Column | str, ...] = ()
    grid = None
    regrids = False
    origin: str = ""

    def __init__(self, **parameters: Any):
        known = {parameter.name: parameter for parameter in self.parameters}
        for given in parameters:
            if given not in known:
                names = ", ".join(known) or "none"
                raise self.error(
                    f"no parameter {printable(repr(given))}{did_you_mean(given, known)}; "
                    f"it has: {names}"
                )
        for name, parameter in known.items():
            try:
                value = parameter.check(parameters.get(name, parameter.default))
            except ValueError as error:
                raise self.error(str(error)) from None
            setattr(self, name, value)

    def process(self, batch: SpectrumBatch) -> SpectrumBatch:
        """Return a new batch made from ``batch``, which stays as it is.

        In a run, the rows stay the same and in their order. A spectrum that the step cannot use is
        refused with `~lamost_rare.spectra.quality.SpectrumError`; whatever else is raised rejects
        the spectrum with the reason ``step_failed``.
        """
        raise NotImplementedError(f"step {self.name!r} has no method process")

    def values(self) -> dict:
        """Return the parameters' values."""
        return {parameter.name: getattr(self, parameter.name) for parameter in self.parameters}

    def changed(self, **parameters: Any) -> Step:
        """Return another step of this kind with other values of some parameters."""
        other = type(self)(**{**self.values(), **parameters})
        other.origin = self.origin
        return other

    def fingerprint(self) -> dict:
        """Return what the results of the step depend on, as JSON can hold it: a run that was
        begun with one fingerprint is not continued with another."""
        return {"name": self.name, "origin": self.origin, "parameters": self.values()}

    def error(self, message: str) -> PipelineError:
        """Return an error that names the step."""
        return PipelineError(f"step {self.name!r}: {message}")

    def __repr__(self):
        values = ", ".join(f"{name}={value!r}" for name, value in self.values().items())
        return f"{type(self).__name__}({values})"


def did_you_mean(word, known) -> str:
    """Return a hint at the nearest of the known names, or nothing."""
    close = get_close_matches(str(word), list(map(str, known)), n=1, cutoff=0.5)
    return f", did you mean {close[0]!r}?" if close else ""
