"""Pipeline files: YAML to steps.

::

    input: dr7/
    output: candidates/
    steps: [normalize, o_star_classifier]

A step is a name or ``{name: {parameter: value}}``.
"""

from __future__ import annotations

import os
import reprlib
from dataclasses import dataclass

from ..text import first_line, printable
from .errors import PipelineError
from .registry import make_step
from .step import Step, did_you_mean

__all__ = ["Pipeline", "make_pipeline", "read_pipeline"]

_KEYS = ("input", "output", "steps")
_MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class Pipeline:
    """What a pipeline file says.

    Attributes
    ----------
    steps : list of Step
        Made, with their parameters checked.
    input, output : str or None
        Relative paths start from the current directory; ``~`` is the home directory.
    name : str
        Where it was read from, for messages.
    """

    steps: list[Step]
    input: str | None = None
    output: str | None = None
    name: str = "pipeline"


def read_pipeline(path: str | os.PathLike) -> Pipeline:
    """Read a pipeline file.

    Parameters
    ----------
    path : path-like
        YAML of plain values: tags that make Python objects are refused.

    Returns
    -------
    Pipeline
        With its ``steps``, ``input``, ``output`` and ``name``.

    Raises
    ------
    PipelineError
        Naming the file, and the step if it is one that is wrong.

    Examples
    --------
    >>> from pathlib import Path
    >>> from lamost_rare.pipeline import read_pipeline
    >>> text = "steps: [normalize, {o_star_classifier: {threshold: 0.9}}]"
    >>> _ = Path("pipeline.yaml").write_text(text)
    >>> [step.name for step in read_pipeline("pipeline.yaml").steps]
    ['normalize', 'o_star_classifier']
    """
    name = printable(path)
    try:
        with open(path, "rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise PipelineError(f"cannot read {name}: {error.strerror or error}") from error
    if len(content) > _MAX_BYTES:
        raise PipelineError(f"{name} is too large for a pipeline file")
    return make_pipeline(_load_yaml(content, name), name)


def make_pipeline(content, name: str = "pipeline") -> Pipeline:
    """Make a pipeline of what its file holds; ``name`` is for messages.

    Raises
    ------
    PipelineError
        If a key is unknown or a value is not what it should be.
    """
    if not isinstance(content, dict):
        kind = "is empty" if content is None else f"holds a {type(content).__name__}"
        raise PipelineError(f"{name} {kind}: write 'steps: [normalize, o_star_classifier]'")
    for key in content:
        if key not in _KEYS:
            raise PipelineError(
                f"{name}: unknown key {_show(key)}{did_you_mean(key, _KEYS)}; "
                f"there are {', '.join(_KEYS)}"
            )
    for key in ("input", "output"):
        if not isinstance(content.get(key) or "", str):
            raise PipelineError(f"{name}: {key} must be a path in text, not {_show(content[key])}")
    listed = content.get("steps")
    if not isinstance(listed, list) or not listed:
        found = "there are none" if not listed else f"not {_show(listed)}"
        raise PipelineError(
            f"{name}: steps must be a list such as [normalize, o_star_classifier]; {found}"
        )
    steps = [_make(item, number, name) for number, item in enumerate(listed, 1)]
    source, output = (os.path.expanduser(content.get(key) or "") for key in ("input", "output"))
    return Pipeline(steps, source or None, output or None, name)


def _make(item, number: int, name: str) -> Step:
    if isinstance(item, Step):
        return item
    step = item
    parameters: dict = {}
    if isinstance(item, dict) and len(item) == 1:
        [(step, parameters)] = item.items()
        parameters = {} if parameters is None else parameters
    if not isinstance(step, str):
        raise PipelineError(
            f"{name}: step {number} must be a name or {{name: {{parameter: value}}}}, "
            f"not {_show(item)}"
        )
    if not isinstance(parameters, dict) or not all(isinstance(key, str) for key in parameters):
        raise PipelineError(
            f"{name}: step {printable(repr(step))}: parameters must be written as "
            f"{{parameter: value}}, not {_show(parameters)}"
        )
    try:
        return make_step(step, **parameters)
    except PipelineError as error:
        raise PipelineError(f"{name}: {error}") from error.__cause__


def _show(value) -> str:
    return printable(reprlib.repr(value))


def _load_yaml(content: bytes, name: str):
    import yaml

    class Loader(yaml.SafeLoader):
        """Plain values only; of two equal keys one would be lost in silence."""

    def mapping(loader, node):
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key in keys:
            if keys.count(key) > 1:
                where = f"{name}, line {node.start_mark.line + 1}"
                raise PipelineError(f"{where}: {_show(key)} is there twice")
        return loader.construct_mapping(node, deep=True)

    Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    try:
        return yaml.load(content, Loader)
    except yaml.constructor.ConstructorError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise PipelineError(
            f"{name}, line {line}: only plain YAML is read ({printable(error.problem)})"
        ) from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise PipelineError(f"{name}, line {line}: {printable(error.problem)}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, PipelineError):
            raise
        raise PipelineError(f"{name} is not YAML: {printable(first_line(error))}") from error
