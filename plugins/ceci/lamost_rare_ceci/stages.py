"""ceci's stages. All they do is hand batches, chunk by chunk, to a step of lamost-rare."""

from __future__ import annotations

import json
import os
from functools import partial
from itertools import chain
from pathlib import Path

from ceci import PipelineStage
from ceci.config import StageParameter
from ceci.file_types import HDFFile, TextFile

from lamost_rare.hdf5 import open_hdf5
from lamost_rare.pipeline import check_order, load_step, make_step
from lamost_rare.pipeline.step import did_you_mean
from lamost_rare.spectra.grid import LAMOST_GRID

from .store import append, columns_of, process, read_rows, usable, with_all_rows

__all__ = ["LamostRareAugment", "LamostRareClassify", "LamostRareNormalize", "LamostRareRead"]

_CHUNK = StageParameter(int, 1024, msg="spectra that a process holds at a time")
_GROUP = StageParameter(str, "spectra", msg="group of the input that holds the spectra")


def _options(step_name: str) -> dict:
    """The parameters of one of lamost-rare's steps as ceci's options."""
    options = {"chunk_rows": _CHUNK, "group": _GROUP}
    for parameter in load_step(step_name).parameters:
        # ceci knows of no two types: then it takes any, and the step says what is wrong.
        kind = parameter.type if isinstance(parameter.type, type) else None
        options[parameter.name] = StageParameter(
            kind, parameter.default, required=False, msg=parameter.help
        )
    return options


class _Stage(PipelineStage):
    """Chunks are shared out among the processes, and process 0 writes what they make, in order.

    Only process 0 has the output open: h5py needs no parallel HDF5, and the content of the file is
    the same for every number of processes.
    """

    step_name = ""
    chunked = True
    writes_pixels = True
    group_written = "spectra"

    def validate(self):
        """Refuse parameters that do not exist; ceci lets them pass."""
        from ceci.pipeline.templates import read_and_apply_template
        from yaml import safe_load

        config = self.get_input("config")
        if isinstance(config, str) and Path(config).is_file():
            config = safe_load(read_and_apply_template(config))
        given = (config.get(self.instance_name) if isinstance(config, dict) else None) or {}
        for name in given:
            if name not in self.config_options:
                hint = did_you_mean(name, self.config_options)
                raise ValueError(f"stage {self.instance_name}: no parameter {name!r}{hint}")
        if self.config["chunk_rows"] < 1:
            raise ValueError(f"stage {self.instance_name}: chunk_rows must be at least 1")

    def run(self):
        """Make the output from the input."""
        n_rows, make, about = self.together(self.prepare)
        size = self.config["chunk_rows"] if self.chunked else max(n_rows, 1)
        ranges = [*self.data_ranges_by_rank(n_rows, size, parallel=False)] or [(0, 0)]
        output = self.together(self.open)
        for first in range(0, len(ranges), self.size):
            mine = ranges[first + self.rank : first + self.rank + 1]
            made = self.together(lambda mine=mine: [make(*span) for span in mine])
            made = self.comm.gather(made) if self.comm else [made]
            self.together(partial(self.write, output, made, about))
        self.together(lambda: output.close() if output else None)

    def together(self, work):
        """Do ``work`` on every process; an error on one is an error on all: nobody waits."""
        result = error = None
        try:
            result = work()
        except Exception as caught:
            error = caught
        if self.comm:
            errors = self.comm.allgather(error and f"{type(error).__name__}: {error}")
            if error is None and any(errors):
                error = RuntimeError(f"another process failed: {next(filter(None, errors))}")
        if error is not None:
            raise error
        return result

    def prepare(self):
        """Number of rows, function from a range of them to a batch, attributes of the output."""
        names = [parameter.name for parameter in load_step(self.step_name).parameters]
        step = make_step(self.step_name, **{name: self.config[name] for name in names})
        # Not by ceci's open_input: a file of others may lead to files that it must not read.
        file, name = open_hdf5(self.get_input(self.input_tags()[0])), self.config["group"]
        if name not in file or not hasattr(file[name], "items"):
            raise ValueError(f"{file.filename} has no group {name!r}, it has: {', '.join(file)}")
        group, grid = file[name], step.grid or LAMOST_GRID
        self.check(read_rows(group, slice(0, 0), grid))
        had, steps = (json.loads(group.attrs.get(key, "[]")) for key in ("properties", "steps"))
        have = {*group, *had}
        if have >= {"class", "subclass"}:
            have.add("label")  # which is made from them
        check_order([step], have)
        about = {
            "properties": json.dumps(had + [item for item in step.adds if isinstance(item, str)]),
            "steps": json.dumps([*steps, step.fingerprint()], default=str),
        }

        def make(start, stop):
            batch = read_rows(group, slice(start, stop), grid)
            self.check(batch)
            return self.apply(step, batch)

        return len(group["flux"]), make, about

    def check(self, batch) -> None:
        """Raise ValueError if the stage must not see such spectra."""

    def apply(self, step, batch):
        """What the step makes of a batch, with a row for each of its rows."""
        return process(step, batch)

    def open(self):
        """The output, on process 0."""
        return self.open_output(self.output_tags()[0], wrapper=True) if self.rank == 0 else None

    def write(self, output, made, about):
        """Append the batches of a round, on process 0."""
        if self.rank == 0:
            group = output.file.require_group(self.group_written)
            group.attrs.update(about)
            for batch in chain.from_iterable(made):
                append(group, columns_of(batch, self.writes_pixels))
                if self.writes_pixels and "grid" not in group.attrs:
                    group["wavelength"] = batch.grid.wavelength
                    group.attrs["grid"] = json.dumps(batch.grid.to_dict())
                    group.attrs["generated"] = batch.generated


