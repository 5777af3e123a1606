"""`make deploy`: the stacks to AWS (ENV=dev), or to the endpoint in AWS_ENDPOINT_URL; the platform first.

On AWS the edge (infra/edge.yaml) comes last and brings the storefront's files. Its address is what some services put
into links, and what it sends with each call is what all want (guard.py): where that is another than they were told,
they are deployed once more. It is told the ids of the APIs, so that it follows also where one service alone was
deployed and has another API since.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

from tools import ROOT, options, templates
from tools.build import pages, recipe, sam
from tools.local.emulator import prove_sender
from tools.local.stack import running_stack
from tools.operate import adoption, backups, changes, guard, pipeline, release, site
from tools.operate.environment import Deployed, Environment, deployed, is_local
from tools.report import ToolError, step
from tools.services import NO_API, PLATFORM, WAF, WATCH, segments, services, watched

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_lambda import LambdaClient

EDGE = sam.StackTemplate("edge")
_IDENTITY, _WAF = "identity", sam.StackTemplate(WAF)
_NOT_ELSEWHERE: Mapping[str, str] = {"MailDomain": "", "BackupRegion": ""}
"""Parameters of which emulators lack the types."""
ENOUGH_CONCURRENCY = 100
"""Of a new account's 10, the queues' pollers of eight services alone may take all."""


def main() -> None:
    """Deploy the stacks SERVICE names, all without it."""
    names = options.services([PLATFORM, *services(), EDGE.name])
    if is_local():
        changed = running_stack().deploy(names)
        step(f"deployed: {', '.join(changed)}" if changed else "every stack is up to date")
        return
    there, elsewhere = deployed(), options.text("AWS_ENDPOINT_URL")
    environment = there.name
    refuse_unwritten(environment, names)
    build_for(sam.runs_on(environment), environment)
    me = boto3.client("sts").get_caller_identity()
    step(f"deploying to account {me['Account']}{' at ' + elsewhere if elsewhere else ''}")
    check_quota(boto3.client("lambda"))
    told = _NOT_ELSEWHERE if elsewhere else told_of_the_edge(there, whole=not names)
    if PLATFORM in (names or [PLATFORM]) and not is_for_one_stack(me["Arn"]):
        backups.make_vaults(there)
    if names != [EDGE.name]:
        deploy(environment, sam.select([name for name in names or [] if name != EDGE.name]), told)
    if elsewhere:
        have_a_sender(boto3.client("sesv2"))
    if elsewhere or (names and EDGE.name not in names and not edge_is_stale(there)):
        return
    if names != [EDGE.name]:
        refuse_beyond_one(
            me["Arn"], "the edge has to know of other APIs", f"make deploy ENV={environment} SERVICE=edge"
        )
    secret_version = guard.current(there) if not names else guard.sent(there) or ""
    deploy_site(there, secret_version, web_acl(there, me["Arn"]))
    now = told_of_the_edge(there, whole=not names)
    if news := {name for name, value in now.items() if told.get(name) != value}:
        refuse_beyond_one(
            me["Arn"], "services have to know of another edge", f"make deploy ENV={environment}"
        )
        step(f"services are told of the edge: {', '.join(sorted(news))}")
        deploy(environment, [stack for stack in sam.all_stacks() if news & stack.parameters()], now)


def build_for(wanted: Mapping[str, str], environment: str) -> None:
    """Have the builds of this process be for a processor; ToolError where they would not be for the runtime.

    Functions ship compiled, and what this interpreter compiles no other version can load.
    """
    os.environ["SOUK_PLATFORM"] = wanted["Architecture"]
    if (runtime := wanted["PythonRuntime"]) == recipe.python_tag():
        return
    version = runtime.removeprefix("python")
    finding = [".local/uv/bin/uv", "python", "find", "--system", "--no-project", version]
    found = subprocess.run(
        finding,
        cwd=ROOT,
        env={**os.environ, "UV_PYTHON_DOWNLOADS": "never"},
        capture_output=True,
        text=True,
        check=False,
    )
    python, first = found.stdout.strip(), ""
    if found.returncode:
        python, first = f"$({' '.join(finding)})", f"{finding[0]} python install {version} && "
    raise ToolError(
        f"{environment} runs on {runtime} and this is {recipe.python_tag()}, whose compiled modules do not fit; "
        f"run: {first}make deploy ENV={environment} PYTHON={python}"
    )


def refuse_unwritten(environment: str, names: list[str] | None, folder: Path = pages.LEGAL) -> None:
    """Raise ToolError with the legal texts that are missing or drafts still, where `prod` would show them.

    `names`: the stacks to deploy, None for all; the edge brings the texts. Emulators have no customers.
    """
    if environment != "prod" or (names and EDGE.name not in names) or options.text("AWS_ENDPOINT_URL"):
        return
    if found := pages.unwritten(folder):
        texts = ", ".join(f"{file} {state}" for file, state in found.items())
        raise ToolError(f"customers of prod would be shown legal texts that are not written: {texts}")


def is_for_one_stack(who: str) -> bool:
    """Tell whether an ARN is of a pipeline's role for one stack, which may touch nothing beside that."""
    return re.search(rf":assumed-role/souk-pipeline-(?!{sam.PREVIEW}/)", who) is not None


