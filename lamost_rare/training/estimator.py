"""`RareStarClassifier`: the recogniser as a scikit-learn estimator."""

from __future__ import annotations

import math
import os
import tempfile
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, check_random_state, validate_data

from ..inference import predictor
from ..networks.architectures import SMALL_RACNET
from ..networks.keras_backend import load_keras
from ..presets import check_kind, load_preset
from ..spectra.batch import SpectrumBatch
from ..spectra.grid import WavelengthGrid
from ..spectra.normalize import (
    DEFAULT_PREPROCESSING,
    network_input,
    normalize_l2,
    pseudo_continuum,
)
from . import loop

__all__ = ["RareStarClassifier", "as_features"]


def as_features(batch: SpectrumBatch) -> np.ndarray:
    """Return a batch as scikit-learn takes it: flux and inverse variance side by side.

    Parameters
    ----------
    batch : SpectrumBatch

    Returns
    -------
    ndarray, shape (n_spectra, 2 * n_pixels), float32
        Flux, NaN where masked, and then inverse variance.

    Examples
    --------
    >>> import numpy as np
    >>> from lamost_rare.simulation.analytic import analytic_spectra
    >>> from lamost_rare.training.estimator import as_features
    >>> as_features(analytic_spectra(["O5"], np.random.default_rng(1), snr=50.0)).shape
    (1, 6144)
    """
    return np.hstack([np.where(batch.mask, np.nan, batch.flux), batch.ivar]).astype(np.float32)


