"""`show_candidates`: what a notebook shows of a table of candidates."""

import re
import shutil
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ET

import numpy as np
import pyarrow as pa
import pytest
from astropy import units as u
from astropy.table import QTable, Table
from astropy.table.column import MaskedColumn

from lamost_rare import LamostRareError, SpectrumError, plot_spectrum, show_candidates
from lamost_rare.inference.evidence import measure_lines
from lamost_rare.report.line_sets import few_lines
from lamost_rare.simulation.analytic import analytic_spectra
from lamost_rare.simulation.fits_files import write_batch
from lamost_rare.spectra.files import read_spectrum_file
from lamost_rare.spectra.grid import LAMOST_GRID
from lamost_rare.spectra.lines import LINES
from lamost_rare.spectra.resample import assemble
from lamost_rare.survey.pack import pack_spectra
from scan_helpers import scan_directory, standin_preset, use_network

MOST_BYTES = 12_000
"""Of a row."""


@pytest.fixture(scope="module")
def spectra(tmp_path_factory):
    folder = tmp_path_factory.mktemp("survey")
    kinds = ["O6", "B2", "A0", "O8", "qso"]
    batch = analytic_spectra(kinds, np.random.default_rng(3), snr=[80, 70, 20, 60, 90])
    write_batch(folder, batch)
    return folder


@pytest.fixture(scope="module")
def paths(spectra):
    return sorted(map(str, spectra.rglob("*.fits*")))


def scan(monkeypatch, tmp_path, source, name="found"):
    use_network(monkeypatch)
    preset = standin_preset(tmp_path / "preset")
    return scan_directory(source, tmp_path / name, preset=str(preset.folder), progress=False)


def parsed(gallery):
    """The HTML as a tree: it is well-formed."""
    return ET.fromstring(gallery._repr_html_())


def rows_of(gallery):
    return parsed(gallery).findall("./table/tbody/tr")


def text_of(element):
    return "".join(element.itertext())


SVG = "{http://www.w3.org/2000/svg}svg"


def test_candidates_of_a_scan(monkeypatch, tmp_path, spectra):
    summary = scan(monkeypatch, tmp_path, spectra)
    gallery = show_candidates(tmp_path / "found")
    assert len(gallery) == 4  # S/N above 50
    assert gallery.title == f"4 candidates in {tmp_path / 'found'}"
    rows = rows_of(gallery)
    assert [len(row.findall(f".//{SVG}")) for row in rows] == [1, 1, 1, 1]
    head = [text_of(cell) for cell in parsed(gallery).findall("./table/thead/tr/th")]
    assert head[:4] == ["spectrum", "prediction", "p_O", "snr_g"]  # this preset has no odds
    assert repr(show_candidates(summary)) == repr(gallery)
    assert repr(show_candidates(str(tmp_path / "found"), number=2)).startswith(
        "the first 2 of 4 candidates in "
    )


def test_a_store_needs_its_scan(monkeypatch, tmp_path, spectra, paths):
    copy = tmp_path / "copy"
    copy.mkdir()
    for i, path in enumerate(paths):
        shutil.copy(path, copy / f"spec-{i}.fits.gz")
    pack_spectra(copy, tmp_path / "store.h5", progress=False)
    for path in copy.iterdir():
        path.unlink()
    scan(monkeypatch, tmp_path, tmp_path / "store.h5")
    gallery = show_candidates(tmp_path / "found")
    assert len(gallery) == 4
    assert "no spectrum" not in repr(gallery)
    row = Table.read(tmp_path / "found" / "candidates.parquet")[0]
    with pytest.raises(SpectrumError, match=r"not there any more.*give its directory as scan"):
        plot_spectrum(row)
    title = plot_spectrum(row, scan=tmp_path / "found")["overview"].get_title(loc="left")
    assert f"obsid {row['obsid']}" in title
    with pytest.raises(LamostRareError, match="is not in the catalogue"):
        plot_spectrum({"path": "/elsewhere.fits", "obsid": 99}, scan=tmp_path / "found")
    with pytest.raises(TypeError, match="give a row of its catalogue"):
        plot_spectrum(paths[0], scan=tmp_path / "found")


