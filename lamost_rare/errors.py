"""The base of every error and warning that is the package's own. Imports nothing."""

from __future__ import annotations

__all__ = ["BackendError", "LamostRareError", "UnusableSpectraWarning"]


class LamostRareError(Exception):
    """Something that the user can put right; the message is one line that says how.

    Each kind of it is also a `ValueError` or a `RuntimeError`.

    Attributes
    ----------
    status : int
        Exit status for the command line.
    """

    status = 2


class BackendError(LamostRareError, RuntimeError):
    """Keras cannot work with the back end that it was told to use."""


class UnusableSpectraWarning(UserWarning):
    """Some spectra could not be used; their rows are flagged."""
