"""WAF's rules before the edge: which calls each counts or looks at, and how it refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest

from tests.contract.test_web import LANGUAGES, texts
from tests.support.services import app_of
from tests.support.templates import resources, template
from tools.services import WAF, services

(ACL,) = resources(WAF, "AWS::WAFv2::WebACL").values()
RULES = {rule["Name"]: rule for rule in ACL["Rules"]}
ATTEMPTS = {
    "/identity/email/change",
    "/identity/login",
    "/identity/password/change",
    "/identity/password/forgot",
    "/identity/password/reset",
    "/identity/register",
    "/identity/verify-email/resend",
    "/orders",
}
"""Where a password is tried, a mail sent or an order placed."""


def holds(statement: dict[str, Any], method: str, path: str) -> bool:
    """Tell whether a statement of WAF's holds for a request, as far as our rules go."""
    ((kind, told),) = statement.items()
    match kind:
        case "AndStatement":
            return all(holds(one, method, path) for one in told["Statements"])
        case "NotStatement":
            return not holds(told["Statement"], method, path)
        case "ByteMatchStatement":
            assert told["FieldToMatch"] == {"Method": {}}
            assert told["PositionalConstraint"] == "EXACTLY"
            return bool(told["SearchString"] == method)
        case "RegexMatchStatement":
            assert told["FieldToMatch"] == {"UriPath": {}}
            for transformation in told["TextTransformations"]:
                path = unquote(path) if transformation["Type"] == "URL_DECODE" else path
            return re.search(told["RegexString"], path) is not None
    raise NotImplementedError(kind)


def counts(rule: str, method: str, path: str) -> bool:
    return holds(RULES[rule]["Statement"]["RateBasedStatement"]["ScopeDownStatement"], method, path)


def calls() -> Iterator[tuple[str, str]]:
    for service in services():
        for one in app_of(service).app.operations:
            yield one.method, re.sub(r"{\w+}", "stripe", one.path)


def test_log_ins_registrations_mails_and_orders_are_counted_by_themselves_and_nothing_else() -> None:
    assert {path for method, path in calls() if counts("attempts", method, path)} == ATTEMPTS
    assert not counts("attempts", "GET", "/orders")
    assert counts("attempts", "POST", "/identity/%6cogin")
    assert counts("attempts", "POST", "/identity/%256cogin"), "gateway and service decode it"
    assert not counts("attempts", "POST", "/identity/login/x")


def test_all_is_counted_and_looked_at_but_what_a_payment_provider_signs() -> None:
    free = {path for method, path in calls() if not counts("calls", method, path)}
    assert free == {"/payments/webhooks/stripe"}
    for path in ("/payments/webhooks/../../identity/login", "/payments/webhooks/%2e%2e/x", "/index.html"):
        assert counts("calls", "POST", path)
    for name in ("known-bad-inputs", "common"):
        group = RULES[name]["Statement"]["ManagedRuleGroupStatement"]
        assert group["VendorName"] == "AWS"
        assert not holds(group["ScopeDownStatement"], "POST", "/payments/webhooks/stripe")
        assert holds(group["ScopeDownStatement"], "PUT", "/catalog/products/p")


def test_one_address_may_call_far_more_often_than_it_may_try() -> None:
    attempts, all_calls = (RULES[name]["Statement"]["RateBasedStatement"] for name in ("attempts", "calls"))
    assert attempts["Limit"] * 10 <= all_calls["Limit"]
    assert {one["AggregateKeyType"] for one in (attempts, all_calls)} == {"IP"}
    assert RULES["attempts"]["Priority"] < RULES["calls"]["Priority"] < RULES["common"]["Priority"]


def test_a_large_body_and_html_in_it_are_no_attack() -> None:
    overrides = RULES["common"]["Statement"]["ManagedRuleGroupStatement"]["RuleActionOverrides"]
    counted = [one["Name"] for one in overrides if "Count" in one["ActionToUse"]]
    assert counted == ["SizeRestrictions_BODY", "CrossSiteScripting_BODY"]


def refusals() -> Iterator[dict[str, Any]]:
    for rule in RULES.values():
        group = rule["Statement"].get("ManagedRuleGroupStatement", {})
        actions = [
            rule.get("Action", {}),
            *(one["ActionToUse"] for one in group.get("RuleActionOverrides", ())),
        ]
        for action in actions:
            if "Block" in action:
                yield action["Block"]["CustomResponse"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_refusal_is_a_problem_with_a_sentence_and_nobody_keeps_it(language: str) -> None:
    asked = set()
    for answer in refusals():
        body = ACL["CustomResponseBodies"][answer["CustomResponseBodyKey"]]
        problem = json.loads(body["Content"])
        assert body["ContentType"] == "APPLICATION_JSON"
        assert problem["status"] == answer["ResponseCode"]
        assert problem["code"] == answer["CustomResponseBodyKey"]
        assert problem["type"] == f"urn:souk:problem:{problem['code']}"
        assert problem.keys() == {"type", "title", "status", "detail", "code", "parameters"}
        assert f"problem.{problem['code']}" in texts(language)
        headers = {one["Name"]: one["Value"] for one in answer["ResponseHeaders"]}
        assert headers["Cache-Control"] == "no-store"
        assert ("Retry-After" in headers) == (answer["ResponseCode"] == 429)
        asked.add(problem["code"])
    assert asked == ACL["CustomResponseBodies"].keys()


def test_nothing_of_a_caller_is_kept() -> None:
    assert not any(one["VisibilityConfig"]["SampledRequestsEnabled"] for one in (ACL, *RULES.values()))
    assert not [one for one in template(WAF)["Resources"].values() if "Logging" in one["Type"]]


def test_the_edge_takes_it_where_it_is_told_of_it() -> None:
    (distribution,) = resources("edge", "AWS::CloudFront::Distribution").values()
    told = {"Fn::If": ["Guarded", {"Ref": "WebAcl"}, {"Ref": "AWS::NoValue"}]}
    assert distribution["DistributionConfig"]["WebACLId"] == told
    assert ACL["Scope"] == "CLOUDFRONT"
