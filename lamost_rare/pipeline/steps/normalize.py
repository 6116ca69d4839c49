"""`normalize`: the paper's flux standardization, or division by a pseudo-continuum."""

from __future__ import annotations

from dataclasses import replace

from ..step import Parameter, Step

__all__ = ["Normalize"]


class Normalize(Step):
    """Flux standardization.

    ``l2`` multiplies each spectrum by a number, which no later step minds: presets standardize
    their input again. ``pseudo_continuum`` changes the shape, so that what measures a continuum of
    its own must come before it.
    """

    name = "normalize"
    summary = "divide each spectrum by its 2-norm (Yang et al. 2021, Eq. 1) or by its continuum"
    parameters = (
        Parameter(
            "method",
            str,
            "l2",
            "l2: by the norm, a number; pseudo_continuum: by a smooth level, pixel by pixel",
            ("l2", "pseudo_continuum"),
        ),
    )

    def __init__(self, **parameters):
        super().__init__(**parameters)
        if self.method == "pseudo_continuum":
            self.adds = ("rectified",)

    def process(self, batch):
        """Return the batch with other flux and inverse variance."""
        from ...spectra.normalize import normalize_l2

        return normalize_l2(batch) if self.method == "l2" else _rectify(batch)


def _rectify(batch):
    import numpy as np

    from ...spectra.normalize import normalize_l2, pseudo_continuum

    batch = normalize_l2(batch)  # fluxes of any size, without leaving float32
    level, _ = pseudo_continuum(batch.flux, batch.mask)
    # Without a positive level there is no continuum to divide by.
    mask = batch.mask | ~(level > 1e-3 * np.abs(level).max(axis=1, keepdims=True))
    level = np.where(mask, 1, level)
    return replace(
        batch,
        flux=np.where(mask, 0, batch.flux / level).astype(np.float32),
        ivar=np.where(mask, 0, batch.ivar * level * level).astype(np.float32),
        mask=mask,
    )
