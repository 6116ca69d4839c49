"""The order of candidates: by probability in a survey, by lines of the rare class, by p."""

import csv

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lamost_rare.inference.calibration import significance_of_lines
from lamost_rare.inference.evidence import LINES
from lamost_rare.preset_config import Evidence
from lamost_rare.presets import list_presets, load_preset
from lamost_rare.survey import scan_directory, shard_processing
from lamost_rare.survey.candidates import rank_candidates
from scan_helpers import ReadHere, standin_preset, table, use_network, write_file

EVIDENCE = Evidence(("heii_4200", "heii_4541"), 0.05)


def rows(**columns):
    n = len(columns["path"])
    widths = {
        f"ew_{line}{suffix}": np.full(n, np.nan, "f4") for line in LINES for suffix in ("", "_err")
    }
    return pa.table({**columns, **widths, **{k: v for k, v in columns.items() if k in widths}})


def test_significance_is_that_of_the_weighted_mean():
    widths = {
        "ew_heii_4200": [0.5, 0.5, np.nan, np.nan, -1.0],
        "ew_heii_4200_err": [0.12, 0.12, np.nan, np.nan, 0.0],
        "ew_heii_4541": [0.5, np.nan, 0.2, np.nan, 0.0],
        "ew_heii_4541_err": [0.12, np.nan, 0.0, np.nan, np.nan],
    }
    found = significance_of_lines(widths, EVIDENCE)
    # Errors are 0.13 with the floor, and it alone: the third is 0.2 / 0.05.
    expected = [0.5 / 0.13 * 2**0.5, 0.5 / 0.13, 4, np.nan, -20]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_surest_first_then_most_probable_then_by_path():
    found = rank_candidates(
        rows(
            path=["d", "c", "b", "a", "nan2", "nan1", "of"],
            p_O=np.array([0.9, 0.6, 0.6, 0.7, 0.5, 0.99, 0.9], "f4"),
            ew_heii_4541=np.array([0.5, 0.9, 0.9, 0.9, np.nan, np.nan, -0.3], "f4"),
            ew_heii_4541_err=np.array([0.1, 0.1, 0.1, 0.1, np.nan, np.nan, 0.1], "f4"),
        ),
        "O",
        EVIDENCE,
    )
    assert found["path"].to_pylist() == ["a", "b", "c", "d", "of", "nan1", "nan2"]
    assert found.column_names[-1] == "evidence"
    assert found["evidence"].type == "float"
    description = found.schema.field("evidence").metadata[b"description"]
    assert description == b"significance of the mean equivalent width of He II 4200, He II 4541"


@pytest.mark.parametrize("unknown", [None, np.nan])
def test_most_probable_in_the_survey_first(unknown):
    columns = {
        "path": ["a", "b", "c", "d", "e"],
        "p_O": np.array([0.9, 0.6, 0.6, 0.7, 0.99], "f4"),
        "ew_heii_4541": np.array([0.9, 0.2, 0.5, 0.5, 0.8], "f4"),
        "ew_heii_4541_err": np.full(5, 0.1, "f4"),
    }
    survey = pa.array([0.6, 0.9, 0.9, 0.9, unknown], "f4")
    found = rank_candidates(rows(**columns, p_O_survey=survey), "O", EVIDENCE)
    assert found["path"].to_pylist() == ["d", "c", "b", "a", "e"]
    null = pa.array([unknown] * 5, "f4")
    found = rank_candidates(rows(**columns, p_O_survey=null), "O", EVIDENCE)
    assert found["path"].to_pylist() == ["a", "e", "d", "c", "b"]


def test_without_lines_the_most_probable_comes_first():
    unordered = rows(path=["a", "b", "c"], p_O=np.array([0.6, 0.9, 0.6], "f4"))
    unordered = unordered.rename_columns({"p_O": "p_wolf_rayet"})
    found = rank_candidates(unordered, "wolf_rayet", None)
    assert found["path"].to_pylist() == ["b", "a", "c"]
    assert found.column_names == unordered.column_names
    assert rank_candidates(unordered, "", None)["path"].to_pylist() == ["a", "b", "c"]


@pytest.mark.parametrize("name", [name for name in list_presets() if name.startswith("racnet")])
def test_o_stars_of_shipped_presets_are_sorted_by_ionized_helium(name):
    preset = load_preset(name)
    assert preset.rare_class == "O"
    unordered = rows(path=["a"], p_O=np.ones(1, "f4"))
    found = rank_candidates(unordered, "O", preset.settings.evidence)
    description = found.schema.field("evidence").metadata[b"description"].decode()
    lines = description.removeprefix("significance of the mean equivalent width of ").split(", ")
    assert len(lines) >= 3
    assert all(line.startswith("He II ") for line in lines)


def test_candidates_of_a_scan(tmp_path, monkeypatch):
    use_network(monkeypatch)
    monkeypatch.setattr(shard_processing, "ReaderPool", ReadHere)
    preset = standin_preset(tmp_path / "preset", evidence=EVIDENCE.to_dict())
    for i in range(8):
        write_file(tmp_path / "in" / f"{i}.fits", 20 + 12 * i)
    scan_directory(tmp_path / "in", tmp_path / "out", preset=preset)
    everything, found = table(tmp_path / "out"), table(tmp_path / "out", "candidates")
    assert len(found["path"]) == sum(everything["candidate"]) > 2
    assert list(found) == [*everything, "evidence"]
    assert found["evidence"] == sorted(found["evidence"], reverse=True)
    assert found["p_O"] != sorted(found["p_O"], reverse=True)
    np.testing.assert_allclose(found["evidence"], significance_of_lines(found, EVIDENCE), rtol=1e-5)
    with open(tmp_path / "out" / "candidates.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["path"] for line in lines] == found["path"]
    assert [float(line["evidence"]) for line in lines] == pytest.approx(found["evidence"])
    schema = pq.read_schema(tmp_path / "out" / "candidates.parquet")
    assert schema.field("ew_heii_4541").metadata[b"unit"] == b"Angstrom"