def test_a_file_that_was_exchanged_is_shown_with_a_warning(monkeypatch, tmp_path, paths):
    source = tmp_path / "source"
    source.mkdir()
    shutil.copy(paths[0], source / "a.fits.gz")
    scan(monkeypatch, tmp_path, source)
    assert "(" not in repr(show_candidates(tmp_path / "found"))
    shutil.copy(paths[1], source / "a.fits.gz")
    gallery = show_candidates(tmp_path / "found")
    (row,) = rows_of(gallery)
    assert len(row.findall(f".//{SVG}")) == 1
    assert "obsid" in text_of(row)
    assert "(" in repr(gallery)


def test_a_row_of_an_archive(tmp_path, paths):
    with tarfile.open(tmp_path / "all.tar", "w") as archive:
        archive.add(paths[0], "night/a.fits.gz")
    row = {"path": f"{tmp_path}/all.tar/night/a.fits.gz", "prediction": "O"}
    assert "   O   " in plot_spectrum(row)["overview"].get_title(loc="left")
    assert "no spectrum" not in repr(show_candidates([row]))


def test_a_scan_without_candidates(monkeypatch, tmp_path, paths):
    empty = tmp_path / "few"
    empty.mkdir()
    shutil.copy(paths[2], empty / "a.fits.gz")  # S/N 20
    scan(monkeypatch, tmp_path, empty)
    gallery = show_candidates(tmp_path / "found")
    assert len(gallery) == 0
    assert repr(gallery) == f"no candidates in {tmp_path / 'found'}"
    assert rows_of(gallery) == []


def table_of(paths, **columns):
    n = len(paths)
    return {"path": paths, "prediction": ["O"] * n, "p_O_survey": [0.9125] * n, **columns}


def test_tables_of_all_kinds(paths):
    pd = pytest.importorskip("pandas")
    values = table_of(paths, snr_g=[81.25] * 5)
    quantities = QTable(values)
    quantities["velocity"] = [12.0, -40.0, np.nan, 0, 1] * u.km / u.s
    quantities["velocity_err"] = [3.0] * 5 * u.km / u.s
    rows = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
    shown = [
        repr(show_candidates(table))
        for table in (pd.DataFrame(values), pa.table(values), rows, Table(values))
    ]
    assert len(set(shown)) == 1
    assert "0.9125" in shown[0]
    text = repr(show_candidates(quantities))
    assert "−40 ± 3" in text
    assert "nan" not in text
    record = Table(values).as_array()
    assert repr(show_candidates(record)) == shown[0]


def test_what_the_columns_say(paths):
    values = table_of(
        paths[:2],
        identifier=[2**62 + 1, 7],
        flags=[2 + 1 << 8, 0],
        note=["a" * 200, "<b>"],
        good=[True, False],
    )
    values["z"] = MaskedColumn([1.5, 2.5], mask=[True, False])
    text = repr(
        show_candidates(Table(values), columns=["identifier", "flags", "note", "good", "z"])
    )
    assert str(2**62 + 1) in text
    assert "out of distribution, resampled" in text
    assert "a" * 80 + " " in text
    assert "a" * 81 not in text
    assert "True" in text
    assert re.search(r"False +2\.5$", text, re.M)
    assert "1.5" not in text


def test_widths_are_those_of_the_catalogue(paths):
    batch, _ = assemble([read_spectrum_file(paths[0])], LAMOST_GRID)
    widths = measure_lines(batch, few_lines("O"))
    picture = rows_of(show_candidates([{"path": paths[0]}]))[0].find(f".//{SVG}")
    said = [text_of(text) for text in picture if text.tag.endswith("text")]
    expected = []
    for name in few_lines("O"):
        width, error = widths[f"ew_{name}"][0], widths[f"ew_{name}_err"][0]
        expected += [LINES[name].label, f"{width:.2f} ± {error:.2f} Å".replace("-", "−")]
    assert said == expected
    assert "He II 4541" in picture.attrib["aria-label"]


def test_a_line_is_deep_in_the_picture(paths):
    """The He II line of an O star reaches down from its continuum; that of an A star does not."""

    def depth(path):
        picture = rows_of(show_candidates([{"path": path}]))[0].find(f".//{SVG}")
        drawn = [p.attrib["d"] for p in picture if p.tag.endswith("path")]
        curve = next(d for d in drawn if d.count("L") > 20 and drawn.index(d) > 4)
        y = np.array([float(v) for v in re.findall(r"[ML][\d.]+ ([\d.]+)", curve)])
        return y.max() - np.median(y)

    by_kind = {read_spectrum_file(path).header.get("SUBCLASS", "")[:1]: path for path in paths}
    assert depth(by_kind["O"]) > 8


