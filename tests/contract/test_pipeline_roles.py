"""What GitHub's roles may do (infra/pipeline.yaml): deploy their own stack, and nothing to others or themselves."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support import alarms
from tests.support.expanded import expanded
from tests.support.policies import Statement, allowed, listed
from tools import templates
from tools.intrinsics import ACCOUNT, Resolver
from tools.operate import pipeline, release
from tools.services import EDGE, PLATFORM, services

REGION = "eu-west-1"
VIA = {"aws:CalledVia": "cloudformation.amazonaws.com"}
STACKS = (PLATFORM, *services(), EDGE)
API = "a1b2c3"
Call = tuple[str, str, dict[str, str]]
"""An action, the resource, and what a condition may ask for."""
INLINE, MANAGED, BODY = 10_240, 6_144, 51_200
"""IAM's limits of the policies in a role and of a managed one, without white space; CloudFormation's of a template."""


@functools.cache
def resolver(environment: str, stack: str) -> Resolver:
    found = Resolver(pipeline.written(environment, stack))
    found.parameters |= {**pipeline.parameters(environment, stack), "Repository": "souk/shop", "Api": API}
    if stack == "*":
        found.parameters["Api"] = "*"
    return found


def properties(environment: str, stack: str, logical: str) -> dict[str, Any]:
    at = resolver(environment, stack)
    found: dict[str, Any] = at.value(at.template["Resources"][logical]["Properties"])
    return found


@functools.cache
def role(environment: str, stack: str) -> list[Statement]:
    at = resolver(environment, stack)
    policies = [*properties(environment, stack, "Role")["Policies"]]
    for logical, one in at.template["Resources"].items():
        if one["Type"] == "AWS::IAM::Policy" and at.holds(one["Condition"]):
            policies.append(properties(environment, stack, logical))
    return [one for policy in policies for one in policy["PolicyDocument"]["Statement"]]


@functools.cache
def boundary(environment: str, stack: str) -> list[Statement]:
    found: list[Statement] = properties(environment, stack, "Boundary")["PolicyDocument"]["Statement"]
    return found


def arn(service: str, resource: str, region: str = REGION, account: str = ACCOUNT) -> str:
    return f"arn:aws:{service}:{region}:{account}:{resource}"


def bounded_by(environment: str, service: str) -> str:
    text = pipeline.boundary(environment, service)
    return text.replace("${AWS::Partition}", "aws").replace("${AWS::AccountId}", ACCOUNT)


# --- what CloudFormation calls to make, change and delete what is in our templates ---


def function(name: str) -> str:
    return arn("lambda", f"function:{name}")


def with_role(environment: str, service: str, name: str) -> list[Call]:
    at, bound = (
        arn("iam", f"role/{name}", region=""),
        {"iam:PermissionsBoundary": bounded_by(environment, service)},
    )
    made = ("CreateRole", "PutRolePolicy", "AttachRolePolicy", "PutRolePermissionsBoundary")
    ended = (
        "GetRole",
        "DeleteRole",
        "DeleteRolePolicy",
        "DetachRolePolicy",
        "UpdateAssumeRolePolicy",
        "TagRole",
    )
    return [
        *((f"iam:{action}", at, bound) for action in made),
        *((f"iam:{action}", at, {}) for action in ended),
        ("iam:PassRole", at, {"iam:PassedToService": "lambda.amazonaws.com"}),
    ]


def plainly(resource: str, *actions: str) -> list[Call]:
    return [(action, resource, {}) for action in actions]


def rule(p: dict[str, Any], name: str) -> list[Call]:
    path = f"rule/{p['EventBusName']}/{p['Name']}" if "EventBusName" in p else f"rule/{p.get('Name', name)}"
    return plainly(
        arn("events", path), "events:PutRule", "events:PutTargets", "events:DeleteRule", "events:TagResource"
    )


CALLS: dict[str, Callable[[dict[str, Any], str], list[Call]]] = {
    "AWS::ApiGatewayV2::Api": lambda p, name: [
        *plainly(f"arn:aws:apigateway:{REGION}::/apis", "apigateway:POST"),
        *plainly(f"arn:aws:apigateway:{REGION}::/apis/{API}", "apigateway:PATCH", "apigateway:DELETE"),
    ],
    "AWS::ApiGatewayV2::Stage": lambda p, name: plainly(
        f"arn:aws:apigateway:{REGION}::/apis/{API}/stages", "apigateway:POST"
    ),
    "AWS::ApiGatewayV2::Integration": lambda p, name: plainly(
        f"arn:aws:apigateway:{REGION}::/apis/{API}/integrations", "apigateway:POST"
    ),
    "AWS::ApiGatewayV2::Route": lambda p, name: plainly(
        f"arn:aws:apigateway:{REGION}::/apis/{API}/routes/r1", "apigateway:PATCH", "apigateway:DELETE"
    ),
    "AWS::Budgets::Budget": lambda p, name: plainly(
        arn("budgets", f"budget/{p['Budget']['BudgetName']}", region=""), "budgets:ModifyBudget"
    ),
    "AWS::CloudFront::CachePolicy": lambda p, name: plainly(
        arn("cloudfront", "cache-policy/1", region=""), "cloudfront:CreateCachePolicy"
    ),
    "AWS::CloudFront::Distribution": lambda p, name: plainly(
        arn("cloudfront", "distribution/1", region=""),
        "cloudfront:CreateDistribution",
        "cloudfront:TagResource",
    ),
    "AWS::CloudFront::Function": lambda p, name: plainly(
        arn("cloudfront", f"function/{p['Name']}", region=""), "cloudfront:CreateFunction"
    ),
    "AWS::CloudFront::OriginAccessControl": lambda p, name: plainly(
        arn("cloudfront", "origin-access-control/1", region=""), "cloudfront:CreateOriginAccessControl"
    ),
    "AWS::CloudFront::ResponseHeadersPolicy": lambda p, name: plainly(
        arn("cloudfront", "response-headers-policy/1", region=""), "cloudfront:CreateResponseHeadersPolicy"
    ),
    "AWS::CloudWatch::Alarm": lambda p, name: plainly(
        arn("cloudwatch", f"alarm:{p['AlarmName']}"), "cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms"
    ),
    "AWS::CloudWatch::Dashboard": lambda p, name: plainly(
        arn("cloudwatch", f"dashboard/{p['DashboardName']}", region=""), "cloudwatch:PutDashboard"
    ),
    "AWS::CodeDeploy::Application": lambda p, name: plainly(
        arn("codedeploy", f"application:{name}"), "codedeploy:CreateApplication"
    ),
    "AWS::CodeDeploy::DeploymentGroup": lambda p, name: plainly(
        arn("codedeploy", f"deploymentgroup:{name}/{name}"),
        "codedeploy:CreateDeploymentGroup",
        "codedeploy:CreateDeployment",
    ),
    "AWS::DynamoDB::Table": lambda p, name: plainly(
        arn("dynamodb", f"table/{p['TableName']}"),
        "dynamodb:CreateTable",
        "dynamodb:UpdateTable",
        "dynamodb:DeleteTable",
        "dynamodb:UpdateTimeToLive",
        "dynamodb:UpdateContinuousBackups",
        "dynamodb:TagResource",
    ),
    "AWS::Events::Archive": lambda p, name: plainly(
        arn("events", f"archive/{p['ArchiveName']}"), "events:CreateArchive"
    ),
    "AWS::Events::EventBus": lambda p, name: plainly(
        arn("events", f"event-bus/{p['Name']}"), "events:CreateEventBus", "events:DeleteEventBus"
    ),
    "AWS::Events::Rule": rule,
    "AWS::Lambda::Alias": lambda p, name: plainly(function(p["FunctionName"]), "lambda:CreateAlias"),
    "AWS::Lambda::EventSourceMapping": lambda p, name: [
        ("lambda:CreateEventSourceMapping", "*", {"lambda:FunctionArn": function(p["FunctionName"])})
    ],
    "AWS::Lambda::Function": lambda p, name: plainly(
        function(p["FunctionName"]),
        "lambda:CreateFunction",
        "lambda:UpdateFunctionCode",
        "lambda:DeleteFunction",
        "lambda:TagResource",
    ),
    "AWS::Lambda::LayerVersion": lambda p, name: [
        *plainly(arn("lambda", f"layer:{p['LayerName']}"), "lambda:PublishLayerVersion"),
        *plainly(
            arn("lambda", f"layer:{p['LayerName']}:1"), "lambda:GetLayerVersion", "lambda:DeleteLayerVersion"
        ),
    ],
    "AWS::Lambda::Permission": lambda p, name: plainly(function(p["FunctionName"]), "lambda:AddPermission"),
    "AWS::Lambda::Version": lambda p, name: plainly(function(p["FunctionName"]), "lambda:PublishVersion"),
    "AWS::Logs::LogGroup": lambda p, name: [
        *plainly(arn("logs", f"log-group:{p['LogGroupName']}"), "logs:CreateLogGroup"),
        *plainly(
            arn("logs", f"log-group:{p['LogGroupName']}:*"), "logs:PutRetentionPolicy", "logs:DeleteLogGroup"
        ),
    ],
    "AWS::S3::Bucket": lambda p, name: plainly(
        f"arn:aws:s3:::{p.get('BucketName', name.lower())}", "s3:CreateBucket", "s3:PutBucketVersioning"
    ),
    "AWS::S3::BucketPolicy": lambda p, name: [],  # of a bucket that is here too
    "AWS::SNS::Subscription": lambda p, name: [],
    "AWS::SNS::Topic": lambda p, name: plainly(
        arn("sns", p["TopicName"]), "sns:CreateTopic", "sns:DeleteTopic"
    ),
    "AWS::SQS::Queue": lambda p, name: plainly(
        arn("sqs", p["QueueName"]), "sqs:CreateQueue", "sqs:SetQueueAttributes", "sqs:DeleteQueue"
    ),
    "AWS::SQS::QueuePolicy": lambda p, name: plainly(arn("sqs", p["Queues"][0]), "sqs:SetQueueAttributes"),
    "AWS::SSM::Parameter": lambda p, name: plainly(
        arn("ssm", f"parameter{p['Name']}"), "ssm:PutParameter", "ssm:DeleteParameter"
    ),
    "AWS::SecretsManager::Secret": lambda p, name: plainly(
        arn("secretsmanager", f"secret:{p['Name']}-AbCdEf"),
        "secretsmanager:CreateSecret",
        "secretsmanager:DeleteSecret",
    ),
}
SHARED = ("AWS::ApiGatewayV2::Integration", "AWS::ApiGatewayV2::Route")
"""What every service plugs into the platform's API, where IAM cannot tell whose is whose; CloudFormation can."""


