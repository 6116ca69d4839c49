"""Results on disk, a shard at a time, while a scan goes on: DIR/shards."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..atomic import atomic_path, write_text_atomically
from ..inference.arrow_files import arrow_file, open_parquet
from ..text import printable
from .catalogue import REJECTED_SCHEMA
from .errors import ScanError
from .lost import is_passing

__all__ = ["ShardCounts", "ShardStore", "n_candidates"]

_log = logging.getLogger(__name__)

_OURS = re.compile(
    r"\.?(inputs\.parquet|\d{6,}\.((catalogue|rejected)\.parquet|h5|sha256))(\.part)?"
)


class ShardCounts(NamedTuple):
    """Rows of a finished shard."""

    classified: int
    rejected: int
    candidates: int


def n_candidates(rows: pa.Table) -> int:
    """Return how many rows are candidates; none where no step looks for any."""
    if "candidate" not in rows.column_names:
        return 0
    return pc.sum(rows["candidate"]).as_py() or 0


def _reasons(rejected: pa.Table) -> list[tuple[str, str]]:
    columns = (rejected[name].to_pylist() for name in ("reason", "detail"))
    return list(zip(*columns, strict=True))


class ShardStore:
    """The folder in which finished shards wait to be merged.

    A shard is finished when its files are there, have the SHA-256 that a further file
    (``NUMBER.sha256``, as ``sha256sum`` writes it) says, and their rows are as many as its inputs.
    ``check`` gets the number of inputs of a shard, and reason and detail of its rejects, before it
    is put on disk; it may raise, and the shard is not done.
    """

    def __init__(self, folder: Path, schema: pa.Schema, check: Callable | None = None):
        self.folder = folder
        self.schema = schema
        self._check = check
        self.inputs = folder / "inputs.parquet"

    def catalogue(self, number: int) -> Path:
        """Return the file of a shard's catalogue rows."""
        return self.folder / f"{number:06d}.catalogue.parquet"

    def rejected(self, number: int) -> Path:
        """Return the file of a shard's rejects."""
        return self.folder / f"{number:06d}.rejected.parquet"

    def write(self, number: int, catalogue: pa.Table, rejected: pa.Table) -> None:
        """Put a finished shard on disk; whatever interrupts this, the shard is there or is not."""
        if self._check is not None:
            self._check(len(catalogue) + len(rejected), _reasons(rejected))
        for table, target in (
            (catalogue, self.catalogue(number)),
            (rejected, self.rejected(number)),
        ):
            with atomic_path(target) as temporary, arrow_file(temporary, "wb") as file:
                pq.write_table(table, file, compression="zstd")
        self.seal(number, self.catalogue(number), self.rejected(number))
        _log.debug("shard %d: %d rows, %d rejects", number, len(catalogue), len(rejected))

    def seal(self, number: int, *files: Path) -> None:
        """Say that these files are a shard, complete as they are."""
        lines = [f"{_sha256(path)}  {path.name}\n" for path in files]
        write_text_atomically(self._seal(number), "".join(lines))

    def sound(self, number: int) -> bool:
        """Return whether the files of a shard are those that were sealed."""
        try:
            lines = self._seal(number).read_bytes().splitlines()
            sealed = [line.decode("ascii").split("  ") for line in lines]
            return bool(sealed) and all(
                _OURS.fullmatch(name) and _sha256(self.folder / name) == digest
                for digest, name in sealed
            )
        except (OSError, ValueError):
            return False

    def check_sound(self, number: int) -> None:
        """Raise `ScanError` if a finished shard was damaged since."""
        if not self.sound(number):
            raise ScanError(
                f"shard {number} in {printable(self.folder)} was damaged on disk: run the same "
                "command again, which does it again"
            )

    def _seal(self, number: int) -> Path:
        return self.folder / f"{number:06d}.sha256"

    def finished(self, number: int, n_inputs: int) -> ShardCounts | None:
        """Return the counts of a shard, or None if it is to be done (again)."""
        if not self.sound(number):
            return None
        try:
            with (
                open_parquet(self.catalogue(number)) as catalogue,
                open_parquet(self.rejected(number)) as rejected,
            ):
                rows = catalogue.metadata.num_rows, rejected.metadata.num_rows
                if (
                    sum(rows) != n_inputs
                    or not catalogue.schema_arrow.equals(self.schema)
                    or not rejected.schema_arrow.equals(REJECTED_SCHEMA)
                ):
                    return None
                return ShardCounts(*rows, n_candidates(catalogue.read(["candidate"])))
        except (OSError, ValueError, pa.ArrowException):
            return None

    def to_try_again(self, number: int) -> int:
        """Return how many rejects of a finished shard have a reason that may be over by now."""
        with open_parquet(self.rejected(number)) as file:
            if file.metadata.num_rows == 0:
                return 0
            return sum(is_passing(*why) for why in _reasons(file.read(["reason", "detail"])))

    def clear(self, *, keep_inputs: bool = False) -> None:
        """Remove what a scan put into the folder, and the folder if nothing else is in it."""
        for path in sorted(self.folder.iterdir()):
            if _OURS.fullmatch(path.name) and not (keep_inputs and "inputs" in path.name):
                path.unlink()
        self.tidy()

    def tidy(self) -> None:
        """Remove the folder if nothing is in it."""
        with contextlib.suppress(OSError):
            self.folder.rmdir()


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
