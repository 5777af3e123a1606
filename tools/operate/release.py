"""A built template as it goes to AWS: with what its service reads, and with what samconfig.toml turns on.

What a service reads is in the stack itself, so it comes and goes with the code that it is of: a deploy that is rolled
back takes its record with it, and there is no store beside that could say otherwise (docs/adr/0035).

With Canary=true every function is called by an alias, which CodeDeploy moves to each new version: a tenth of the calls
and messages for five minutes, then all; back at once when an alarm of the service goes off. With SnapStart=true those
that answer calls start from a snapshot of themselves, which only versions have; with Tracing=true X-Ray has a trace of
a part of all runs. No template has these: the SAM transform cannot leave an alias out by a parameter, and locally
`make watch` and the drills change code in place.

With Boundary=true the roles of functions are bounded; no role of a pipeline may make others (docs/adr/0037).
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from tools import options, templates
from tools.build import recipe, sam
from tools.contracts import compatibility
from tools.operate import pipeline
from tools.services import services

Template = dict[str, Any]

SWITCHES = ("Canary", "SnapStart", "Tracing")
"""What is put into templates where ``parameter_overrides`` of an environment says ``<name>=true``."""


def write(stack: sam.StackTemplate, target: sam.Target) -> Path:
    """Write the template to deploy beside the built one, and return its path."""
    if not stack.has_code:
        return stack.source
    template = released(templates.read(stack.built), stack, target)
    path = stack.built.with_name("release.json")
    path.write_text(json.dumps(template, indent=1))
    return path


def released(template: Template, stack: sam.StackTemplate, target: sam.Target) -> Template:
    """Return a service's template as it goes to AWS."""
    template = with_reads(template, stack.name)
    canary, snapshots, traced = (target.common.get(name) == "true" for name in SWITCHES)
    if traced:
        functions = {**template["Globals"]["Function"], "Tracing": "Active"}
        template = {**template, "Globals": {**template["Globals"], "Function": functions}}
    if canary or snapshots:
        overrides = [f"{name}={value}" for name, value in sorted(target.overrides(stack).items())]
        version = recipe.digest([], stack.inputs(), *overrides, *map(str, (snapshots, traced)))
        shift = canary and options.text("CANARY") != "0"
        template = with_alias(template, version, shift=shift, snapshots=snapshots)
    if bounded(target):
        template = with_boundary(template, pipeline.boundary(target.environment, stack.name))
    return template


def with_reads(template: Template, service: str) -> Template:
    """Return a template with the schemas of the events that its service reads, by contract."""
    read = {contract: json.dumps(schema) for contract, schema in compatibility.reads(service).items()}
    metadata = template.get("Metadata", {})
    return {**template, "Metadata": {**metadata, "Souk": {**metadata.get("Souk", {}), "Reads": read}}}


def with_alias(template: Template, version: str, *, shift: bool, snapshots: bool = False) -> Template:
    """Return a template whose functions are called by an alias.

    Parameters
    ----------
    version
        Another one whenever code, layer or parameters are: of these, SAM by itself sees the code alone.
    shift
        Whether the alias moves bit by bit, and not at once.
    snapshots
        Whether functions that answer calls start from a snapshot.
    """
    functions = {
        name for name, one in template["Resources"].items() if one["Type"] == "AWS::Serverless::Function"
    }
    resources = {
        name: _published(one, version, shift=shift, snapshots=snapshots)
        if name in functions
        else _by_alias(one, functions)
        for name, one in template["Resources"].items()
    }
    return {**template, "Resources": resources}


def _published(function: Template, version: str, *, shift: bool, snapshots: bool) -> Template:
    """Return a function with an alias, and the alarms that end its canary, which are to be there already."""
    properties = {**function["Properties"], "AutoPublishAlias": "live", "AutoPublishCodeSha256": version}
    name = properties["FunctionName"]["Fn::Sub"]
    answers_calls = name.endswith("-http")
    if snapshots and answers_calls:  # nobody waits for the others
        properties["SnapStart"] = {"ApplyOn": "PublishedVersions"}
    if shift:
        kinds = ("errors", "5xx", "p99") if answers_calls else ("errors",)
        alarms = [{"Fn::Sub": f"{name}-{kind}"} for kind in kinds]
        properties["DeploymentPreference"] = {"Type": "Canary10Percent5Minutes", "Alarms": alarms}
    return {**function, "Properties": properties}


