"""What is logged, what of it is shown, and that nothing is said twice or missed."""

import logging
import os
import re
import subprocess
import sys
import warnings

import pytest

from lamost_rare import classify_spectra, cli, logs, progress
from lamost_rare.errors import UnusableSpectraWarning
from lamost_rare.inference import classify as classify_module
from lamost_rare.simulation.dataset import load_data_folder
from lamost_rare.simulation.fits_files import write_lamost_file
from lamost_rare.survey import ScanInterrupted, shard_processing
from lamost_rare.training.epochs import report_epoch, report_start
from scan_helpers import ReadHere, scan_directory, standin_preset, use_network, write_file
from standin import FULL_GRID, StandIn, save_standin, star

LOGGER = logging.getLogger("lamost_rare")
ODD = "\x1b[2J\n\u202ex.fits"


@pytest.fixture
def unread(monkeypatch):
    """A function after which nobody reads the log: pytest, which does, is out of the way then."""
    return lambda: monkeypatch.setattr(LOGGER, "propagate", False)


@pytest.fixture
def survey(tmp_path, monkeypatch):
    """Two stars and a file whose name and content are hostile, and a preset for them."""
    monkeypatch.setattr(shard_processing, "ReaderPool", ReadHere)
    use_network(monkeypatch)
    for number in (20, 80):
        write_file(tmp_path / "in" / f"{number}.fits", number)
    (tmp_path / "in" / ODD).write_text("<html>")
    return tmp_path / "in", tmp_path / "out", standin_preset(tmp_path / "preset")


def said(caplog, level=logging.INFO):
    return [r.getMessage() for r in caplog.records if r.levelno >= level and _ours(r)]


def _ours(record):
    return record.name.partition(".")[0] == "lamost_rare"


