"""The candidates of a scan, those first that are most probably of the rare class."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ..inference.arrow import schema_of
from ..inference.calibration import EVIDENCE, significance_of_lines
from ..inference.columns import significance_column
from ..preset_config import Evidence

__all__ = ["rank_candidates"]


def rank_candidates(found: pa.Table, rare_class: str, evidence: Evidence | None) -> pa.Table:
    """Sort candidates (rows of the catalogue) by how much they are worth a look.

    Those with the greatest ``p_<rare>_survey`` come first; where that is equal, or null since the
    preset has no odds, those whose lines of the rare class are surest.

    ``evidence`` (``lines`` and ``floor``, of a preset's configuration) or `EVIDENCE` names
    lines of the rare class. Then a last column ``evidence`` says how many times its error their
    mean equivalent width is, NaN (and last) where none could be measured. In case of a tie the
    greater probability ``p_<rare>`` comes first, then the path.
    """
    evidence = evidence or EVIDENCE.get(rare_class)
    order = [("path", "ascending")]
    if f"p_{rare_class}" in found.column_names:
        order.insert(0, (f"p_{rare_class}", "descending"))
    if evidence and "evidence" not in found.column_names:
        names = [f"ew_{line}{suffix}" for line in evidence.lines for suffix in ("", "_err")]
        value = significance_of_lines({name: found[name].to_numpy() for name in names}, evidence)
        (field,) = schema_of([significance_column(evidence.lines)])
        found = found.append_column(field, pa.array(value.astype(np.float32)))
        order.insert(0, ("evidence", "descending"))
    if f"p_{rare_class}_survey" in found.column_names:
        order.insert(0, (f"p_{rare_class}_survey", "descending"))
    return found.sort_by(order)