@functools.cache
def calls(environment: str, stack: str) -> tuple[tuple[str, Call], ...]:
    """Return what CloudFormation calls for a stack and what watches over it, with a canary and without, by type."""
    return tuple(_calls(environment, stack))


def _calls(environment: str, stack: str) -> Iterator[tuple[str, Call]]:
    for template in variants(environment, stack):
        made = expanded(template, environment)
        at = Resolver(made)
        at.parameters |= {"Environment": environment, "MonthlyBudget": "700", "AlarmEmail": "a@example.com"}
        for logical, one in made["Resources"].items():
            if "Condition" not in one or at.holds(one["Condition"]):
                name, p = f"souk-{environment}-{stack}-{logical}-1A2B3C", at.value(one.get("Properties", {}))
                if one["Type"] == "AWS::IAM::Role":
                    found = with_role(environment, stack, name)
                else:
                    found = CALLS[one["Type"]](function_named(p, made, at), name)
                yield from ((one["Type"], call) for call in found)
    yield from _watching(environment, stack)


def variants(environment: str, stack: str) -> list[dict[str, Any]]:
    """Return a template as it is deployed: of a service bounded, with a canary and without."""
    template = templates.template(stack)
    if stack not in services():
        return [template]
    with_canary, bound = (
        release.with_alias(template, "one", shift=True),
        pipeline.boundary(environment, stack),
    )
    return [release.with_boundary(one, bound) for one in (template, with_canary)]


