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

    Examples
    --------
    >>> from lamost_rare import LamostRareError, load_preset
    >>> try:
    ...     load_preset("nonesuch")
    ... except LamostRareError as error:
    ...     print(type(error).__name__, error.status)
    PresetError 2
    """

    status = 2


class BackendError(LamostRareError, RuntimeError):
    """Keras cannot work with the back end that it was told to use.

    Examples
    --------
    Raised by whatever loads the network where the environment variable ``KERAS_BACKEND`` names a
    library that is not installed.

    >>> from lamost_rare import BackendError
    >>> raise BackendError("KERAS_BACKEND is nonesuch: use tensorflow, jax or torch")
    Traceback (most recent call last):
        ...
    lamost_rare.errors.BackendError: KERAS_BACKEND is nonesuch: use tensorflow, jax or torch
    """


class UnusableSpectraWarning(UserWarning):
    """Some spectra could not be used; their rows are flagged.

    Examples
    --------
    To have it as an error:

    >>> import warnings
    >>> from lamost_rare import UnusableSpectraWarning, classify_spectra
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", UnusableSpectraWarning)
    ...     classify_spectra("no-such-file.fits")
    Traceback (most recent call last):
        ...
    lamost_rare.errors.UnusableSpectraWarning: 1 of 1 spectra not used: unreadable 1 ...
    """
