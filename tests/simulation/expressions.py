"""DynamoDB's expressions, the part of them Souk uses; anything else is refused, never guessed.

An expression is parsed once and kept as a closure over wire values (``{"S": "x"}``). The grammar and the rules are
those of "Expressions in DynamoDB" in the Amazon DynamoDB Developer Guide.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from moto.dynamodb.parsing.reserved_keywords import ReservedKeywords

Wire = dict[str, Any]
Image = dict[str, Wire]
Values = Mapping[str, Wire]
Operand = Callable[[Image, Values], Wire | None]
Test = Callable[[Image, Values], bool]
Path = tuple[str | int, ...]
Change = Callable[[Image, Image, Values], None]
"""Applies to the new image, reading from the old one."""

_TOKEN = re.compile(r"\s*(#\w+|:\w+|[A-Za-z_]\w*|\d+|<=|>=|<>|[=<>()\[\].,+-])")
_RESERVED = frozenset(word.upper() for word in ReservedKeywords.get_reserved_keywords())
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,37}")
_FUNCTIONS = {"attribute_exists", "attribute_not_exists", "attribute_type", "begins_with", "contains", "size"}


class ExpressionError(ValueError):
    """What DynamoDB answers with a ValidationException."""


class Expression(NamedTuple):
    """A parsed expression, the ``#names`` and ``:values`` it uses, and the attributes it names."""

    run: Any
    used: frozenset[str]
    paths: tuple[Path, ...]