def _watching(environment: str, stack: str) -> Iterator[tuple[str, Call]]:
    for kind in ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard") if stack in services() else ():
        for p in alarms.made(stack, kind):
            named = json.loads(json.dumps(p).replace(f"souk-{alarms.ENVIRONMENT}-", f"souk-{environment}-"))
            yield from ((kind, call) for call in CALLS[kind](named, ""))


def function_named(p: dict[str, Any], made: dict[str, Any], at: Resolver) -> dict[str, Any]:
    """Return properties with the name of the function in place of its alias."""
    if p.get("FunctionName") != "live":
        return p
    aliases = [one for one in made["Resources"].values() if one["Type"] == "AWS::Lambda::Alias"]
    return {**p, "FunctionName": at.value(aliases[0]["Properties"]["FunctionName"])}


@pytest.mark.parametrize("stack", STACKS)
def test_a_role_has_cloudformation_do_all_that_its_stack_is_made_of(stack: str) -> None:
    for kind, (action, resource, context) in calls("prod", stack):
        assert allowed(role("prod", stack), action, resource, {**context, **VIA}), (
            f"{kind}: {action} {resource}"
        )


@pytest.mark.parametrize("stack", STACKS)
def test_a_role_by_itself_does_none_of_that(stack: str) -> None:
    for kind, (action, resource, context) in calls("prod", stack):
        assert not allowed(role("prod", stack), action, resource, context), f"{kind}: {action} {resource}"