def _by_alias(node: Any, functions: Collection[str]) -> Any:
    """Return a resource, or a part of one, with functions' aliases in place of the functions that it names."""
    if isinstance(node, list):
        return [_by_alias(inner, functions) for inner in node]
    if isinstance(node, str):
        return re.sub(
            r"\$\{(\w+)\.Arn\}", lambda at: f"${{{at[1]}.Alias}}" if at[1] in functions else at[0], node
        )
    if not isinstance(node, dict):
        return node
    if node.get("Ref") in functions:
        return {"Ref": f"{node['Ref']}.Alias"}
    if (at := node.get("Fn::GetAtt")) and at[0] in functions:
        return {"Ref": f"{at[0]}.Alias"}
    return {key: _by_alias(inner, functions) for key, inner in node.items()}


def bounded(target: sam.Target) -> bool:
    """Tell whether roles are bounded in an environment."""
    return target.common.get("Boundary") == "true"


def with_boundary(template: Template, boundary: str) -> Template:
    """Return a template whose roles are bounded by a policy: those of functions, and CodeDeploy's, which SAM leaves."""
    functions = {
        name: _bounded(one, boundary)
        for name, one in template["Resources"].items()
        if one["Type"] == "AWS::Serverless::Function"
    }
    shifts = any("DeploymentPreference" in one["Properties"] for one in functions.values())
    canary = {"CanaryRole": _canary_role(boundary)} if shifts else {}
    return {**template, "Resources": {**template["Resources"], **functions, **canary}}


def _bounded(function: Template, boundary: str) -> Template:
    properties = {**function["Properties"], "PermissionsBoundary": {"Fn::Sub": boundary}}
    if preference := properties.get("DeploymentPreference"):
        role = {"Fn::GetAtt": ["CanaryRole", "Arn"]}
        properties["DeploymentPreference"] = {**preference, "Role": role}
    return {**function, "Properties": properties}


def _canary_role(boundary: str) -> Template:
    who = {
        "Effect": "Allow",
        "Principal": {"Service": "codedeploy.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    may = "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSCodeDeployRoleForLambdaLimited"
    properties = {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [who]},
        "ManagedPolicyArns": [{"Fn::Sub": may}],
        "PermissionsBoundary": {"Fn::Sub": boundary},
    }
    return {"Type": "AWS::IAM::Role", "Properties": properties}


def breaks(client: Any, environment: str, names: Collection[str]) -> list[str]:
    """Return what services to be deployed publish that a deployed service cannot read, one line each."""
    found = []
    for reader in services():
        for contract, known in _deployed_reads(client, f"souk-{environment}-{reader}").items():
            publisher = contract.partition("/")[0]
            if publisher in names and publisher != reader:
                path = compatibility.SCHEMAS / f"{contract}.json"
                told = json.loads(path.read_text()) if path.exists() else None
                why = compatibility.unreadable(known, told) if told else ["it is gone"]
                found += [f"{reader}, as deployed, reads {contract}: {line}" for line in why]
    return found


def _deployed_reads(client: Any, stack: str) -> dict[str, compatibility.Schema]:
    """Return what a deployed service reads; nothing where it is not deployed, or was before this was kept."""
    try:
        body = client.get_template(StackName=stack, TemplateStage="Original")["TemplateBody"]
    except ClientError as error:
        if "does not exist" in str(error):
            return {}
        raise
    template = body if isinstance(body, dict) else templates.parse(body)
    kept = template.get("Metadata", {}).get("Souk", {}).get("Reads", {})
    return {contract: json.loads(schema) for contract, schema in kept.items()}
