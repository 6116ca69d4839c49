"""Pages for tests: of a small scan of simulated stars, and others made from it."""

import base64
import hashlib
import json
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import lamost_rare
from lamost_rare.report.page import write_page
from lamost_rare.report.records import digest_of
from lamost_rare.simulation.analytic import analytic_star
from lamost_rare.simulation.fits_files import lamost_file_bytes
from lamost_rare.spectra.grid import WavelengthGrid
from scan_helpers import StandIn, scan_directory, standin_preset

KINDS = ("O5", "O7", "O9.5", "B0", "B2", "hot_subdwarf", "A0", "white_dwarf", "G2", "K5")
GRID = WavelengthGrid(3.5682, 1e-4, 3909)


@dataclass
class Parts:
    """What a page is made of: its list, and its spectra in base64."""

    listed: dict
    spectra: list[bytes]

    def write(self, path: Path, **changes) -> Path:
        """Write a page, with changes of its list."""
        with open(path, "wb") as file:
            write_page(file, self.listed | changes, self.spectra)
        return path


def parts_of(path: Path) -> Parts:
    """Take a page apart."""
    text = path.read_bytes()
    listed = re.search(rb'id="list">([^<]*)<', text)[1]
    spectra = re.findall(rb'id="s\d+">([^<]*)<', text)
    return Parts(json.loads(zlib.decompress(base64.b64decode(listed))), spectra)


def scan_of_stars(folder: Path) -> Path:
    """Scan a file of each of `KINDS`, without a network; returns the folder of the scan."""
    rng = np.random.default_rng(7)
    survey = folder / "survey"
    survey.mkdir(parents=True)
    for number, kind in enumerate(KINDS):
        sigma = 10 / (1 + number)
        flux = 100 * analytic_star(kind, GRID) + rng.normal(0, sigma, GRID.n_pixels)
        content = lamost_file_bytes(
            "dr1-7", GRID, flux, np.full(GRID.n_pixels, sigma**-2), obsid=1000 + number,
            designation=f"J{number:02d}0000.00+100000.0", ra=15.0 * number, dec=10.0 - number,
            snr=[10.0, 95.0 - number, 20.0, 20.0, 20.0],
        )  # fmt: skip
        (survey / f"spec-{number:02d}.fits").write_bytes(content)
    preset = standin_preset(folder / "preset" / "standin-v1")
    output = folder / "scan"
    scan_directory(survey, output, preset=preset, workers=1, make_predictor=lambda *_: StandIn())
    return output


def page_of_stars(folder: Path) -> Path:
    """Write the page of `scan_of_stars`, with numbers that tell its rows apart."""
    parts = parts_of(lamost_rare.report(scan_of_stars(folder), folder / "as-written.html"))
    columns, n = parts.listed["columns"], parts.listed["rows"]
    columns["p_survey"] = [round(1 - row / n, 3) for row in range(n)]
    columns["novelty"] = [float((3 * row) % n) for row in range(n)]
    columns["prediction"] = ["O" if row < 4 else "B" for row in range(n)]
    return parts.write(folder / "page.html", title="Ten stars")


def repeated(parts: Parts, n: int) -> Parts:
    """Make the parts of a page of ``n`` rows by repeating spectra, each row with its own name."""
    old = parts.listed["rows"]
    listed = json.loads(json.dumps(parts.listed))

    def again(column):
        return [column[row % old] for row in range(n)]

    columns = {name: again(column) for name, column in listed["columns"].items()}
    columns["key"] = [hashlib.sha256(b"%d" % row).hexdigest()[:16] for row in range(n)]
    columns["name"] = [f"Star {row + 1}" for row in range(n)]
    columns["obsid"] = [str(10**6 + row) for row in range(n)]
    columns["ra"] = [(0.07 * row) % 360 for row in range(n)]
    tables = {
        table: {name: again(column) for name, column in listed[table].items()}
        for table in ("p", "ew", "ew_err")
    }
    listed |= tables | {
        "columns": columns, "rows": n, "spectra": n, "digest": digest_of(columns["key"]),
        "star": [-1] * n, "stars": [], "visits": {}, "title": f"{n} stars",
    }  # fmt: skip
    return Parts(listed, again(parts.spectra))
