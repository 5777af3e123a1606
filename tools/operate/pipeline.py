"""`make pipeline ENV=prod REPOSITORY=owner/name`: who may deploy an environment from GitHub (infra/pipeline.yaml).

    make pipeline ENV=prod REPOSITORY=owner/name                   # the platform, each service, the edge: a role each
    make pipeline ENV=prod REPOSITORY=owner/name SERVICE=orders    # one of them
    make pipeline ENV=preview REPOSITORY=owner/name                # one role, for all environments of branches

A person with administrator's rights does it: once, and again where a service is to do more to what is not its own,
which `make deploy` tells. Their stacks are souk-pipeline-<environment>-<stack>, which no role of theirs can touch, and
`make undeploy` leaves alone.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from botocore.exceptions import ClientError

from tools import options, templates
from tools.build import recipe, sam
from tools.intrinsics import Resolver
from tools.operate import changes
from tools.operate.environment import Environment, deployed, is_local
from tools.report import ToolError, step
from tools.services import EDGE, NO_API, PIPELINE, PLATFORM, services

Statement = dict[str, Any]
ISSUER = "token.actions.githubusercontent.com"
ALL = "*"
"""What stands for the stack where a role is for all of them: in previews."""
_REPOSITORY = re.compile(r"[A-Za-z0-9-]+(@\d+)?/[A-Za-z0-9._-]+(@\d+)?")


def main() -> None:
    """Deploy the roles of an environment, and say what GitHub has to be told."""
    repository = options.text("REPOSITORY")
    if not _REPOSITORY.fullmatch(repository):
        raise ToolError("REPOSITORY is owner/name, or owner@1234/name@5678 (docs/deploying.md, Pipelines)")
    if is_local():
        raise ToolError("nothing is deployed to the local stack from GitHub; ENV=dev, or another environment")
    environment = deployed()
    deploy(environment, repository, options.services([PLATFORM, *services(), EDGE]))
    account = environment.client("sts").get_caller_identity()["Account"]
    step(f"roles are there; GitHub wants to know the account: gh variable set AWS_ACCOUNT --body {account}")


def deploy(environment: Environment, repository: str, names: list[str] | None = None) -> None:
    """Deploy the roles of some stacks, of all without names; one role for all where these are previews."""
    if sam.section(environment.name) == sam.PREVIEW:
        if environment.name != sam.PREVIEW:
            raise ToolError(f"all previews have one role: make {PIPELINE} ENV={sam.PREVIEW}")
        names = [ALL]
    api = _api(environment)
    for name in names or [PLATFORM, *services(), EDGE]:
        _deploy(environment, name, {"Repository": repository, "Api": api})


def label(environment: str, stack: str) -> str:
    """Return what a stack's role is called: as the environment of GitHub whose jobs take it."""
    return sam.PREVIEW if sam.section(environment) == sam.PREVIEW else f"{environment}-{stack}"


def boundary(environment: str, service: str) -> str:
    """Return the ARN of what bounds the roles of a service's functions, for Fn::Sub."""
    name = f"souk-{label(environment, service)}-boundary"
    return f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:policy/pipeline/{name}"


def check(client: Any, environment: str, names: Iterable[str]) -> None:
    """Raise ToolError where functions of services would be refused what their templates let them do.

    The boundary of their roles lets them do what it was made for, and refuses all else without a word at the deploy.
    """
    for name in names:
        whole = label(environment, name)
        stack, wanted = f"souk-pipeline-{whole}", digest(beyond(environment, _bounded(environment, name)))
        if _parameters(client, stack).get("Beyond") != wanted:
            of = f"ENV={environment} SERVICE={name}" if whole != sam.PREVIEW else f"ENV={whole}"
            raise ToolError(
                f"{name}: its functions are to do what {stack} does not let them do, or it is not there; somebody with "
                f"administrator's rights first: make {PIPELINE} {of} REPOSITORY=owner/name"
            )


def written(environment: str, stack: str) -> dict[str, Any]:
    """Return infra/pipeline.yaml with what the functions of a stack may do to what is not theirs."""
    template = templates.read(templates.path(PIPELINE))
    statements = template["Resources"]["Boundary"]["Properties"]["PolicyDocument"]["Statement"]
    statements += beyond(environment, _bounded(environment, stack))
    return template


def parameters(environment: str, stack: str) -> dict[str, str]:
    """Return the parameters of infra/pipeline.yaml for a stack, but for those of account and repository."""
    bounded = _bounded(environment, stack)
    return {
        "Label": label(environment, stack),
        "Environment": f"{sam.PREVIEW[:3]}*" if stack == ALL else environment,
        "Stack": stack,
        "Beyond": digest(beyond(environment, bounded)) if bounded else "",
    }


