"""How good generated spectra are: GAN-train and GAN-test, lines, memorisation, coverage.

Flux is standardized throughout (`simulation.examples.standardize`): divided by its root mean
square.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import ks_2samp, mannwhitneyu
from sklearn.neighbors import NearestNeighbors
from sklearn.svm import NuSVC

from ..inference.evidence import LINES, measure_lines
from ..spectra.batch import SpectrumBatch
from ..spectra.grid import LAMOST_GRID
from ..spectra.normalize import pseudo_continuum

__all__ = [
    "compare_measures",
    "continuum_slope",
    "coverage",
    "fit_svm",
    "gan_test",
    "gan_train",
    "line_depths",
    "memorisation",
    "nearest_distance",
    "rectified",
    "repeated",
    "spectral_measures",
]

MEASURED_LINES = ("hei_4471", "heii_4541", "heii_4686", "hgamma")
_SLOPE_BANDS = ((4000.0, 4300.0), (6600.0, 6900.0))
_HALF_WIDTH = 8.0  # Å: a line of a fast rotator


def repeated(flux: np.ndarray, number: int) -> np.ndarray:
    """Repeat spectra in turn until there are ``number``."""
    return flux[np.arange(number) % len(flux)]


def gan_test(real: np.ndarray, other: np.ndarray, generated: np.ndarray) -> float:
    """Measure authenticity: the part of the generated spectra that an SVM trained on real ones
    takes for the rare class (Shmelkov et al. 2018; scikit-learn's NuSVC with a Gaussian kernel as
    in Yang et al. 2021).

    Parameters
    ----------
    real : ndarray, shape (n, n_pixels)
        Of the rare class (data set 3, in which few spectra are repeated).
    other : ndarray, shape (m, n_pixels)
        Of the class it is told from: F stars.
    generated : ndarray, shape (k, n_pixels)
    """
    return float(fit_svm(real, other).predict(generated).mean())


def gan_train(
    generated: np.ndarray, other: np.ndarray, real: np.ndarray, real_other: np.ndarray | None = None
) -> tuple[float, float]:
    """Measure diversity: the part of the real spectra of the rare class that an SVM trained on
    generated ones recognises, and the part of the real others that it leaves alone (NaN if there
    are none).

    Parameters
    ----------
    generated, other : ndarray, shape (n, n_pixels)
        To train on (data set 4).
    real : ndarray, shape (k, n_pixels)
        Of the rare class, to test on (data set 2).
    real_other : ndarray, shape (m, n_pixels), optional
        Of the other class, to test on. Not in the paper, where an SVM that always answered O
        would reach 100 %.
    """
    svm = fit_svm(generated, other)
    kept = float("nan") if real_other is None else float(1 - svm.predict(real_other).mean())
    return float(svm.predict(real).mean()), kept


def fit_svm(rare: np.ndarray, other: np.ndarray) -> NuSVC:
    """Train a NuSVC with a Gaussian kernel that answers 1 for the rare class, 0 for the other."""
    return NuSVC(kernel="rbf").fit(
        np.concatenate([rare, other]), np.repeat([1, 0], [len(rare), len(other)])
    )


def spectral_measures(flux: np.ndarray) -> dict[str, np.ndarray]:
    """Measure what an astronomer would in each spectrum.

    Parameters
    ----------
    flux : ndarray, shape (n, n_pixels)

    Returns
    -------
    dict of ndarray, shape (n,)
        ``ew_<line>`` in Å (`inference.evidence`) for He I 4471, He II 4541, He II 4686, Hγ;
        ``ratio``, that of 4471 to 4541 as an angle in degrees (45 for equal widths, above 90
        where noise makes 4541 negative), since a ratio of small numbers has no use; ``noise``,
        the logarithm of relative noise a pixel in the g band, and ``slope``, that of flux near
        4150 Å over flux near 6750 Å. NaN where something cannot be measured.
    """
    flux = np.ascontiguousarray(flux, dtype=np.float32)
    mask = np.zeros(flux.shape, dtype=bool)
    level, noise = pseudo_continuum(flux, mask)
    ivar = (1 / np.maximum(noise, 1e-6) ** 2).astype(np.float32)
    widths = measure_lines(SpectrumBatch(LAMOST_GRID, flux, ivar, mask))
    out = {f"ew_{name}": widths[f"ew_{name}"].astype(float) for name in MEASURED_LINES}
    out["ratio"] = np.degrees(np.arctan2(out["ew_hei_4471"], out["ew_heii_4541"]))
    g = _between(4000.0, 5500.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        out["noise"] = np.log(np.median(noise[:, g] / np.maximum(level[:, g], 1e-3), axis=1))
    out["slope"] = continuum_slope(flux)
    return out


def continuum_slope(flux: np.ndarray) -> np.ndarray:
    """Return ln of the flux near 4150 Å over that near 6750 Å, shape (n,); NaN unless positive."""
    blue, red = (np.mean(flux[:, _between(*band)], axis=1) for band in _SLOPE_BANDS)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.log(np.where((blue > 0) & (red > 0), blue, np.nan) / red)


def _between(low: float, high: float) -> np.ndarray:
    return (LAMOST_GRID.wavelength > low) & (LAMOST_GRID.wavelength < high)


def compare_measures(generated: dict, real: dict) -> dict[str, dict]:
    """Do a two-sample Kolmogorov-Smirnov test of each measure.

    Returns
    -------
    dict of dict
        For each measure ``distance``, ``p``, ``generated`` and ``real`` (medians), and the
        numbers of values ``n_generated`` and ``n_real``.
    """
    out = {}
    for name in generated:
        a, b = (x[name][np.isfinite(x[name])] for x in (generated, real))
        distance, p = ks_2samp(a, b) if len(a) and len(b) else (np.nan, np.nan)
        out[name] = {
            "distance": float(distance),
            "p": float(p),
            "generated": float(np.median(a)) if len(a) else np.nan,
            "real": float(np.median(b)) if len(b) else np.nan,
            "n_generated": len(a),
            "n_real": len(b),
        }
    return out


def rectified(flux: np.ndarray) -> np.ndarray:
    """Divide standardized flux (n, n_pixels) by its pseudo-continuum: lines and noise are left."""
    flux = np.asarray(flux, dtype=np.float32)
    level, _ = pseudo_continuum(flux, np.zeros(flux.shape, dtype=bool), block=64, smooth=1.5)
    return flux / np.maximum(level, 0.02)


def line_depths(flux: np.ndarray) -> np.ndarray:
    """Return the mean depth within 8 Å of every line of `LINES`, shape (n, n_lines)."""
    depth, centres = 1 - rectified(flux), [line.wavelength for line in LINES.values()]
    windows = [_between(x - _HALF_WIDTH, x + _HALF_WIDTH) for x in centres]
    return np.stack([depth[:, w].mean(axis=1) for w in windows if w.sum() > 3], axis=1)


def nearest_distance(
    spectra: np.ndarray, reference: np.ndarray, k: int = 1, *, same: bool = False
) -> np.ndarray:
    """Return the root mean square difference of spectra from their ``k``-th nearest reference.

    Parameters
    ----------
    spectra, reference : ndarray, shape (n, n_features) and (m, n_features)
    k : int
    same : bool
        Both are one set, in which a spectrum is not its own neighbour.

    Returns
    -------
    ndarray, shape (n,)
        Infinite where the reference has fewer than ``k``.
    """
    if len(reference) < k + same:
        return np.full(len(spectra), np.inf)
    # In as many dimensions as there are pixels a tree is of no use.
    neighbours = NearestNeighbors(n_neighbors=k, algorithm="brute")
    neighbours.fit(np.asarray(reference, dtype=np.float64))
    distance, _ = neighbours.kneighbors(None if same else np.asarray(spectra, dtype=np.float64))
    return distance[:, -1] / np.sqrt(reference.shape[1])


def memorisation(generated: np.ndarray, unseen: np.ndarray, training: np.ndarray) -> dict:
    """Compare how near generated and unseen real spectra lie to training spectra.

    Parameters
    ----------
    generated, unseen, training : ndarray, shape (n, n_features)
        ``unseen`` are real spectra of stars that are not in ``training``.

    Returns
    -------
    dict
        ``generated`` and ``unseen``: quartiles of the distance to the nearest training spectrum.
        ``nearer``: chance that a generated spectrum is nearer than an unseen real one, 0.5 if
        they are alike. ``too_near``: part of the generated ones that are nearer than 95 % of the
        unseen; 0.05 if they are alike, 1 for copies.
    """
    a, b = nearest_distance(generated, training), nearest_distance(unseen, training)
    farther = mannwhitneyu(a, b).statistic / (len(a) * len(b))
    return {
        "generated": [float(x) for x in np.percentile(a, [25, 50, 75])],
        "unseen": [float(x) for x in np.percentile(b, [25, 50, 75])],
        "nearer": float(1 - farther),
        "too_near": float(np.mean(a < np.percentile(b, 5))),
    }


def coverage(real: np.ndarray, generated: np.ndarray, k: int = 5) -> float:
    """Return the part of the real spectra to which a generated one is nearer than their ``k``-th
    real neighbour (Naeem et al. 2020, Eq. 4).

    Equal distributions of equally many spectra reach 1 - 2**-k; one spectrum generated again and
    again, nearly 0.
    """
    reach = nearest_distance(real, real, k, same=True)
    return float(np.mean(nearest_distance(real, generated) < reach))
