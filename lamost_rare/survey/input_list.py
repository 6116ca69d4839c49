"""The list of a scan's inputs, on disk, cut into shards."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ..inference.arrow_files import arrow_file
from .inputs.discovery import Entry
from .inputs.items import Item

__all__ = ["InputList", "describe_inputs", "write_inputs"]

_SCHEMA = pa.schema(
    [
        ("path", pa.binary()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("item", pa.binary()),
    ]
)


def write_inputs(entries: Iterable[Entry], target: Path, shard_size: int) -> tuple[int, str]:
    """Write the list as Parquet, one row group for each shard, holding one shard in memory.

    Returns the number of inputs, and the SHA-256 of the paths in order, each followed by a NUL
    byte, which no path can hold, and by the row of a general catalogue where there is one.
    """
    digest = hashlib.sha256()
    count = 0
    entries = _digested(entries, digest)
    with (
        arrow_file(target, "wb") as file,
        pq.ParquetWriter(file, _SCHEMA, compression="zstd", use_dictionary=False) as writer,
    ):
        while shard := list(islice(entries, shard_size)):
            columns = zip(*shard, strict=True)
            arrays = [pa.array(c, f.type) for c, f in zip(columns, _SCHEMA, strict=True)]
            table = pa.Table.from_arrays(arrays, schema=_SCHEMA)
            writer.write_table(table, row_group_size=shard_size)
            count += len(shard)
    return count, digest.hexdigest()


def describe_inputs(entries: Iterable[Entry]) -> dict:
    """``count`` and ``sha256`` of a list, as `write_inputs` returns them."""
    digest = hashlib.sha256()
    count = sum(1 for _ in _digested(entries, digest))
    return {"count": count, "sha256": digest.hexdigest()}


def _digested(entries: Iterable[Entry], digest) -> Iterator[Entry]:
    for entry in entries:
        observation = Item.from_bytes(entry.item).observation
        digest.update(entry.path + b"\0" + observation.encode("ascii"))
        yield entry


class InputList:
    """A list that `write_inputs` wrote, read a shard at a time."""

    def __init__(self, path: Path):
        self._content = arrow_file(path)
        self._file = pq.ParquetFile(self._content)
        metadata = self._file.metadata
        self.sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]

    def __len__(self) -> int:
        """Number of shards."""
        return len(self.sizes)

    def shard(self, number: int) -> list[Entry]:
        """Return the inputs of one shard, in order."""
        columns = self._file.read_row_group(number).to_pydict()
        return list(map(Entry, *(columns[name] for name in Entry._fields)))

    def __iter__(self) -> Iterator[list[Entry]]:
        return (self.shard(number) for number in range(len(self)))

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._content.close()
