"""The process in which libraries are imported, Keras is started and presets answer.

It writes a line of JSON for each thing that it begins with and that it finds, on what was its
standard output; whatever the libraries print there goes to standard error.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import TextIO

from ..inference.golden import TOLERANCE, golden_difference
from ..networks.keras_backend import load_keras
from ..presets import load_preset
from ..text import describe_error
from .finding import OK, PROBLEM, WARNING

__all__ = ["main"]

IMPORTED = {
    "numpy": "numpy", "scipy": "scipy.sparse", "astropy": "astropy.table", "h5py": "h5py",
    "pyarrow": "pyarrow.parquet", "scikit-learn": "sklearn.linear_model", "matplotlib":
    "matplotlib.figure", "specutils": "specutils",
}  # fmt: skip
"""What is worth a try: libraries that are not Python alone, or take others along."""

AGAIN = "install lamost-rare again, or what it says is missing"
ELSE = "try KERAS_BACKEND=tensorflow, CUDA_VISIBLE_DEVICES=-1 (no GPU), another TensorFlow"
"""What may help where Keras does not work."""

ROUGHLY = 1e-2
"""Largest difference of answers that a processor's lower precision explains."""


def main(presets: list[str]) -> None:
    """Look, and say what is found.

    Parameters
    ----------
    presets : list of str
        Folders of presets.
    """
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as pipe:
        os.dup2(2, 1)
        for name, module in IMPORTED.items():
            _try(pipe, name, partial(_imported, name, module))
        if _try(pipe, "keras", _backend):
            for folder in presets:
                _try(pipe, f"answers of {os.path.basename(folder)}", partial(_answers, folder))


def _try(pipe: TextIO, what: str, look: Callable[[], Iterator[dict]]) -> bool:
    """Say what is looked at, and then what was found; return whether it was no problem."""
    _write(pipe, {"begin": what})
    good = True
    try:
        for found in look():
            good = good and found["state"] != PROBLEM
            _write(pipe, {"what": what, **found})
    except (Exception, SystemExit) as error:
        good = False
        says = str(error) if hasattr(error, "status") else describe_error(error)
        advice = ELSE if what == "keras" else AGAIN
        _write(pipe, {"what": what, "says": says, "state": PROBLEM, "advice": advice})
    return good


def _write(pipe: TextIO, message: dict) -> None:
    pipe.write(json.dumps(message) + "\n")
    pipe.flush()


def _imported(name: str, module: str) -> Iterator[dict]:
    try:
        importlib.import_module(module)
    except Exception as error:
        advice = f"python -m pip install --force-reinstall {name}"
        says = f"cannot be imported: {describe_error(error)}"
        yield {"says": says, "state": PROBLEM, "advice": advice}


def _backend() -> Iterator[dict]:
    keras = load_keras(quiet=False)
    name = keras.backend.backend()
    try:
        devices = ", ".join(keras.distribution.list_devices())
    except (AttributeError, NotImplementedError, RuntimeError):  # not of every back end
        devices = "a device that it does not name"
    yield {"says": f"{keras.__version__} with back end {name} on {devices}", "state": OK}


def _answers(folder: str) -> Iterator[dict]:
    difference = golden_difference(load_preset(folder))
    says = f"differ by {difference:.1e} at the most from those it was shipped with"
    if difference <= TOLERANCE:
        yield {"says": says, "state": OK}
    elif difference <= ROUGHLY:
        advice = "this processor computes with less precision: a candidate near the threshold may"
        yield {"says": says, "state": WARNING, "advice": f"{advice} be none elsewhere"}
    else:
        yield {"says": says, "state": PROBLEM, "advice": f"do not use it here; {ELSE}"}


if __name__ == "__main__":
    main(sys.argv[1:])