class _Parser:
    """One pass over the tokens of one expression."""

    def __init__(self, text: str, names: Mapping[str, str]) -> None:
        self.text, self.given = text, names
        self.tokens: list[str] = []
        self.at = 0
        self.used: set[str] = set()
        self.paths: list[Path] = []
        position, end = 0, len(text.rstrip())
        while position < end:
            match = _TOKEN.match(text, position)
            if match is None:
                raise ExpressionError(f"Syntax error near {text[position:]!r}")
            self.tokens.append(match[1])
            position = match.end()

    @property
    def next(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, *expected: str) -> str:
        token = self.next
        if not token or (expected and token.upper() not in expected):
            raise ExpressionError(f"Syntax error at {token!r} in {self.text!r}, expected {expected}")
        self.at += 1
        return token

    def taken(self, *words: str) -> bool:
        if self.next.upper() in words:
            self.at += 1
            return True
        return False

    def done(self, run: Any) -> Expression:
        if self.next:
            raise ExpressionError(f"Syntax error at {self.next!r} in {self.text!r}")
        return Expression(run, frozenset(self.used), tuple(self.paths))

    # --- paths and operands ---

    def attribute(self) -> str:
        token = self.take()
        if token.startswith("#"):
            if token not in self.given:
                raise ExpressionError(f"An expression attribute name used is not defined: {token}")
            self.used.add(token)
            return self.given[token]
        if not re.fullmatch(r"[A-Za-z_]\w*", token):
            raise ExpressionError(f"Syntax error at {token!r} in {self.text!r}")
        if token.upper() in _RESERVED:
            raise ExpressionError(f"Attribute name is a reserved keyword; reserved keyword: {token}")
        return token

    def path(self) -> Path:
        parts: list[str | int] = [self.attribute()]
        while self.next in (".", "["):
            if self.take() == ".":
                parts.append(self.attribute())
            else:
                parts.append(int(self.take()))
                self.take("]")
        self.paths.append(tuple(parts))
        return tuple(parts)

    def value(self) -> Operand:
        token = self.take()
        if not token.startswith(":"):
            raise ExpressionError(f"Syntax error at {token!r}: a :value is expected")
        self.used.add(token)
        return lambda _, values: _given(values, token)

    def operand(self) -> Operand:
        if self.next.startswith(":"):
            return self.value()
        if self.next.lower() == "size" and self.tokens[self.at + 1 : self.at + 2] == ["("]:
            self.take()
            self.take("(")
            path = self.path()
            self.take(")")
            return lambda image, _: _size(look_up(image, path))
        path = self.path()
        return lambda image, _: look_up(image, path)

    # --- conditions ---

    def condition(self) -> Test:
        tests = [self.conjunction()]
        while self.taken("OR"):
            tests.append(self.conjunction())
        return tests[0] if len(tests) == 1 else lambda image, values: any(t(image, values) for t in tests)

    def conjunction(self) -> Test:
        tests = [self.negation()]
        while self.taken("AND"):
            tests.append(self.negation())
        return tests[0] if len(tests) == 1 else lambda image, values: all(t(image, values) for t in tests)

    def negation(self) -> Test:
        if self.taken("NOT"):
            test = self.negation()
            return lambda image, values: not test(image, values)
        if self.taken("("):
            test = self.condition()
            self.take(")")
            return test
        if self.next.lower() in _FUNCTIONS - {"size"}:
            return self.function()
        return self.comparison()

    def function(self) -> Test:
        name = self.take().lower()
        self.take("(")
        path = self.path()
        second: Operand = lambda _image, _values: None  # noqa: E731
        if name not in ("attribute_exists", "attribute_not_exists"):
            self.take(",")
            second = self.operand()
        self.take(")")
        return _FUNCTION_TESTS[name](path, second)

    def comparison(self) -> Test:
        left = self.operand()
        if self.taken("BETWEEN"):
            low = self.operand()
            self.take("AND")
            high = self.operand()
            return lambda image, values: (
                _ordered(left(image, values), low(image, values), ">=")
                and _ordered(left(image, values), high(image, values), "<=")
            )
        if self.taken("IN"):
            self.take("(")
            choices = [self.operand()]
            while self.taken(","):
                choices.append(self.operand())
            self.take(")")
            return lambda image, values: left(image, values) in [choice(image, values) for choice in choices]
        sign = self.take("=", "<>", "<", "<=", ">", ">=")
        right = self.operand()
        return lambda image, values: compare(left(image, values), sign, right(image, values))

    def key_condition(self) -> tuple[tuple[str, str, Test], ...]:
        """Parse ``hash = :value [AND range …]``; returns (attribute, sign, test) of each part."""
        parts = [self.key_part()]
        if self.taken("AND"):
            parts.append(self.key_part())
        return tuple(parts)

    def key_part(self) -> tuple[str, str, Test]:
        if self.taken("("):
            part = self.key_part()
            self.take(")")
            return part
        start = self.at
        test = self.function() if self.next.lower() == "begins_with" else self.comparison()
        sign = next(
            (t for t in self.tokens[start : self.at] if t in ("=", "<>", "<", "<=", ">", ">=", "IN")), ""
        )
        if len(self.paths[-1]) != 1 or sign in ("<>", "IN"):
            raise ExpressionError(f"Invalid operator or operand in KeyConditionExpression: {self.text!r}")
        return str(self.paths[-1][0]), sign, test

    # --- updates ---

    def update(self) -> list[Change]:
        changes: list[Change] = []
        touched: list[Path] = []
        clauses: set[str] = set()
        removals: list[Path] = []
        while self.next:
            clause = self.take("SET", "REMOVE", "ADD", "DELETE").upper()
            if clause in clauses:
                raise ExpressionError(f'The "{clause}" section can only be used once in an update expression')
            clauses.add(clause)
            while True:
                path = self.path()
                touched.append(path)
                if clause == "REMOVE":
                    removals.append(path)
                else:
                    changes.append(self.change(clause, path))
                if not self.taken(","):
                    break
        # Removing list elements must not move those that are still to be removed.
        removals.sort(key=lambda path: [part for part in path if isinstance(part, int)], reverse=True)
        changes += [functools.partial(_remove, path) for path in removals]
        _refuse_overlaps(touched)
        self.paths = touched
        return changes

    def change(self, clause: str, path: Path) -> Change:
        if clause == "SET":
            self.take("=")
            worth = self.worth()
            return lambda new, old, values: assign(new, path, worth(old, values))
        value = self.value()
        combine = _added if clause == "ADD" else _deleted
        return lambda new, old, values: combine(new, path, value(old, values))

    def worth(self) -> Callable[[Image, Values], Wire]:
        left = self.term()
        if self.next not in ("+", "-"):
            return left
        sign = 1 if self.take() == "+" else -1
        right = self.term()
        return lambda image, values: {
            "N": str(_number(left(image, values)) + sign * _number(right(image, values)))
        }

    def term(self) -> Callable[[Image, Values], Wire]:
        if self.taken("("):
            inner = self.worth()
            self.take(")")
            return inner
        if self.next.lower() in ("if_not_exists", "list_append") and self.tokens[self.at + 1] == "(":
            name = self.take().lower()
            self.take("(")
            first = self.operand()
            self.take(",")
            second = self.term()
            self.take(")")
            if name == "if_not_exists":
                return lambda image, values: first(image, values) or second(image, values)
            return lambda image, values: {
                "L": _list(_present(first(image, values))) + _list(second(image, values))
            }
        operand = self.operand()
        return lambda image, values: _present(operand(image, values))


