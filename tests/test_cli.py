"""The command line: what it prints, what it writes, and how it ends."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table

import lamost_rare
from lamost_rare import cli, presets
from lamost_rare.inference import classify as classify_module
from lamost_rare.inference.output import terminal_lines, write_table
from lamost_rare.simulation.fits_files import write_lamost_file
from lamost_rare.text import printable
from standin import FULL_GRID, StandIn, save_standin, star

SUFFIXES = [".csv", ".ecsv", ".fits", ".parquet", ".vot"]


@pytest.fixture(autouse=True)
def network(monkeypatch):
    monkeypatch.setattr(classify_module, "kept_predictor", lambda preset, batch_size: StandIn())


@pytest.fixture
def preset(tmp_path):
    return save_standin(tmp_path)


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / "hot.fits.gz", tmp_path / "cool.fits.gz"]
    for i, path in enumerate(paths):
        write_lamost_file(path, "dr1-7", FULL_GRID, *star(i == 0), obsid=2**40 + i, ra=10.5)
    return [str(path) for path in paths]


@pytest.fixture
def run(capsys, preset):
    """Run the command line; returns (status, stdout, stderr)."""

    def run(*argv, preset=preset.folder):
        argv = list(map(str, argv))
        if argv[:1] == ["classify"] and preset:
            argv += ["--preset", str(preset)]
        status = cli.main(argv)
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return status, captured.out, captured.err

    return run


def read_back(path):
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        table = pq.read_table(path)
        units = {f.name: (f.metadata or {}).get(b"unit", b"").decode() for f in table.schema}
        return Table({name: table[name].to_numpy() for name in table.column_names}, units=units)
    return Table.read(path, **({"format": "ascii.csv"} if path.suffix == ".csv" else {}))


def test_classify_prints_a_table(run, files):
    status, out, err = run("classify", *files)
    assert status == 0
    assert err.startswith("lamost-rare: p_O_survey is null: preset 'racnet-standin-v1' has no odds")
    assert err.count("\n") == 1
    heading, hot, cool = out.splitlines()
    assert heading.split() == ["prediction", "p(O)", "candidate", "S/N(g)", "flags", "path"]
    assert hot.split()[:3] == ["O", "0.9000", "yes"]
    assert "OUT_OF_DISTRIBUTION" in hot
    assert cool.split()[:2] == ["B", "0.1000"]
    assert [line.split()[-1] for line in (hot, cool)] == files
    assert "yes" not in cool


def test_unusable_files_are_named_on_stderr(run, files, tmp_path):
    bad = tmp_path / "bad.fits"
    bad.write_text("x" * 5000)
    status, out, err = run("classify", bad, files[0])
    assert status == 0
    assert out.splitlines()[1].split() == ["-", "-", "-", "UNUSABLE", str(bad)]
    assert err.startswith(f"lamost-rare: not usable: {bad}: not_fits: ")
    assert err.count("\n") == 1
    assert err.count(str(bad)) == 1


def test_nothing_usable_is_status_1(run, tmp_path):
    status, _, err = run("classify", tmp_path / "missing.fits")
    assert status == 1
    assert "unreadable" in err


def test_a_directory_gets_a_hint(run, tmp_path):
    status, _, err = run("classify", tmp_path)
    assert status == 1
    assert err.endswith("(lamost-rare scan searches directories)\n")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_output_by_suffix(run, files, tmp_path, suffix):
    target = tmp_path / f"table{suffix}"
    status, out, _ = run("classify", *files, tmp_path / "missing", "--output", target)
    assert status == 0
    assert out == f"2 classified, 1 not usable, 1 candidate: {target}\n"
    table = read_back(target)
    assert table.colnames[:3] == ["path", "obsid", "designation"]
    assert list(map(str, table["path"][:2])) == files
    assert list(table["obsid"][:2]) == [2**40, 2**40 + 1]
    assert [str(c) == "True" for c in table["candidate"]] == [True, False, False]
    np.testing.assert_allclose(np.ma.filled(table["p_O"].astype(float), np.nan), [0.9, 0.1, np.nan])
    if suffix != ".csv":
        assert u.Unit(table["ew_hbeta"].unit) == u.AA
        assert str(table["ra"].unit) == "deg"
    assert not [p for p in tmp_path.iterdir() if p.name.endswith(".part")]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_existing_file_is_kept_unless_told_otherwise(run, files, tmp_path, suffix):
    target = tmp_path / f"table{suffix}"
    target.write_text("precious")
    status, out, err = run("classify", files[0], "--output", target)
    assert (status, out) == (2, "")
    assert err == f"lamost-rare: error: {target} exists already; --overwrite replaces it\n"
    assert target.read_text() == "precious"
    assert run("classify", files[0], "--output", target, "--overwrite")[0] == 0
    assert len(read_back(target)) == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("table.txt", "the suffix must be one of .csv, .ecsv, .fits, .parquet, .vot"),
        ("no/where.csv", "there is no directory"),
        ("folder.csv", "is a directory"),
    ],
)
def test_impossible_output_is_found_before_the_work(run, tmp_path, monkeypatch, name, message):
    (tmp_path / "folder.csv").mkdir()
    monkeypatch.delattr(classify_module, "classify_spectra")  # must not get that far
    status, _, err = run("classify", "x.fits", "--output", tmp_path / name)
    assert status == 2
    assert message in err


def test_a_failed_write_leaves_the_earlier_file(files, preset, tmp_path, monkeypatch):
    from lamost_rare.inference import output

    target = tmp_path / "table.csv"
    target.write_text("precious")
    table = lamost_rare.classify_spectra(files, preset)

    def full(rows, names, path):
        path.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(output, "_write_csv", full)
    with pytest.raises(OSError, match="No space left"):
        write_table(table, target, overwrite=True)
    assert target.read_text() == "precious"
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_odd_file_names_can_be_written(files, preset, tmp_path, suffix):
    odd = os.fsencode(tmp_path) + b"/caf\xc3\xa9 \xff,\"'\n.fits"
    os.rename(files[0], odd)
    table = lamost_rare.classify_spectra(os.fsdecode(odd), preset)
    assert table["prediction"][0] == "O"
    target = tmp_path / f"table{suffix}"
    write_table(table, target)
    path = str(read_back(target)["path"][0])
    assert "\\xff" in path
    assert ("caf\\xe9" if suffix == ".fits" else "café") in path


def test_no_control_characters_reach_the_terminal(run, files, tmp_path):
    nasty = tmp_path / "\x1b[2J\x07\u202egnp.fits"
    os.rename(files[0], nasty)
    _, out, err = run("classify", nasty, str(tmp_path / "\x1b]0;title\x07"))
    for text in (out, err):
        assert all(c.isprintable() or c == "\n" for c in text)
    assert "\\x1b[2J\\x07\\u202egnp.fits" in out
    assert "\\x1b]0;title\\x07" in err


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 星", "plain é 星"),
        ("a\tb\nc", "a\\tb\\nc"),
        ("\x1b[31m\x9b\x7f", "\\x1b[31m\\x9b\\x7f"),
        ("\u2028\u200f\ufeff", "\\u2028\\u200f\\ufeff"),
        (os.fsdecode(b"\xff"), "\\xff"),
        (3.5, "3.5"),
    ],
)
def test_printable(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "arguments are required: COMMAND"),
        (["clasify"], "invalid choice: 'clasify'"),
        (["classify"], "arguments are required: FILE"),
        (
            ["classify", "x", "--batch-size", "0"],
            "--batch-size must be a whole number from 1",
        ),
        (["classify", "x", "--batch-size", "1000000"], "from 1 to 16384, not 1000000"),
        (["scan", "x", "--output", "y", "--batch-size", "0"], "--batch-size must be a whole"),
        (["scan", "x", "--output", "y", "--workers", "-1"], "--workers must be a whole number"),
        (["pack", "x", "--output", "y.h5", "--workers", "2000"], "from 1 to 1024, not 2000"),
        (["classify", "x", "--batch-size", "many"], "invalid int value: 'many'"),
        (["classify", "x", "--over"], "unrecognized arguments: --over"),
        (["presets", "nonesuch"], "no preset 'nonesuch'"),
        (["presets", "\x1b[31m"], "no preset '\\x1b[31m'"),
    ],
)
def test_bad_usage_is_one_line_and_status_2(capsys, argv, message):
    assert cli.main(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("lamost-rare: error: ")
    assert message in err
    assert err.count("\n") == 1


def test_misspelt_preset_gets_a_suggestion(run, files, preset, monkeypatch):
    monkeypatch.setattr(presets, "_SHIPPED", preset.folder.parent)
    status, _, err = run("classify", files[0], "--preset", "racnet-standin", preset=None)
    assert status == 2
    assert "did you mean 'racnet-standin-v1'?" in err


def test_interrupt_is_one_line_and_status_130(run, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(classify_module, "classify_spectra", interrupt)
    assert run("classify", "x") == (130, "", "lamost-rare: error: interrupted\n")


def test_unexpected_errors_are_one_line_unless_debugging(run, monkeypatch, preset):
    def fail(*args, **kwargs):
        raise RuntimeError("first\nsecond")

    monkeypatch.setattr(classify_module, "classify_spectra", fail)
    status, _, err = run("classify", "x")
    assert status == 2
    assert (
        err == "lamost-rare: error: unexpected RuntimeError: first\\nsecond (--debug shows where)\n"
    )
    with pytest.raises(RuntimeError, match="first"):
        cli.main(["classify", "x", "--debug"])
    with pytest.raises(RuntimeError, match="first"):
        cli.main(["--debug", "classify", "x"])


def test_presets_are_described(capsys, preset, monkeypatch):
    monkeypatch.setattr(presets, "_SHIPPED", preset.folder.parent)
    assert cli.main(["presets"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith(
        "racnet-standin-v1: classifier\n  Finds He II 4686 without any network.\n"
    )
    assert f"{preset.sha256} (verified)" in out
    assert "recall       snr 5 10 0.951235, snr above 20 1" in out
    assert "looks for    O, at a probability of 0.8 or more" in out


def test_a_damaged_preset_is_reported(run, preset):
    preset.weights_path.write_bytes(b"other")
    status, out, err = run("presets", preset.folder)
    assert (status, out) == (2, "")
    assert "damaged or was exchanged" in err


@pytest.fixture
def small_survey(monkeypatch):
    from lamost_rare.simulation import demo
    from lamost_rare.survey import batch_classifier as classifier

    make = demo.make_demo_survey
    monkeypatch.setattr(demo, "make_demo_survey", lambda folder: make(folder, n_spectra=30))
    monkeypatch.setattr(classifier, "build_predictor", lambda preset, batch_size: StandIn())


def test_demo_sets_candidates_beside_the_truth(run, preset, tmp_path, small_survey):
    for _ in range(2):  # the second replaces the first
        status, out, _ = run("demo", "--output", tmp_path / "demo", "--preset", preset.folder)
        assert status == 0
    simulated, *_, comparison, page = out.split("\n\n")
    page = Path(page.removeprefix("A page for looking at them: file://").rstrip())
    assert page == tmp_path / "demo" / "candidates" / "page.html"
    assert page.is_file()
    assert simulated.startswith("Simulated 40 files, some of them damaged: ")
    match = re.match(
        r"O stars simulated: 10, of them found: (\d+); found besides: (\d+)", comparison
    )
    table = comparison.splitlines()[2:]
    assert len(table) == int(match[1]) + int(match[2]) > 0
    assert sum(row.startswith("O") for row in table) == int(match[1]) >= 5


def test_version_and_help(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith(f"lamost-rare {lamost_rare.__version__}\npython 3.")
    for argv in (["--help"], ["classify", "--help"], ["presets", "--help"]):
        assert cli.main(argv) == 0
        assert "usage: lamost-rare" in capsys.readouterr().out


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_subcommand_explains_itself_without_loading_the_network(command):
    code = (
        "import sys; from lamost_rare.cli import main; "
        f"status = main([{command!r}, '--help']); "
        "heavy = {'tensorflow', 'keras', 'specutils'} & set(sys.modules); "
        "sys.exit(status or len(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert f"usage: lamost-rare {command}" in done.stdout


def test_module_and_closed_pipe():
    command = [sys.executable, "-m", "lamost_rare", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith(f"lamost-rare {lamost_rare.__version__}\npython 3.")
    with subprocess.Popen(
        [sys.executable, "-m", "lamost_rare", "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdout.close()
        err = process.stderr.read()
    assert b"Traceback" not in err


def test_a_terminal_without_unicode_does_not_end_the_run(preset):
    done = subprocess.run(
        [sys.executable, "-m", "lamost_rare", "presets", str(preset.folder)],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert b"\\xc5 in vacuum" in done.stdout


def test_terminal_lines_are_aligned(files, preset):
    lines = list(terminal_lines(lamost_rare.classify_spectra(files, preset)))
    column = lines[0].index("prediction")
    assert [line[column] for line in lines[1:]] == ["O", "B"]


def test_an_absurd_signal_to_noise_does_not_fill_the_terminal(files, preset):
    table = lamost_rare.classify_spectra(files, preset)
    table["snr_g"] = [1e300, -1e300]
    lines = list(terminal_lines(table))
    assert "  1e+300  " in lines[1]
    assert " -1e+300  " in lines[2]
