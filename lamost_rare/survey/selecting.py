"""Candidates of a scan whose preset has odds of a survey: chosen when its tables are made.

They follow from two columns of the catalogue. So another threshold or purity is no other scan: its
tables are made again, from shards or from the catalogue.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from ..inference.expected import ExpectedCounts
from ..inference.selection import Selection, no_odds
from ..presets import Preset
from .errors import ScanError

__all__ = ["choose", "count_expected", "preset_of", "selection_of", "settle"]


def preset_of(steps) -> Preset | None:
    """Return the preset, with its prevalences, of the only step that decides on candidates; None
    if none does by a preset, or several do."""
    deciding = [
        step
        for step in steps
        if any(getattr(item, "name", "") == "candidate" for item in step.adds)
    ]
    if len(deciding) != 1:
        return None
    # A step of a pipeline has what a scan has itself.
    return getattr(getattr(deciding[0], "classifier", deciding[0]), "preset", None)


def selection_of(steps, threshold: float | None, purity: float | None) -> Selection | None:
    """Return how candidates are chosen when tables are made; None if steps have done it.

    Raises
    ------
    ScanError
        If a threshold or a purity is given and it is not for one classifier to decide.
    PriorError, ValueError
        As `Selection.of`.
    """
    preset = preset_of(steps)
    asked = "threshold" if threshold is not None else "purity" if purity is not None else ""
    if preset is None:
        if asked:
            raise ScanError(f"--{asked} needs exactly one step that decides on candidates")
        return None
    if asked == "threshold" and preset.settings.odds is None:
        why = no_odds(preset.name, preset.rare_class)
        raise ScanError(f"{why}: write the threshold as a parameter of the step that uses it")
    return Selection.of(preset, threshold, purity)


def settle(selection: Selection, blocks: Iterable[pa.Table]) -> Selection:
    """Return a selection with the threshold that gives its purity among all rows, of which
    ``blocks`` have the columns ``selection.column`` and ``flags``."""
    if selection.purity is None:
        return selection
    p, flags = [np.empty(0, np.float32)], [np.empty(0, np.int64)]
    for block in blocks:
        values = block[selection.column].to_numpy()
        some = values > 0  # few are
        p.append(values[some])
        flags.append(block["flags"].to_numpy()[some])
    return selection.settled(np.concatenate(p), np.concatenate(flags))


def choose(table: pa.Table, selection: Selection | None) -> pa.Table:
    """Return rows with the column ``candidate`` that a selection makes."""
    if selection is None:
        return table
    index = table.schema.get_field_index("candidate")
    chosen = selection.chosen(table[selection.column].to_numpy(), table["flags"].to_numpy())
    return table.set_column(index, table.schema.field(index), pa.array(chosen))


def count_expected(counts: ExpectedCounts | None, table: pa.Table) -> None:
    """Add rows to what is expected of a catalogue."""
    if counts is not None:
        of = (f"survey_{name}" for name in ("score", "snr", "lost"))
        names = (f"p_{counts.odds.rare_class}_survey", *of, "candidate")
        counts.add(*(table[name].to_numpy() for name in names))
