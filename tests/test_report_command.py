"""``lamost-rare report`` and `lamost_rare.report`: what they ask of a scan, and what they say."""

import errno
import json
import os
import shutil
import subprocess
import sys
from inspect import signature
from pathlib import Path
from typing import get_type_hints

import pyarrow.parquet as pq
import pytest

import lamost_rare
from lamost_rare import cli
from lamost_rare.report import making, server
from lamost_rare.report.asking import Options, PageOptions, ServeOptions
from lamost_rare.report.errors import ReportError
from lamost_rare.survey.merge import RESULTS
from report_helpers import read_page, scan, standin_preset, use_standins, write_star
from scan_helpers import manifest

N = 14


@pytest.fixture(autouse=True)
def standins(monkeypatch):
    use_standins(monkeypatch)


@pytest.fixture(scope="module")
def scanned(tmp_path_factory):
    root = tmp_path_factory.mktemp("scanned")
    for i in range(N):
        write_star(root / "in" / f"{i:02d}.fits", i)
    with pytest.MonkeyPatch.context() as patch:
        use_standins(patch)
        return scan(root / "in", root / "out")


@pytest.fixture
def output(scanned, tmp_path):
    """A scan to damage; its spectra are those of all tests."""
    (tmp_path / "in").mkdir()
    return shutil.copytree(scanned, tmp_path / "out")


@pytest.fixture
def run(capsys):
    """Run the command line; returns (status, stdout, stderr)."""

    def run(*argv):
        status = cli.main(["report", *map(str, argv)])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return status, captured.out, captured.err

    return run


def change_manifest(output, **changes):
    path = output / "manifest.json"
    path.write_text(json.dumps(manifest(output) | changes))


def test_a_page(run, output, tmp_path):
    status, out, err = run(output, "--output", tmp_path / "p.html")
    assert (status, err) == (0, "")
    first, second = out.splitlines()
    n = len(pq.read_table(output / "candidates.parquet"))
    assert first.startswith(f"{tmp_path}/p.html: {n} spectra, 0.")
    assert second == f"open it in a browser: file://{tmp_path}/p.html"
    page = read_page(tmp_path / "p.html")
    assert page.list["rows"] == n
    # The same page again has the same list, whatever the time.
    run(output, "--output", tmp_path / "q.html")
    again = read_page(tmp_path / "q.html")
    assert again.list | {"made": 0} == page.list | {"made": 0}


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        (["--top", "3"], 3),
        (["--where", "ra < 12.5"], 3),
        (["--where", "ra < 12.5", "--top", "2"], 2),
        (["--rows", "{out}/catalogue.parquet"], N),
    ],
)
def test_other_rows(run, output, options, rows):
    options = [option.format(out=output) for option in options]
    status, _, err = run(output, *options)
    assert (status, err) == (0, "")
    assert read_page(output / "page.html").list["rows"] == rows


