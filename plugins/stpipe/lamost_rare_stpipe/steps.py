"""stpipe's steps and pipeline. All they do is hand a batch to a step of lamost-rare."""

from __future__ import annotations

import json
import logging
import re

from stpipe import Pipeline, Step

from lamost_rare.pipeline import check_order, load_step, make_step
from lamost_rare.text import printable

from .datamodel import SpectraModel, open_spectra

__all__ = ["AugmentStep", "LamostRarePipeline", "NormalizeStep", "OStarClassifierStep"]

logger = logging.getLogger(__name__)

_steps: dict = {}
_TYPES = {str: "string", int: "integer", float: "float", bool: "boolean"}
_SUFFIXES = re.compile(r"(\.fits)?(_(normalize|o_star_classifier|augment|lamost_rare))?$")


def _spec(name: str) -> str:
    """The parameters of one of lamost-rare's steps as a configobj specification."""
    lines = []
    for parameter in load_step(name).parameters:
        # What may be a mapping can be given as text as well.
        check = "option" if parameter.choices else _TYPES.get(parameter.type, "string")
        arguments = [*map(repr, parameter.choices), f"default={parameter.default!r}"]
        about = " ".join(parameter.help.replace("%", "%%").split())  # argparse formats it
        lines.append(f"{parameter.name} = {check}({', '.join(arguments)})  # {about}")
    return "\n".join(lines)


class _Common:
    """What steps and pipelines share."""

    spec = "output_ext = string(default='.fits')  # Kind of output file, .fits or .asdf"
    prefetch_references = False  # there are none

    @classmethod
    def _datamodels_open(cls, init, **kwargs):
        return open_spectra(init)

    @classmethod
    def _get_crds_parameters(cls, dataset):
        return {}, SpectraModel.crds_observatory  # without opening the input for it

    @classmethod
    def get_config_from_reference(cls, dataset, disable=None, crds_observatory=None):
        """No parameters: CRDS, stpipe's server of reference files, is never asked."""
        return cls._empty_config()

    @staticmethod
    def get_stpipe_loggers():
        """The loggers that strun configures."""
        return ("stpipe", "lamost_rare", "lamost_rare_stpipe", "py.warnings")

    @staticmethod
    def remove_suffix(name):
        """A file's name without what an earlier step appended to it."""
        return _SUFFIXES.sub("", name), "_"

    def default_suffix(self):
        """What is appended to the name of the output: the step's alias."""
        return self.class_alias

    def open_inputs(self, inputs, grid) -> SpectraModel:
        """The arguments of `process` as one model."""
        model = open_spectra([self.make_input_path(item) for item in inputs], grid)
        if model not in inputs:
            for path, reason, detail in model.rejected:
                logger.warning("not used: %s: %s, %s", printable(path), reason, printable(detail))
        return model


class _LamostRareStep(_Common, Step):
    """One of lamost-rare's steps, the one that ``class_alias`` names."""

    def make_step(self):
        """The step of lamost-rare, with the parameters of this one."""
        names = [parameter.name for parameter in load_step(self.class_alias).parameters]
        step = make_step(self.class_alias, **{name: getattr(self, name) for name in names})
        # A step keeps its network, which takes seconds to build: an equal one is used again.
        return _steps.setdefault(json.dumps(step.fingerprint(), default=str), step)

    def process(self, *inputs):
        """Run the step.

        Parameters
        ----------
        *inputs
            One of anything that `open_spectra` takes, or several paths or Spectrum objects.

        Returns
        -------
        SpectraModel
            A new one; the input stays as it is.
        """
        step = self.make_step()
        model = self.open_inputs(inputs, step.grid)
        batch = self.select(model.batch)
        check_order([step], have={*batch.columns, *model.properties})
        logger.info("%s: %d of %d spectra", self.class_alias, len(batch), len(model.batch))
        batch = step.process(batch)
        properties = model.properties.union(item for item in step.adds if isinstance(item, str))
        done = vars(model.meta.cal_step)
        return SpectraModel(batch, model.meta.filename, model.rejected, properties, done)

    def select(self, batch):
        """The spectra that the step gets: all."""
        return batch

    def finalize_result(self, result, reference_files_used):
        """Note in the model that the step was run."""
        setattr(result.meta.cal_step, self.class_alias, "SKIPPED" if self.skip else "COMPLETE")


class NormalizeStep(_LamostRareStep):
    """Divide each spectrum by its 2-norm or its continuum.

    Parameters are those of the step ``normalize`` of lamost-rare. A step takes paths, Spectrum
    objects, a `SpectrumBatch` or a `SpectraModel`, and gives a new `SpectraModel`.

    Examples
    --------
    >>> from glob import glob
    >>> from lamost_rare_stpipe.steps import NormalizeStep
    >>> files = sorted(glob("demo-output/survey/*/*/*.fits.gz"))[40:43]
    >>> model = NormalizeStep.call(files, method="l2", configure_log=False)
    >>> print((model.batch.flux**2).sum(axis=1).round(3))
    [1. 1. 1.]
    """

    class_alias = "normalize"
    spec = _spec(class_alias)


class OStarClassifierStep(_LamostRareStep):
    """Find O stars: class, probabilities, candidates.

    Parameters are those of the step ``o_star_classifier`` of lamost-rare; input and result are
    those of `NormalizeStep`, with the classifier's columns.

    Examples
    --------
    >>> from glob import glob
    >>> from lamost_rare_stpipe.steps import OStarClassifierStep
    >>> files = sorted(glob("demo-output/survey/*/*/*.fits.gz"))[40:43]
    >>> model = OStarClassifierStep.call(files, configure_log=False)
    >>> print(*model.batch.columns["prediction"])
    O K A
    """

    class_alias = "o_star_classifier"
    spec = _spec(class_alias)


class AugmentStep(_LamostRareStep):
    """Add generated spectra of the rare class to labelled ones, for training only.

    Parameters are those of the step ``augment`` of lamost-rare. Labels are those of the column
    ``label``, or what LAMOST's files state.

    Examples
    --------
    >>> from glob import glob
    >>> from lamost_rare_stpipe.steps import AugmentStep
    >>> files = sorted(glob("demo-output/survey/*/*/*.fits.gz"))[40:43]
    >>> model = AugmentStep.call(files, number=2, configure_log=False)
    >>> int(model.batch.columns["generated"].sum())
    2
    """

    class_alias = "augment"
    spec = _spec(class_alias)

    def select(self, batch):
        """The spectra that have a label."""
        from lamost_rare.simulation.labels import labelled

        return labelled(batch)


class LamostRarePipeline(_Common, Pipeline):
    """Normalize, then find O stars.

    Parameters of the steps are given as ``steps={"o_star_classifier": {"threshold": 0.9}}``.

    Examples
    --------
    >>> from glob import glob
    >>> from lamost_rare_stpipe.steps import LamostRarePipeline
    >>> files = sorted(glob("demo-output/survey/*/*/*.fits.gz"))[40:43]
    >>> model = LamostRarePipeline.call(files, configure_log=False)
    >>> vars(model.meta.cal_step)
    {'normalize': 'COMPLETE', 'o_star_classifier': 'COMPLETE'}
    """

    class_alias = "lamost_rare"
    step_defs = {"normalize": NormalizeStep, "o_star_classifier": OStarClassifierStep}

    def process(self, *inputs):
        """Run the steps; arguments and result are those of the steps."""
        steps = [getattr(self, name) for name in self.step_defs]
        grids = [step.make_step().grid for step in steps]
        model = self.open_inputs(inputs, next((grid for grid in grids if grid is not None), None))
        for step in steps:
            model = step.run(model)
        return model
