"""Pages with spectra of one's own, for tests of what is drawn of them."""

import base64
import hashlib

import numpy as np

from browser_helpers import until
from lamost_rare.inference.evidence import measure_lines
from lamost_rare.report.line_sets import page_lines
from lamost_rare.report.packing import pack_spectrum, unpack_spectrum
from lamost_rare.report.page import write_page
from lamost_rare.report.standards import page_standards
from lamost_rare.report.words import QUALITIES, VERDICT_FLAGS, flag_names, verdict_classes
from lamost_rare.simulation.analytic import analytic_star
from lamost_rare.spectra.batch import SpectrumBatch
from lamost_rare.spectra.grid import WavelengthGrid
from lamost_rare.spectra.lines import LINES

GRID = WavelengthGrid(3.5682, 1e-4, 3900)
CLASSES = ("O", "B", "A", "F", "G", "K", "M")
NUMBERS = (
    "ra", "dec", "snr_g", "p_survey", "novelty", "subtype", "subtype_err", "velocity",
    "velocity_err", "evidence", "survey_z",
)  # fmt: skip
TEXTS = ("path", "prediction", "survey_class", "survey_subclass", "missing", "changed")


def star(kind="O6", *, seed=1, snr=60.0, level=1500.0, rv=0.0, bad=60):
    """Return flux, ivar and mask of a star with noise and some masked pixels, on `GRID`."""
    rng = np.random.default_rng(seed)
    flux = level * analytic_star(kind, GRID, rv=rv, a_v=1.0)
    sigma = np.maximum(flux, 0.3 * level) / snr
    mask = np.zeros(GRID.n_pixels, dtype=bool)
    mask[rng.integers(0, GRID.n_pixels, bad)] = True
    flux = np.where(mask, 0, rng.normal(flux, sigma)).astype("f4")
    return flux, (1 / sigma**2).astype("f4"), mask


def batch_of(flux, ivar, mask) -> SpectrumBatch:
    """Return one spectrum on `GRID` as a batch."""
    flux, ivar, mask = (np.asarray(values)[None] for values in (flux, ivar, mask))
    return SpectrumBatch(GRID, flux.astype("f4"), ivar.astype("f4"), mask)


def widths_of(flux, ivar, mask, velocity=None) -> dict:
    """Return the equivalent widths of one spectrum, as a catalogue has them."""
    velocity = None if velocity is None else np.array([velocity])
    found = measure_lines(batch_of(flux, ivar, mask), velocity=velocity)
    return {name: float(values[0]) for name, values in found.items()}


def unpacked(packed):
    """Return flux, ivar and mask of what a page carries, as its scripts have them."""
    flux, sigma, mask = unpack_spectrum(packed)
    return flux.astype("f4"), (1 / sigma.astype("f4").astype(float) ** 2), mask


def list_of(spectra, /, **changes) -> dict:
    """Return the list of a page; columns by name and anything else among the changes."""
    n = changes.get("rows", len(spectra))
    columns = {
        "key": [hashlib.sha256(b"%d" % i).hexdigest()[:16] for i in range(n)],
        "name": [f"J{i:06d}" for i in range(n)],
        "obsid": [str(100 + i) for i in range(n)],
        "candidate": [1] * n,
        "flags": [0] * n,
        "axis": [0] * n,
        **{name: [None] * n for name in NUMBERS},
        **{name: [""] * n for name in TEXTS},
    }
    columns |= {name: changes.pop(name) for name in list(changes) if name in columns}
    return {
        "format": 1,
        "made": {"by": "lamost-rare", "at": "2026-01-01T00:00:00Z"},
        "title": "A list",
        "digest": hashlib.sha256(repr(columns).encode()).hexdigest(),
        "rare": "O",
        "classes": list(CLASSES),
        "preset": {"name": "", "weights_sha256": ""},
        "threshold": 0.5,
        "source": "spectra",
        "chosen": "by hand",
        "notes": [],
        "served": None,
        "blind": False,
        "rows": n,
        "spectra": len(spectra),
        "columns": columns,
        "p": {name: [1 / len(CLASSES)] * n for name in CLASSES},
        "ew": {name: [None] * n for name in LINES},
        "ew_err": {name: [None] * n for name in LINES},
        "stars": [],
        "star": [-1] * len(spectra),
        "visits": {},
        "flag_names": flag_names(),
        **page_lines("O"),
        "axes": [
            {"log10_start": GRID.log10_start, "log10_step": GRID.log10_step, "n": GRID.n_pixels}
        ],
        "standards": page_standards(CLASSES),
        "verdict_classes": verdict_classes(list(CLASSES), "O"),
        "qualities": [{"key": str(k), "name": name} for k, name in enumerate(QUALITIES, 1)],
        "verdict_flags": VERDICT_FLAGS,
        "verdicts": [],
        **changes,
    }


def write_spectra(target, spectra, /, **changes):
    """Write a page of spectra, (flux, ivar, mask) or packed bytes each; None where there is none.

    Returns the packed bytes.
    """
    packed = [
        one if one is None or isinstance(one, bytes) else pack_spectrum(*one) for one in spectra
    ]
    texts = [base64.b64encode(one) if one else b"" for one in packed]
    with open(target, "wb") as file:
        write_page(file, list_of(spectra, **changes), texts)
    return packed


DRAWN = """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"""


def show(page, row):
    page.evaluate("(row) => App.toRow(row)", row)
    until(page, f"View.state.row === {row}")


def settle(page):
    """Wait until what was changed is drawn."""
    page.evaluate(DRAWN)