def test_nothing_is_shown_unless_somebody_asks():
    code = (
        "import logging, lamost_rare; log = logging.getLogger('lamost_rare.survey.scan'); "
        "log.warning('unheard'); print(logging.getLogger('lamost_rare').handlers)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stderr, done.stdout) == ("", "[<NullHandler (NOTSET)>]\n")


def test_a_scan_says_what_it_begins_with_and_ends_with(survey, caplog):
    source, output, preset = survey
    with caplog.at_level("INFO", logger="lamost_rare"):
        scan_directory(source, output, preset=preset, workers=1)
    text = "\n".join(said(caplog))
    assert f"listing the inputs in {source}" in text
    assert re.search(rf"3 inputs, listed in [\d.]+ s; results go to {output}", text)
    assert "preset standin-v1; 1 readers, batches of 512" in text
    assert re.search(r"tables written in [\d.]+ s", text)
    end = "<ScanSummary complete: 3 inputs, 2 classified, 1 rejected, 1 candidates> after"
    assert said(caplog)[-1].startswith(end)
    assert {r.name for r in caplog.records if _ours(r)} == {
        "lamost_rare.survey.scan",
        "lamost_rare.survey.shard_run",
    }
    caplog.clear()
    with caplog.at_level("INFO", logger="lamost_rare"):
        scan_directory(source, output, preset=preset, workers=1)
    assert said(caplog)[-1].startswith("all of them were done before: <ScanSummary complete")


def test_a_scan_that_goes_on_says_so(survey, caplog, monkeypatch):
    source, output, preset = survey
    options = {"preset": preset, "workers": 1, "batch_size": 1, "shard_size": 1}

    class Stops(ReadHere):
        def run(self, tasks, stopped):
            for number, result in enumerate(super().run(tasks, stopped)):
                yield result
                if number == 1:
                    raise ScanInterrupted(None)

    monkeypatch.setattr(shard_processing, "ReaderPool", Stops)
    with caplog.at_level("DEBUG", logger="lamost_rare"), pytest.raises(ScanInterrupted):
        scan_directory(source, output, **options)
    assert said(caplog)[-1].startswith("<ScanSummary interrupted: 3 inputs, 1 classified, 1 rej")
    debug = said(caplog, logging.DEBUG)
    assert {"shard 0: 0 rows, 1 rejects", "1 of 3 inputs done"} < set(debug)
    caplog.clear()
    monkeypatch.setattr(shard_processing, "ReaderPool", ReadHere)
    with caplog.at_level("INFO", logger="lamost_rare"):
        scan_directory(source, output, **options)
    assert "2 of them were done before: going on" in said(caplog)


def test_hostile_names_are_harmless_in_the_log(survey, tmp_path, caplog, monkeypatch):
    source, _, preset = survey
    monkeypatch.setattr(classify_module, "kept_predictor", lambda preset, batch_size: StandIn())
    hostile = tmp_path / "\x1b[31m\nred"
    os.rename(source, hostile)
    (tmp_path / "own").mkdir()
    with caplog.at_level("DEBUG", logger="lamost_rare"):
        scan_directory(hostile, tmp_path / "out\x07", preset=preset, workers=1)
        with pytest.warns(UnusableSpectraWarning):
            classify_spectra([hostile / ODD], save_standin(tmp_path / "own"))
    text = said(caplog, logging.DEBUG)
    assert any(r"\x1b[31m\nred" in line for line in text)
    assert any(r"row 0 not used: " in line and r"\x1b[2J" in line for line in text)
    assert all(line.isprintable() for line in text)


def test_classify_says_how_many(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(classify_module, "kept_predictor", lambda preset, batch_size: StandIn())
    for i in range(2):
        write_lamost_file(tmp_path / f"{i}.fits", "dr1-7", FULL_GRID, *star(i == 0), obsid=i + 1)
    files = [tmp_path / "0.fits", tmp_path / "1.fits"]
    preset = save_standin(tmp_path)
    with caplog.at_level("INFO", logger="lamost_rare"):
        classify_spectra(files, preset)
    odds, end = said(caplog)
    assert odds.startswith("p_O_survey is null: preset 'racnet-standin-v1' has no odds")
    start = "preset racnet-standin-v1: 2 spectra, 0 of them not used, 1 candidates, in "
    assert end.startswith(start)


def test_the_command_line_shows_all_when_debugging_and_nothing_twice(survey, capsys):
    source, output, preset = survey
    arguments = ["scan", str(source), "--output", str(output), "--preset", str(preset.folder)]
    level, handlers = LOGGER.level, list(LOGGER.handlers)
    assert cli.main([*arguments, "--workers", "1", "--quiet"]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert cli.main([*arguments, "--workers", "1", "--overwrite", "--debug", "--quiet"]) == 0
    again = capsys.readouterr()
    lines = again.err.splitlines()
    stamp = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (DEBUG|INFO) lamost_rare\.[\w.]+: .+"
    assert lines
    assert all(re.fullmatch(stamp, line) for line in lines)
    assert len(set(lines)) == len(lines)
    assert any(" DEBUG lamost_rare.survey.shards: shard 0: 2 rows, 1 rejects" in x for x in lines)
    assert [x.partition("  (")[0] for x in again.out.splitlines()] == [
        x.partition("  (")[0] for x in shown.out.splitlines()
    ]
    assert (LOGGER.level, LOGGER.handlers) == (level, handlers)


def test_lines_of_the_command_line_are_one_line_each(capsys):
    with logs.shown("program", debug=False):
        LOGGER.getChild("some").warning("a\x1b[31m\nb %s", "\u202e")
        LOGGER.info("not asked for")
    assert capsys.readouterr().err == "program: a\\x1b[31m\\nb \\u202e\n"


def test_what_must_not_be_missed_is_said_once(unread, capsys):
    unread()
    log = LOGGER.getChild("module")
    with pytest.warns(UnusableSpectraWarning, match="look at 100 %s") as found:
        logs.say(log, "look at 100 %s", UnusableSpectraWarning, stacklevel=1)
    assert found[0].filename == __file__
    with warnings.catch_warnings(), logs.shown("program", debug=False):
        warnings.simplefilter("error")
        logs.say(log, "look at 100 %s")
    assert capsys.readouterr().err == "program: look at 100 %s\n"


def test_labelled_spectra_that_cannot_be_used_are_a_warning_without_a_log(unread, tmp_path):
    unread()
    write_file(tmp_path / "a.fits", 50)
    (tmp_path / "labels.csv").write_text("path,class\na.fits,O\nb\x1b.fits,G\n")
    with pytest.warns(UnusableSpectraWarning, match=r"1 of 2 labelled .*: b\\x1b\.fits"):
        load_data_folder(tmp_path)


def test_progress_is_in_the_log_or_on_standard_error(unread, capsys, caplog):
    unread()
    now = [0.0]

    def work():
        with progress.Progress(4, "files", "reading", clock=lambda: now[0]) as shown:
            for done in (1, 2):
                now[0] += 61
                shown.update(done)

    work()
    assert capsys.readouterr().err.count("reading: 1 of 4 files (25 %)") == 1
    LOGGER.propagate = True
    with caplog.at_level("INFO", logger="lamost_rare"):
        work()
    assert capsys.readouterr().err == ""
    lines = [r.getMessage() for r in caplog.records if r.name == "lamost_rare.progress"]
    assert [line.partition(",")[0] for line in lines] == [
        "reading: 1 of 4 files (25 %)",
        "reading: 2 of 4 files (50 %)",
    ]


def test_is_read(unread):
    unread()
    log = LOGGER.getChild("module")
    assert not logs.is_read(log, logging.WARNING)
    with logs.shown("program", debug=False):
        assert logs.is_read(log, logging.WARNING)
        assert not logs.is_read(log, logging.INFO)
    with logs.shown("program", debug=True):
        assert logs.is_read(log, logging.DEBUG)


def test_epochs_are_told(caplog):
    log = [{"epoch": 1, "loss": 0.5, "accuracy": 0.75, "validation_loss": 0.625}]
    with caplog.at_level("INFO", logger="lamost_rare"):
        report_start([], 9)
        report_epoch(log, 9)
        report_epoch([*log, {"epoch": 2, "loss": 0.25, "validation_loss": 0.75}], 9)
    assert said(caplog) == [
        "training: 0 epochs done before, 9 to come at the most",
        "epoch 1 of 9: loss 0.5, accuracy 0.75, validation loss 0.625, the best so far",
        "epoch 2 of 9: loss 0.25, validation loss 0.75",
    ]
