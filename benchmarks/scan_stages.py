"""Where the processor time of a scan goes, stage by stage, in one process with one thread."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

REPEATS = 7

AFTER_FIRST = ("equivalent widths", "normalization", "network")
"""Stages that spectra do not come to which the first stage settles."""


def measure_stages(files: list[Path], preset_name: str | None) -> list[tuple[str, float]]:
    """Names of stages, and the microseconds of each for a file: the least of some runs."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    from isal import isal_zlib

    from lamost_rare.inference.evidence import measure_lines
    from lamost_rare.inference.first_stage import load_first_stage
    from lamost_rare.presets import load_preset
    from lamost_rare.spectra._file_bytes import decompress, read_bytes
    from lamost_rare.spectra._grid_arrays import GridArrays, room_for
    from lamost_rare.spectra.files import read_spectrum_file
    from lamost_rare.spectra.normalize import network_input
    from lamost_rare.spectra.resample import assemble
    from lamost_rare.survey.batch_classifier import FEW, BatchClassifier
    from lamost_rare.survey.catalogue import catalogue_schema, catalogue_table
    from lamost_rare.survey.reader import PART
    from lamost_rare.survey.stepping import StepLine

    preset = load_preset(preset_name)
    contents = [read_bytes(path) for path in files]

    def read(part) -> list:
        return [read_spectrum_file(path, header=False) for path in part]

    def in_parts(work, items) -> None:  # as a scan does it
        for start in range(0, len(items), PART):
            work(items[start : start + PART])

    def put_on_grid(part) -> None:
        assemble(part, preset.grid, GridArrays(len(part), preset.grid, room))

    raws, room = read(files), room_for(PART, preset.grid)
    batch, _ = assemble(raws, preset.grid)
    batch.columns.update(measure_lines(batch))
    first = load_first_stage(preset)
    classifier = BatchClassifier(preset, FEW, thorough=first is None)
    if first:  # as in a scan, but that nothing is settled
        batch.columns["first_stage"] = first.logits(batch.flux, batch.mask)
        classifier._first = replace(first, log_odds=np.inf)
    line, schema = StepLine([classifier]), catalogue_schema(classifier.adds)
    names = [os.fspath(path) for path in files]

    def finish():
        batch.identity["path"][:] = names[: len(batch)]
        done, _, _ = line.run(batch, list(range(len(batch))))
        return catalogue_table(done, schema)

    finish()  # builds the network
    predictor = classifier._built
    size = predictor.batch_size
    shape = (size, *predictor.model.input_shape[1:])
    x = network_input(batch, preset.preprocessing)
    x.resize((-(-len(x) // size) * size, *shape[1:]), refcheck=False)

    def least(work) -> float:
        times = []
        for _ in range(REPEATS):
            started = time.process_time()
            work()
            times.append(time.process_time() - started)
        return min(times) / len(files) * 1e6

    bytes_of_file = least(lambda: [read_bytes(path) for path in files])
    inflating = least(lambda: [decompress(content, isal_zlib) for content in contents])
    reading = least(lambda: in_parts(read, files))
    normalizing = least(lambda: network_input(batch, preset.preprocessing))
    network = least(
        lambda: [predictor._call(x[start : start + size]) for start in range(0, len(x), size)]
    )
    looking = least(lambda: first.logits(batch.flux, batch.mask)) if first else 0.0
    everything = least(finish)
    stages = [
        ("open and read", bytes_of_file),
        ("decompress", inflating),
        ("header and pixels", reading - bytes_of_file - inflating),
        ("put on the grid, checks", least(lambda: in_parts(put_on_grid, raws))),
        ("first stage", looking),
        ("equivalent widths", least(lambda: measure_lines(batch))),
        ("normalization", normalizing),
        ("network", network),
        ("calibration, candidates, rows", everything - normalizing - network),
    ]
    together = sum(value for _, value in stages)
    if not first:
        return [*stages, ("together", together)]
    left = 1 - first.judge(batch.flux, batch.mask)[0].mean()
    saved = sum(value for name, value in stages if name in AFTER_FIRST) * (1 - left)
    return [
        *stages,
        ("together, if nothing is settled (--thorough, less the first stage)", together),
        (f"together, if the first stage leaves {left:.0%}", together - saved),
    ]
