"""What the platform sets up for mail where it is given a domain, and that services may send from it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.templates import resources, template
from tools.intrinsics import Resolver
from tools.services import PLATFORM

OF_MAIL = {name: one for name, one in template(PLATFORM)["Resources"].items() if name.startswith("Mail")}
SENDERS = ("identity", "orders")


def made() -> dict[str, dict[str, Any]]:
    """Return the properties of what is made for mail, by type."""
    resolver = Resolver(template(PLATFORM))
    resolver.parameters |= {"Environment": "prod", "MailDomain": "example.com"}
    return {one["Type"]: resolver.value(one["Properties"]) for one in OF_MAIL.values()}


def test_an_emulator_sees_none_of_it() -> None:
    assert not Resolver(template(PLATFORM)).holds("Mailing")
    assert {one["Condition"] for one in OF_MAIL.values()} == {"Mailing"}
    assert {one["Condition"] for one in template(PLATFORM)["Outputs"].values()} == {"Mailing"}
    others = template(PLATFORM)["Resources"].keys() - OF_MAIL.keys()
    assert not [name for name in others if "SES" in template(PLATFORM)["Resources"][name]["Type"]]


def test_what_is_sent_from_the_domain_goes_by_the_set_without_a_word_in_the_code() -> None:
    found = made()
    by, identity = found["AWS::SES::ConfigurationSet"], found["AWS::SES::EmailIdentity"]
    assert identity["EmailIdentity"] == "example.com"
    assert identity["ConfigurationSetAttributes"] == {"ConfigurationSetName": by["Name"]}
    assert identity["MailFromAttributes"]["MailFromDomain"] == "bounce.example.com"
    assert by["DeliveryOptions"] == {"TlsPolicy": "REQUIRE"}
    assert set(by["SuppressionOptions"]["SuppressedReasons"]) == {"BOUNCE", "COMPLAINT"}
    assert by["ReputationOptions"] == {"ReputationMetricsEnabled": True}


def test_bounces_and_complaints_are_told_to_a_topic_that_takes_them_from_this_set_alone() -> None:
    found = made()
    told = found["AWS::SES::ConfigurationSetEventDestination"]
    assert set(told["EventDestination"]["MatchingEventTypes"]) == {"BOUNCE", "COMPLAINT"}
    topic = found["AWS::SNS::Topic"]["TopicName"]
    assert told["EventDestination"]["SnsDestination"] == {"TopicARN": topic}
    (allowed,) = found["AWS::SNS::TopicPolicy"]["PolicyDocument"]["Statement"]
    assert allowed["Resource"] == topic
    name = found["AWS::SES::ConfigurationSet"]["Name"]
    assert allowed["Condition"]["ArnEquals"]["aws:SourceArn"].endswith(f":configuration-set/{name}")
    assert OF_MAIL["MailFeedback"]["DependsOn"] == "MailTopicPolicy", "SES publishes once to try it"


def test_the_records_to_make_are_put_out() -> None:
    resolver = Resolver(template(PLATFORM))
    resolver.parameters["MailDomain"] = "example.com"
    lines = resolver.value(template(PLATFORM)["Outputs"]["MailRecords"]["Value"]).splitlines()
    assert [line.split()[1] for line in lines] == ["CNAME", "CNAME", "CNAME", "MX", "TXT", "TXT"]
    assert "bounce.example.com MX 10 feedback-smtp.eu-west-1.amazonses.com" in lines


@pytest.mark.parametrize("service", SENDERS)
def test_a_service_may_send_by_the_identity_and_by_its_set(service: str) -> None:
    """SES asks for the right to both, the identity's ARN and the set's; the sender is what binds a role."""
    statements = [
        statement
        for function in resources(service, "AWS::Serverless::Function").values()
        for policy in function.get("Policies", ())
        for statement in policy["Statement"]
        if "ses:SendEmail" in statement["Action"]
    ]
    assert [(one["Resource"], one["Condition"]) for one in statements] == [
        ("*", {"StringEqualsIfExists": {"ses:FromAddress": {"Ref": "MailSender"}}})
    ]