def _given(values: Values, token: str) -> Wire:
    if token not in values:
        raise ExpressionError(f"An expression attribute value used is not defined: {token}")
    return values[token]


def _refuse_overlaps(paths: list[Path]) -> None:
    for index, path in enumerate(paths):
        for other in paths[index + 1 :]:
            shorter = min(len(path), len(other))
            if path[:shorter] == other[:shorter]:
                raise ExpressionError("Two document paths overlap with each other")


def look_up(image: Image, path: Path) -> Wire | None:
    """Return the value at a path, None where there is none."""
    found = image.get(path[0])  # type: ignore[arg-type]
    for part in path[1:]:
        if found is None:
            return None
        if isinstance(part, int):
            elements = found.get("L", ())
            found = elements[part] if part < len(elements) else None
        else:
            found = found.get("M", {}).get(part)
    return found


def _copied(image: Image, path: Path) -> Any:
    """Return the container of a path's last part, copying what lies on the way: stored images are never changed."""
    container: Any = image
    for step, part in enumerate(path[:-1]):
        follows = path[step + 1]
        kind = "L" if isinstance(follows, int) else "M"
        try:
            inner = container[part][kind]
        except (KeyError, IndexError, TypeError):
            raise ExpressionError(
                "The document path provided in the update expression is invalid for update"
            ) from None
        copy = list(inner) if kind == "L" else dict(inner)
        container[part] = {kind: copy}
        container = copy
    return container


def assign(image: Image, path: Path, value: Wire) -> None:
    """Put a value at a path; an index past the end of a list appends."""
    container = _copied(image, path)
    if isinstance(path[-1], int) and path[-1] >= len(container):
        container.append(value)
    else:
        container[path[-1]] = value


def _remove(path: Path, new: Image, _old: Image, _values: Values) -> None:
    container = _copied(new, path)
    last = path[-1]
    if isinstance(last, int):
        del container[last : last + 1]
    else:
        container.pop(last, None)


def _added(image: Image, path: Path, value: Wire) -> None:
    ((kind, what),) = value.items()
    before = look_up(image, path)
    if kind == "N":
        assign(image, path, {"N": str((_number(before) if before else 0) + int(what))})
    elif kind == "SS":
        assign(image, path, {"SS": sorted({*_strings(before), *what})})
    else:
        raise ExpressionError(f"Incorrect operand type for operator or function; operator: ADD, type: {kind}")


def _deleted(image: Image, path: Path, value: Wire) -> None:
    if "SS" not in value:
        raise ExpressionError("Incorrect operand type for operator or function; operator: DELETE")
    left = sorted(set(_strings(look_up(image, path))) - set(value["SS"]))
    if left:
        assign(image, path, {"SS": left})
    else:
        _remove(path, image, image, {})


