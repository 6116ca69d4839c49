"""An endless, seeded stream of observations to train on."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from ..simulation import lookalikes
from ..simulation.dataset import LabelledStars, rows_by_star
from ..simulation.library import STAR_GRID
from ..simulation.simulate import simulate
from ..simulation.simulate_stars import draw_conditions, noise_of
from ..spectra.normalize import network_input, pseudo_continuum
from .stream_options import PARTS, StreamOptions

__all__ = ["ObservationStream", "StreamOptions", "levels"]

_LATE_B = re.compile(r"^B[5-9]")
_DIFFICULT_B = re.compile(r"^B[0-2]|(?<!I)II?(?![IV])")
_MODEL = 0.25
"""Weight of a model, which no real star is quite like."""
_SHORT = 0.12
"""Weight of a star of which only the red is known: most of what tells its class is missing."""
_COMPACT = ("hot_subdwarf", "white_dwarf")

FIRST_STAGE_BATCHES = 10_000_000
UNCERTAIN_BATCHES = 20_000_000
QUIET_BATCHES = 30_000_000
"""Numbers of batches from which other users of a stream begin: further than any training goes."""


def levels(flux, valid) -> np.ndarray:
    """Return the levels (n, n_pixels) of spectra, which are divided by them to leave the lines."""
    level, _ = pseudo_continuum(flux, ~valid, block=64, smooth=1.5)
    return np.maximum(level, 1e-6)


@dataclass
class _Supply:
    """Where the spectra of a class come from: rows of each of its library stars, and real spectra.

    ``cumulative`` are the chances of the stars, added up; ``real_fraction`` is the chance of a real
    spectrum, ``cut`` those of being cut to each of `PARTS`.
    """

    stars: list
    cumulative: np.ndarray
    real: np.ndarray
    real_fraction: float
    cut: np.ndarray

    def draw_star(self, rng) -> int:
        """Return a row of a library star."""
        return rng.choice(self.stars[np.searchsorted(self.cumulative, rng.random())])


class ObservationStream:
    """Batches of simulated observations with their classes.

    Parameters
    ----------
    stars : LabelledStars
        Those with an empty label are not used.
    classes : sequence of str
        Stars of other classes are not used.
    preprocessing : dict
        As `spectra.normalize.network_input` takes it.
    options : StreamOptions, optional
    noise : NoiseBank, optional
        By default that of the real spectra, or an analytic one if there are none.
    seed : int
    partial : bool
        Whether classes without any star are left out instead of being an error, and nothing is
        invented: for validation.

    Raises
    ------
    ValueError
        If a class has no star.
    """

    def __init__(
        self,
        stars: LabelledStars,
        classes,
        preprocessing,
        options=None,
        noise=None,
        seed=0,
        partial=False,
    ):
        self.classes = tuple(classes)
        self.preprocessing = dict(preprocessing)
        self.options = options or StreamOptions()
        if partial:
            self.options = replace(self.options, invented={})
        self.seed = seed
        self.stars = stars = stars[np.isin(stars.label, self.classes)]
        self.noise = noise_of(stars, seed) if noise is None else noise
        # Some libraries are of a part of the wavelengths: how often a class comes from them must
        # not give it away.
        begins, seen, ends = (
            stars.valid[:, STAR_GRID.pixel_of(at).astype(int)] for at in (5000.0, 6000.0, 7200.0)
        )
        parts = {
            "blue_only": ~seen,
            "red_only": seen & ~begins,
            "middle_only": stars.synthetic & seen & ~ends,
        }
        self._parts = {name: parts[name] & ~stars.real for name in PARTS}
        for name in () if partial else self.classes:
            if name not in stars.label and not self.options.invented.get(name):
                raise ValueError(
                    f"class {name!r} has no spectra to train on; leave it out or add some"
                )
        self._supply = {name: self._supply_of(name) for name in self.classes}
        late = np.array([bool(_LATE_B.match(x)) for x in stars.mk_type.astype(str)], dtype=bool)
        broad = (stars.label == "white_dwarf") | ((stars.label == "B") & late)
        self._pairs = tuple(
            rows_by_star(stars, chosen & ~stars.real) for chosen in (stars.label == "O", broad)
        )
        weights = np.array([self.options.class_weights.get(c, 1.0) for c in self.classes])
        if partial:
            weights *= np.isin(self.classes, stars.label.astype(str))
        self._class_probability = weights / weights.sum()

    def _supply_of(self, name) -> _Supply:
        options, own = self.options, self.stars.label == name
        stars = rows_by_star(self.stars, own & ~self.stars.real)
        real = np.flatnonzero(own & self.stars.real)
        weight = np.array([self._weight(name, rows) for rows in stars])
        total = max(weight.sum(), 1e-9)
        fraction = 3 * len(real) / max(3 * len(real) + len(stars), 1)
        fraction = min(options.observed_fraction, fraction) if stars else 1.0
        drawn = (1 - fraction) * (1 - options.invented.get(name, 0))
        natural = (
            np.array(
                [
                    drawn
                    * sum(w * part[rows].mean() for w, rows in zip(weight, stars, strict=True))
                    for part in self._parts.values()
                ]
            )
            / total
        )
        wanted = np.array([getattr(options, part) for part in PARTS])
        cut = np.maximum(wanted - natural, 0.0) / max(1 - natural.sum(), 1e-9)
        return _Supply(stars, np.cumsum(weight) / total, real, fraction, cut)

    def _weight(self, name, rows) -> float:
        if self._parts["blue_only"][rows].all():
            return 0.5  # MK standards: many of the O stars, and their red is not known
        if self._parts["red_only"][rows].all():
            return _SHORT
        mk_type = str(self.stars.mk_type[rows[0]])
        weight = self.options.difficult if name == "B" and _DIFFICULT_B.search(mk_type) else 1.0
        return weight * (_MODEL if self.stars.synthetic[rows].all() else 1.0)

    def batch(self, number: int, size: int):
        """Make the batch of a given number: always the same for the same seed.

        Returns
        -------
        batch : SpectrumBatch
        label : ndarray of int, shape (size,)
            Index into ``classes``.
        """
        rng = np.random.default_rng([self.seed, number])
        label = rng.choice(len(self.classes), size, p=self._class_probability)
        flux = np.empty((size, STAR_GRID.n_pixels), dtype=np.float32)
        ivar = np.zeros_like(flux)
        valid = np.ones(flux.shape, dtype=bool)
        for i, k in enumerate(label):
            label[i] = self._fill(i, self.classes[k], flux, ivar, valid, rng)
        names = np.array(self.classes, dtype=object)[label]
        seen = np.any(ivar > 0, axis=1)
        conditions = draw_conditions(names, seen, rng, self.options.snr_range)
        self._cut(valid, names, rng)
        return simulate(flux, valid, conditions, self.noise, rng, ivar=ivar), label

    def fingerprint(self) -> dict:
        """Return what the state of a training is recognised by, as `loop.Batches` asks for it."""
        return {
            "classes": list(self.classes),
            "preprocessing": self.preprocessing,
            "stream": self.options.to_dict(),
            "n_sources": len(self.stars),
        }

    def inputs(self, number: int, size: int):
        """Return network input (size, n_pixels, 2) and labels (size,) of a batch."""
        batch, label = self.batch(number, size)
        return network_input(batch, self.preprocessing), label.astype(np.int32)

    def quiet(self, snr_range) -> ObservationStream:
        """Return a stream of the same stars, whole, at other S/N: most of the noise is missing."""
        whole = dict.fromkeys(PARTS, 0.0)
        options = replace(self.options, snr_range=tuple(snr_range), **whole)
        return ObservationStream(
            self.stars, self.classes, self.preprocessing, options, self.noise, self.seed
        )

    def _fill(self, i, name, flux, ivar, valid, rng) -> int:
        """Put a spectrum of a class at ``i``; return the number of its class."""
        options, supply = self.options, self._supply[name]
        empty = not supply.stars and not len(supply.real)
        if empty or rng.random() < options.invented.get(name, 0):
            return self._invent(i, name, flux, rng)
        if len(supply.real) and rng.random() < supply.real_fraction:
            row = rng.choice(supply.real)
            ivar[i] = self.stars.ivar[row]
        else:
            row = supply.draw_star(rng)
            composite = options.composite if name == "hot_subdwarf" and all(self._pairs) else 0
            if composite and rng.random() < composite:
                o_star, broad = (rng.choice(rows[rng.integers(len(rows))]) for rows in self._pairs)
                if self._mix(i, o_star, broad, (0.2, 0.55), flux, valid, rng):
                    return self.classes.index(name)
            if rng.random() < options.blend.get(name, 0):
                other = supply.draw_star(rng)
                if self._mix(i, row, other, (0.2, 0.8), flux, valid, rng):
                    return self.classes.index(name)
        flux[i], valid[i] = self.stars.flux[row], self.stars.valid[row]
        return self.classes.index(name)

    def _mix(self, i, row, other, weights, flux, valid, rng) -> bool:
        """Put a mixture of two stars at ``i``, if they have enough wavelengths in common.

        The weight of the first lies between two ``weights``.
        """
        rows = np.array([row, other])
        both = self.stars.valid[rows].all(axis=0)
        if both.mean() <= 0.15:
            return False
        weight = rng.uniform(*weights)
        pair = self.stars.flux[rows] / levels(self.stars.flux[rows], self.stars.valid[rows])
        flux[i] = weight * pair[0] + (1 - weight) * pair[1]
        valid[i] = both
        return True

    def _invent(self, i, name, flux, rng) -> int:
        if name in _COMPACT:
            for _ in range(20):
                spectrum, kind = lookalikes.compact_star(STAR_GRID, rng)
                if kind == name:
                    break
            flux[i] = spectrum
            return self.classes.index(kind)
        background = self.stars.flux[rng.integers(len(self.stars))]
        kind = rng.random()
        if kind < 0.40:
            flux[i] = lookalikes.emission_line_object(STAR_GRID, rng, background)
        elif kind < 0.65:
            flux[i] = lookalikes.random_lines(STAR_GRID, rng)
        else:
            flux[i] = lookalikes.junk(STAR_GRID, rng, background)
        return self.classes.index(name)

    def _cut(self, valid, names, rng):
        wavelength = STAR_GRID.wavelength
        chances = np.cumsum([self._supply[name].cut for name in names], axis=1)
        for i, drawn in enumerate(rng.random(len(valid))):
            part = int(np.searchsorted(chances[i], drawn, side="right"))
            if part < len(PARTS):
                ranges = list(PARTS.values())[part]
                low, high = ranges[rng.integers(len(ranges))]
                seen = (wavelength > low) & (wavelength < high)
                if (valid[i] & seen).sum() > 0.5 * seen.sum():
                    valid[i] &= seen
