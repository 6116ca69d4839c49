"""Keras as the networks need it, whatever ``keras.json`` and the environment say.

The settings of a user's ``keras.json`` (or of a host program) are for the user's own networks.
Those here state data format and precision in each layer (`layers`), and are trained in
`standard_settings`; nothing of it stays set.
"""

from __future__ import annotations

import importlib
import os
from contextlib import contextmanager, nullcontext

from ..errors import BackendError
from ..processes import check_not_forked
from .native_logs import without_native_logs

__all__ = ["load_keras", "standard_settings"]

_CAN_TRAIN = ("tensorflow", "jax", "torch")


def load_keras(*, quiet: bool = True):
    """Import ``keras`` and start its back end.

    Parameters
    ----------
    quiet : bool
        Without the lines that the start-up prints, which are lost if it ends the process.

    Raises
    ------
    BackendError
        If the back end that ``KERAS_BACKEND`` or ``keras.json`` names is unknown, not installed or
        does not start.
    ForkedProcessError
        If it was started before this process was forked.
    """
    check_not_forked()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with without_native_logs() if quiet else nullcontext():
        try:
            keras = importlib.import_module("keras")
            keras.ops.zeros(1)  # looks for devices
        except Exception as error:  # a broken installation may raise anything
            raise BackendError(_start_failure(error)) from error
    return keras


def _start_failure(error: Exception) -> str:
    asked = os.environ.get("KERAS_BACKEND")
    said = " ".join(str(error).split()) or type(error).__name__
    if asked:
        return (
            f"Keras does not start with KERAS_BACKEND={asked}: {said}; "
            "unset KERAS_BACKEND or set it to tensorflow, or install what is missing"
        )
    return (
        f"Keras does not start: {said}; set KERAS_BACKEND=tensorflow, which goes before the "
        "back end and settings that keras.json (in ~/.keras or KERAS_HOME) names"
    )


@contextmanager
def standard_settings():
    """Keras's own defaults within the block: what a training takes from nowhere else.

    The rate of an optimizer and the sums of a loss have the precision that is set for everything.

    Raises
    ------
    BackendError
        If the back end cannot train.
    """
    keras = load_keras()
    if keras.backend.backend() not in _CAN_TRAIN:
        raise BackendError(
            f"Keras cannot train with its back end {keras.backend.backend()!r}: "
            f"set KERAS_BACKEND to one of {', '.join(_CAN_TRAIN)}"
        )
    config = keras.config
    changed = []
    for get, set_to, value in (
        (config.floatx, config.set_floatx, "float32"),
        (config.epsilon, config.set_epsilon, 1e-7),
        (config.dtype_policy, config.set_dtype_policy, "float32"),
        (config.image_data_format, config.set_image_data_format, "channels_last"),
    ):
        before = get()
        if getattr(before, "name", before) != value:
            set_to(value)
            changed.append((set_to, before))
    try:
        yield
    finally:
        for set_to, before in reversed(changed):
            set_to(before)
