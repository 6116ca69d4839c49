"""Rows of the catalogue as Arrow tables."""

import numpy as np
import pyarrow as pa
import pytest

from lamost_rare.inference.columns import IDENTITY
from lamost_rare.spectra.batch import IDENTITY_DTYPES, SpectrumBatch
from lamost_rare.spectra.grid import WavelengthGrid
from lamost_rare.survey.catalogue import catalogue_table
from lamost_rare.text import path_text

SCHEMA = pa.schema([("designation", pa.string()), ("obsid", pa.int64())])


class Fallen:
    """Something whose text is its own."""

    def __str__(self):
        return "fallen"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["J01", "Ångström"], ["J01", "Ångström"]),
        (["J01", "caf\udce9"], ["J01", r"caf\xe9"]),
        (["J01", "\ud800"], ["J01", r"\ud800"]),
        (["J01", np.str_("J02")], ["J01", "J02"]),
        ([b"J01", None], ["b'J01'", "None"]),
        ([Fallen(), 3], ["fallen", "3"]),
    ],
)
def test_whatever_stands_for_text_becomes_text(values, expected):
    column = np.empty(2, dtype=object)
    column[:] = values
    pixels = [np.ones((2, 4), dtype) for dtype in (np.float32, np.float32, bool)]
    grid = WavelengthGrid(3.6, 1e-4, 4)
    batch = SpectrumBatch(grid, *pixels, {"designation": column, "obsid": np.array([1, 2])})
    table = catalogue_table(batch, SCHEMA)
    assert [path_text(str(value)) for value in values] == expected
    assert table["designation"].to_pylist() == expected
    assert table["obsid"].to_pylist() == [1, 2]


def test_the_columns_of_identity_are_those_of_a_batch():
    dtypes = {name: np.dtype(dtype) for name, dtype in IDENTITY_DTYPES.items()}
    assert {column.name: column.numpy_dtype for column in IDENTITY} == dtypes
