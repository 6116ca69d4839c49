"""Prevalences as users give them: good ones in any form, and one line for each bad one."""

import json
import os
from pathlib import Path

import pytest
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st

from lamost_rare.inference.prevalence import PriorError
from lamost_rare.inference.prior import read_prior

WANTED = {"O": 2e-5, "B0": 1e-4}


@pytest.mark.parametrize(
    "given",
    [
        WANTED,
        {"O": "2e-5", "B0": "1e-4"},  # as YAML has them
        "O=2e-5,B0=1e-4",
        " O = 2e-5 , B0=0.0001",
        ["O=2e-5", "B0=1e-4"],
        ("O=2e-5,B0=1e-4",),
    ],
)
def test_mappings_and_text(given):
    assert read_prior(given) == WANTED
    assert all(type(value) is float for value in read_prior(given).values())


def test_nothing_is_nothing():
    assert read_prior(None) == {}
    assert read_prior({}) == {}
    assert read_prior([]) == {}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.csv", "class,prevalence\nO,2e-5\nB0,1e-4\n"),
        ("p.CSV", "source,prevalence,population\nXu 2018,2e-5,O\n,1e-4,B0\n"),
        ("p.csv", "\ufeffclass,prevalence\r\nO,2e-5\r\nB0,1e-4\r\n"),
        ("p.json", json.dumps(WANTED)),
        ("p.json", json.dumps([{"class": "O", "prevalence": 2e-5, "of": "Xu"},
                               {"class": "B0", "prevalence": 1e-4}])),
    ],
)  # fmt: skip
def test_tables(tmp_path, monkeypatch, name, content):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    assert read_prior(path) == read_prior(str(path)) == read_prior([str(path)]) == WANTED
    monkeypatch.chdir(tmp_path)
    assert read_prior([name, "K=0.5"]) == {**WANTED, "K": 0.5}
    (tmp_path / "a=b").mkdir()
    os.rename(path, tmp_path / "a=b" / name)
    assert read_prior(f"a=b/{name}") == WANTED


def test_ecsv(tmp_path):
    table = Table({"population": ["O", "B0"], "prevalence": [2e-5, 1e-4]})
    table.write(tmp_path / "prior.ecsv")
    assert read_prior(tmp_path / "prior.ecsv") == WANTED


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"O": True}, "prevalence of O must be a number, not True"),
        ({"O": None}, "must be a number, not None"),
        ({"O": "much"}, "must be a number, not 'much'"),
        ({"O": 10**400}, "must be a number, not 1000"),
        ({3: 0.1}, "3 is not the name of a class"),
        ("O=much", "prevalence of O must be a number, not 'much'"),
        ("O=", "prevalence of O must be a number, not ''"),
        ("O=1e-5,O=2e-5", "prevalence of 'O' is given twice"),
        (["O=1e-5", "O=2e-5"], "prevalence of 'O' is given twice"),
        ("O=1e-5,B", "is neither NAME=VALUE nor a file"),
        ("O=1=2", "is neither NAME=VALUE nor a file"),
        ("O", "write NAME=VALUE, or name a table that ends in .csv"),
        ("table.fits", "write NAME=VALUE, or name a table that ends in .csv"),
        ("none.csv", "cannot read prior none.csv: No such file"),
        (Path("."), "name a table that ends in"),
        ("\x1b[2J.csv", r"cannot read prior \\x1b\[2J.csv: No such file"),
        ("a\0b.csv", "cannot read prior"),
    ],
)
def test_what_is_wrong(tmp_path, monkeypatch, given, said):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PriorError, match=said) as caught:
        read_prior(given)
    assert len(str(caught.value).splitlines()) == 1
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("p.csv", "", "is not a CSV table|has neither"),
        ("p.csv", "class,prevalence\n", "names no class"),
        ("p.csv", "class\nO\n", "has no column 'prevalence'"),
        ("p.csv", "name,prevalence\nO,0.1\n", "has neither 'population' nor 'class'"),
        ("p.csv", "population,class,prevalence\nO,O,0.1\n", "has 'population' and 'class'"),
        ("p.csv", "class,prevalence\nO,0.1\nO,0.2\n", "prevalence of 'O' is given twice"),
        ("p.csv", "class,prevalence\nO,\nB,0.2\n", "prevalence of O must be a number"),
        ("p.csv", "class,prevalence\nO,much\n", "prevalence of O must be a number, not 'much'"),
        ("p.csv", "class,prevalence\nO,0.1,3\n", "is not a CSV table"),
        ("p.csv", "caf\udce9", "is not UTF-8"),
        ("p.csv", "x" * (1 << 20) + "y", "is too large"),
        ("p.ecsv", "class,prevalence\nO,0.1\n", "is not a ECSV table"),
        ("p.json", "{", "is not JSON"),
        ("p.json", "[" * 100_000, "is not JSON"),
        ("p.json", '{"O": 0.1, "O": 0.2}', "prevalence of 'O' is given twice"),
        ("p.json", '{"O": {"x": 1}}', "prevalence of O must be a number"),
        ("p.json", "{}", "names no class"),
        ("p.json", "3", "must be an object of names and numbers"),
        ("p.json", "[]", "has neither"),
        ("p.json", '[{"class": "O"}]', "must be an object of names"),
        ("p.json", '[{"class": ["O"], "prevalence": 1}]', "is not the name of a class"),
    ],
)
def test_what_is_wrong_with_a_table(tmp_path, name, content, said):
    path = tmp_path / name
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(PriorError, match=said) as caught:
        read_prior(path)
    assert len(str(caught.value).splitlines()) == 1
    assert name in str(caught.value)


def test_what_is_no_prior_at_all():
    for nothing in (3, [3], {"O"}, b"O=1"):
        with pytest.raises(TypeError, match="prior must be a mapping"):
            read_prior(nothing)
    with pytest.raises(ValueError, match="prior is empty"):
        read_prior("")


def read_or_refused(prior):
    said = "a line"
    try:
        assert read_prior(prior)
    except ValueError as error:
        said = str(error)
    assert said.isprintable()
    assert said


@settings(deadline=None)
@given(st.text(max_size=30))
def test_any_text_is_read_or_refused_in_one_line(text):
    read_or_refused(text)


@pytest.mark.parametrize("suffix", [".csv", ".ecsv", ".json"])
def test_any_bytes_are_read_or_refused_in_one_line(tmp_path_factory, suffix):
    path = tmp_path_factory.mktemp("bytes") / f"table{suffix}"

    @settings(deadline=None)
    @given(st.binary(max_size=60) | st.text(max_size=60).map(
        lambda text: ("class,prevalence\n" + text).encode("utf-8", "surrogatepass")))  # fmt: skip
    def check(content):
        path.write_bytes(content)
        read_or_refused(path)

    check()
