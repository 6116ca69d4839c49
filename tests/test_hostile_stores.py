"""Stores and other HDF5 files that somebody made in order to do harm: refused, or rejects.

None of them makes the program read another file: where one is named here it is a pipe, which
whoever opens it waits for.
"""

import os
import re
import shutil

import h5py
import numpy as np
import pytest

from lamost_rare.hdf5 import HDF5Error, check_hdf5, open_hdf5
from lamost_rare.inference.predictor import load_classifier
from lamost_rare.presets import PresetError, load_preset
from lamost_rare.simulation.library import read_library
from lamost_rare.spectra.grid import LAMOST_GRID
from lamost_rare.survey import ScanError, scan_directory
from lamost_rare.survey.inputs.discovery import Walk
from lamost_rare.survey.inputs.store import StoreInput, close_store, read_rows
from lamost_rare.survey.inputs.store_format import checksums, text_checksums
from lamost_rare.survey.pack import pack_spectra
from scan_helpers import standin_preset, table, use_network, write_file

N = 5


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store of four spectra and a reject."""
    folder = tmp_path_factory.mktemp("files")
    for i in range(N - 1):
        write_file(folder / f"spec-{i}.fits", i)
    (folder / "x.fits").write_bytes(b"no spectrum")
    path = tmp_path_factory.mktemp("stores") / "sound.h5"
    pack_spectra(folder, path, workers=1)
    return path


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret"
    os.mkfifo(path)
    return str(path)


@pytest.fixture
def changed(store, tmp_path):
    """A copy of the store that a function has changed."""

    def change(do, name="hostile.h5"):
        path = tmp_path / name
        shutil.copy(store, path)
        with h5py.File(path, "r+") as file:
            do(file)
        return path

    yield change
    close_store()


def replaced(name, make):
    """What puts something else in the place of a dataset."""

    def do(file):
        del file[name]
        make(file, name)

    return do


def entries_of(path):
    return list(StoreInput(path).entries(Walk()))


def foreign(kind, secret):
    """What makes a part of a file one of another file."""

    def link(file, name):
        link = h5py.ExternalLink(secret, "/x")
        file[name] = h5py.SoftLink("/crc32") if kind == "soft link" else link

    def raw(file, name):
        file.create_dataset(name, (N,), "S40", external=[(secret, 0, 40 * N)])

    def view(file, name):
        layout = h5py.VirtualLayout((N,), "S40", maxshape=(None,))
        layout[:N] = h5py.VirtualSource(secret, "x", (N,), "S40", maxshape=(None,))[:N]
        file.create_virtual_dataset(name, layout)

    return {"raw data": raw, "virtual": view}.get(kind, link)


KINDS = ("raw data", "virtual", "soft link", "external link")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["path", "designation", "detail", "flux", "crc32", "beside/deep"])
def test_what_leads_to_another_file_is_refused(changed, secret, kind, name):
    make = foreign(kind, secret)
    path = changed(replaced(name, make) if name != "beside/deep" else lambda file: make(file, name))
    with pytest.raises(ScanError, match=rf"hostile.h5 is refused: .*{name}") as error:
        StoreInput(path)
    assert "\n" not in str(error.value)
    _, kept, rejects = read_rows(str(path), [0, 1], LAMOST_GRID)
    assert (kept, {reason for _, reason, _ in rejects}) == ([], {"corrupt_store"})


@pytest.mark.parametrize("kind", KINDS)
def test_so_are_weights_and_libraries(tmp_path, secret, kind):
    def lead_away(path):
        with h5py.File(path, "r+") as file:
            foreign(kind, secret)(file, "further")

    shipped = load_preset()
    shutil.copytree(shipped.folder, tmp_path / "preset")
    lead_away(tmp_path / "preset" / "model.weights.h5")
    preset = load_preset(tmp_path / "preset", verify=False)
    with pytest.raises(PresetError, match=r"model\.weights\.h5 is refused: .*further"):
        load_classifier(preset)
    with h5py.File(tmp_path / "library.h5", "w") as file:
        file["wavelength"] = np.arange(10)
    lead_away(tmp_path / "library.h5")
    with pytest.raises(HDF5Error, match=r"library\.h5 is refused: .*further"):
        read_library(tmp_path / "library.h5")


def test_an_unknown_filter_and_a_circle_of_groups(tmp_path):
    with h5py.File(tmp_path / "circle.h5", "w") as file:
        inner = file.create_group("a/b")
        inner["up"] = file["a"]
        file["twice"] = file["a"]
    check_hdf5(tmp_path / "circle.h5")
    with h5py.File(tmp_path / "filter.h5", "w") as file:
        created = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        created.set_chunk((2,))
        created.set_filter(511, h5py.h5z.FLAG_OPTIONAL, ())
        space = h5py.h5s.create_simple((2,))
        h5py.h5d.create(file.id, b"a\x1b", h5py.h5t.STD_I32LE, space, created)
    with pytest.raises(HDF5Error, match=r"filter\.h5 is refused: its /a\\x1b needs filter 511"):
        open_hdf5(tmp_path / "filter.h5")


def column(values, **options):
    def make(file, name):
        file.create_dataset(name, data=values, chunks=(1024,), maxshape=(None,), **options)

    return make


def huge(n):
    """All datasets claim n rows, in chunks of which hardly any are there."""

    def do(file):
        for name, dataset in list(file.items()):
            shape, chunks = (n, *dataset.shape[1:]), dataset.chunks
            values, dtype = dataset[:], dataset.dtype
            del file[name]
            new = file.create_dataset(name, shape, dtype, chunks=chunks, compression="gzip")
            new[:N] = values

    return do


def one_chunk(file):
    """A chunk that is all there, and larger than there is any need for."""
    del file["designation"]
    options = {"chunks": (40_000,), "maxshape": (None,), "compression": "gzip"}
    file.create_dataset("designation", data=np.zeros(N, "S4000"), **options)


def nothing_there(file):
    del file["mask"]
    file.create_dataset("mask", (N, LAMOST_GRID.n_pixels), "u1")


@pytest.mark.parametrize(
    ("do", "why"),
    [
        (replaced("flux", lambda file, name: file.create_group(name)), "no attribute"),
        (replaced("crc32", lambda file, name: file.create_group(name)), "no attribute"),
        (replaced("path", column(np.zeros(N))), "its path are of type float64"),
        (replaced("obsid", column(np.zeros(N))), "its obsid are of type float64"),
        (replaced("flags", column(np.zeros(N + 1, "<i8"))), "differ in length"),
        (replaced("detail", column(np.zeros(N, "S70000"))), "its detail claim 70000 bytes a row"),
        (replaced("designation", column(np.zeros(N, "S4097"))), "claim 4097 bytes a row"),
        (replaced("reason", column(np.zeros(N, "S5000"))), "its reason claim 5000 bytes a row"),
        (huge(10**9), "more rows than its chunks can hold"),
        (huge(2000), "more rows than its chunks can hold"),
        (one_chunk, "more rows than its chunks can hold"),
        (nothing_there, "no readable store"),
        (lambda file: file.attrs.__setitem__("manifest", "[" * 10**5), "no readable store"),
        (lambda file: file.attrs.__setitem__("manifest", "{}"), "grid"),
        (lambda file: file.attrs.__delitem__("root"), "root"),
    ],
)
def test_datasets_that_are_not_what_they_should_be_are_refused(changed, do, why):
    with pytest.raises(ScanError, match="no readable store, truncated or damaged") as error:
        StoreInput(changed(do))
    assert "\n" not in str(error.value)
    assert re.search(why, str(error.value))


def seal_text(file):
    names = ("path", "designation", "reason", "detail")
    file["crc32_text"][:] = text_checksums({name: file[name][:].tolist() for name in names})


def put(name, row, value, seal=True):
    def do(file):
        values = file[name][:].astype(object)
        values[row] = value
        dtype = "S200" if file[name].dtype.kind == "S" else file[name].dtype
        values = values.astype(dtype)
        del file[name]
        column(values)(file, name)
        if seal:
            seal_text(file)

    return do


@pytest.mark.parametrize(
    ("do", "row", "detail"),
    [
        (put("reason", 4, b"because"), 4, "row 4 gives a reason that is none: because"),
        (put("reason", 4, b"\xff\x1b[0m"), 4, "row 4 gives a reason that is none: \ufffd\\x1b[0m"),
        (put("path", 1, b"a\0b"), 1, "row 1 has a path that no file can have"),
        (put("path", 1, b""), 1, "row 1 has a path that no file can have"),
        (put("path", 1, b"other", seal=False), 1, "the text of row 1 does not agree with its"),
        (put("designation", 0, b"x", seal=False), 0, "the text of row 0 does not agree with its"),
        (put("reason", 2, b"unreadable", seal=False), 2, "the text of row 2 does not agree with"),
    ],
)
def test_rows_whose_text_cannot_be_are_rejected(changed, do, row, detail):
    entries = entries_of(changed(do))
    assert len(entries) == N
    assert entries[row].reason == "corrupt_store"
    assert entries[row].detail.startswith(detail)
    others = [i for i, entry in enumerate(entries) if not entry.reason]
    assert others == [i for i in range(N - 1) if i != row]


def test_details_are_one_line_without_control_characters(changed):
    entries = entries_of(changed(put("detail", 4, b"two\nlines\x1b[2J\xfe")))
    assert entries[4][1:3] == ("not_fits", "two\\nlines\\x1b[2J\ufffd")


def pixel(name, row, value):
    def do(file):
        file[name][row, 7] = value
        file["crc32"][:] = checksums({n: file[n][:] for n in ("flux", "ivar", "mask")})

    return do


@pytest.mark.parametrize(
    "do",
    [
        put("obsid", 1, -(2**63)),
        put("snr_g", 1, np.inf),
        put("snr_g", 1, -np.inf),
        put("ra", 1, 1e300),
        put("dec", 1, -91.0),
        put("flags", 1, -1),
        pixel("flux", 1, np.nan),
        pixel("flux", 1, -np.inf),
        pixel("ivar", 1, -1),
        pixel("ivar", 1, np.inf),
        pixel("mask", 1, 2),
    ],
)
def test_rows_whose_values_cannot_be_are_rejected(changed, do, tmp_path, monkeypatch):
    use_network(monkeypatch)
    path = changed(do)
    batch, kept, rejects = read_rows(str(path), [0, 1, 2, 3], LAMOST_GRID)
    assert (len(batch), kept) == (3, [0, 2, 3])
    assert rejects == [(1, "corrupt_store", "row 1 has values that no spectrum has")]


def test_a_store_of_an_earlier_version_has_no_checksums_of_text(
    changed, store, tmp_path, monkeypatch
):
    use_network(monkeypatch)
    preset = standin_preset(tmp_path / "preset")
    path = changed(lambda file: file.__delitem__("crc32_text"))
    rows = []
    for source in (path, store):
        output = tmp_path / source.stem
        summary = scan_directory(source, output, preset=preset, workers=1)
        assert (summary.classified, summary.rejected) == (N - 1, 1)
        rows.append((table(output), table(output, "rejected")))
    assert repr(rows[0]) == repr(rows[1])
