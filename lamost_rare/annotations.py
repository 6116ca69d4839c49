"""Types that arguments of public functions have, for those who read and for type checkers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, Union

if TYPE_CHECKING:
    from .presets import Preset

__all__ = ["PathLike", "PresetLike", "PriorLike", "TableLike"]

PathLike: TypeAlias = str | bytes | os.PathLike
"""A path, as the standard library takes it."""
PresetLike: TypeAlias = Union[str, os.PathLike, "Preset", None]
"""Name of a shipped preset, folder of one, a preset; None for the usual one."""
PriorLike: TypeAlias = Mapping[str, float] | str | os.PathLike | Sequence[str] | None
"""How frequent classes are, as `lamost_rare.inference.prior.read_prior` takes it."""
TableLike: TypeAlias = Any
"""A path, or a table of astropy, pandas, pyarrow or plain Python: these have no type in common."""
