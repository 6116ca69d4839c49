"""`resample`: spectra on another wavelength grid."""

from __future__ import annotations

from ..step import Parameter, Step

__all__ = ["Resample"]


class Resample(Step):
    """Flux-conserving resampling; a batch that is on the grid already stays as it is."""

    name = "resample"
    summary = "put the spectra on the wavelength grid of a preset, or on one given in numbers"
    parameters = (
        Parameter("preset", str, None, "whose grid it is (the default preset's)", path=True),
        Parameter("log10_start", float, None, "log10 of the first vacuum wavelength in Å"),
        Parameter("log10_step", float, None, "dex a pixel"),
        Parameter("n_pixels", int, None, "number of pixels"),
    )
    regrids = True

    def __init__(self, **parameters):
        super().__init__(**parameters)
        from ...presets import load_preset
        from ...spectra.grid import WavelengthGrid

        numbers = self.log10_start, self.log10_step, self.n_pixels
        if all(number is None for number in numbers):
            self.grid = load_preset(self.preset, verify=False).grid
        elif self.preset is None and None not in numbers:
            self.grid = WavelengthGrid(*numbers)
        else:
            raise self.error("give a preset, or all of log10_start, log10_step and n_pixels")

    def process(self, batch):
        """Return the batch on `grid`.

        Raises
        ------
        SpectrumError
            If nothing usable of a spectrum is left on the grid.
        """
        if batch.grid == self.grid or not len(batch):
            return batch if len(batch) else _empty(batch, self.grid)
        from dataclasses import replace

        from ...spectra.raw import RawSpectrum
        from ...spectra.resample import assemble

        start, step = batch.grid.log10_start, batch.grid.log10_step
        raws = [
            RawSpectrum(batch.grid.wavelength, flux, ivar, mask, start, step)
            for flux, ivar, mask in zip(batch.flux, batch.ivar, batch.mask, strict=True)
        ]
        new, refused = assemble(raws, self.grid)
        if refused:
            raise refused[0][1]
        return replace(
            batch,
            grid=new.grid,
            flux=new.flux,
            ivar=new.ivar,
            mask=new.mask,
            flags=batch.flags | new.flags,
        )


def _empty(batch, grid):
    from dataclasses import replace

    import numpy as np

    shape = (0, grid.n_pixels)
    flux = np.empty(shape, np.float32)
    return replace(batch, grid=grid, flux=flux, ivar=flux.copy(), mask=np.empty(shape, bool))