@pytest.mark.parametrize("stack", STACKS)
def test_a_role_does_nothing_to_the_stacks_of_others(stack: str) -> None:
    for environment, other in [("prod", one) for one in STACKS if one != stack] + [("dev", stack)]:
        for kind, (action, resource, context) in calls(environment, other):
            reach = allowed(role("prod", stack), action, resource, {**context, **VIA})
            by_number = kind.startswith("AWS::CloudFront::") and f"souk-{environment}" not in resource
            of_an_api = kind in SHARED or (kind.startswith("AWS::ApiGatewayV2::") and other == stack)
            assert not reach or by_number or of_an_api, f"{environment} {other}, {kind}: {action} {resource}"


@pytest.mark.parametrize("stack", STACKS)
def test_a_role_changes_its_own_stack_alone(stack: str) -> None:
    def may(action: str, name: str, **context: str) -> bool:
        at = arn("cloudformation", f"stack/{name}/0d1e")
        return allowed(role("prod", stack), f"cloudformation:{action}", at, context)

    changing = ("CreateChangeSet", "ExecuteChangeSet", "DeleteStack", "ContinueUpdateRollback")
    others = [f"souk-prod-{one}{end}" for one in STACKS if one != stack for end in ("", "-watch")]
    others += [
        f"souk-dev-{stack}",
        f"souk-pipeline-prod-{stack}",
        f"souk-prod-{stack}2",
        "aws-sam-cli-managed-default",
    ]
    for action in changing:
        assert may(action, f"souk-prod-{stack}")
        assert may(action, f"souk-prod-{stack}-watch")
        assert not [name for name in others if may(action, name)]
    for action in ("CreateStack", "UpdateStack", "SetStackPolicy"):
        assert not may(action, f"souk-prod-{stack}"), "a change set can be looked at, and refused"
    for kind, taken in (
        ("AWS::DynamoDB::Table", True),
        ("AWS::S3::Bucket", True),
        ("AWS::ApiGatewayV2::Route", False),
    ):
        taking_up = {"cloudformation:ImportResourceTypes": kind}
        assert may("CreateChangeSet", f"souk-prod-{stack}", **taking_up) == taken, (
            "what has no name may be another's"
        )


@pytest.mark.parametrize("service", services())
def test_a_role_looks_for_what_its_own_stack_left(service: str) -> None:
    for name, own in ((f"souk-prod-{service}", True), (f"souk-dev-{service}", False), ("souk-prod-x", False)):
        table, bucket = arn("dynamodb", f"table/{name}"), f"arn:aws:s3:::{name}-imports-{ACCOUNT}"
        assert allowed(role("prod", service), "dynamodb:DescribeTable", table) == own
        assert allowed(role("prod", service), "s3:ListBucket", bucket) == own
        assert not allowed(role("prod", service), "dynamodb:GetItem", table)
        assert not allowed(role("prod", service), "s3:GetObject", f"{bucket}/x")


