"""What can be wrong with a spectrum: rejects that stop one, flags that qualify one."""

from __future__ import annotations

from enum import IntFlag

from ..errors import LamostRareError

__all__ = ["REJECT_REASONS", "QualityFlag", "SpectrumError"]


class QualityFlag(IntFlag):
    """Bits of the catalogue's ``flags`` column. A bit's meaning never changes and is never
    reused.

    Examples
    --------
    >>> from lamost_rare.spectra import QualityFlag
    >>> flags = QualityFlag(6)
    >>> [flag.name for flag in flags]
    ['PARTIAL_COVERAGE', 'LOW_SNR']
    >>> QualityFlag.LOW_SNR in flags
    True
    """

    UNUSABLE = 1 << 0
    """The spectrum could not be classified; probabilities are NaN. `classify_spectra` only."""
    PARTIAL_COVERAGE = 1 << 1
    """Fewer than 80 % of the grid's pixels are valid."""
    LOW_SNR = 1 << 2
    """Median signal-to-noise in the g band below 5."""
    NEGATIVE_FLUX = 1 << 3
    """More than 10 % of the valid pixels have negative flux."""
    NO_IVAR = 1 << 4
    """The source gave no usable uncertainty; it was estimated from the flux."""
    BAD_IVAR = 1 << 5
    """Negative or non-finite (above 1e37) inverse variances were present; those pixels are
    masked."""
    MISSING_IDENTITY = 1 << 6
    """The file has no OBSID."""
    DUPLICATE_OBSID = 1 << 7
    """The same OBSID was met before in the same run."""
    OUT_OF_DISTRIBUTION = 1 << 8
    """Its ``novelty`` is at least the preset's threshold: one known spectrum in a hundred of this
    noise is as odd. Nothing else depends on it."""
    RESAMPLED = 1 << 9
    """The source grid was not the preset's: flux was resampled, not copied."""
    KEY_LINES_MISSING = 1 << 10
    """The pixels around the lines that define the rare class are mostly missing."""
    MASKED_PIXELS_MANY = 1 << 11
    """More than 20 % of the covered pixels are masked."""
    FIRST_STAGE = 1 << 12
    """Settled by the preset's first stage; its probabilities are those of the first stage."""
    SNR_DOUBTFUL = 1 << 13
    """The signal-to-noise in g that the source states and that of its pixels contradict each other,
    or one of them is none that a spectrum has."""
    EMISSION_BALMER = 1 << 14
    """H alpha or H beta is in emission: a Be or Oe star, a supergiant's wind, or a nebula. Of O and
    B stars and what may be of the rare class, as the other flags of emission."""
    EMISSION_HEII_NIII = 1 << 15
    """He II 4686 or N III 4634-41 is in emission: an Of star, or a Wolf-Rayet star or binary."""
    EMISSION_NEBULAR = 1 << 16
    """Two of [O III] 4959, 5007, [N II] 6583 and [S II] 6716, 6731 are in emission: a nebula."""


REJECT_REASONS = {
    "unreadable": "the file could not be opened or read (permissions, I/O error, vanished)",
    "not_a_file": "the path is a directory or a special file",
    "empty_file": "the file has no bytes",
    "corrupt_gzip": "the gzip stream is truncated, corrupt or in more than 256 pieces",
    "too_large": "the file is, or expands to, more bytes than any LAMOST spectrum",
    "not_fits": "the content is not FITS",
    "truncated_fits": "the FITS data end before the header says they do",
    "unknown_layout": "FITS, but none of the three LAMOST low-resolution layouts",
    "medium_resolution": "a medium-resolution spectrum of LAMOST, in two arms: not read here",
    "other_survey": "FITS of another survey or telescope; the detail names it",
    "missing_card": "a header card or column that the layout needs is missing or unreadable",
    "bad_shape": "the arrays have a wrong or inconsistent shape or type",
    "bad_wavelength": "wavelengths are NaN, not positive or not increasing",
    "no_overlap": "the spectrum does not overlap the wavelength grid",
    "no_valid_pixels": "every pixel is masked, non-finite or without inverse variance",
    "zero_flux": "the flux is zero or constant everywhere",
    "too_few_pixels": "too few valid pixels on the grid to say anything",
    "bad_spectrum": "a Spectrum object whose unit, shape or uncertainty cannot be used",
    "corrupt_archive": "a tar archive is damaged or ends too early; what follows is missing",
    "unsafe_name": "a member of a tar archive whose name leads out of it, or is no name of a file",
    "corrupt_store": "a row of an HDF5 store whose pixels or text do not agree with their "
    "checksum, or whose values no spectrum has",
    "no_file": "a row of a general catalogue whose file is not below the directory",
    "bad_catalogue_row": "a row of a general catalogue without a usable obsid, or without the "
    "numbers of which the name of its file is made",
    "catalogue_mismatch": "a file that is not what the general catalogue's row says: another "
    "obsid, plate or position",
    "generated": "a generated spectrum: never classified into a catalogue",
    "step_failed": "a step of the pipeline raised an error on this spectrum; the detail names it",
    "timeout": "reading the file did not end in five minutes",
    "internal_error": "an unexpected error in this software; please report it",
}
"""Reason codes of the rejected table, with their meaning. Codes are never reused."""


class SpectrumError(LamostRareError, ValueError):
    """One spectrum that cannot be used.

    Parameters
    ----------
    reason : str
        A key of `REJECT_REASONS`.
    detail : str
        What was wrong with which input, in one line.

    Raises
    ------
    KeyError
        If there is no such reason.

    Examples
    --------
    >>> from lamost_rare.spectra import SpectrumError, read_lamost
    >>> try:
    ...     read_lamost("no-such-file.fits")
    ... except SpectrumError as error:
    ...     print(error.reason)
    unreadable
    """

    def __init__(self, reason: str, detail: str):
        if reason not in REJECT_REASONS:
            raise KeyError(f"{reason!r} is not a reject reason")
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail

    def __reduce__(self):  # survives pickling between processes
        return (type(self), (self.reason, self.detail))
