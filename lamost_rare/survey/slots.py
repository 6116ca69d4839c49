"""Shared memory in which batches travel between a reader process and its parent."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np

from ..spectra.batch import SpectrumBatch

__all__ = ["Slot", "copy_pixels"]


def copy_pixels(batch, memory) -> None:
    """Put the pixels of a batch into arrays, unless they are there."""
    if len(batch) and not np.may_share_memory(batch.flux, memory[0]):
        for array, pixels in zip(memory, (batch.flux, batch.ivar, batch.mask), strict=True):
            array[: len(batch)] = pixels


class Slot:
    """The part of the shared memory that holds one batch of at most ``n_spectra``.

    The parent puts the paths there, the reader takes them out and puts flux, ivar and mask in their
    place: what travels through the pipe stays small, so that neither side ever waits for the other
    to empty it.
    """

    _HEADER = 64

    @classmethod
    def size(cls, n_spectra: int, n_pixels: int) -> int:
        """Return the number of bytes of one slot, a whole number of pages."""
        size = cls._HEADER + n_spectra * n_pixels * 9
        return -(-size // mmap.PAGESIZE) * mmap.PAGESIZE

    def __init__(self, memory, index: int, n_spectra: int, n_pixels: int):
        start = index * self.size(n_spectra, n_pixels)
        shape = (n_spectra, n_pixels)
        flat = n_spectra * n_pixels
        data = start + self._HEADER
        self.at_file = np.frombuffer(memory, np.int64, 1, start)
        self.bytes = np.frombuffer(memory, np.uint8, flat * 9, data)
        self.flux = np.frombuffer(memory, np.float32, flat, data).reshape(shape)
        self.ivar = np.frombuffer(memory, np.float32, flat, data + flat * 4).reshape(shape)
        self.mask = np.frombuffer(memory, np.bool_, flat, data + flat * 8).reshape(shape)

    def put_paths(self, paths: list[bytes]) -> int:
        """Store paths; returns the number of bytes that `take_paths` needs."""
        joined = b"\0".join(paths)
        memory: Any = self.bytes
        memoryview(memory)[: len(joined)] = joined
        self.at_file[0] = -1
        return len(joined)

    def take_paths(self, n_bytes: int) -> list[bytes]:
        """Return the paths that the parent stored."""
        return self.bytes[:n_bytes].tobytes().split(b"\0") if n_bytes else []

    def put_batch(self, batch: SpectrumBatch) -> None:
        """Store the pixels of a batch, unless they are there."""
        copy_pixels(batch, (self.flux, self.ivar, self.mask))
