"""Where a pattern may take the square of a text's length, or more: read from the pattern itself.

Two causes are found. A search begins anew at each character of a run that it has just read in vain;
or two repeats, one in or beside the other, may share a run between them in many ways.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from re import _compiler, _constants, _parser  # type: ignore[attr-defined]
from typing import Any

from tests.architecture import tree

Item = tuple[Any, Any]
_REPEATS = {_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT}
_ONE = {_constants.LITERAL, _constants.NOT_LITERAL, _constants.IN, _constants.ANY}
_ASSERTS = {_constants.ASSERT, _constants.ASSERT_NOT}
_SOME = frozenset([*map(chr, range(0x180)), "\u2028", "\u3000", "\ud800"])
_SCANS = {"search", "sub", "subn", "split", "findall", "finditer"}
_CALLS = _SCANS | {"compile", "match", "fullmatch"}


@dataclass(frozen=True)
class Pattern:
    """A pattern, where it stands, and whether it is looked for at each place of a text."""

    where: str
    text: str
    flags: int
    scans: bool


def patterns(path: Path) -> Iterator[Pattern]:
    """Yield the patterns of a module."""
    module = tree.tree(path)
    calls = [each for each in ast.walk(module) if _is_of_re(each)]
    if not calls:
        return
    names = vars(import_module(".".join(path.with_suffix("").parts)))
    for call in calls:
        verb = call.func.attr
        values = [each.value for each in call.keywords if each.arg == "flags"]
        values += call.args[1:2] if verb == "compile" else []
        flags = int(_value(values[0], names)) if values else 0
        text = _value(call.args[0], names)
        is_text = isinstance(text, str)  # and not a pattern, or what its function is given
        if is_text:
            scans = verb in _SCANS or (verb == "compile" and _is_looked_for(call, module))
            yield Pattern(f"{path}:{call.lineno}", text, flags, scans)


def trouble(pattern: Pattern) -> str:
    """Return what is wrong with a pattern, or nothing."""
    parsed = _parser.parse(pattern.text, pattern.flags)
    for way in _ways(list(parsed)):
        if pattern.scans and (item := _begins_anew(way)):
            return f"begins anew within {item}"
        if item := _shared(way):
            return f"shares what {item} reads"
    return ""


def _is_of_re(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "re"
        and node.func.attr in _CALLS
    )


def _value(node: ast.expr, names: dict[str, Any]) -> Any:
    try:
        return eval(compile(ast.Expression(node), "", "eval"), dict(names))
    except NameError:
        return None


def _is_looked_for(call: ast.Call, module: ast.Module) -> bool:
    """Tell whether a compiled pattern is used by anything but `match` and `fullmatch`."""
    named = {
        target.id
        for each in ast.walk(module)
        if isinstance(each, ast.Assign) and each.value is call
        for target in each.targets
        if isinstance(target, ast.Name)
    }
    used = {
        each.attr
        for each in ast.walk(module)
        if isinstance(each, ast.Attribute) and getattr(each.value, "id", "") in named
    }
    return not named or not used <= {"match", "fullmatch"}


def _begins_anew(way: Sequence[Item]) -> str:
    """Return the repeat that a search reads in vain once for each of its characters."""
    if way and way[0][0] is _constants.AT and way[0][1] in {
        _constants.AT_BEGINNING, _constants.AT_BEGINNING_STRING,
    }:  # fmt: skip
        return ""
    behind = {
        each
        for op, held in way
        if op is _constants.ASSERT_NOT and held[0] == -1
        for item in held[1]
        for each in _letters(item)
    }
    start = _first(way) - behind
    for at, item in enumerate(way):
        if _is_long(item) and _may_fail(way[at + 1 :]) and start & _letters(item):
            return str(item)
    return ""


def _shared(way: Sequence[Item]) -> str:
    """Return a repeat that leaves it open which part of a run is whose."""
    for at, item in enumerate(way):
        if not _is_long(item):
            continue
        rest = way[at + 1 :]
        for number, other in enumerate(rest):
            if (
                _is_long(other)
                and _may_fail(rest[number + 1 :])
                and _letters(item) & _first([other])
            ):
                return str(item)
            if not _is_nullable(other):
                break
        for inner in _ways(list(item[1][2])):
            if found := _shared(inner) or _nested(inner):
                return found
    return ""


def _nested(inner: Sequence[Item]) -> str:
    for at, item in enumerate(inner):
        ends = all(_is_nullable(each) for each in inner[at + 1 :])
        if _is_long(item) and ends and _first(inner) & _letters(item):
            return str(item)
    return ""


def _ways(items: Sequence[Item]) -> list[list[Item]]:
    """Return each way through a sequence, with its groups and branches opened."""
    if not items:
        return [[]]
    op, held = items[0]
    if op is _constants.BRANCH:
        heads = [way for each in held[1] for way in _ways(list(each))]
    elif op is _constants.SUBPATTERN:
        heads = _ways(list(held[3]))
    else:
        heads = [[items[0]]]
    rests = _ways(items[1:])
    return [[*head, *rest] for head in heads for rest in rests]


def _is_long(item: Item) -> bool:
    return item[0] in _REPEATS and item[1][1] is _constants.MAXREPEAT


def _is_nullable(item: Item) -> bool:
    op, held = item
    return op in _ASSERTS or op is _constants.AT or (op in _REPEATS and held[0] == 0)


def _may_fail(items: Sequence[Item]) -> bool:
    return any(op not in _REPEATS or held[0] for op, held in items)


def _letters(item: Item) -> frozenset[str]:
    """Return those of some letters that an item may read, anywhere in it."""
    op, held = item
    if op in _ONE:
        one = _compiler.compile(_pattern_of(item))
        return frozenset(each for each in _SOME if one.match(each))
    if op in _REPEATS:
        return frozenset().union(*(_letters(each) for way in _ways(list(held[2])) for each in way))
    return frozenset()


def _first(items: Sequence[Item]) -> frozenset[str]:
    """Return those of some letters with which a sequence may begin."""
    found: frozenset[str] = frozenset()
    for item in items:
        if item[0] in _REPEATS:
            found = found.union(*map(_first, _ways(list(item[1][2]))))
        elif item[0] in _ONE:
            found |= _letters(item)
        if not _is_nullable(item):
            break
    return found


def _pattern_of(item: Item) -> Any:
    made = _parser.parse("")
    made.data.append(item)
    return made