def _strings(value: Wire | None) -> list[str]:
    if value is None:
        return []
    if "SS" not in value:
        raise ExpressionError("An operand in the update expression has an incorrect data type")
    strings: list[str] = value["SS"]
    return strings


def _present(value: Wire | None) -> Wire:
    if value is None:
        raise ExpressionError(
            "The provided expression refers to an attribute that does not exist in the item"
        )
    return value


def _number(value: Wire) -> int:
    if "N" not in value:
        raise ExpressionError("An operand in the update expression has an incorrect data type")
    return int(value["N"])


def _list(value: Wire) -> list[Wire]:
    if "L" not in value:
        raise ExpressionError("An operand in the update expression has an incorrect data type")
    elements: list[Wire] = value["L"]
    return elements


def _size(value: Wire | None) -> Wire | None:
    if value is None:
        return None
    ((kind, what),) = value.items()
    if kind not in ("S", "B", "L", "M", "SS"):
        return None
    return {"N": str(len(what.encode()) if kind == "S" else len(what))}


def compare(left: Wire | None, sign: str, right: Wire | None) -> bool:
    """Compare two values as DynamoDB does: unlike types and missing attributes are only ever unequal."""
    if sign == "=":
        return left is not None and left == right
    if sign == "<>":
        return left != right
    return _ordered(left, right, sign)


def _ordered(left: Wire | None, right: Wire | None, sign: str) -> bool:
    if left is None or right is None:
        return False
    ((kind, a),) = left.items()
    ((other, b),) = right.items()
    if kind != other or kind not in ("S", "N", "B"):
        return False
    if kind == "N":
        a, b = int(a), int(b)
    return bool({"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[sign])


def _begins(path: Path, prefix: Operand) -> Test:
    def test(image: Image, values: Values) -> bool:
        whole, start = look_up(image, path), prefix(image, values)
        return (
            bool(whole and start) and "S" in whole and "S" in start and whole["S"].startswith(start["S"])  # type: ignore[operator,index]
        )

    return test


def _contains(path: Path, part: Operand) -> Test:
    def test(image: Image, values: Values) -> bool:
        whole, wanted = look_up(image, path), part(image, values)
        if whole is None or wanted is None:
            return False
        ((kind, what),) = whole.items()
        if kind in ("S", "SS"):
            return "S" in wanted and wanted["S"] in what
        return kind == "L" and wanted in what

    return test


_FUNCTION_TESTS: dict[str, Callable[[Path, Operand], Test]] = {
    "attribute_exists": lambda path, _: lambda image, _values: look_up(image, path) is not None,
    "attribute_not_exists": lambda path, _: lambda image, _values: look_up(image, path) is None,
    "attribute_type": lambda path, kind: (
        lambda image, values: (kind(image, values) or {}).get("S") in (look_up(image, path) or {})
    ),
    "begins_with": _begins,
    "contains": _contains,
}


Names = tuple[tuple[str, str], ...]


@functools.lru_cache(4096)
def condition(text: str, names: Names = ()) -> Expression:
    """Parse a condition, filter or key condition."""
    parser = _Parser(text, dict(names))
    return parser.done(parser.condition())


@functools.lru_cache(4096)
def key_condition(text: str, names: Names = ()) -> Expression:
    """Parse a key condition; `run` is a tuple of (attribute, sign, test)."""
    parser = _Parser(text, dict(names))
    return parser.done(parser.key_condition())


@functools.lru_cache(4096)
def update(text: str, names: Names = ()) -> Expression:
    """Parse an update; ``paths`` are those it writes."""
    parser = _Parser(text, dict(names))
    return parser.done(parser.update())


def checked_number(text: Any) -> bool:
    """Tell whether a wire number is an integer in the one form that `str` gives: all that Souk stores."""
    return isinstance(text, str) and _INTEGER.fullmatch(text) is not None