@pytest.mark.parametrize("stack", STACKS)
def test_what_a_role_puts_down_to_be_deployed_no_other_takes_up(stack: str) -> None:
    bucket, ours = (
        "arn:aws:s3:::aws-sam-cli-managed-default-samclisourcebucket-1a2b",
        {"aws:ResourceAccount": ACCOUNT},
    )
    for name in STACKS:
        writes = allowed(
            role("prod", stack), "s3:PutObject", f"{bucket}/souk-prod-{name}/0a1b.template", ours
        )
        assert writes == (name == stack)
    assert not allowed(role("prod", stack), "s3:PutObject", f"{bucket}/0a1b.template", ours)
    foreign = {"aws:ResourceAccount": "999999999999"}
    assert not allowed(role("prod", stack), "s3:PutObject", f"{bucket}/souk-prod-{stack}/0a1b", foreign)


# --- no role widens itself ---

WIDENING = (
    "iam:AttachRolePolicy",
    "iam:CreatePolicyVersion",
    "iam:CreateRole",
    "iam:DeletePolicy",
    "iam:DeleteRole",
)
WIDENING += ("iam:DeleteRolePermissionsBoundary", "iam:DeleteRolePolicy", "iam:PassRole", "iam:PutRolePolicy")
WIDENING += (
    "iam:PutRolePermissionsBoundary",
    "iam:SetDefaultPolicyVersion",
    "iam:TagRole",
    "iam:UpdateAssumeRolePolicy",
)
WIDENING += (
    "iam:AddClientIDToOpenIDConnectProvider",
    "iam:CreateUser",
    "sts:AssumeRole",
    "iam:CreateOpenIDConnectProvider",
)
EVERY_ROLE = [*(("prod", stack) for stack in STACKS), ("preview", "*")]


@pytest.mark.parametrize(("environment", "stack"), EVERY_ROLE)
def test_no_role_touches_a_role_or_a_boundary_of_pipelines(environment: str, stack: str) -> None:
    own, bound = properties(environment, stack, "Role"), properties(environment, stack, "Boundary")
    context = {
        "iam:PermissionsBoundary": bounded_by(environment, stack),
        "iam:PassedToService": "lambda.amazonaws.com",
    }
    paths = [f"role{own['Path']}{own['RoleName']}", f"policy{bound['Path']}{bound['ManagedPolicyName']}"]
    for path in (*paths, "role/admin", "user/me", f"oidc-provider/{pipeline.ISSUER}"):
        for action in WIDENING:
            for via in ({}, VIA):
                at = arn("iam", path, region="")
                assert not allowed(role(environment, stack), action, at, {**context, **via}), (
                    f"{action} {path}"
                )


@pytest.mark.parametrize(("environment", "stack"), EVERY_ROLE)
def test_all_that_a_role_may_do_to_roles_is_to_those_of_its_own_functions(
    environment: str, stack: str
) -> None:
    for statement in role(environment, stack):
        if any(action.lower().startswith(("iam:", "sts:", "*")) for action in listed(statement["Action"])):
            start = arn("iam", "role/souk-", region="") + (
                "pre*-*-" if stack == "*" else f"{environment}-{stack}-"
            )
            assert all(one.startswith(start) for one in listed(statement["Resource"]))
            assert statement["Condition"]["ForAnyValue:StringEquals"] == VIA


@pytest.mark.parametrize("service", services())
def test_roles_of_functions_are_made_within_their_boundary_alone(service: str) -> None:
    at = arn("iam", f"role/souk-prod-{service}-HttpFunctionRole-1A2B", region="")
    for action in (
        "iam:CreateRole",
        "iam:PutRolePolicy",
        "iam:AttachRolePolicy",
        "iam:PutRolePermissionsBoundary",
    ):
        other = next(one for one in services() if one != service)
        for bound in ({}, {"iam:PermissionsBoundary": bounded_by("prod", other)}):
            assert not allowed(role("prod", service), action, at, {**VIA, **bound})
    has = {"iam:PermissionsBoundary": bounded_by("prod", service)}
    assert not allowed(role("prod", service), "iam:DeleteRolePermissionsBoundary", at, {**VIA, **has})
    assert not allowed(
        role("prod", service), "iam:PassRole", at, {**VIA, "iam:PassedToService": "ec2.amazonaws.com"}
    )


