"""Both ways of reading a file agree about it, whatever somebody has done to its headers.

`LAMOST_RARE_FUZZ` is how many files each property is tried on. Without it they are few, and the
same in every run; ``make fuzz`` tries many, others each time.
"""

import os

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lamost_rare.simulation.fits_files import LAYOUTS, lamost_file_bytes
from lamost_rare.spectra import _lamost_fast
from lamost_rare.spectra.grid import WavelengthGrid
from lamost_rare.spectra.lamost import read_lamost
from lamost_rare.spectra.quality import SpectrumError
from test_lamost_reader import assert_same

N_FILES = int(os.environ.get("LAMOST_RARE_FUZZ", "0"))
FUZZ = settings(
    max_examples=N_FILES or 300,
    derandomize=not N_FILES,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
CARD, BLOCK = 80, 2880
END = b"END".ljust(CARD)
N_PIXELS = 41
GRID = WavelengthGrid(3.5682, 1e-4, N_PIXELS)


def parts_of(layout):
    """The cards of each header of a file without their END, and the data behind the last."""
    flux = 1000 + 30 * np.random.default_rng(1).normal(size=N_PIXELS)
    data = lamost_file_bytes(
        layout, GRID, flux, np.full(N_PIXELS, 1 / 900), obsid=7, designation="J1", ra=3, dec=4
    )
    headers, start = [], 0
    while data.startswith((b"SIMPLE", b"XTENSION"), start):
        cards = []
        while data[start : start + CARD] != END:
            cards.append(data[start : start + CARD])
            start += CARD
        headers.append(cards)
        start = -(-(start + CARD) // BLOCK) * BLOCK
    return headers, data[start:]


PARTS = {layout: parts_of(layout) for layout in LAYOUTS}

NAMES = (
    "SIMPLE BITPIX NAXIS NAXIS1 NAXIS2 NAXIS3 EXTEND BSCALE BZERO BLANK GROUPS EXTEN0 COEFF0 COEFF1"
    " OBSID DESIG RA DEC SNRG SN_G Z LMJD CLASS XTENSION PCOUNT GCOUNT TFIELDS EXTNAME TFORM1"
    " TFORM4 TTYPE1 TTYPE4 TSCAL1 TZERO4 TNULL4 TDIM1 THEAP ZIMAGE COMMENT CONTINUE END"
).split()
NUMBERS = st.one_of(
    st.integers(-9, 1000).map(str),
    st.integers(-(2**65), 2**65).map(str),
    st.floats().map(repr),
    st.from_regex(
        r"[+-]? ?0{0,2}[0-9]{0,3}\.?[0-9]{0,3}([EeDd] ?[+-]?[0-9]{1,3})?", fullmatch=True
    ),
    st.sampled_from(
        ["5", "205", "41", "656", "984", "-32", "-64", "8", "16", "32", "64", "0", "1"]
    ),
)
TEXTS = st.one_of(
    st.text(st.sampled_from("a'/& \t\x00é:.1="), max_size=12),
    st.sampled_from(
        ["FLUX", "andmask", "COADD", "IMAGE", "BINTABLE", "TABLE", "Flux, Inverse, Wavelength",
         "a.b: 1", "long&", "41E", "41D", "41J", "41I", "41B", "82B", "1PE(41)", "82A", "0E", "9X"]
    ),
)  # fmt: skip
VALUES = st.one_of(
    NUMBERS,
    TEXTS.map(lambda text: f"'{text}'"),
    TEXTS.map(lambda text: "'{}'".format(text.replace("'", "''").ljust(8))),
    st.sampled_from(["T", "F", "", "/", "'open", "(1, 2)", "NaN", "TRUE", "1_0", "x"]),
)
KEYWORDS = st.one_of(
    st.sampled_from(NAMES).map(lambda name: name.ljust(8)),
    st.sampled_from(NAMES).map(lambda name: name.lower().ljust(8)),
    st.sampled_from(NAMES).map(lambda name: name.title().ljust(8)),
    st.sampled_from(NAMES).map(lambda name: f" {name}".ljust(8)),
    st.sampled_from(NAMES).map(lambda name: f"HIERARCH {name} "),
    st.sampled_from(NAMES),
)
INDICATORS = st.sampled_from(["= ", "= ", "= ", "= ", "=", " =", "  ", "", "=  ", "\t="])
ENDINGS = st.sampled_from(["", "", "", " / comment", "/", " 5", " x", ".", "'", "\n", "\x00", " &"])
BUILT = st.builds(
    lambda *pieces: "".join(pieces).encode("latin-1"), KEYWORDS, INDICATORS, VALUES, ENDINGS
)
RIGHT = st.builds(
    lambda name, value: f"{name:8s}= {value:>20s}".encode("latin-1"), st.sampled_from(NAMES), VALUES
)
CARDS = st.one_of(
    RIGHT,
    RIGHT,
    BUILT,
    TEXTS.map(lambda text: f"CONTINUE  '{text}'".encode("latin-1")),
    st.sampled_from([b"END", b"END     = x", b"END     x", b"end", b" END", b"END\0", b""]),
    st.binary(max_size=CARD),
)
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["replace", "replace", "insert", "delete", "follow"]),
        st.integers(0, 200),
        CARDS,
    ),
    min_size=1,
    max_size=4,
)


