"""`rare_star_classifier` and `o_star_classifier`: presets as steps."""

from __future__ import annotations

from ...inference.columns import classifier_columns
from ...inference.prevalence import for_survey
from ...inference.prior import read_prior
from ...inference.sizes import whole_number
from ...presets import load_preset
from ...survey.batch_classifier import BatchClassifier
from ...survey.manifest import describe_preset
from ..step import Parameter, Step

__all__ = ["OStarClassifier", "PresetClassifier"]


class PresetClassifier(Step):
    """Classify with a preset, which standardizes the spectra itself.

    The network is built when the first batch comes, and kept.

    Attributes
    ----------
    trained : Preset
        As it was loaded, whatever prior and threshold are here.
    """

    name = "rare_star_classifier"
    summary = "classify with a preset: class, probabilities, candidates of its rare class"
    parameters = (
        Parameter(
            "preset",
            str,
            None,
            "name of a shipped preset or folder (the default preset)",
            path=True,
        ),
        Parameter(
            "threshold",
            float,
            None,
            "least p_<rare>_survey of a candidate; of a preset without odds, least p_<rare>, at "
            "any S/N (the preset's)",
        ),
        Parameter(
            "prior",
            str | dict,
            None,
            "how frequent classes are in this survey: {O: 2.0e-5}, the same as text (O=2e-5), or "
            "the path of a table (what the preset says)",
            path=True,
        ),
        Parameter("batch_size", int, 256, "spectra that the network sees at a time"),
    )
    needs = ("not rectified",)
    # An instance, whose classes are known, adds a column p_<class> for each of them too.
    adds = classifier_columns(())

    def __init__(self, **parameters):
        super().__init__(**parameters)
        whole_number("batch_size", self.batch_size, self.error)
        self.trained = preset = load_preset(self.preset)
        try:
            self._prior = read_prior(self.prior)
            preset = for_survey(preset, self._prior, self.threshold)
        except (TypeError, ValueError) as error:
            raise self.error(str(error)) from None
        self.classifier = BatchClassifier(preset, self.batch_size, self.name)
        self.adds = self.classifier.adds
        self.grid = preset.grid

    @property
    def rare_class(self) -> str:
        """The class whose members are candidates."""
        return self.trained.rare_class

    def fingerprint(self):
        """Return the parameters, and what preset and prior were when the run began."""
        found = super().fingerprint()
        parameters = {**found["parameters"], "prior": self._prior or None}
        return {**found, "parameters": parameters, "trained": describe_preset(self.trained)}

    def process(self, batch):
        """Return the batch with ``prediction``, ``p_<class>`` and ``candidate``, and with flags
        added."""
        return self.classifier.process(batch)


RareStarClassifier = PresetClassifier
"""The name that the entry points of earlier installations have."""


class OStarClassifier(PresetClassifier):
    """The same, for presets whose rare class is O."""

    name = "o_star_classifier"
    summary = "find O stars: the default preset, or another one that looks for them"

    def __init__(self, **parameters):
        super().__init__(**parameters)
        if self.rare_class != "O":
            raise self.error(
                f"preset {self.trained.name!r} looks for {self.rare_class!r}: "
                "use rare_star_classifier"
            )
