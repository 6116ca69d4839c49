"""`line_evidence`: equivalent widths of the lines that tell a hot star's type."""

from __future__ import annotations

from dataclasses import replace

from ...inference.evidence import LINES
from ...inference.rows import column_description, column_unit
from ..step import Column, Step

__all__ = ["LineEvidence"]


def _columns():
    for line in LINES:
        for name in (f"ew_{line}", f"ew_{line}_err"):
            yield Column(name, "f4", column_description(name), column_unit(name))


class LineEvidence(Step):
    """Measure `lamost_rare.inference.evidence.LINES` in the batch as it is at this point."""

    name = "line_evidence"
    summary = "equivalent widths of He I, He II, Balmer, Si IV, Mg II and Ca lines, with errors"
    needs = ("not rectified",)
    adds = tuple(_columns())

    def process(self, batch):
        """The batch with ``ew_<line>`` and ``ew_<line>_err`` in Å, absorption positive."""
        from ...inference.evidence import measure_lines

        return replace(batch, columns={**batch.columns, **measure_lines(batch)})