class RareStarClassifier(ClassifierMixin, BaseEstimator):
    """Classify spectra with a RAC-Net, trained by `fit` or taken from a preset.

    Parameters
    ----------
    preset : str or path, optional
        A shipped preset or a folder. `fit` does not train then, and its ``y`` is not used.
    rare_class : optional
        Label of the class that `candidates` looks for. By default that of the preset, or the
        class of fewest spectra.
    threshold : float, optional
        Least probability of a candidate; by default the preset's own rule, or 0.5.
    normalization : {"pseudo_continuum", "l2"}
        How spectra are standardized before a network that `fit` trains. ``l2`` is Eq. 1 of Yang et
        al. (2021).
    epochs : int
        Of the training; one shows as many spectra as there are, each class equally often.
    learning_rate : float
        Of Adam.
    batch_size : int
        Spectra in a step of the training.
    random_state : int, RandomState or None
        Of the weights and of everything else that is random in a training.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
    rare_class_ : label
    weights_ : list of ndarray
        Of the network that `fit` trained.

    Notes
    -----
    ``X`` has a row for each spectrum and a column for each pixel of one wavelength grid, which with
    a preset is the preset's: flux, with NaN where it must not be used. With a preset the inverse
    variances may follow in as many further columns (`as_features`); without them, the noise is
    estimated from the flux.

    Examples
    --------
    With a preset nothing is trained:

    >>> import numpy as np
    >>> from lamost_rare import RareStarClassifier
    >>> from lamost_rare.simulation.analytic import analytic_spectra
    >>> from lamost_rare.training.estimator import as_features
    >>> X = as_features(analytic_spectra(["O5", "G2"], np.random.default_rng(1), snr=80.0))
    >>> model = RareStarClassifier("racnet-obafgkm-v1").fit(X)
    >>> print(*model.predict(X))
    O G
    """

    __module__ = "lamost_rare"  # where pickles, which outlive modules, look for it

    def __init__(
        self,
        preset: str | os.PathLike | None = None,
        *,
        rare_class: Any = None,
        threshold: float | None = None,
        normalization: str = "pseudo_continuum",
        epochs: int = 20,
        learning_rate: float = 2e-3,
        batch_size: int = 32,
        random_state: Any = 0,
    ):
        self.preset = preset
        self.rare_class = rare_class
        self.threshold = threshold
        self.normalization = normalization
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> RareStarClassifier:
        """Train on labelled spectra, or load the preset.

        Parameters
        ----------
        X : array-like, shape (n_spectra, n_features)
        y : array-like, shape (n_spectra,), optional
            Labels; needed unless there is a preset.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, the labels or the number of columns do not do.
        """
        if self.threshold is not None and not 0 < self.threshold <= 1:
            raise ValueError(f"threshold must lie above 0 and up to 1, not {self.threshold}")
        if self.preset is not None:
            return self._load(X)
        if y is None:
            raise ValueError(
                "RareStarClassifier requires y to be passed, but the target y is None; only with "
                "a preset it does without"
            )
        if min(self.epochs, self.batch_size) < 1:
            raise ValueError("epochs and batch_size must be at least 1")
        X, y = validate_data(
            self, X, y, dtype=np.float32, ensure_all_finite="allow-nan", ensure_min_features=2
        )
        check_classification_targets(y)
        self.classes_, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"two classes are needed at least, y has one class: {self.classes_[0]!r}"
            )
        rarest = self.classes_[np.argmin(counts)]
        self.rare_class_ = rarest if self.rare_class is None else self.rare_class
        self._check_rare_class()
        self._network: Any = None
        self._train(X, codes)
        return self

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return probabilities, calibrated if the preset is.

        Parameters
        ----------
        X : array-like, shape (n_spectra, n_features)

        Returns
        -------
        ndarray, shape (n_spectra, n_classes)
            In the order of ``classes_``; rows sum to 1.
        """
        if self.preset is not None:
            return self._classified(X).probabilities
        return softmax(self._logits(X), axis=1)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the most probable class of each spectrum, shape (n_spectra,)."""
        best = self.predict_proba(X).argmax(axis=1)  # which says so if it is not fitted
        return self.classes_[best]

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return logarithms of the probabilities, shape (n_spectra, n_classes); for two classes the
        log-odds of the second, shape (n_spectra,)."""
        log_p = np.log(np.maximum(self.predict_proba(X), np.finfo(np.float32).tiny))
        return log_p[:, 1] - log_p[:, 0] if len(self.classes_) == 2 else log_p

    def candidates(self, X: ArrayLike) -> np.ndarray:
        """Decide for each spectrum if it is a candidate of the rare class; (n_spectra,) bool."""
        if self.preset is not None and self.threshold is None:
            return self._classified(X).candidate
        p = self.predict_proba(X)[:, list(self.classes_).index(self.rare_class_)]
        return p >= (0.5 if self.threshold is None else self.threshold)

    def _check_rare_class(self):
        if self.rare_class_ not in self.classes_:
            raise ValueError(
                f"rare_class {self.rare_class_!r} is not among the classes "
                f"{', '.join(map(str, self.classes_))}"
            )

    # With a preset

    def _load(self, X):
        preset = load_preset(self.preset)
        check_kind(preset, "classifier")
        self.classes_ = np.array(preset.classes)
        self.rare_class_ = preset.rare_class if self.rare_class is None else self.rare_class
        self._check_rare_class()
        self._preset, self._network = preset, None
        self._batch(validate_data(self, X, dtype=np.float32, ensure_all_finite="allow-nan"))
        return self

    def _batch(self, X) -> SpectrumBatch:
        grid = self._preset.grid
        n = grid.n_pixels
        if X.shape[1] not in (n, 2 * n):
            raise ValueError(
                f"X has {X.shape[1]} features; preset {self._preset.name!r} needs {n} (flux) or "
                f"{2 * n} (flux, then inverse variance)"
            )
        flux, ivar = X[:, :n], X[:, n:]
        mask = ~np.isfinite(flux)
        if ivar.size:
            mask |= ~(ivar > 0)
        flux = np.where(mask, 0, flux)
        if ivar.size:
            return SpectrumBatch(grid, flux, np.where(mask, 0, ivar), mask)
        batch = normalize_l2(SpectrumBatch(grid, flux, (~mask).astype(np.float32), mask))
        noise = np.maximum(pseudo_continuum(batch.flux, mask)[1], 1e-6)
        return replace(batch, ivar=np.where(mask, 0, noise**-2).astype(np.float32))

    def _classified(self, X):
        check_is_fitted(self, "classes_")
        X = validate_data(self, X, dtype=np.float32, ensure_all_finite="allow-nan", reset=False)
        self._network = self._network or predictor.Predictor(self._preset, batch_size=64)
        return self._network.predict(self._batch(X))

    # Trained

    def _train(self, X, codes):
        seed = self.random_state
        if not isinstance(seed, (int, np.integer)):
            seed = check_random_state(seed).randint(2**31 - 1)
        sizes = {"n_pixels": X.shape[1], "n_classes": len(self.classes_)}
        self.architecture_ = SMALL_RACNET | sizes
        options = loop.TrainingOptions(
            learning_rate=self.learning_rate,
            schedule="cosine",
            batch_size=self.batch_size,
            steps_per_epoch=math.ceil(len(X) / self.batch_size),
            epochs=self.epochs,
            patience=0,
            seed=int(seed),
        )
        stream = _Rows(self._input(X), codes, self.classes_, options.seed)
        with tempfile.TemporaryDirectory() as folder:
            model, _ = loop.train_network(stream, self.architecture_, options, folder)
        self.weights_ = [np.array(weights) for weights in model.get_weights()]
        self._network = model

    def _input(self, X) -> np.ndarray:
        mask = ~np.isfinite(X)
        # Where the pixels lie does not matter to the network: any grid of as many will do.
        grid = WavelengthGrid(3.5, 1e-4, X.shape[1])
        flux = np.where(mask, 0, X)
        batch = SpectrumBatch(grid, flux, (~mask).astype(np.float32), mask)
        if self.normalization == "pseudo_continuum":
            return network_input(batch, DEFAULT_PREPROCESSING)
        return network_input(batch, {"normalization": self.normalization})

    def _logits(self, X) -> np.ndarray:
        check_is_fitted(self, "weights_")
        X = validate_data(self, X, dtype=np.float32, ensure_all_finite="allow-nan", reset=False)
        if self._network is None:
            from ..networks.build import build_network

            self._network = build_network(self.architecture_)
            self._network.set_weights(self.weights_)
        x = self._input(X)
        out = np.empty((len(x), len(self.classes_)))
        for start in range(0, len(x), 64):
            # Of one size always, so that the result of a spectrum does not depend on the others.
            part = np.zeros((64, *x.shape[1:]), np.float32)
            some = x[start : start + 64]
            part[: len(some)] = some
            logits = load_keras().ops.convert_to_numpy(self._network(part, training=False))
            out[start : start + len(some)] = logits[: len(some)]
        return out

    def __getstate__(self):
        # Networks are built again from their weights, or from the preset.
        state = super().__getstate__()
        return {**state, "_network": None} if "_network" in state else state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.target_tags.required = self.preset is None
        return tags


class _Rows:
    """Batches of spectra held in memory, each class equally often."""

    def __init__(self, x, codes, classes, seed: int):
        self.x, self.codes, self.classes, self.seed = x, codes, list(map(str, classes)), seed
        self._members = [np.flatnonzero(codes == code) for code in range(len(classes))]

    def fingerprint(self) -> dict:
        """Return nothing: no training goes on in another process."""
        return {}

    def inputs(self, number: int, batch_size: int):
        """Return network input and class numbers of batch ``number``."""
        rng = np.random.default_rng([self.seed, number])
        codes = rng.permutation(np.arange(batch_size) % len(self._members))
        rows = np.array([rng.choice(self._members[code]) for code in codes])
        return self.x[rows], codes