@pytest.mark.parametrize("service", services())
def test_every_role_in_a_deployed_template_is_bounded(service: str) -> None:
    bound = pipeline.boundary("prod", service)
    for template in (
        templates.template(service),
        release.with_alias(templates.template(service), "one", shift=True),
    ):
        made = expanded(release.with_boundary(template, bound), "prod")["Resources"]
        roles = [one["Properties"] for one in made.values() if one["Type"] == "AWS::IAM::Role"]
        assert roles
        assert all(one.get("PermissionsBoundary") == {"Fn::Sub": bound} for one in roles)


# --- what functions may do at most ---


def needs(environment: str, service: str) -> Iterator[Call]:
    """Yield what a service's functions are given leave to do, a request for each action and resource."""
    made = expanded(templates.template(service), environment)
    at = Resolver(made)
    at.parameters["Environment"] = environment
    kinds = {"AWS::DynamoDB::Table": ("dynamodb", "table/"), "AWS::SQS::Queue": ("sqs", "")}
    for logical, one in made["Resources"].items():
        if one["Type"] in kinds:
            where, start = kinds[one["Type"]]
            at.made[logical] = arn(where, start + at.name(logical))
    for one in made["Resources"].values():
        for policy in one["Properties"].get("Policies", []) if one["Type"] == "AWS::IAM::Role" else []:
            for statement in at.value(policy["PolicyDocument"])["Statement"]:
                keys = [
                    item for operator in statement.get("Condition", {}).values() for item in operator.items()
                ]
                for action in listed(statement["Action"]):
                    for resource in listed(statement["Resource"]):
                        yield (
                            action,
                            resource.replace(":Arn", "").replace(":StreamArn", "/stream/1"),
                            dict(keys),
                        )


@pytest.mark.parametrize("service", services())
def test_a_boundary_lets_functions_do_what_their_template_says(service: str) -> None:
    found = list(needs("prod", service))
    assert found
    for action, resource, context in found:
        assert allowed(boundary("prod", service), action, resource, context), f"{action} {resource}"
        assert allowed(boundary("preview", "*"), *in_preview(action, resource, context)), (
            f"{action} {resource}"
        )


def in_preview(action: str, resource: str, context: dict[str, str]) -> Call:
    told = (
        json.dumps([action, resource, context]).replace("souk-prod", "souk-prex1").replace("/prod", "/prex1")
    )
    action, resource, context = json.loads(told)
    return action, resource, {key: "prex1" if value == "prod" else value for key, value in context.items()}


@pytest.mark.parametrize("service", services())
def test_whatever_a_template_says_functions_do_not_reach_the_data_of_others(service: str) -> None:
    bound = boundary("prod", service)
    assert allowed(bound, "dynamodb:GetItem", arn("dynamodb", f"table/souk-prod-{service}"))
    for environment, other in [("prod", one) for one in services() if one != service] + [("dev", service)]:
        table, queue = (
            arn("dynamodb", f"table/souk-{environment}-{other}"),
            arn("sqs", f"souk-{environment}-{other}-inbox"),
        )
        assert not allowed(bound, "dynamodb:GetItem", table)
        assert not allowed(bound, "dynamodb:Query", f"{table}/index/open")
        assert not allowed(bound, "sqs:ReceiveMessage", queue)
        assert not allowed(bound, "lambda:InvokeFunction", function(f"souk-{environment}-{other}-admin"))
        assert not allowed(bound, "s3:GetObject", f"arn:aws:s3:::souk-{environment}-{other}-imports/x")
    for action in (
        *WIDENING,
        "cloudformation:CreateStack",
        "lambda:UpdateFunctionCode",
        "lambda:CreateFunction",
    ):
        assert not allowed(bound, action, "*", VIA)
    signs = allowed(bound, "kms:Sign", arn("kms", "key/1"), {"aws:ResourceTag/souk": "prod"})
    assert signs == (service == "identity"), "who signs tokens is everybody"


