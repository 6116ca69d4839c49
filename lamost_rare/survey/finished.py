"""A scan that was complete before: nothing is done again but what was asked otherwise."""

from __future__ import annotations

import logging

from ..inference.selection import Selection
from ..preset_config import Evidence
from ..presets import Preset
from ..text import printable
from .errors import ScanInterrupted
from .merge import RESULTS, merge_stars, select_again
from .shard_run import ShardRun

__all__ = ["choose_again", "was_complete"]

_log = logging.getLogger(__name__)

_SELECTING = "selecting"
"""State of a scan whose rows are complete, while its candidates are chosen again."""


def was_complete(run: ShardRun, selection: Selection | None) -> bool:
    """Take the counts of a scan that was complete before, if it was; and how its candidates were
    chosen, if ``selection`` asks for the same."""
    manifest, output = run.manifest, run.summary.output
    if manifest["state"] not in ("complete", _SELECTING) or manifest.get("try_again"):
        return False
    needed = RESULTS if manifest["state"] == "complete" else RESULTS[:2]
    if not all((output / name).exists() for name in needed):
        return False
    run.summary.recall(manifest["counts"])
    if selection and (survey := manifest.get("survey")):
        run.summary.recall_selection(survey, selection)
    run.store.clear()
    _log.info("all of them were done before: %s", printable(repr(run.summary)))
    return True


def choose_again(
    run: ShardRun, evidence: Evidence | None, selection: Selection | None, preset: Preset | None
) -> None:
    """Write the tables of a complete scan with the candidates of another selection, if it is one.

    Whatever interrupts this, the rows are complete, and the next run chooses once more.
    """
    if selection is None or run.summary.selection is not None:
        return
    run.manifest.pop("survey", None)  # until the tables agree with each other again
    run.record(_SELECTING)
    schema, output = run.store.schema, run.summary.output
    try:
        select_again(schema, output, run.summary, run.checkpoint, evidence, selection)
        merge_stars(output, run.summary, preset, run.checkpoint)
    except ScanInterrupted:
        run.record(_SELECTING)
        raise
    run.record("complete")
