"""CloudFormation's intrinsic functions, as far as the templates use them, as on the local stack."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

ACCOUNT = "123456789012"  # moto's
PSEUDO = {
    "AWS::Region": "eu-west-1",
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::NoValue": None,
}
NAMES = (
    "TableName",
    "QueueName",
    "FunctionName",
    "BucketName",
    "Name",
    "AliasName",
    "LayerName",
    "TopicName",
)


class Resolver:
    """One template's values with its parameters at their defaults, as they are on the local stack.

    Parameters
    ----------
    made
        What Ref returns for a resource that was created, by logical id; its name where it is not among these.
    """

    def __init__(self, template: Mapping[str, Any], made: Mapping[str, str] | None = None) -> None:
        self.template = template
        self.made = dict(made or {})
        self.parameters = {
            name: str(parameter.get("Default", ""))
            for name, parameter in template.get("Parameters", {}).items()
        }
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._attribute,
            "Fn::Sub": self._sub,
            "Fn::If": self._if,
        }

    def value(self, node: Any) -> Any:
        """Return a node with everything in it resolved."""
        if isinstance(node, list):
            found = [self.value(inner) for inner in node]
            return [inner for inner in found if inner is not None]
        if not isinstance(node, dict):
            return node
        ((name, given),) = node.items() if len(node) == 1 else ((None, None),)
        if name in self._functions:
            return self._functions[name](given)
        return {key: self.value(inner) for key, inner in node.items()}

    def name(self, logical: str) -> str:
        """Return the physical name of a resource; its logical id where CloudFormation would make one up."""
        properties = self.template["Resources"][logical].get("Properties", {})
        return next((str(self.value(properties[name])) for name in NAMES if name in properties), logical)

    def variables(self, function: str) -> dict[str, str]:
        """Return the environment that a function is deployed with."""
        shared = self.template.get("Globals", {}).get("Function", {})
        own = self.template["Resources"][function]["Properties"]
        both = [(each.get("Environment") or {}).get("Variables") or {} for each in (shared, own)]
        return {name: str(self.value(value)) for part in both for name, value in part.items()} | {
            "AWS_LAMBDA_FUNCTION_NAME": self.name(function)
        }

    def holds(self, condition: Any) -> bool:
        """Tell whether a condition, given by name or in full, holds."""
        node = self.template["Conditions"][condition] if isinstance(condition, str) else condition
        ((name, given),) = node.items()
        match name:
            case "Fn::Equals":
                return bool(self.value(given[0]) == self.value(given[1]))
            case "Fn::Not":
                return not self.holds(given[0])
            case "Fn::And":
                return all(map(self.holds, given))
            case "Fn::Or":
                return any(map(self.holds, given))
            case "Condition":
                return self.holds(given)
        raise NotImplementedError(name)

    def _ref(self, name: str) -> Any:
        known: dict[str, Any] = {**PSEUDO, **self.parameters, **self.made}
        return known[name] if name in known else self.name(name)

    def _attribute(self, given: list[str]) -> str:
        logical, attribute = given
        return f"{self.made.get(logical, self.name(logical))}:{attribute}"

    def _sub(self, given: Any) -> str:
        text, local = given if isinstance(given, list) else (given, {})

        def put(match: re.Match[str]) -> str:
            name, _, attribute = match[1].partition(".")
            if name in local:
                return str(self.value(local[name]))
            return self._attribute([name, attribute]) if attribute else str(self._ref(name))

        return re.sub(r"\$\{([^}!]+)\}", put, text)

    def _if(self, given: list[Any]) -> Any:
        condition, then, otherwise = given
        return self.value(then if self.holds(condition) else otherwise)
