"""What a reader makes of the files of one batch."""

import os

import numpy as np
import pytest

from lamost_rare.inference.first_stage import FirstStage, n_features
from lamost_rare.spectra._grid_arrays import room_for
from lamost_rare.spectra.grid import LAMOST_GRID
from lamost_rare.survey import reader
from lamost_rare.survey.inputs.discovery import Walk
from lamost_rare.survey.inputs.opening import open_inputs
from lamost_rare.survey.pack import pack_spectra
from lamost_rare.survey.shard_processing import items_of
from scan_helpers import write_file

N = 12
LAYOUTS = ("dr1-7", "dr8plus", "early")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Twelve spectra of all layouts, with three files among them that are none."""
    folder = tmp_path_factory.mktemp("files")
    paths = [write_file(folder / f"{i:02}.fits", i, LAYOUTS[i % 3]) for i in range(N)]
    for i in (0, 4, 11):
        paths.insert(i, folder / f"bad{i}.fits")
        paths[i].write_bytes(b"nothing of use")
    return [os.fsencode(path) for path in paths]


@pytest.fixture(scope="module")
def first_stage():
    """Settles about half of them, by nothing in particular."""
    kernel = np.random.default_rng(2).normal(size=(n_features(LAMOST_GRID.n_pixels), 2))
    layer = kernel.astype(np.float32), np.zeros(2, np.float32)
    return FirstStage([layer], np.array([False, True]), np.zeros(2, bool), 0.0)


class Placed(FirstStage):
    """A first stage whose logits are rounded, grossly, by where a row stands in the product."""

    ROWS = 5

    def _layers(self, x):
        return super()._layers(x) + np.arange(len(x), dtype=np.float32)[:, None]


def same(one, other, rows=slice(None)):
    for name in ("flux", "ivar", "mask", "flags"):
        np.testing.assert_array_equal(getattr(one.batch, name), getattr(other.batch, name)[rows])
    for name in other.batch.identity:
        expected = other.batch.identity[name][rows]
        np.testing.assert_array_equal(one.batch.identity[name], expected)
    assert one.evidence.keys() == other.evidence.keys()
    for name, column in other.evidence.items():
        np.testing.assert_array_equal(one.evidence[name], column[rows])


@pytest.mark.parametrize("part", [1, 3, 5])
def test_how_many_at_a_time_changes_nothing(files, first_stage, monkeypatch, part):
    whole = reader.read_chunk(files, LAMOST_GRID, first_stage=first_stage)
    assert len(whole.kept) == N
    settled = np.isnan(whole.evidence["ew_heii_4686"])
    assert 0 < settled.sum() < N
    monkeypatch.setattr(reader, "PART", part)
    seen = []
    memory = room_for(N + 3, LAMOST_GRID)
    chunk = reader.read_chunk(
        files, LAMOST_GRID, first_stage=first_stage, at_file=seen.append, memory=memory
    )
    assert seen == [*range(N + 3), N + 3]
    assert chunk.kept == whole.kept
    assert chunk.rejects == whole.rejects
    assert [file for file, *_ in chunk.rejects] == [0, 4, 11]
    assert np.may_share_memory(chunk.batch.flux, memory[0])
    same(chunk, whole)


@pytest.mark.parametrize("part", [1, 2, 5, 7, 64])
def test_a_store_shows_the_first_stage_its_rows_in_the_same_places(
    files, first_stage, monkeypatch, tmp_path, part
):
    monkeypatch.setattr(reader, "PART", part)
    stage = Placed(**vars(first_stage))
    chunk = reader.read_chunk(files, LAMOST_GRID, first_stage=stage)
    expected = stage.logits(chunk.batch.flux, chunk.batch.mask)
    np.testing.assert_array_equal(chunk.evidence["first_stage"], expected)
    assert np.ptp(expected - first_stage.logits(chunk.batch.flux, chunk.batch.mask)) > 3
    pack_spectra(os.path.dirname(files[0]), tmp_path / "s.h5", workers=1)
    source = open_inputs(tmp_path / "s.h5")
    rows = [entry for entry in source.entries(Walk()) if not entry.reason]
    assert len(rows) == N
    stored = reader.read_chunk(items_of(rows, source.root), LAMOST_GRID, first_stage=stage)
    np.testing.assert_array_equal(stored.evidence["first_stage"], expected)
    reader.close_inputs()


def failing_at(function, obsid, pixels):
    """``function``, which fails on batches with a certain spectrum in them."""

    def call(first, *args, **options):
        if obsid in pixels(first):
            raise ZeroDivisionError("by chance")
        return function(first, *args, **options)

    return call


@pytest.mark.parametrize("with_stage", [False, True])
@pytest.mark.parametrize("place", ["assemble", "lines"])
def test_one_that_a_calculation_fails_on_is_lost_alone(
    files, first_stage, monkeypatch, place, with_stage
):
    stage = first_stage if with_stage else None
    whole = reader.read_chunk(files, LAMOST_GRID, first_stage=stage)
    ids = whole.batch.identity["obsid"].tolist()
    # One with an obsid that the first stage does not settle.
    measured = np.isfinite(whole.evidence["ew_heii_4686"])
    lost = int(np.flatnonzero(measured & (np.array(ids) > 0))[-1])
    if place == "lines":
        broken = failing_at(
            reader.measure_lines, ids[lost], lambda batch: batch.identity["obsid"].tolist()
        )
        monkeypatch.setattr(reader, "measure_lines", broken)
    else:
        broken = failing_at(
            reader.assemble, ids[lost], lambda raws: [raw.identity["obsid"] for raw in raws]
        )
        monkeypatch.setattr(reader, "assemble", broken)
    chunk = reader.read_chunk(files, LAMOST_GRID, first_stage=stage)
    others = [i for i in range(N) if i != lost]
    assert chunk.kept == [whole.kept[i] for i in others]
    reason = whole.kept[lost], "internal_error", "ZeroDivisionError: by chance"
    assert chunk.rejects == sorted([*whole.rejects, reason])
    same(chunk, whole, others)


def test_no_files_give_an_empty_chunk(first_stage):
    chunk = reader.read_chunk([], LAMOST_GRID, first_stage=first_stage)
    assert (len(chunk.batch), chunk.kept, chunk.rejects) == (0, [], [])
    assert chunk.evidence["first_stage"].shape == (0, 2)
    assert chunk.evidence["ew_heii_4686"].shape == (0,)