def beyond(environment: str, names: Iterable[str]) -> list[Statement]:
    """Return what functions of services may do, by their templates, to what is not named after their service.

    Conditions are kept where they hold for the environment whatever its other parameters say.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for name in names:
        for statement in _statements(environment, name):
            if there := [one for one in _listed(statement["Resource"]) if not _is_own(one, name)]:
                condition = _condition(statement.get("Condition") or {})
                where = {"Resource": there, **({"Condition": condition} if condition else {})}
                found[json.dumps(where, sort_keys=True)].update(_listed(statement["Action"]))
    return [
        {"Effect": "Allow", "Action": sorted(actions), **json.loads(where)}
        for where, actions in sorted(found.items())
    ]


def digest(statements: list[Statement]) -> str:
    """Return what tells statements from others."""
    return recipe.digest([], json.dumps(statements, sort_keys=True))


def _bounded(environment: str, stack: str) -> list[str]:
    """Return the services whose functions a stack's boundary is for."""
    if label(environment, stack) == sam.PREVIEW:
        return list(services())
    return [stack] if stack in services() else []


def _statements(environment: str, service: str) -> Iterator[Statement]:
    """Yield the statements of a service's functions, as an environment's parameters choose them."""
    template = templates.template(service)
    resolver = Resolver(template)
    given = {**sam.given(environment), "Environment": environment}
    resolver.parameters |= {name: value for name, value in given.items() if name in resolver.parameters}
    for function in templates.resources(service, "AWS::Serverless::Function").values():
        for policy in _chosen(function.get("Policies", []), resolver):
            yield from _listed(policy["Statement"])


def _chosen(node: Any, resolver: Resolver) -> Any:
    """Return a node with each Fn::If decided; what is left out is left out."""
    if isinstance(node, dict) and list(node) == ["Fn::If"]:
        condition, then, otherwise = node["Fn::If"]
        return _chosen(then if resolver.holds(condition) else otherwise, resolver)
    if isinstance(node, dict):
        chosen = {key: _chosen(inner, resolver) for key, inner in node.items()}
        return {key: inner for key, inner in chosen.items() if inner != _NOTHING}
    if isinstance(node, list):
        return [inner for inner in (_chosen(inner, resolver) for inner in node) if inner != _NOTHING]
    return node


_NOTHING = {"Ref": "AWS::NoValue"}


def _is_own(resource: Any, service: str) -> bool:
    """Tell whether a resource is one of the service's template, or named after the service."""
    if not isinstance(resource, dict):
        return False
    text = str(resource.get("Fn::Sub", ""))
    named = re.search(rf"souk-\$\{{Environment\}}-{service}(?![a-z0-9])", text)
    return "Fn::GetAtt" in resource or named is not None or re.search(r"\$\{\w+\.Arn\}", text) is not None


def _condition(condition: dict[str, Any]) -> dict[str, Any]:
    """Return a condition without what hangs on the service's parameters; names may be patterns, as of previews."""
    kept = {
        operator.replace("StringEquals", "StringLike"): {
            key: value
            for key, value in keys.items()
            if not (isinstance(value, dict) and value.get("Ref", "Environment") != "Environment")
        }
        for operator, keys in condition.items()
    }
    return {operator: keys for operator, keys in kept.items() if keys}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _api(environment: Environment) -> str:
    """Return the id of the environment's HTTP API; of previews, whose APIs are not there yet, that of any."""
    if environment.name == sam.PREVIEW:
        return ALL
    told = environment.client("ssm").get_parameters(Names=[f"/souk/{environment.name}/apis/{PLATFORM}"])[
        "Parameters"
    ]
    if not told:
        raise ToolError(f"the platform comes first: make deploy ENV={environment.name} SERVICE={PLATFORM}")
    if told[0]["Value"] == NO_API:
        raise ToolError("these roles are for the HTTP API; with Gateway=rest a person deploys")
    return str(told[0]["Value"])


def _deploy(environment: Environment, stack: str, given: dict[str, str]) -> None:
    """Create or change the stack of one role; safe to repeat."""
    client, name = environment.client("cloudformation"), f"souk-pipeline-{label(environment.name, stack)}"
    changes.settle(client, name)
    before = _parameters(client, name)
    new = before["Provider"] == "new" if before else not _has_provider(environment.client("iam"))
    values = {**parameters(environment.name, stack), **given, "Provider": "new" if new else "existing"}
    request = {
        "StackName": name,
        "TemplateBody": json.dumps(written(environment.name, stack)),
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
    }
    try:
        client.update_stack(**request) if before else client.create_stack(**request)
    except ClientError as error:
        if "No updates" not in str(error):
            raise
        step(f"{name}: up to date")
        return
    if (state := changes.wait(client, name)) not in changes.DONE:
        raise ToolError(f"{name}: {state}: {changes.reason(client, name)}; mend that and run it again")
    step(f"{name}: deployed")


def _parameters(client: Any, stack: str) -> dict[str, str]:
    """Return the parameters that a stack has; nothing where there is none."""
    if changes.status(client, stack) is None:
        return {}
    (found,) = client.describe_stacks(StackName=stack)["Stacks"]
    return {one["ParameterKey"]: one["ParameterValue"] for one in found.get("Parameters", [])}


def _has_provider(iam: Any) -> bool:
    there = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    return any(one["Arn"].endswith(f"oidc-provider/{ISSUER}") for one in there)
