"""What a page is asked to show: the part that a page in a file and one of a server share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypedDict, Unpack

from ..annotations import PathLike, TableLike
from ..spectra.raw import RawSpectrum
from .blind import Mixture, mix_in
from .choosing import Chosen, choose
from .finished_scan import FinishedScan
from .shown_again import files_of
from .verdict_files import VerdictFile

__all__ = ["Asked", "Options", "PageOptions", "ServeOptions", "ask"]


class Options(TypedDict, total=False):
    """Arguments that `making.make_page` and `server.serve` share, and explain."""

    top: int | None
    where: str | None
    rows: TableLike | None
    spectra: PathLike | None
    verdicts: PathLike | Iterable[PathLike] | None
    blind: int | None
    seed: int
    known: PathLike | None
    progress: bool | None


class PageOptions(Options, total=False):
    """Those of a page in a file."""

    overwrite: bool


class ServeOptions(Options, total=False):
    """Those of a page of a server."""

    port: int | None


@dataclass(frozen=True)
class Asked:
    """What a page is to show.

    Attributes
    ----------
    scan : FinishedScan
    chosen : Chosen
        All rows to decide upon, those of known stars included.
    mixture : Mixture, optional
        If some are of known stars.
    verdicts : list of VerdictFile
        Are shown again.
    spectra : path, optional
        Where the spectra are now, as `sources.open_sources` takes it.
    progress : bool, optional
    """

    scan: FinishedScan
    chosen: Chosen
    mixture: Mixture | None = None
    verdicts: list[VerdictFile] = field(default_factory=list)
    spectra: PathLike | None = None
    progress: bool | None = None

    @property
    def given(self) -> Mapping[int, RawSpectrum]:
        """Spectra that are not the scan's own, by their rows."""
        return self.mixture.spectra if self.mixture else {}


def ask(scan: FinishedScan, **options: Unpack[Options]) -> Asked:
    """Read the verdicts, choose the rows, and mix known stars in if that is asked.

    Parameters
    ----------
    scan : FinishedScan
    **options
        As for `making.make_page`.

    Raises
    ------
    ReportError
        If what is asked cannot be.
    """
    spectra = options.get("spectra")
    files = files_of(options.get("verdicts"))
    chosen = choose(
        scan, top=options.get("top"), where=options.get("where"), rows=options.get("rows")
    )
    mixture = None
    if (blind := options.get("blind")) is not None:
        seed, known = options.get("seed", 0), options.get("known")
        mixture = mix_in(scan, chosen, blind, seed=seed, known=known, spectra=spectra)
        chosen = mixture.chosen
    return Asked(scan, chosen, mixture, files, spectra, options.get("progress"))
