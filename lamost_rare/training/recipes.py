"""How the shipped presets are made: everything that `train presets` needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..inference.calibration import EVIDENCE, KEY_LINES
from ..networks.architectures import PAPER_RACNET, SHIPPED_RACNET
from ..preset_config import Evidence, KeyLines
from ..simulation.dataset import LATER_LIBRARIES
from ..simulation.labels import CLASSES
from ..spectra.normalize import DEFAULT_PREPROCESSING
from ..validation.figures import cross_fitted
from ..validation.survey_sample import PREVALENCE
from .first_stage_training import FirstStageOptions
from .loop import TrainingOptions
from .novelty_training import NoveltyOptions
from .stream import StreamOptions

__all__ = ["RECIPES", "Recipe"]


@dataclass
class Recipe:
    """A classifier from classes to threshold.

    With ``holdout`` the shipped weights are those of the first fold, measured on the stars left
    out of it (a 7:3 split with ``n_folds`` of 3 or 4) at a threshold of 0.5. Without it they are
    trained on everything, and the ``n_folds`` classifiers of a cross-validation give threshold,
    temperature and figures. ``prevalence`` is how frequent the populations of a survey are, among
    which the rare class is looked for. Without it ``group`` is the rare class with its look-alikes,
    and all else is for a discriminant to keep out. With ``refined`` a second training follows on
    what the first stage is not sure of. ``mixed`` is the weight of the first stage's logits in a
    mean with the recogniser's. ``key_lines`` and ``evidence`` are the lines of the rare class,
    where any are known. ``without`` are libraries that are not read. With ``novelty`` the preset
    tells what is unlike all known spectra, too.
    """

    name: str
    description: str
    classes: tuple
    rare_class: str
    architecture: dict
    preprocessing: dict
    training: TrainingOptions
    stream: StreamOptions
    group: tuple = ()
    n_folds: int = 3
    holdout: bool = False
    first_stage: FirstStageOptions | None = None
    refined: TrainingOptions | None = None
    mixed: float = 0.0
    key_lines: KeyLines | None = None
    evidence: Evidence | None = None
    prevalence: dict | None = None
    without: tuple = ()
    novelty: NoveltyOptions | None = None

    def decide(self, trials_of_fold, stars):
        """Decide trials of the recipe's folds as `validation.figures.cross_fitted` does."""
        return cross_fitted(
            trials_of_fold,
            stars,
            self.classes,
            self.rare_class,
            fitted=not self.holdout,
            group=self.group,
            prevalence=self.prevalence,
        )


_LONG: dict[str, Any] = {
    "schedule": "cosine",
    "batch_size": 128,
    "steps_per_epoch": 1000,
    "views": 2,
    "patience": 0,
}

RECIPES = {
    "racnet-obafgkm-v1": Recipe(
        name="racnet-obafgkm-v1",
        description=(
            "Finds O stars among everything a survey observes: the seven letters, and hot "
            "subdwarfs, white dwarfs and other objects (quasars, galaxies, Wolf-Rayet and carbon "
            "stars, junk) to keep apart."
        ),
        classes=CLASSES,
        rare_class="O",
        architecture=SHIPPED_RACNET,
        preprocessing=DEFAULT_PREPROCESSING,
        training=TrainingOptions(learning_rate=2e-3, **_LONG, epochs=9),
        stream=StreamOptions(
            snr_range=(3.0, 120.0), composite=0.25, red_only=0.08, middle_only=0.1
        ),
        first_stage=FirstStageOptions(),
        refined=TrainingOptions(learning_rate=1e-3, **_LONG, epochs=5),
        mixed=0.25,
        key_lines=KEY_LINES["O"],
        evidence=EVIDENCE["O"],
        prevalence=PREVALENCE,
        novelty=NoveltyOptions(),
    ),
    "racnet-ofgk-v1": Recipe(
        name="racnet-ofgk-v1",
        description=(
            "The four classes of Yang et al. (2021), with their flux standardization (Eq. 1). For "
            "comparison with the paper: it knows no B star, subdwarf or quasar, and will call many "
            "of them O."
        ),
        classes=("O", "F", "G", "K"),
        rare_class="O",
        architecture=PAPER_RACNET,
        preprocessing={"normalization": "l2"},
        training=TrainingOptions(
            learning_rate=1e-3,
            schedule="cosine",
            batch_size=128,
            steps_per_epoch=200,
            epochs=4,
            patience=0,
        ),
        stream=StreamOptions(snr_range=(5.0, 200.0), blue_only=0.0),
        key_lines=KeyLines((4027.33, 4201.02, 4389.16, 4472.73, 4542.86, 4686.99), needed=3),
        holdout=True,
        without=LATER_LIBRARIES,
    ),
}
"""Recipes of the shipped classifiers."""
