"""Conditions on columns as text, such as ``p_O_survey > 0.1 and prediction in ('O', 'B')``.

They are written as in Python, of which only what is in the tables here is understood: nothing of a
condition is ever run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from difflib import get_close_matches
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from ..text import printable
from ..wording import named
from .errors import ReportError

__all__ = ["Condition", "parse_condition"]

_LONGEST = 4000
_BOOL, _NUMBER, _TEXT, _NONE = "yes or no", "a number", "text", "None"

_COMPARED = {
    ast.Lt: pc.less,
    ast.LtE: pc.less_equal,
    ast.Gt: pc.greater,
    ast.GtE: pc.greater_equal,
    ast.Eq: pc.equal,
    ast.NotEq: pc.not_equal,
}
_EQUALITIES = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot)
_ARITHMETIC = {ast.Add: pc.add, ast.Sub: pc.subtract, ast.Mult: pc.multiply}
_JOINED = {ast.And: pc.and_kleene, ast.Or: pc.or_kleene}
_OF_BITS = {
    ast.BitAnd: (pc.bit_wise_and, pc.and_kleene),
    ast.BitOr: (pc.bit_wise_or, pc.or_kleene),
}


class Condition(NamedTuple):
    """What is asked of rows.

    Attributes
    ----------
    expression : pyarrow.compute.Expression
        True for the rows that are wanted.
    columns : list of str
        Those that it looks at.
    """

    expression: pc.Expression
    columns: list[str]


class _Value(NamedTuple):
    expression: pc.Expression
    kind: str
    whole: bool = False
    """Whether a number is a whole one, of which bits can be asked."""
    constant: bool | int | float | str | None = None


def parse_condition(text: str, schema: pa.Schema) -> Condition:
    """Understand a condition on the columns of a table.

    Columns stand by their names. Numbers and text are compared with ``<``, ``<=``, ``>``, ``>=``,
    ``==``, ``!=``, ``in`` and ``not in``; ``'DA' in catalogue_subclass`` asks for a part of a text,
    ``velocity is None`` for what was not measured. There are ``+``, ``-``, ``*``, ``/``, ``abs()``,
    ``and``, ``or``, ``not``, and ``flags & 16384`` for bits.

    Parameters
    ----------
    text : str
    schema : pyarrow.Schema
        Of the table.

    Returns
    -------
    Condition

    Raises
    ------
    ReportError
        If it is not understood, a column is not there, or text is compared with numbers.

    Notes
    -----
    A row is not chosen where what is asked of it was not measured.
    """
    if len(text) > _LONGEST:
        raise _wrong(f"longer than {_LONGEST} characters: give the rows as {named('rows')}")
    try:
        tree = ast.parse(re.sub(r"[\r\n]", " ", text).strip(), mode="eval")
        reader = _Reader(schema)
        found = reader.condition(tree.body)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, ReportError):
            raise
        raise _wrong(f"{_shown(text)} is not understood{_hint(text)}") from None
    if not reader.columns:
        raise _wrong(f"{_shown(text)} asks for no column")
    return Condition(found, sorted(reader.columns))


def _hint(text: str) -> str:
    plain = text
    for operator in ("==", "<=", ">=", "!="):
        plain = plain.replace(operator, " ")
    if "=" in plain:
        return ": write == for equal"
    for word in ("AND", "OR", "NOT", "IN"):
        if f" {word} " in f" {plain} ":
            return f": write {word.lower()} in small letters"
    if "&&" in text or "||" in text:
        return ": write and, or"
    return ": write it as p_O_survey > 0.1 and snr_g > 10"


def _shown(text: str) -> str:
    return printable(repr(text if len(text) < 80 else f"{text[:77]}..."))


class _Reader:
    """Makes expressions of parts of a condition; ``columns`` are those that were met."""

    def __init__(self, schema: pa.Schema):
        self._schema = schema
        self.columns: set[str] = set()

    def read(self, node: ast.expr) -> _Value:
        """Return what a part stands for."""
        read = getattr(self, f"_read_{type(node).__name__.lower()}", None)
        if read is None:
            raise _wrong(f"{_part(node)} is not understood")
        return read(node)

    def condition(self, node: ast.expr) -> pc.Expression:
        """Return what a part that is a condition stands for; so are bits of a number."""
        value = self.read(node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd) and value.whole:
            return pc.not_equal(value.expression, 0)
        if value.kind != _BOOL:
            raise _wrong(f"{_part(node)} is {value.kind}, not a condition: compare it")
        return value.expression

    def _read_name(self, node: ast.Name) -> _Value:
        name = node.id
        if name not in self._schema.names:
            near = get_close_matches(name, self._schema.names, n=1, cutoff=0.5)
            meant = f", did you mean {near[0]}?" if near else ""
            raise _wrong(
                f"the catalogue has no column {printable(name)}{meant} (text stands in quotes)"
            )
        self.columns.add(name)
        kind = self._schema.field(name).type
        field = pc.field(name)
        if pa.types.is_boolean(kind):
            return _Value(field, _BOOL)
        if pa.types.is_string(kind):
            return _Value(field, _TEXT)
        if pa.types.is_floating(kind):
            missing = pc.is_nan(field)  # as null, which no comparison is true of
            return _Value(pc.if_else(missing, pa.scalar(None, kind), field), _NUMBER)
        if pa.types.is_integer(kind):
            return _Value(field, _NUMBER, whole=True)
        raise _wrong(f"column {printable(name)} is of a kind that is not compared")

    def _read_constant(self, node: ast.Constant) -> _Value:
        value = node.value
        if value is None:
            return _Value(pc.scalar(None), _NONE)
        if isinstance(value, bool):
            return _Value(pc.scalar(value), _BOOL, constant=value)
        if isinstance(value, str):
            text = value.encode("utf-8", "replace").decode("utf-8")
            return _Value(pc.scalar(text), _TEXT, constant=text)
        if isinstance(value, int) and abs(value) < 2**63:
            return _Value(pc.scalar(pa.scalar(value, pa.int64())), _NUMBER, True, value)
        if isinstance(value, (int, float)):
            return _Value(pc.scalar(float(value)), _NUMBER, constant=float(value))
        raise _wrong(f"{_part(node)} is not understood")

    def _read_boolop(self, node: ast.BoolOp) -> _Value:
        join = _JOINED[type(node.op)]
        first, *others = [self.condition(part) for part in node.values]
        for other in others:
            first = join(first, other)
        return _Value(first, _BOOL)

    def _read_unaryop(self, node: ast.UnaryOp) -> _Value:
        if isinstance(node.op, (ast.Not, ast.Invert)):
            return _Value(pc.invert(self.condition(node.operand)), _BOOL)
        number = self._number(node.operand)
        if isinstance(node.op, ast.UAdd):
            return number
        constant = -number.constant if isinstance(number.constant, (int, float)) else None
        return number._replace(expression=pc.negate(number.expression), constant=constant)

    def _read_binop(self, node: ast.BinOp) -> _Value:
        kind = type(node.op)
        if kind in _OF_BITS:
            return self._bits(node, *_OF_BITS[kind])
        if kind not in _ARITHMETIC and kind is not ast.Div:
            raise _wrong(f"{_part(node)} is not understood")
        left, right = (self._number(part) for part in (node.left, node.right))
        whole = left.whole and right.whole and kind is not ast.Div
        parts = _alike(left, right, whole)
        found = pc.divide(*parts) if kind is ast.Div else _ARITHMETIC[kind](*parts)
        return _Value(found, _NUMBER, whole)

    def _bits(self, node: ast.BinOp, of_bits: Callable, of_conditions: Callable) -> _Value:
        left, right = self.read(node.left), self.read(node.right)
        if left.kind == right.kind == _BOOL:
            return _Value(of_conditions(left.expression, right.expression), _BOOL)
        if not (left.whole and right.whole):
            raise _wrong(
                f"{_part(node)} asks for bits of what is no whole number "
                "(between conditions write and, or)"
            )
        return _Value(of_bits(left.expression, right.expression), _NUMBER, True)

    def _read_call(self, node: ast.Call) -> _Value:
        of = node.func.id if isinstance(node.func, ast.Name) else ""
        if of != "abs" or len(node.args) != 1 or node.keywords:
            raise _wrong(f"{_part(node)} is not understood: only abs() is a function")
        number = self._number(node.args[0])
        return _Value(pc.abs(number.expression), _NUMBER, number.whole)

    def _read_compare(self, node: ast.Compare) -> _Value:
        parts = [node.left, *node.comparators]
        found = None
        for operator, left, right in zip(node.ops, parts, parts[1:], strict=False):
            if isinstance(operator, (ast.In, ast.NotIn)):
                one = self._among(self.read(left), right)
                one = pc.invert(one) if isinstance(operator, ast.NotIn) else one
            else:
                one = self._compare(node, operator, self.read(left), self.read(right))
            found = one if found is None else pc.and_kleene(found, one)
        return _Value(found, _BOOL)

    def _compare(self, node: ast.expr, op: ast.cmpop, left: _Value, right: _Value) -> pc.Expression:
        if _NONE in (left.kind, right.kind):
            if not isinstance(op, _EQUALITIES):
                raise _wrong(f"{_part(node)} is not understood")
            value = left if right.kind == _NONE else right
            missing = pc.is_null(value.expression)
            return missing if isinstance(op, (ast.Eq, ast.Is)) else pc.invert(missing)
        if isinstance(op, (ast.Is, ast.IsNot)):
            raise _wrong(f"{_part(node)}: write == or != (is goes with None)")
        if left.kind != right.kind:
            raise _wrong(
                f"{_part(node)} compares {left.kind} with {right.kind}"
                f"{': put text in quotes' if _TEXT in (left.kind, right.kind) else ''}"
            )
        parts = left.expression, right.expression
        if left.kind == _NUMBER:
            parts = _alike(left, right, left.whole and right.whole)
        return _COMPARED[type(op)](*parts)

    def _among(self, value: _Value, node: ast.expr) -> pc.Expression:
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            others = [self.read(item) for item in node.elts]
            if any(other.constant is None or other.kind != value.kind for other in others):
                raise _wrong(f"after in comes a list of {value.kind} each")
            kind = {_TEXT: pa.string(), _BOOL: pa.bool_()}.get(value.kind, pa.float64())
            if value.whole and all(other.whole for other in others):
                kind = pa.int64()
            among = pa.array([other.constant for other in others], kind)
            found = pc.is_in(value.expression.cast(kind, safe=False), value_set=among)
            return pc.and_kleene(found, pc.is_valid(value.expression))
        text = self.read(node)
        if text.kind == _TEXT and value.kind == _TEXT and value.constant is not None:
            return pc.match_substring(text.expression, value.constant)
        raise _wrong("after in comes a list, as in prediction in ('O', 'B')")

    def _number(self, node: ast.expr) -> _Value:
        value = self.read(node)
        if value.kind != _NUMBER:
            raise _wrong(f"{_part(node)} is {value.kind}, not a number")
        return value


def _alike(left: _Value, right: _Value, whole: bool) -> tuple[pc.Expression, pc.Expression]:
    """Return two numbers of one kind: Arrow compares no large whole ones with others."""
    kind = pa.int64() if whole else pa.float64()
    return left.expression.cast(kind, safe=False), right.expression.cast(kind, safe=False)


def _part(node: ast.expr) -> str:
    return _shown(ast.unparse(node))


def _wrong(what: str) -> ReportError:
    return ReportError(f"{named('where')}: {what}")