def test_hostile_text_does_nothing(paths):
    evil = "</td></table><script>alert(1)</script>\"'&\u202e\x00\x1b[31m<img src=x onerror=y>"
    table = [{"path": paths[0], "designation": evil, evil: evil}, {"path": f"/{evil}"}]
    gallery = show_candidates(table, columns=[evil])
    html = gallery._repr_html_()
    assert "<script" not in html
    assert "<img" not in html
    assert "onerror" in html  # as text
    assert not re.search("[\x00-\x08\x1b\u202e]", html + repr(gallery))
    assert len(rows_of(gallery)) == 2
    for element in parsed(gallery).iter():
        assert not any(name.startswith("on") for name in element.attrib)
        assert element.tag.split("}")[-1] not in ("script", "img", "iframe", "style", "link", "a")


def test_it_needs_nothing_else_and_has_no_colours_of_its_own(paths):
    html = show_candidates([{"path": path} for path in paths])._repr_html_()
    addresses = set(re.findall(r"https?://[^\s\"]+", html))
    assert addresses == {"http://www.w3.org/2000/svg"}  # a name, which is not fetched
    assert "url(" not in html
    assert "currentColor" in html
    assert not re.search(r"(?<![-\w])color:|background:(?!transparent)", html)
    assert len(html) < len(paths) * MOST_BYTES


def test_missing_spectra_are_told(paths, tmp_path):
    (tmp_path / "bad.fits").write_bytes(b"nothing")
    table = [{"path": paths[0]}, {"path": str(tmp_path / "bad.fits")}, {"path": "/gone.fits"},
             {"path": ""}, {"path": paths[0], "obsid": 12345}]  # fmt: skip
    gallery = show_candidates(table)
    said = [text_of(row) for row in rows_of(gallery)]
    assert "no spectrum: not_fits" in said[1]
    assert "no spectrum: unreadable: /gone.fits: the file is not there any more" in said[2]
    assert "no spectrum: the row has no path" in said[3]
    assert "and the row is of 12345" in said[4]
    assert [len(row.findall(f".//{SVG}")) for row in rows_of(gallery)] == [1, 0, 0, 0, 0]
    assert "(no spectrum: not_fits" in repr(gallery)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"number": 0}, ValueError, "from 1 to 200, not 0"),
        ({"number": 201}, ValueError, "from 1 to 200"),
        ({"number": True}, ValueError, "not True"),
        ({"columns": "snr_g"}, TypeError, r"as \['snr_g'\]"),
        ({"columns": ["snr"]}, ValueError, "did you mean 'snr_g'"),
        ({"columns": ["\x1b"]}, ValueError, r"has no '\\x1b'; it has path"),
    ],
)
def test_what_cannot_be_meant(paths, arguments, error, said):
    with pytest.raises(error, match=said) as caught:
        show_candidates(Table(table_of(paths, snr_g=[1.0] * 5)), **arguments)
    assert "\n" not in str(caught.value)


def test_what_is_no_table(tmp_path):
    for thing in (3, {"path": "a"}, [3], None):
        with pytest.raises(TypeError, match=r"is no (row of a )?table of candidates"):
            show_candidates(thing)
    with pytest.raises(ValueError, match="no column 'path'"):
        show_candidates(Table({"obsid": [3]}))
    with pytest.raises(LamostRareError, match="holds no scan"):
        show_candidates(tmp_path)
    with pytest.raises(LamostRareError, match="no such directory"):
        show_candidates(tmp_path / "none")
    assert len(show_candidates([])) == 0


@pytest.mark.parametrize("rare", ["O", "B", "hot_subdwarf", "white_dwarf", "carbon"])
def test_three_lines_for_any_rare_class(rare):
    names = few_lines(rare)
    assert len(names) == 3
    assert [LINES[name].wavelength for name in names] == sorted(
        LINES[name].wavelength for name in names
    )


def test_it_loads_no_network_and_no_matplotlib(paths):
    code = (
        f"import sys; from lamost_rare import show_candidates\n"
        f"show_candidates([{{'path': {paths[0]!r}}}])._repr_html_()\n"
        "sys.exit(bool({'tensorflow', 'keras', 'matplotlib', 'specutils'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-W", "error", "-c", code], timeout=120).returncode == 0