def test_notes_are_said_and_can_be_left_out(run, output, tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("obsid\n1001\n5\n")
    page = tmp_path / "p.html"
    asked = "--rows", table, "--output", page, "--overwrite"
    status, out, err = run(output, *asked, "--spectra", tmp_path / "in")
    assert status == 1  # there is no spectrum at all on the page
    assert err.splitlines() == [
        "lamost-rare: 1 of 2 rows of t.csv are not in the catalogue: obsid 5.",
        "lamost-rare: 1 of 1 spectra are not shown; the first: the file is not there any more.",
    ]
    assert read_page(page).list["notes"] == [line[13:] for line in err.splitlines()]
    assert out.startswith(f"{page}: 1 spectra, ")
    table.write_text("obsid\n1002\n5\n")
    status, _, err = run(output, *asked, "--quiet")
    assert (status, err) == (0, "")


@pytest.mark.parametrize("state", ["running", "interrupted", "selecting", "\x1b[1mx", None, 5])
def test_a_scan_that_is_not_finished(run, output, state):
    change_manifest(output, state=state)
    status, out, err = run(output)
    assert (status, out) == (2, "")
    assert "is not finished" in err
    assert "run the same scan command again" in err
    assert err.count("\n") == 1
    assert err.rstrip("\n").isprintable()
    assert not (output / "page.html").exists()


def test_no_candidates(run, tmp_path):
    write_star(tmp_path / "in" / "0.fits", 0)
    output = scan(tmp_path / "in", tmp_path / "out")
    status, out, err = run(output)
    assert (status, out) == (1, "")
    assert err == (
        "lamost-rare: error: the scan has no candidates: --top 50 shows the most probable\n"
    )
    assert not (output / "page.html").exists()
    assert run(output, "--top", "50")[0] == 0


def test_a_scan_of_another_version(run, output):
    versions = manifest(output)["versions"]
    change_manifest(output, versions={**versions, "lamost-rare": "0.0.9\x1b[1m"})
    status, _, err = run(output)
    assert status == 0
    said = rf"Scanned by lamost-rare 0.0.9\x1b[1m; this page is by {lamost_rare.__version__}."
    assert err == f"lamost-rare: {said}\n"
    assert read_page(output / "page.html").list["notes"] == [said]


OTHERS = [b"", b"{", b"[]", b'{"format": 2}', b'"x"', b"\xff\xfe", b'{"format": 1}', b"null", b"5"]
VERSIONS = {"versions": {"lamost-rare": "1"}}
PARTS = [{}, {"versions": 3}, {"versions": {"lamost-rare": 1}}]
PARTS += [{**VERSIONS, "preset": [1]}, {**VERSIONS, "root": 3}]


@pytest.mark.parametrize("content", [*OTHERS, *PARTS])
def test_a_manifest_that_is_none(run, output, content):
    if isinstance(content, dict):
        content = json.dumps({"format": 1, "state": "complete", "source": "x"} | content).encode()
    (output / "manifest.json").write_bytes(content)
    status, out, err = run(output)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert "unexpected" not in err


@pytest.mark.parametrize("name", ["catalogue.parquet", "candidates.parquet"])
def test_tables_that_are_damaged_or_gone(run, output, name):
    (output / name).write_bytes(b"PAR1 none")
    status, _, err = run(output)
    assert status == 2
    assert name in err
    assert err.count("\n") == 1
    (output / name).unlink()
    status, _, err = run(output)
    assert status == 2
    assert name in err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["nonesuch"], "no such directory"),
        (["{in}"], "holds no scan: there is no manifest.json"),
        (["{out}/manifest.json"], "is a file: give the directory that a scan wrote"),
        (["{out}", "--output", "{in}"], "is a directory"),
        (["{out}", "--output", "p.txt"], "ends in .html"),
        (["{out}", "--output", "{in}/no/p.html"], "there is no directory"),
        (["{out}", "--output", ""], "is empty"),
        (["{out}", "--top", "0"], "must be at least 1"),
        (["{out}", "--where", "p_0 > 1"], "did you mean p_O?"),
        (["{out}", "--rows", "nonesuch.csv"], "cannot read nonesuch.csv"),
        (["{out}", "--rows", "{out}/rejected.parquet"], "no row of rejected.parquet"),
        (["{out}", "--rows", "x", "--top", "3"], "--rows says all"),
        (["{out}", "--spectra", "nonesuch"], "no such file or directory"),
        (["{out}", "--tip", "3"], "did you mean --top?"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(run, output, tmp_path, argv, message):
    places = {"out": output, "in": tmp_path / "in"}
    status, out, err = run(*(word.format(**places) for word in argv))
    assert status in (1, 2)
    assert out == ""
    assert err.count("\n") == 1
    assert message in err


def test_a_page_is_there_whole_or_not_at_all(run, output, tmp_path, monkeypatch):
    page = tmp_path / "p.html"
    run(output, "--output", page)
    before = page.read_bytes()

    def full(file, list, spectra):
        file.write(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(making, "write_page", full)
    status, out, err = run(output, "--output", page, "--overwrite")
    assert (status, out) == (2, "")
    assert err == f"lamost-rare: error: cannot write {page}: No space left on device\n"
    assert page.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["p.html"]


def test_it_is_a_function_before_and_after_the_package_is_imported(output, tmp_path):
    code = f"""
import lamost_rare
page = lamost_rare.report({str(output)!r}, {str(tmp_path / "a.html")!r}, top=2, progress=False)
print(page)
import lamost_rare.report.packing as packing
from lamost_rare import report
print(lamost_rare.report({str(output)!r}, {str(tmp_path / "b.html")!r}, progress=False))
print(report is lamost_rare.report, callable(report), packing.BLOCK)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        str(tmp_path / "a.html"),
        str(tmp_path / "b.html"),
        "True True 32",
    ]
    code = "import lamost_rare.report.packing, lamost_rare; print(callable(lamost_rare.report))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "True\n"


def test_from_python(output, tmp_path):
    page = lamost_rare.report(output, where="ra > 15", progress=False)
    assert page == output / "page.html"
    assert isinstance(page, Path)
    with pytest.raises(ReportError, match="exists already"):
        lamost_rare.report(str(output))
    with pytest.raises(TypeError, match="nonesuch"):
        lamost_rare.report(output, nonesuch=1)


@pytest.mark.parametrize(
    ("function", "options"), [(making.make_page, PageOptions), (server.serve, ServeOptions)]
)
def test_what_a_page_can_be_asked_is_said_once(function, options):
    own = [p.name for p in signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY]
    types = get_type_hints(function)
    assert {name: types[name] for name in own} == get_type_hints(options)
    assert get_type_hints(Options).items() <= get_type_hints(options).items()


def test_a_run_of_a_pipeline(run, tmp_path):
    preset = standin_preset(tmp_path / "preset")
    for i in range(N):
        write_star(tmp_path / "in" / f"{i:02d}.fits", i)
    steps = [{"rare_star_classifier": {"preset": str(preset.folder)}}]
    for name, used in (("with", ["normalize", *steps]), ("without", ["normalize"])):
        pipeline = {"input": str(tmp_path / "in"), "output": str(tmp_path / name), "steps": used}
        (tmp_path / "p.yaml").write_text(json.dumps(pipeline))
        assert cli.main(["run", str(tmp_path / "p.yaml"), "--quiet"]) == 0
    status, _, err = run(tmp_path / "with")
    assert (status, err) == (0, "")
    assert read_page(tmp_path / "with" / "page.html").list["rare"] == "O"
    # Without a classifier there are no candidates, and nothing is probable.
    status, _, err = run(tmp_path / "without")
    assert status in (1, 2)
    assert err.count("\n") == 1
    assert "probability of a rare class" in run(tmp_path / "without", "--top", "3")[2]
    status, _, err = run(tmp_path / "without", "--where", "snr_g > 0")
    assert (status, err) == (0, "")
    listed = read_page(tmp_path / "without" / "page.html").list
    assert (listed["rare"], listed["classes"], listed["rows"]) == ("", [], N)


def test_a_preset_for_another_class(run, tmp_path):
    preset = standin_preset(tmp_path / "preset", classes=["carbon", "F"], rare_class="carbon")
    for i in range(N):
        write_star(tmp_path / "in" / f"{i:02d}.fits", i)
    output = scan(tmp_path / "in", tmp_path / "out", preset)
    status, _, err = run(output)
    assert (status, err) == (0, "")
    listed = read_page(output / "page.html").list
    assert (listed["rare"], listed["classes"]) == ("carbon", ["carbon", "F"])
    assert listed["verdict_classes"][0]["name"] == "carbon"
    assert listed["columns"]["subtype"] == [None] * listed["rows"]


def test_a_catalogue_of_an_earlier_version_lacks_columns(run, output):
    assert {"catalogue.parquet", "candidates.parquet"} <= set(RESULTS)
    for name in ("catalogue", "candidates"):
        table = pq.read_table(output / f"{name}.parquet")
        kept = [c for c in table.column_names if not c.startswith(("ew_", "velo", "o_sub", "nove"))]
        pq.write_table(table.select(kept), output / f"{name}.parquet")
    for options in ([], ["--top", "3"]):
        status, _, err = run(output, "--overwrite", *options)
        assert (status, err) == (0, "")
        page = read_page(output / "page.html")
        assert set(page.columns["velocity"]) == {None}
        assert page.columns["missing"] == [""] * page.list["rows"]