class LamostRareRead(_Stage):
    """Read LAMOST files: a row for each line of a text file of paths.

    From the tag ``lamost_files`` to ``lamost_spectra``. Options: ``chunk_rows``, the spectra that a
    process holds at a time, and ``preset``, whose wavelength grid is used.

    Examples
    --------
    >>> from glob import glob
    >>> from pathlib import Path
    >>> from lamost_rare_ceci import LamostRareRead
    >>> files = sorted(glob("demo-output/survey/*/*/*.fits.gz"))[40:43]
    >>> _ = Path("files.txt").write_text("".join(f"{file}\\n" for file in files))
    >>> stage = LamostRareRead.make_stage(lamost_files="files.txt", lamost_spectra="read.hdf5")
    >>> stage.run()
    >>> stage.finalize()
    """

    name = "LamostRareRead"
    inputs = [("lamost_files", TextFile)]
    outputs = [("lamost_spectra", HDFFile)]
    config_options = {
        "chunk_rows": _CHUNK,
        "preset": StageParameter(str, None, required=False, msg="whose wavelength grid it is"),
    }

    def prepare(self):
        """Number of paths, and how they are read; paths are taken from where their list lies."""
        from lamost_rare.presets import load_preset
        from lamost_rare.spectra.reading import read_batch
        from lamost_rare.survey.inputs.lists import ListInput

        grid = load_preset(self.config["preset"], verify=False).grid
        listing = ListInput(Path(self.get_input("lamost_files")))
        paths = [os.path.join(listing.root, path) for path in listing.paths()]
        return len(paths), lambda a, b: with_all_rows(*read_batch(paths[a:b], grid)), {}


class LamostRareNormalize(_Stage):
    """Divide each spectrum by its 2-norm or its continuum.

    From the tag ``lamost_spectra`` to ``lamost_normalized``. Options: ``chunk_rows``, ``group``,
    the group of the input that holds the spectra, and the parameters of the step ``normalize``.

    Examples
    --------
    >>> from lamost_rare_ceci import LamostRareNormalize
    >>> stage = LamostRareNormalize.make_stage(
    ...     lamost_spectra="read.hdf5", lamost_normalized="normalized.hdf5", method="l2"
    ... )
    >>> stage.run()
    >>> stage.finalize()
    """

    name = "LamostRareNormalize"
    step_name = "normalize"
    inputs = [("lamost_spectra", HDFFile)]
    outputs = [("lamost_normalized", HDFFile)]
    config_options = _options(step_name)


class LamostRareClassify(_Stage):
    """Find O stars: a catalogue with a row for each spectrum.

    From the tag ``lamost_normalized`` to ``lamost_candidates``. Options: ``chunk_rows``, ``group``,
    and the parameters of the step ``o_star_classifier``.

    Examples
    --------
    >>> import h5py
    >>> from lamost_rare_ceci import LamostRareClassify
    >>> stage = LamostRareClassify.make_stage(
    ...     lamost_normalized="normalized.hdf5", lamost_candidates="candidates.hdf5"
    ... )
    >>> stage.run()
    >>> stage.finalize()
    >>> with h5py.File("candidates.hdf5") as file:
    ...     print(*file["catalogue"]["prediction"].asstr()[:])
    O K A
    """

    name = "LamostRareClassify"
    step_name = "o_star_classifier"
    inputs = [("lamost_normalized", HDFFile)]
    outputs = [("lamost_candidates", HDFFile)]
    config_options = _options(step_name)
    writes_pixels = False
    group_written = "catalogue"

    def check(self, batch):
        """Generated spectra never enter a catalogue."""
        if batch.generated:
            raise ValueError("generated spectra never enter a catalogue")


class LamostRareAugment(_Stage):
    """Add generated spectra of the rare class to the labelled ones, for training only.

    From the tag ``lamost_spectra`` to ``lamost_augmented``. Options: ``chunk_rows``, ``group``, and
    the parameters of the step ``augment``.

    Examples
    --------
    >>> from lamost_rare_ceci import LamostRareAugment
    >>> stage = LamostRareAugment.make_stage(
    ...     lamost_spectra="read.hdf5", lamost_augmented="augmented.hdf5", number=2
    ... )
    >>> stage.run()
    >>> stage.finalize()
    """

    name = "LamostRareAugment"
    step_name = "augment"
    inputs = [("lamost_spectra", HDFFile)]
    outputs = [("lamost_augmented", HDFFile)]
    config_options = _options(step_name)
    chunked = False  # how many are missing is known when all have been seen

    def apply(self, step, batch):
        """The usable spectra that have a label, and the generated ones."""
        from lamost_rare.simulation.labels import labelled

        return step.process(labelled(batch[usable(batch)]))
