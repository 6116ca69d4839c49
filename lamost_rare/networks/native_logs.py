"""Keep TensorFlow's start-up chatter off the terminal."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from contextlib import contextmanager

__all__ = ["without_native_logs"]

# absl's information and warning lines; errors (E, F) but that of a missing GPU are let through.
_CHATTER = re.compile(
    rb"WARNING: All log messages before absl"
    rb"|[IW]\d{4} \d\d:\d\d:\d+|To enable the following"
    rb"|E\d{4} .*failed call to cuInit"  # no GPU
)


@contextmanager
def without_native_logs():
    """Drop information and warnings that native code writes to standard error within the block.

    TensorFlow reports missing GPU drivers at import and at first use, whatever its log level.
    Everything else that is written to standard error meanwhile is written there afterwards.
    """
    try:
        sys.stderr.flush()
        saved = os.dup(2)
    except (OSError, ValueError, AttributeError):  # no standard error to keep clean
        yield
        return
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 2)
        try:
            yield
        finally:
            if sys.stderr is not None:
                sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
            captured.seek(0)
            for line in captured:
                if not _CHATTER.match(line):
                    os.write(2, line)
