"""Broken and hostile files: a reason code each, no other exception, no waiting, no bomb."""

import os
import subprocess
import sys
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lamost_rare.simulation.damage import DAMAGE, damage_file
from lamost_rare.simulation.fits_files import (
    LAYOUTS,
    gzip_bytes,
    lamost_file_bytes,
    write_lamost_file,
)
from lamost_rare.spectra._file_bytes import MAX_BYTES, decompress, read_bytes
from lamost_rare.spectra.grid import WavelengthGrid
from lamost_rare.spectra.lamost import read_lamost
from lamost_rare.spectra.quality import QualityFlag, SpectrumError
from lamost_rare.text import printable

GRID = WavelengthGrid(3.5682, 1e-4, 3909)
SMALL_GRID = WavelengthGrid(3.5682, 1e-4, 40)
METHODS = ("fast", "astropy")


def content(layout, grid=GRID):
    rng = np.random.default_rng(1)
    flux = 1000 + 30 * rng.normal(size=grid.n_pixels)
    return lamost_file_bytes(
        layout, grid, flux, np.full(grid.n_pixels, 1 / 900), obsid=7, designation="J1", ra=3, dec=4
    )


CONTENTS = {layout: content(layout) for layout in LAYOUTS}
SMALL = {layout: content(layout, SMALL_GRID) for layout in LAYOUTS}


def outcome(path, method):
    """Reason code, or None for a spectrum that is fit to use."""
    try:
        raw = read_lamost(path, method=method)
    except SpectrumError as rejection:
        error = rejection
    else:
        check_usable(raw)
        return None
    assert error.reason != "internal_error", error
    assert str(error).isprintable()  # so it is one line, too
    return error.reason


def check_usable(raw):
    good = ~raw.mask
    assert good.any()
    assert np.isfinite(raw.flux[good]).all()
    assert np.isfinite(raw.ivar[good]).all()
    assert (raw.ivar[good] > 0).all()
    assert np.isfinite(raw.wavelength).all()
    assert (np.diff(raw.wavelength) > 0).all()
    assert raw.wavelength[0] > 0
    assert raw.identity["designation"].isprintable()