def changed(layout, changes=(), cut=None, end=END):
    """A file with changed headers, the first of which has another card in place of its END."""
    headers, data = PARTS[layout]
    headers = [list(cards) for cards in headers]
    for kind, place, card in changes:
        cards = headers[place % len(headers)]
        card = card[:CARD].ljust(CARD)
        # By default where a card of that name stands, so that a change matters.
        same = [i for i, other in enumerate(cards) if other[:8] == card[:8].upper()]
        i = same[0] if same and kind != "delete" else place % (len(cards) + 1)
        if kind in ("replace", "delete"):
            cards[i : i + 1] = [card] if kind == "replace" else []
        else:
            cards.insert(i + (kind == "follow"), card)
    content = b""
    for cards in headers:
        content += b"".join(cards) + (END if content else end)
        content = content.ljust(-(-len(content) // BLOCK) * BLOCK)
    content += data
    return content if cut is None else content[: round(cut * len(content))]


def outcome(content, method):
    """The spectrum, or the reason why there is none."""
    try:
        return read_lamost("some name", method=method, content=content)
    except SpectrumError as rejection:
        reason, text = rejection.reason, str(rejection)
    assert reason != "internal_error", text
    assert text.isprintable()
    return reason


def check(content):
    reference = outcome(content, "astropy")
    _lamost_fast._layouts = ()
    for _ in ("header new", "header known"):
        found = outcome(content, "auto")
        if isinstance(reference, str) or isinstance(found, str):
            assert found == reference
        else:
            assert_same(found, reference)
    for layout, good in GOOD.items():  # and what was learnt of it misleads nobody
        assert_same(outcome(changed(layout), "auto"), good)


GOOD = {layout: outcome(changed(layout), "astropy") for layout in LAYOUTS}
CUTS = st.one_of(st.none(), st.none(), st.none(), st.floats(0, 1))
ENDS = st.sampled_from([END, END, END, b"END     = 5".ljust(CARD), b"".ljust(CARD)])


@FUZZ
@given(layout=st.sampled_from(LAYOUTS), changes=CHANGES, cut=CUTS, end=ENDS)
def test_both_ways_agree_about_any_header(layout, changes, cut, end):
    check(changed(layout, changes, cut, end))


@FUZZ
@given(
    layout=st.sampled_from(LAYOUTS),
    flips=st.lists(st.tuples(st.integers(0, 12000), st.integers(0, 255)), min_size=1, max_size=8),
    cut=CUTS,
)
def test_both_ways_agree_about_any_bytes(layout, flips, cut):
    content = bytearray(changed(layout, [], cut) or b"x")
    for position, value in flips:
        content[position % len(content)] = value
    check(bytes(content))