def refuse_beyond_one(who: str, why: str, command: str) -> None:
    """Raise ToolError with what a person has to do where a pipeline's role, which is for one stack, would go on."""
    if is_for_one_stack(who):
        raise ToolError(f"deployed, but {why}, and this role is for one stack: {command}")


def told_of_the_edge(environment: Environment, *, whole: bool) -> dict[str, str]:
    """Return the template parameters that the edge decides; `whole` as for guard.digests."""
    url = site_url(environment.name)
    return {"EdgeDigests": guard.digests(environment, whole=whole), **({"PublicUrl": url} if url else {})}


def deploy(environment: str, stacks: list[sam.StackTemplate], told: Mapping[str, str]) -> None:
    """Build and deploy stacks; where samconfig.toml says so and a terminal can answer, each change is asked for."""
    client = boto3.client("cloudformation")
    if broken := release.breaks(client, environment, [stack.name for stack in stacks]):
        print("\n".join(broken))
        raise ToolError(
            "deployed services could not read these events; publish a new version beside the old one (docs/adr/0024), "
            "or deploy these services first if they have changed"
        )
    target = sam.Target(environment, common={**sam.given(environment), **told})
    if release.bounded(target):
        pipeline.check(client, environment, [stack.name for stack in stacks if stack.has_code])

    def bring_up(stack: sam.StackTemplate, _: str) -> None:
        for one, there in in_order(stack, target):
            deploy_stack(client, one, there)

    if asks(environment):
        for stack in stacks:
            bring_up(stack, sam.build_stack(stack))
    else:
        sam.build_and_deploy(stacks, bring_up)
    if any(stack.name == _IDENTITY for stack in stacks):
        make_keys(boto3.client("lambda"), environment)


def in_order(stack: sam.StackTemplate, target: sam.Target) -> list[tuple[sam.StackTemplate, sam.Target]]:
    """Return a stack, and before it what watches over it (infra/watch.yaml), where it is a service; and where they go.

    Before it: a canary can be ended only by alarms that are there. Emulators record none of the metrics; for a preview
    nobody gets up, and alarms are paid for.
    """
    preview = sam.section(target.environment) == sam.PREVIEW
    if not stack.has_code or preview or options.text("AWS_ENDPOINT_URL"):
        return [(stack, target)]
    over = replace(target, common={**target.common, **watched(stack.name)})
    return [(sam.StackTemplate(WATCH, of=stack.name), over), (stack, target)]


def asks(environment: str) -> bool:
    """Tell whether changes are asked for."""
    return sam.asks(environment) and sys.stdin.isatty()


def deploy_stack(client: CloudFormationClient, stack: sam.StackTemplate, target: sam.Target) -> None:
    """Show what changes, refuse what loses data unless REPLACE names it, and do it; safe to repeat."""
    name, started = target.stack_name(stack), time.monotonic()
    changes.settle(client, name)
    template = release.write(stack, target)
    there = Deployed(target.environment)
    if left := adoption.left(there, stack, name):
        change_set: str | None = adoption.change_set(there, stack, target, template, left)
    else:
        change_set = sam.change_set(stack, target, template)
    if change_set is None:
        step(f"{stack.label}: up to date")
        return
    found = changes.changes(client, change_set)
    step(changes.told(stack.label, found))
    try:
        changes.refuse_losses(stack.label, found, options.text("REPLACE").replace(",", " ").split())
        if asks(target.environment) and input(f"Deploy {name}? [y/N] ").strip().lower() not in ("y", "yes"):
            raise ToolError(f"{stack.label}: not deployed, as you said")
    except ToolError:
        client.delete_change_set(ChangeSetName=change_set)
        raise
    changes.execute(client, name, change_set)
    step(f"{stack.label}: deployed in {time.monotonic() - started:.1f} s")


def check_quota(client: LambdaClient) -> None:
    """Say how to raise Lambda's concurrency where it is a new account's: calls beyond it are refused."""
    limit = client.get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    if limit < ENOUGH_CONCURRENCY:
        step(
            f"this account runs {limit} functions at a time, a shop wants {ENOUGH_CONCURRENCY} at least; ask for more: "
            "aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 "
            "--desired-value 1000"
        )


