"""Train a small network on simulated spectra as the last step of a scikit-learn pipeline.

python examples/sklearn_pipeline.py
"""

import numpy as np
from sklearn.metrics import classification_report
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from lamost_rare import RareStarClassifier
from lamost_rare.simulation.analytic import analytic_spectra

BLUE = slice(200, 1200)
"""Pixels of 3880 to 4890 Å, where hot stars have most of their lines."""


def train(each=60, epochs=20, seed=0):
    """A pipeline that was trained on some stars, and a report on others."""
    kinds = np.repeat(["O", "B", "A", "F"], each)
    batch = analytic_spectra(kinds, np.random.default_rng(seed), snr=60.0)
    spectra = np.where(batch.mask, np.nan, batch.flux)  # NaN: do not use this pixel
    split = train_test_split(spectra, kinds, stratify=kinds, random_state=seed)
    seen, unseen, seen_kinds, unseen_kinds = split
    model = make_pipeline(
        FunctionTransformer(lambda spectra: spectra[:, BLUE]),
        RareStarClassifier(rare_class="O", epochs=epochs, random_state=seed),
    )
    model.fit(seen, seen_kinds)
    return model, classification_report(unseen_kinds, model.predict(unseen), zero_division=0)


if __name__ == "__main__":
    print(train()[1])
