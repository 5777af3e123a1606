"""Templates as CloudFormation gets to see them: expanded by the SAM transform, with an environment's parameters."""

from __future__ import annotations

import copy
from typing import Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from tools.build import sam

Template = dict[str, Any]


def expanded(template: Template, environment: str) -> Template:
    """Return a template expanded; the code of its functions and layers stands for uploaded."""
    given = copy.deepcopy(template)
    given.get("Globals", {}).get("Function", {}).pop("CodeUri", None)
    for one in given["Resources"].values():
        where = {"AWS::Serverless::Function": "CodeUri", "AWS::Serverless::LayerVersion": "ContentUri"}.get(
            one["Type"]
        )
        if where:
            one["Properties"][where] = "s3://bucket/code.zip"
    values = {name: one["Default"] for name, one in given.get("Parameters", {}).items() if "Default" in one}
    values |= {**sam.configured().get(environment, {}), "Environment": environment}
    session = boto3.Session(region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    found: Template = Translator({}, Parser(), boto_session=session).translate(given, values)
    return found
