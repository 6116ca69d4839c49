"""Classify the spectra that a Dask dataframe or an LSDB catalogue names, partition by partition.

python examples/map_partitions.py PATHS.csv candidates.csv

PATHS.csv has a column `path`. For an LSDB catalogue with such a column it is the same call:
`catalog.map_partitions(classify_partition)`.
"""

import sys

import pandas as pd

from lamost_rare import classify_spectra, load_preset

COLUMNS = {"prediction": "str", "candidate": "bool", "flags": "int64"}


def classify_partition(frame, path="path", preset=None):
    """The frame with a preset's `prediction`, `p_<class>`, `candidate` and `flags` behind it.

    A spectrum that cannot be used keeps its row, with NaN and the flag UNUSABLE. LSDB calls this
    with an empty frame first, to learn the columns and their types; for Dask give ``meta``, or it
    tries with paths of its own making.
    """
    classes = load_preset(preset, verify=False).classes
    columns = {**COLUMNS, **{f"p_{name}": "float32" for name in classes}}
    if len(frame) == 0:  # without a network
        return frame.assign(**{name: pd.Series(dtype=kind) for name, kind in columns.items()})
    table = classify_spectra(list(frame[path]), preset, evidence=False)
    found = {
        name: pd.Series(table[name].tolist(), index=frame.index, dtype=kind)
        for name, kind in columns.items()
    }
    return frame.assign(**found)


if __name__ == "__main__":
    import dask.dataframe as dd

    frame = dd.from_pandas(pd.read_csv(sys.argv[1]), chunksize=1000)
    # The threads of one process share the network, which uses all cores by itself.
    found = frame.map_partitions(classify_partition, meta=classify_partition(frame.head(0)))
    found = found.compute(scheduler="synchronous")
    found[found.candidate].to_csv(sys.argv[2], index=False)
    print(f"{len(found)} spectra, {int(found.candidate.sum())} candidates: {sys.argv[2]}")
