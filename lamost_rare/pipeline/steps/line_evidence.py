"""`line_evidence`: equivalent widths of the lines that tell a hot star's type."""

from __future__ import annotations

from dataclasses import replace

from ...inference.columns import O_SUBTYPE, VELOCITY, evidence_columns
from ..step import Step

__all__ = ["LineEvidence"]


class LineEvidence(Step):
    """Measure `lamost_rare.inference.evidence.LINES` in the batch as it is at this point, and from
    He I 4471 and He II 4541 the subtype of an O star."""

    name = "line_evidence"
    summary = "equivalent widths of He, Balmer, Si IV, Mg II and Ca lines, and an O subtype"
    needs = ("not rectified",)
    adds = (*evidence_columns(), *O_SUBTYPE)

    def process(self, batch):
        """Return the batch with ``ew_<line>`` and ``ew_<line>_err`` in Å, absorption positive,
        and with ``o_subtype`` and ``o_subtype_err``, NaN where the lines do not give one.

        Windows follow the star where a classifier has found that it moves fast.
        """
        from ...inference.closer_look import follow_velocities
        from ...inference.evidence import measure_lines
        from ...inference.subtype import o_subtype

        widths = measure_lines(batch)
        if all(column.name in batch.columns for column in VELOCITY):
            motion = (batch.columns[column.name] for column in VELOCITY)
            widths = follow_velocities(batch, widths, *motion)
        subtype, error = o_subtype(widths)
        added = {**widths, "o_subtype": subtype, "o_subtype_err": error}
        return replace(batch, columns={**batch.columns, **added})
