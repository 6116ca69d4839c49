"""Conditions of --where: what they mean, and what is said of those that mean nothing."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lamost_rare.report.errors import ReportError
from lamost_rare.report.where import parse_condition

ROWS = {
    "p_O": [0.9, 0.2, None, float("nan"), 0.0],
    "snr_g": [30.0, 5.5, 100.0, 7.0, -1.0],
    "flags": [0, 64, 16384, 16448, 1],
    "obsid": [1, 2**53 + 1, -1, 4, 5],
    "prediction": ["O", "B", "white_dwarf", "", "O"],
    "candidate": [True, False, False, None, True],
}
TABLE = pa.table(
    {
        "p_O": pa.array(ROWS["p_O"], pa.float32()),
        **{name: pa.array(ROWS[name]) for name in ("snr_g", "flags", "obsid", "prediction")},
        "candidate": pa.array(ROWS["candidate"], pa.bool_()),
        "shape": pa.array([[1]] * 5),
    }
)


def rows_with(text):
    condition = parse_condition(text, TABLE.schema)
    assert set(condition.columns) <= set(TABLE.column_names)
    numbered = TABLE.append_column("row", pa.array(range(5)))
    return numbered.filter(condition.expression)["row"].to_pylist()


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("p_O > 0.1", [0, 1]),
        ("p_O > 0.1 and snr_g > 10", [0]),
        ("p_O > 0.1 or snr_g > 50", [0, 1, 2]),
        ("(p_O > 0.1) & (snr_g > 10) | (snr_g > 50)", [0, 2]),
        ("not p_O > 0.1", [4]),
        ("~(p_O > 0.1)", [4]),
        ("p_O is None", [2, 3]),
        ("p_O != None", [0, 1, 4]),
        ("0.1 < p_O <= 0.5", [1]),
        ("p_O*100 - 10 > 0", [0, 1]),
        ("-snr_g > 0", [4]),
        ("abs(snr_g) < 6", [1, 4]),
        ("snr_g / 0 > 1", [0, 1, 2, 3]),
        ("flags / 2 == 0.5", [4]),
        ("flags & 64", [1, 3]),
        ("flags & 16384 != 0 and flags & 64 == 0", [2]),
        ("not flags & 64", [0, 2, 4]),
        ("flags in (0, 1)", [0, 4]),
        ("flags not in [0, 1]", [1, 2, 3]),
        ("flags in (0.0, 1)", [0, 4]),
        ("obsid == 9007199254740993", [1]),
        ("obsid in [9007199254740993, -1]", [1, 2]),
        ("prediction == 'O'", [0, 4]),
        ("prediction in ('O', 'B')", [0, 1, 4]),
        ("prediction not in {'O', 'B'}", [2, 3]),
        ("'dwarf' in prediction", [2]),
        ("'dwarf' not in prediction", [0, 1, 3, 4]),
        ("prediction < 'C'", [1, 3]),
        ("candidate", [0, 4]),
        ("not candidate", [1, 2]),
        ("candidate == False", [1, 2]),
        (" \n candidate\n and snr_g > 0 ", [0]),
        ("p_O in (0.9, 0.2) or p_O is None", [2, 3]),  # float32 is not 0.9
        ("snr_g > 1e400", []),
        ("obsid > 99999999999999999999999", []),
    ],
)
def test_what_a_condition_means(text, rows):
    assert rows_with(text) == rows


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("p_0 > 1", "no column p_0, did you mean p_O?"),
        ("snrg > 1", "no column snrg, did you mean snr_g?"),
        ("xyzzy > 1", r"no column xyzzy \(text stands in quotes\)"),
        ("prediction == O", "no column O"),
        ("p_O = 0.5", "write == for equal"),
        ("p_O > 0.5 AND candidate", "write and in small letters"),
        ("p_O > 0.5 && candidate", "write and, or"),
        ("p_O >", "write it as"),
        ("", "write it as"),
        ("p_O > 0.5; import os", "is not understood"),
        ("prediction > 3", "compares text with a number: put text in quotes"),
        ("candidate > 3", "compares yes or no with a number"),
        ("snr_g", "is a number, not a condition"),
        ("snr_g and candidate", "'snr_g' is a number, not a condition"),
        ("prediction + 1 > 2", "'prediction' is text, not a number"),
        ("p_O & 1", "asks for bits of what is no whole number"),
        ("1 < 2", "asks for no column"),
        ("prediction in 'O'", "after in comes a list"),
        ("prediction in ('O', 1)", "after in comes a list of text each"),
        ("flags in (1, None)", "after in comes a list of a number each"),
        ("prediction in snr_g", "after in comes a list"),
        ("candidate is True", "write == or !="),
        ("p_O > None", "is not understood"),
        ("shape == 1", "of a kind that is not compared"),
        ("__import__('os').system('x')", "is not understood"),
        ("open('x')", "only abs.. is a function"),
        ("abs(p_O, 1) > 1", "only abs.. is a function"),
        ("p_O.real > 1", "is not understood"),
        ("p_O[0] > 1", "is not understood"),
        ("(lambda: candidate)()", "is not understood"),
        ("[x for x in p_O]", "is not understood"),
        ("p_O ** 2 > 1", "is not understood"),
        ("9 ** 9 ** 9 > p_O", "is not understood"),
        ("p_O > 1j", "is not understood"),
        ("prediction == b'O'", "is not understood"),
        ("(x := p_O) > 1", "is not understood"),
        ("f'{p_O}' == 'a'", "is not understood"),
        ("(" * 3000 + "candidate" + ")" * 900, "is not understood"),
        ("not " * 900 + "candidate", "is not understood"),
        ("obsid > " + "9" * 5000, "longer than 4000 characters"),
        ("prediction == 'a\x1b[1m' 'b", "is not understood"),
    ],
)
def test_what_is_said_of_others(text, message):
    with pytest.raises(ReportError, match=message) as error:
        parse_condition(text, TABLE.schema)
    said = str(error.value)
    assert said.startswith("where")
    assert said.isprintable()
    assert len(said) < 300


@settings(deadline=None)
@given(st.text())
def test_any_text_is_a_condition_or_refused(text):
    said = ""
    try:
        parse_condition(text, TABLE.schema)
    except ReportError as error:
        said = str(error)
    assert said.isprintable()


NUMBERS = st.recursive(
    st.sampled_from(["snr_g", "flags", "obsid", "3", "0.25", "-7", "16384"]),
    lambda parts: (
        st.builds("({} {} {})".format, parts, st.sampled_from("+-*"), parts)
        | st.builds("abs({})".format, parts)
    ),
    max_leaves=4,
)
COMPARISONS = st.one_of(
    st.builds(
        "{} {} {}".format, NUMBERS, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), NUMBERS
    ),
    st.builds("{} < {} <= {}".format, NUMBERS, NUMBERS, NUMBERS),
    st.sampled_from(["prediction == 'O'", "'d' in prediction", "prediction not in ('O', '')"]),
)
CONDITIONS = st.recursive(
    COMPARISONS,
    lambda parts: (
        st.builds("({} {} {})".format, parts, st.sampled_from(["and", "or"]), parts)
        | st.builds("not ({})".format, parts)
    ),
    max_leaves=6,
)


@settings(deadline=None)
@given(CONDITIONS)
def test_conditions_mean_what_they_mean_in_python(text):
    """Of what was measured: columns without nulls, and small enough numbers."""
    names = ("snr_g", "flags", "prediction")
    columns = {name: ROWS[name] for name in names} | {"obsid": [1, 2, 3, 4, 5]}
    rows = [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]
    wanted = [i for i, row in enumerate(rows) if eval(text, {"abs": abs}, dict(row))]
    table = pa.table({**columns, "row": list(range(5))})
    assume(any(name in text for name in columns))
    condition = parse_condition(text, table.schema)
    assert table.filter(condition.expression)["row"].to_pylist() == wanted


def test_a_condition_on_no_rows():
    condition = parse_condition("p_O > 0.1", TABLE.schema)
    assert len(TABLE.slice(0, 0).filter(condition.expression)) == 0
    assert np.size(condition.columns) == 1