@pytest.mark.parametrize("suffix", [".fits.gz", ".fits"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_has_its_reason(tmp_path, kind, layout, suffix):
    path = tmp_path / f"x{suffix}"
    path.write_bytes(gzip_bytes(CONTENTS[layout]) if suffix == ".fits.gz" else CONTENTS[layout])
    damage_file(path, kind, np.random.default_rng(5))
    expected = DAMAGE[kind]
    for method in (*METHODS, "auto"):
        found = outcome(path, method)
        # 'no_overlap' is a matter of the grid, which the reader does not know.
        assert found == (None if expected == "no_overlap" else expected), method


@pytest.mark.parametrize("kind", ["negative_ivar", "infinite_ivar", "odd_header_bytes"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_usable_damage_is_flagged_or_printable(tmp_path, layout, kind):
    path = tmp_path / "x.fits.gz"
    path.write_bytes(gzip_bytes(CONTENTS[layout]))
    damage_file(path, kind, np.random.default_rng(5))
    for method in METHODS:
        raw = read_lamost(path, method=method)
        if kind == "odd_header_bytes":
            assert raw.identity["designation"] == "J?[31m?? O'Neill"
        else:
            assert raw.flags & QualityFlag.BAD_IVAR
            bad = ~(raw.ivar > 0) | np.isinf(raw.ivar)
            assert bad.any()
            assert np.array_equal(raw.mask, bad)


def test_unknown_damage(tmp_path):
    with pytest.raises(ValueError, match="kind must be one of"):
        damage_file(tmp_path / "x", "nonsense", np.random.default_rng(1))


def test_missing_and_unnameable_files(tmp_path):
    assert outcome(tmp_path / "no such file", "auto") == "unreadable"
    assert outcome(f"{tmp_path}/zero\0byte", "auto") == "unreadable"
    assert outcome(f"{tmp_path}/line\nbreak\x1b.fits", "auto") == "unreadable"
    assert outcome(f"{tmp_path}/{'x' * 300}", "auto") == "unreadable"
    assert outcome(os.fsencode(tmp_path) + b"/\xff\xfe.fits", "auto") == "unreadable"
    assert outcome("/dev/zero", "auto") == "not_a_file"
    assert outcome(tmp_path, "auto") == "not_a_file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_file_without_permission(tmp_path):
    path = write_lamost_file(tmp_path / "x.fits", "early", GRID, np.ones(3909), np.ones(3909))
    path.chmod(0)
    assert outcome(path, "auto") == "unreadable"


def test_file_that_fails_while_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "x.fits"
    path.write_bytes(CONTENTS["early"])

    def failing_read(*args, **kwargs):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("os.read", failing_read)
    assert outcome(path, "auto") == "unreadable"


def test_file_that_comes_in_pieces_or_grows(tmp_path, monkeypatch):
    path = tmp_path / "x.fits"
    path.write_bytes(CONTENTS["early"])
    read = os.read
    monkeypatch.setattr("os.read", lambda file, size: read(file, min(size, 1000)))
    assert read_bytes(path) == CONTENTS["early"]
    monkeypatch.undo()

    def growing(file, size):
        with open(path, "ab") as more:
            more.write(b"more")
        monkeypatch.undo()
        return read(file, size)

    monkeypatch.setattr("os.read", growing)
    assert read_bytes(path) == CONTENTS["early"] + b"more"


def test_large_file_is_not_read(tmp_path):
    path = tmp_path / "x.fits"
    with open(path, "wb") as stream:
        stream.truncate(MAX_BYTES + 1)  # sparse
    assert outcome(path, "auto") == "too_large"


def test_bomb_takes_no_memory(tmp_path):
    """Two gigabytes behind two megabytes, read in a process that may have little memory."""
    path = tmp_path / "bomb.fits.gz"
    stream = zlib.compressobj(wbits=31)
    start = stream.compress(CONTENTS["dr1-7"]) + stream.flush(zlib.Z_FULL_FLUSH)
    block = stream.compress(bytes(2**24)) + stream.flush(zlib.Z_FULL_FLUSH)
    path.write_bytes(start + 128 * block + stream.flush())
    assert path.stat().st_size < MAX_BYTES
    program = (
        "import sys, resource; from lamost_rare.spectra.lamost import read_lamost\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: read_lamost(sys.argv[1], method='fast')\n"
        "except ValueError as error: print(error.reason, end=' ')\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    reason, grown = run.stdout.split()
    unit = 1 if sys.platform == "darwin" else 1024
    assert reason == "too_large"
    assert int(grown) * unit < 100e6


def test_forged_sizes_allocate_nothing(tmp_path):
    path = tmp_path / "x.fits"
    huge = b"NAXIS1  =           2000000000"
    path.write_bytes(CONTENTS["dr1-7"].replace(b"NAXIS1  =                 3909", huge))
    assert [outcome(path, method) for method in METHODS] == ["truncated_fits"] * 2
    table = CONTENTS["dr8plus"].replace(b"'3909E   '", b"'99999999E'")
    table = table.replace(b"NAXIS1  =                93816", b"NAXIS1  =           2399999976")
    path.write_bytes(table)
    assert [outcome(path, method) for method in METHODS] == ["truncated_fits"] * 2


@pytest.mark.parametrize("letter", ["P", "A", "L", "C", "Q"])
def test_columns_of_other_types(tmp_path, letter):
    path = tmp_path / "x.fits"
    path.write_bytes(CONTENTS["dr8plus"].replace(b"'3909E   '", f"'3909{letter}   '".encode(), 1))
    assert [outcome(path, method) for method in METHODS] == ["bad_shape"] * 2


@pytest.mark.parametrize(
    ("card", "value"),
    [("NAXIS1  ", "0.0"), ("PCOUNT  ", "'x'"), ("BITPIX  ", "-1"), ("NAXIS   ", "-2")],
)
def test_extension_of_unknown_size(tmp_path, card, value):
    """An extension to be skipped whose header does not tell where the next begins."""
    data = CONTENTS["dr8plus"].replace(b"'BINTABLE'", b"'IMAGE   '")
    position = data.rindex(card.encode() + b"=")
    data = data[:position] + f"{card}= {value:>20}".encode().ljust(80) + data[position + 80 :]
    path = tmp_path / "x.fits"
    path.write_bytes(data)
    found = {outcome(path, method) for method in METHODS}
    assert len(found) == 1
    assert found < {"missing_card", "bad_shape", "unknown_layout"}


@pytest.mark.parametrize("count", ["1000", "100000000", "9" * 50])
@pytest.mark.parametrize("card", ["NAXIS   ", "TFIELDS "])
@pytest.mark.parametrize("kind", ["IMAGE   ", "BINTABLE", "TABLE   "])
def test_endless_counts_end(tmp_path, kind, card, count):
    """astropy would loop over every axis that a forged NAXIS announces, in capitals or not."""
    data = CONTENTS["dr8plus"].replace(b"'BINTABLE'", f"'{kind}'".encode())
    position = data.rindex(card.encode() + b"=")
    data = data[:position] + f"{card}= {count:>20}".encode().ljust(80) + data[position + 80 :]
    path = tmp_path / "x.fits"
    path.write_bytes(data)
    found = {outcome(path, method) for method in METHODS}
    assert len(found) == 1
    assert found < {"bad_shape", "unknown_layout"}


@pytest.mark.parametrize("n_padding", [0, 1, 2879])
def test_missing_padding_is_no_fault(tmp_path, n_padding):
    path = tmp_path / "x.fits"
    padding = -(5 * GRID.n_pixels * 4) % 2880
    path.write_bytes(CONTENTS["dr1-7"][:-padding] + bytes(n_padding))
    assert [outcome(path, method) for method in METHODS] == [None, None]


def test_members_are_joined_and_limited():
    assert decompress(gzip_bytes(b"one") + gzip_bytes(b"") + gzip_bytes(b"two")) == b"onetwo"
    assert decompress(gzip_bytes(b"one") + b"\0\0\0junk") == b"one"
    assert decompress(b"not gzip") == b"not gzip"
    half = gzip_bytes(bytes(MAX_BYTES // 2))
    assert len(decompress(half * 2)) == MAX_BYTES
    for packed, reason in [
        (half * 3, "too_large"),
        (half + half[:-1], "corrupt_gzip"),
        (half + b"\x1f\x8bjunk", "corrupt_gzip"),
        (b"\x1f\x8b", "corrupt_gzip"),
    ]:
        with pytest.raises(SpectrumError, match=reason):
            decompress(packed)


def test_many_small_members_are_no_work():
    """Each copies all that follows it: of 200,000 in 4 MB that would be minutes."""
    calls = []

    class Counting:
        error = zlib.error

        @staticmethod
        def decompressobj(wbits):
            calls.append(wbits)
            return zlib.decompressobj(wbits)

    member = gzip_bytes(b"")
    assert decompress(member * 255 + gzip_bytes(b"last"), Counting) == b"last"
    calls.clear()
    with pytest.raises(SpectrumError, match="is gzip in more than 256 pieces"):
        decompress(member * 200_000, Counting)
    assert len(calls) <= 256


@pytest.mark.parametrize("column", ["FLUX", "ANDMASK", "NORMALIZATION"])
def test_a_table_must_be_there_to_its_end(tmp_path, column):
    """Cut within any of its columns, be it one that is not read."""
    path = tmp_path / "x.fits"
    data = CONTENTS["dr8plus"]
    start = len(data) - 6 * GRID.n_pixels * 4 - (-(6 * GRID.n_pixels * 4) % 2880)
    names = ("FLUX", "IVAR", "WAVELENGTH", "ANDMASK", "ORMASK", "NORMALIZATION")
    cut = start + (names.index(column) + 1) * GRID.n_pixels * 4
    for n_bytes, reason in ((cut - 1, "truncated_fits"), (start + 6 * GRID.n_pixels * 4, None)):
        path.write_bytes(data[:n_bytes])
        assert [outcome(path, method) for method in METHODS] == [reason] * 2


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_end_with_more_in_it_ends_no_header(tmp_path, layout):
    path = tmp_path / "x.fits"
    path.write_bytes(CONTENTS[layout].replace(b"END".ljust(80), b"END     = 5".ljust(80), 1))
    reason = "unknown_layout" if layout == "dr8plus" else "truncated_fits"  # to the table's END
    assert [outcome(path, method) for method in METHODS] == [reason] * 2
    path.write_bytes(CONTENTS[layout])  # and is forgotten when the next file is read
    assert [outcome(path, method) for method in METHODS] == [None] * 2


def test_printable():
    assert printable("plain é 星") == "plain é 星"
    assert printable("a\x1b\n\udcff\u202e") == r"a\x1b\n\xff\u202e"


COMMON = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@COMMON
@given(
    layout=st.sampled_from(LAYOUTS),
    flips=st.lists(st.tuples(st.integers(0, 12000), st.integers(0, 255)), min_size=1, max_size=8),
    cut=st.one_of(st.none(), st.integers(0, 12000)),
)
def test_any_bytes_changed(tmp_path, layout, flips, cut):
    """Changed and cut bytes of the expanded file, most of which is header."""
    data = bytearray(SMALL[layout][:cut])
    for position, value in flips:
        if data:
            data[position % len(data)] = value
    path = tmp_path / "x.fits"
    path.write_bytes(data)
    for method in METHODS:
        outcome(path, method)


CARDS = [b"NAXIS   ", b"NAXIS1  ", b"NAXIS2  ", b"BITPIX  ", b"COEFF0  ", b"COEFF1  ", b"OBSID   ",
         b"RA      ", b"DESIG   ", b"EXTEN0  ", b"TFIELDS ", b"TFORM1  ", b"TTYPE3  ", b"XTENSION",
         b"PCOUNT  ", b"GCOUNT  ", b"SNRG    ", b"Z       ", b"LMJD    "]  # fmt: skip
VALUES = st.one_of(
    st.integers(-(10**3), 10**4).map(str),
    st.integers(-(10**12), 10**12).map(str),
    st.floats().map(repr),
    st.sampled_from(
        [
            "T",
            "F",
            "''",
            "'NaN'",
            "NaN",
            "'unclosed",
            "1_0",
            "1D3",
            "(1.0, 2.0)",
            "0x10",
            "'&'",
            "1E999",
            "9" * 60,
            "/ only",
            "'9E'",
            "'1PE(5)'",
            "BINTABLE",
        ]
    ),
    st.text(st.characters(max_codepoint=255), max_size=20).map(lambda text: f"'{text}'"),
)


@COMMON
@given(
    layout=st.sampled_from(LAYOUTS),
    changes=st.lists(st.tuples(st.sampled_from(CARDS), VALUES), min_size=1, max_size=3),
)
def test_any_card_changed(tmp_path, layout, changes):
    """Every card that is looked at, with any value: both ways accept the same files."""
    data = SMALL[layout]
    for key, value in changes:
        position = data.rfind(key + b"=")
        if position >= 0:
            card = (key + b"= " + value.encode("latin-1").rjust(20))[:80].ljust(80)
            data = data[:position] + card + data[position + 80 :]
    path = tmp_path / "x.fits"
    path.write_bytes(data)
    fast, reference = (outcome(path, method) for method in METHODS)
    if fast != "unknown_layout":  # the fast way may leave a file to astropy
        assert (fast is None) == (reference is None), (fast, reference)


@COMMON
@given(
    layout=st.sampled_from(LAYOUTS),
    flips=st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), min_size=1, max_size=4),
    cut=st.floats(0, 1),
)
def test_any_gzip_bytes_changed(tmp_path, layout, flips, cut):
    packed = bytearray(gzip_bytes(SMALL[layout]))
    for position, value in flips:
        packed[position % len(packed)] ^= value
    path = tmp_path / "x.fits.gz"
    path.write_bytes(packed[: max(1, round(cut * len(packed)))])
    assert len({outcome(path, method) is None for method in METHODS}) == 1


@COMMON
@given(
    data=st.binary(min_size=1, max_size=400),
    start=st.sampled_from([b"", b"\x1f\x8b\x08", b"SIMPLE  ="]),
)
def test_any_bytes(tmp_path, data, start):
    path = tmp_path / "x"
    path.write_bytes(start + data)
    for method in METHODS:
        assert outcome(path, method) is not None
