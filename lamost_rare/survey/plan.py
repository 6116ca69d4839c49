"""What there is to do: a new scan, or the rest of an earlier one."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from datetime import UTC, datetime

from ..atomic import atomic_path
from ..text import printable
from ..wording import named
from .errors import ScanError
from .input_list import write_inputs
from .inputs.base import ScanInput
from .inputs.discovery import MANIFEST as MANIFEST_NAME
from .inputs.discovery import Walk
from .lost import InputWatch
from .manifest import FORMAT, read_manifest, refuse_other, versions
from .merge import CONVERTED, RESULTS
from .shards import ShardStore
from .summary import ScanSummary

__all__ = ["MANIFEST", "make_plan", "now"]

MANIFEST = os.fsdecode(MANIFEST_NAME)

_TABLES = (*RESULTS, *itertools.chain(*CONVERTED.values()))


def now() -> str:
    """Return the time, for a manifest."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def make_plan(
    summary: ScanSummary,
    given: ScanInput,
    store: ShardStore,
    asked: dict,
    configuration: dict,
    *,
    overwrite: bool,
    checkpoint: Callable[[], None],
) -> dict:
    """List the inputs of a scan into the store, and see whether a scan of the same was begun.

    Parameters
    ----------
    asked : dict
        ``preset`` and ``steps``, as a manifest describes them.
    configuration : dict
        What else results depend on; its keys are names of options.
    checkpoint : callable
        Called for each input; may raise, to stop.

    Returns
    -------
    dict
        The manifest of the scan that is to be continued, or of a new one.

    Raises
    ------
    ScanError
        If there are no inputs, or the output belongs to another scan. Nothing was changed then.
    """
    output, walk = summary.output, Walk(checkpoint=checkpoint)
    watch = InputWatch(given)
    old = None if overwrite else _earlier(output)

    def entries():
        for entry in given.entries(walk):
            checkpoint()
            if entry.reason == "unreadable" and entry.path.endswith(b"/"):
                watch.check_places()
            yield entry

    store.folder.mkdir(exist_ok=True)
    try:
        with atomic_path(store.inputs) as temporary:
            count, digest = write_inputs(entries(), temporary, configuration["shard_size"])
            if count == 0:
                raise ScanError(given.empty_message(walk), status=1)
            new = {
                "format": FORMAT,
                "state": "running",
                **given.describe(),
                "inputs": {"count": count, "sha256": digest},
                "besides": given.other_counts(walk),
                **asked,
                "configuration": configuration,
                "versions": versions(),
                "started": now(),
                "elapsed_seconds": 0.0,
            }
            if old is not None:
                refuse_other(old, new, output)
            else:
                for name in (MANIFEST, *_TABLES):
                    (output / name).unlink(missing_ok=True)
                store.clear(keep_inputs=True)
    except BaseException:
        store.tidy()
        raise
    return old or new


def _earlier(output) -> dict | None:
    manifest = read_manifest(output / MANIFEST)
    if manifest is None:
        there = [name for name in _TABLES if (output / name).exists()]
        if there:
            raise ScanError(
                f"{printable(output / there[0])} exists and no {MANIFEST} says where it is from: "
                f"use {named('overwrite', True)} to replace it, or another {named('output')}"
            )
    return manifest
