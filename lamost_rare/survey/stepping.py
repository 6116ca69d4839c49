"""Steps, one after the other, over the batches of a scan; a spectrum at which one fails is lost
alone."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import numpy as np

from ..inference.columns import Column
from ..spectra.batch import SpectrumBatch
from ..spectra.quality import SpectrumError
from ..text import describe_error, printable
from .errors import ScanError

__all__ = ["StepLine"]

ENOUGH = 32
"""A step that failed on so many spectra, and on no other worked, will not work on the next."""


class StepLine:
    """Steps and how they have fared so far.

    Parameters
    ----------
    steps : sequence
        Objects with ``name``, ``adds`` and ``process``, as `lamost_rare.pipeline.Step` has them.
    proven : bool
        Whether spectra have passed all of them before, in the part of the run that is done.
    """

    def __init__(self, steps, *, proven: bool = False):
        self.steps = list(steps)
        self._worked = set(range(len(self.steps))) if proven else set()
        self._failures: dict[int, list[tuple[str, BaseException]]] = {}

    @property
    def first_stage(self):
        """Path of the first stage that readers are to apply, or None."""
        return getattr(self.steps[0], "first_stage", None) if self.steps else None

    @property
    def proven(self) -> bool:
        """True if every step has worked on some spectrum."""
        return len(self._worked) == len(self.steps)

    @property
    def doubtful(self) -> bool:
        """True if some step has failed on every spectrum that it was given up to now."""
        return bool(self._failures.keys() - self._worked)

    def verdict(self) -> ScanError:
        """Why a run that ends while `doubtful` has failed."""
        number = min(self._failures.keys() - self._worked)
        path, error = self._failures[number][0]
        problem = ScanError(
            f"step {self.steps[number].name!r} failed on every spectrum, first on "
            f"{printable(path)}: {describe_error(error)}"
        )
        problem.__cause__ = error
        return problem

    def run(self, batch: SpectrumBatch, kept: list[int]):
        """Run a batch through the steps; ``kept`` has a number for each spectrum, for the caller.

        Returns
        -------
        batch : SpectrumBatch
            Of the spectra that passed all steps.
        kept : list of int
            Their numbers.
        rejects : list of (int, str, str)
            Number, reason and detail of the others.

        Raises
        ------
        ScanError
            If a step fails on all spectra, or what it gives back is not what it declares.
        """
        rejects: list[tuple[int, str, str]] = []
        for number in range(len(self.steps)):
            parts, left = self._apply(number, batch, kept, rejects)
            if not parts:
                return batch[:0], [], rejects
            batch = parts[0] if len(parts) == 1 else SpectrumBatch.concatenate(parts)
            kept = left
        return batch, kept, rejects

    def _apply(self, number: int, batch: SpectrumBatch, kept: list[int], rejects: list):
        """Return what step ``number`` makes of a batch, in parts, and the numbers of their rows."""
        waiting = deque([(0, _read_only(batch))])
        done: dict[int, SpectrumBatch] = {}
        while waiting:
            start, some = waiting.popleft()
            try:
                done[start] = _checked(self.steps[number], some)
                self._worked.add(number)
            except (Exception, SystemExit) as error:
                stops = isinstance(error, MemoryError) or hasattr(error, "status")
                if stops and not isinstance(error, SpectrumError):
                    raise  # not about a spectrum
                if len(some) > 1:
                    # By halves, the larger parts first: of many spectra with a bad one among them,
                    # most are soon done, and a step that always fails is soon found out.
                    middle = len(some) // 2
                    waiting += (start, some[:middle]), (start + middle, some[middle:])
                    continue
                rejects.append((kept[start], *self._reject(number, some, error)))
        starts = sorted(done)
        left = [kept[start + i] for start in starts for i in range(len(done[start]))]
        return [done[start] for start in starts], left

    def _reject(self, number: int, one: SpectrumBatch, error: BaseException) -> tuple[str, str]:
        """Return the reason and detail for a spectrum at which a step failed."""
        name = printable(self.steps[number].name)
        if isinstance(error, SpectrumError):
            return error.reason, f"step {name!r}: {error.detail}"
        failures = self._failures.setdefault(number, [])
        if len(failures) < ENOUGH:
            failures.append((one.identity["path"][0], error))
        if number not in self._worked and len(failures) >= ENOUGH:
            raise self.verdict()
        return "step_failed", f"step {name!r}: {describe_error(error)}"


def _checked(step, batch: SpectrumBatch) -> SpectrumBatch:
    """Return what a step makes of a batch, if it keeps to what it declares."""
    new = step.process(batch)
    declared = {item.name: item for item in step.adds if isinstance(item, Column)}

    def wrong(what):
        return ScanError(f"step {printable(repr(step.name))} {printable(what)}")

    if not isinstance(new, SpectrumBatch):
        raise wrong(f"gave back a {type(new).__name__}, not a SpectrumBatch")
    if len(new) != len(batch) or not np.array_equal(new.identity["path"], batch.identity["path"]):
        raise wrong(
            f"changed the rows of a batch ({len(batch)} became {len(new)}): each must stay in its "
            "place; to leave a spectrum out, raise SpectrumError"
        )
    if new.generated and not batch.generated:
        raise wrong("made generated spectra, which never enter a catalogue")
    other = (new.columns.keys() - batch.columns.keys()) ^ (declared.keys() - batch.columns.keys())
    if other:
        name = sorted(other)[0]
        raise wrong(
            f"declares a column {name!r} and did not add it"
            if name in declared
            else f"added a column {name!r} that it does not declare in adds"
        )
    columns = dict(new.columns)
    for name, column in declared.items():
        try:
            # A copy: it may be a view of pixels, whose memory the next batch will be put into.
            columns[name] = np.array(columns[name], dtype=column.numpy_dtype)
        except (TypeError, ValueError):
            raise wrong(f"put something else than {column.numpy_dtype} into {name!r}") from None
        if columns[name].shape != (len(new),):
            raise wrong(f"gave column {name!r} the shape {columns[name].shape}")
    return replace(new, columns=columns)


def _read_only(batch: SpectrumBatch) -> SpectrumBatch:
    """Return the batch as steps get it: one that wrote into it would spoil what is tried again."""

    def locked(array):
        view = np.asarray(array).view()
        view.flags.writeable = False
        return view

    arrays = {name: locked(getattr(batch, name)) for name in ("flux", "ivar", "mask", "flags")}
    tables = {
        name: {key: locked(column) for key, column in getattr(batch, name).items()}
        for name in ("identity", "columns")
    }
    return replace(batch, **arrays, **tables)  # type: ignore[arg-type]  # of these names
