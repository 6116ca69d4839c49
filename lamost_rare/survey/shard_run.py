"""What every run over shards needs: a lock, a plan, counts, a manifest, and a way to stop."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pyarrow as pa

from ..folder_lock import folder_lock
from ..text import first_line, printable
from ..wording import named
from .errors import ScanError, ScanInterrupted
from .input_list import InputList
from .inputs.base import ScanInput
from .manifest import write_manifest
from .plan import MANIFEST, make_plan, now
from .progress import Progress, StopRequest, stop_on_interrupt
from .shards import ShardStore
from .summary import ScanSummary

__all__ = ["LOCK_NAME", "ShardRun", "clear_errors", "open_run"]

LOCK_NAME = ".scan.lock"

_log = logging.getLogger(__name__)


class ShardRun:
    """A run over the shards of a plan.

    Attributes
    ----------
    manifest : dict
        Of the run that is continued, or of a new one.
    inputs : InputList
    started : float
        When it was, on the clock of `time.monotonic`.
    """

    manifest: dict
    inputs: InputList

    def __init__(self, summary: ScanSummary, store: ShardStore, stop: StopRequest):
        self.summary, self.store, self.stop = summary, store, stop
        self.started = time.monotonic()
        self._spent_before: float | None = None

    def checkpoint(self) -> None:
        """Raise `ScanInterrupted` if the user asked to stop."""
        if self.stop():
            self.summary.state = "interrupted"
            raise ScanInterrupted(self.summary, self.stop.signum)

    def begin(self) -> list[int]:
        """Count what earlier runs have done; return the numbers of the shards that are left."""
        to_do = self.take_stock(again=True)
        self.summary.done_before = self.summary.done
        if self.summary.done:
            _log.info("%d of them were done before: going on", self.summary.done)
        self.record("running")
        return to_do

    def take_stock(self, *, again: bool = False) -> list[int]:
        """Set the counts to those of finished shards; return the numbers of the others.

        With ``again``, shards of which some inputs could not be read are not finished.
        """
        self.summary.restart()
        to_do = []
        for number, size in enumerate(self.inputs.sizes):
            counts = self.store.finished(number, size)
            if counts is None or (again and counts.rejected and self.store.to_try_again(number)):
                to_do.append(number)
            else:
                self.summary.add(counts)
        return to_do

    def count(self, results: Generator, progress: bool | None) -> None:
        """Add up results as they come, and show how far the run is."""
        with (
            contextlib.closing(results),
            contextlib.closing(Progress(progress, self.summary)) as bar,
        ):
            for counts in results:
                self.summary.add(counts)
                bar.update(self.summary)
                _log.debug("%d of %d inputs done", self.summary.done, self.summary.discovered)
        self.summary.seconds = time.monotonic() - self.started
        self.checkpoint()

    def record(self, state: str) -> None:
        """Write the manifest as the run stands now."""
        summary = self.summary
        summary.state = state
        summary.seconds = time.monotonic() - self.started
        if state in ("complete", "interrupted"):
            _log.info("%s after %.0f s", printable(repr(summary)), summary.seconds)
        if self._spent_before is None:
            self._spent_before = self.manifest["elapsed_seconds"]
        self.manifest.update(
            state=state,
            counts=summary.counts(),
            try_again=summary.try_again,
            updated=now(),
            elapsed_seconds=round(self._spent_before + summary.seconds, 1),
        )
        if survey := summary.survey():
            self.manifest["survey"] = survey
        write_manifest(summary.output / MANIFEST, self.manifest)

    def check_complete(self) -> None:
        """Raise unless every input has become a row."""
        if self.summary.to_do:
            what = f"{self.summary.to_do} of {self.summary.discovered}"
            raise AssertionError(f"{what} inputs got lost")


@contextlib.contextmanager
def open_run(
    summary: ScanSummary,
    given: ScanInput,
    store: ShardStore,
    asked: dict,
    configuration: dict,
    *,
    overwrite: bool,
    at_end: Callable[[], object] = lambda: None,
) -> Iterator[ShardRun]:
    """Plan a run in the folder ``summary.output``, in which no other process runs then.

    ``at_end`` is called before the folder is given free again; other parameters are those of
    `make_plan`.

    Raises
    ------
    ScanError
        As `make_plan`; also if another process uses the folder.
    """
    folder = summary.output
    with contextlib.ExitStack() as stack:
        folder.mkdir(parents=True, exist_ok=True)
        stack.enter_context(folder_lock(folder, LOCK_NAME, "scan", named("output"), ScanError))
        stack.callback(at_end)
        run = ShardRun(summary, store, stack.enter_context(stop_on_interrupt()))
        _log.info("listing the inputs in %s", printable(summary.source))
        run.manifest = make_plan(
            summary,
            given,
            store,
            asked,
            configuration,
            overwrite=overwrite,
            checkpoint=run.checkpoint,
        )
        summary.discovered = run.manifest["inputs"]["count"]
        _log.info(
            "%d inputs, listed in %.1f s; results go to %s",
            summary.discovered,
            time.monotonic() - run.started,
            printable(folder),
        )
        run.inputs = stack.enter_context(contextlib.closing(InputList(store.inputs)))
        yield run


@contextlib.contextmanager
def clear_errors(output: Path) -> Iterator[None]:
    """Say in one line what the system says of a disk that is full or must not be written to."""
    try:
        yield
    except OSError as error:
        where = printable(error.filename or output)
        what = printable(error.strerror or first_line(error))
        raise ScanError(
            f"cannot go on, {where}: {what}; put that right and run the same command again: "
            "it resumes"
        ) from error
    except pa.ArrowException as error:
        raise ScanError(
            f"cannot go on, a file in {printable(output)} is damaged: "
            f"{printable(first_line(error))}; use {named('overwrite', True)} to start again"
        ) from error