@pytest.mark.parametrize(("environment", "stack"), [*(("prod", one) for one in services()), ("preview", "*")])
def test_a_boundary_lets_in_what_the_switches_of_an_environment_ask_for(environment: str, stack: str) -> None:
    for action in (
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
    ):  # AWSXRayDaemonWriteAccess, by Tracing
        assert allowed(boundary(environment, stack), action, "*")
    here, there = ("prod", "dev") if stack != "*" else ("prex1", "prod")
    for action in ("GetAlias", "UpdateAlias", "GetProvisionedConcurrencyConfig"):  # CodeDeploy's, by Canary
        for name, own in ((here, True), (there, False)):
            at = function(f"souk-{name}-{services()[0] if stack == '*' else stack}-http")
            assert allowed(boundary(environment, stack), f"lambda:{action}", at) == own


def test_conditions_that_hang_on_a_services_own_parameters_are_left_out_and_others_kept() -> None:
    found = {action: one for one in pipeline.beyond("prod", ["identity"]) for action in one["Action"]}
    assert "Condition" not in found["ses:SendEmail"]  # MailSender
    assert found["kms:CreateKey"]["Condition"]["StringLike"] == {
        "aws:RequestTag/souk": {"Ref": "Environment"}
    }


# --- previews ---


def test_the_role_of_previews_makes_and_deletes_them_and_nothing_that_stays() -> None:
    for stack in STACKS:
        for kind, (action, resource, context) in calls("prex1", stack):
            assert allowed(role("preview", "*"), action, resource, {**context, **VIA}), (
                f"{kind}: {action} {resource}"
            )
        for kind, (action, resource, context) in calls("prod", stack):
            reach = allowed(role("preview", "*"), action, resource, {**context, **VIA})
            assert not reach or "souk-" not in resource, f"{kind}: {action} {resource}"
    for action, deletes in (
        ("dynamodb:DeleteTable", "dynamodb:{}:table/souk-{}-orders"),
        ("ssm:DeleteParameter", "ssm:{}:parameter/souk/{}/jwks"),
    ):
        for environment, may in (("prex1", True), ("prod", False), ("dev", False)):
            at = "arn:aws:" + deletes.format(f"{REGION}:{ACCOUNT}", environment)
            assert allowed(role("preview", "*"), action, at) == may
    for environment, may in (("prex1", True), ("prod", False)):
        path = arn("ssm", f"parameter/souk/{environment}")  # undeploy lists what is under it
        assert allowed(role("preview", "*"), "ssm:GetParametersByPath", path) == may
    key = arn("kms", "key/1")
    assert allowed(role("preview", "*"), "kms:ScheduleKeyDeletion", key, {"aws:ResourceTag/souk": "prex1"})
    assert not allowed(role("preview", "*"), "kms:ScheduleKeyDeletion", key, {"aws:ResourceTag/souk": "prod"})


# --- who takes a role; limits ---


@pytest.mark.parametrize(("environment", "stack"), EVERY_ROLE)
def test_a_role_is_taken_by_jobs_of_its_own_environment_of_this_repository_alone(
    environment: str, stack: str
) -> None:
    ((statement,),) = [properties(environment, stack, "Role")["AssumeRolePolicyDocument"]["Statement"]]
    assert statement["Principal"] == {"Federated": arn("iam", f"oidc-provider/{pipeline.ISSUER}", region="")}
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Condition"] == {
        "StringEquals": {
            f"{pipeline.ISSUER}:aud": "sts.amazonaws.com",
            f"{pipeline.ISSUER}:sub": f"repo:souk/shop:environment:{pipeline.label(environment, stack)}",
        }
    }


@pytest.mark.parametrize(("environment", "stack"), EVERY_ROLE)
def test_policies_are_within_the_limits_of_iam(environment: str, stack: str) -> None:
    def size(node: Any) -> int:
        return len(json.dumps(node, separators=(",", ":")))

    assert size(role(environment, stack)) + 200 < INLINE
    if stack not in (PLATFORM, EDGE):
        assert size(boundary(environment, stack)) + 100 < MANAGED
    assert len(json.dumps(pipeline.written(environment, stack))) < BODY