def make_keys(client: LambdaClient, environment: str, *, tries: int = 20, pause: float = 15) -> None:
    """Have identity make and publish its signing keys, so that the first log-in finds them. Safe to repeat.

    AWS may need minutes until the role of a function may see a key that was just made (eventual consistency of tags);
    identity goes on with the same key each time, and by itself every 15 minutes.
    """
    for turn in range(tries):
        if turn:
            time.sleep(pause)
        answer = client.invoke(FunctionName=f"souk-{environment}-{_IDENTITY}-rotate", Payload=b"{}")
        if "FunctionError" not in answer:
            step(f"{_IDENTITY}: {json.loads(answer['Payload'].read())['keys']} signing key(s) published")
            return
    step(f"{_IDENTITY}: no signing key yet; its log says why, it tries again every 15 minutes")


def have_a_sender(ses: Any) -> None:
    """Have an emulator's SES send from the templates' sender, where it has SES; on AWS the sender is proven by hand."""
    sender = templates.template(_IDENTITY)["Parameters"]["MailSender"]["Default"]
    try:
        prove_sender(ses, sender)
    except ClientError as error:
        step(f"no mail goes out, this AWS has no SES v2: {error.response['Error'].get('Message', error)}")


def site_url(environment: str) -> str | None:
    """Return the address the edge wrote down, None before its first deploy."""
    found = boto3.client("ssm").get_parameters(Names=[f"/souk/{environment}/url"])["Parameters"]
    return found[0]["Value"] if found else None


def apis(environment: str) -> dict[str, str]:
    """Return what the edge is told of the APIs (infra/edge.yaml, Parameters); ToolError where there are none."""
    path = f"/souk/{environment}/apis/"
    pages = boto3.client("ssm").get_paginator("get_parameters_by_path").paginate(Path=path)
    ids = {one["Name"].removeprefix(path): one["Value"] for page in pages for one in page["Parameters"]}
    found = {segment: ids.get(name) or ids.get(PLATFORM) for segment, name in sorted(segments().items())}
    told = {segment: api for segment, api in found.items() if api not in (None, NO_API)}
    if not told:
        raise ToolError(f"no API of {environment} is there yet; deploy the services first")
    return {"Apis": ",".join(f"{one}:{api}" for one, api in told.items()), "Api": next(iter(told.values()))}


def edge_is_stale(environment: Environment) -> bool:
    """Tell whether there is an edge that knows other APIs than there are."""
    known = guard.knows(environment)
    return known is not None and not known.items() >= apis(environment.name).items()


def deploy_site(environment: Environment, secret_version: str, acl: str) -> None:
    """Deploy CloudFront, with WAF's rules before it if it has an ARN of any, and bring web/ to its bucket."""
    name, client = environment.name, boto3.client("cloudformation")
    refuse_unwritten(name, [EDGE.name])
    had_waf = bool((guard.knows(environment) or {}).get("WebAcl"))
    told = {"SecretVersion": secret_version, "WebAcl": acl}
    target = sam.Target(name, common={**sam.given(name), **apis(name), **told})
    deploy_stack(client, EDGE, target)
    if had_waf and not acl:
        guard.remove_waf(environment)
    outputs = outputs_of(client, target.stack_name(EDGE))
    site.upload(outputs["SiteBucket"], sam.given(name))
    boto3.client("cloudfront").create_invalidation(
        DistributionId=outputs["DistributionId"],
        InvalidationBatch={"Paths": {"Quantity": 1, "Items": ["/*"]}, "CallerReference": str(time.time_ns())},
    )
    step(f"the shop: {outputs['Url']}")


def web_acl(environment: Environment, who: str) -> str:
    """Deploy WAF's rules where samconfig.toml asks for them, and return their ARN; "" where it does not.

    A pipeline's role for the edge may not: it leaves before the edge what is there.
    """
    if is_for_one_stack(who):
        return (guard.knows(environment) or {}).get("WebAcl", "")
    if not guard.wants_waf(environment):
        return ""
    target = sam.Target(environment.name, region=guard.WAF_REGION)
    deploy_stack(guard.waf_client(), _WAF, target)
    return outputs_of(guard.waf_client(), target.stack_name(_WAF))["Arn"]


def outputs_of(client: CloudFormationClient, stack: str) -> dict[str, str]:
    """Return what a stack puts out."""
    outputs = client.describe_stacks(StackName=stack)["Stacks"][0].get("Outputs", [])
    return {output["OutputKey"]: output["OutputValue"] for output in outputs}
