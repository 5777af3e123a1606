"""IAM's judgement of a request by the statements of policies, of what it knows as much as ours say.

An action is allowed where a statement allows it and none denies it; names are compared with * and ? as IAM does. A
condition on a key that the request does not have is not met, unless its operator is of IfExists or ForAllValues.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

Statement = Mapping[str, Any]
Context = Mapping[str, str]


def allowed(
    statements: Iterable[Statement], action: str, resource: str, context: Context | None = None
) -> bool:
    """Tell whether a request is allowed."""
    met = [one for one in statements if _meets(one, action, resource, context or {})]
    return bool(met) and all(one["Effect"] == "Allow" for one in met)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _meets(statement: Statement, action: str, resource: str, context: Context) -> bool:
    return (
        any(_like(action.lower(), each.lower()) for each in listed(statement["Action"]))
        and any(_like(resource, each) for each in listed(statement["Resource"]))
        and all(
            _holds(operator, context.get(key), listed(values))
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def _holds(operator: str, told: str | None, values: list[str]) -> bool:
    bare = operator.rpartition(":")[2].removesuffix("IfExists")
    if told is None:
        return operator.endswith("IfExists") or operator.startswith("ForAllValues")
    match bare:
        case "StringEquals":
            return told in values
        case "StringNotEquals" if operator.startswith("ForAnyValue:"):  # by itself it is met without the key
            return told not in values
        case "StringLike" | "ArnLike" | "ArnEquals":
            return any(_like(told, value) for value in values)
    raise NotImplementedError(operator)


def _like(text: str, pattern: str) -> bool:
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, text, re.DOTALL) is not None
