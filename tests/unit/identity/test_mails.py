"""What a mailbox proves, and how mails get there: single-use tokens, no enumeration, nothing lost, nothing leaked."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import pytest

from functions.identity.accounts import service
from functions.identity.accounts.domain import EmailRequest
from functions.identity.accounts.limits import MAIL_RECIPIENT
from functions.identity.app import on_mail
from functions.identity.mails import service as mailing
from functions.identity.table import IdentityTable
from functions.shared.clock import now
from functions.shared.errors import InvalidError
from functions.shared.mail import MailSettings
from tests.support.lambda_events import Context, sqs_event
from tests.unit.identity.conftest import PASSWORD, Front, images, sent

EMAIL = "amira@example.com"


def verify(front: Front, token: str) -> Any:
    return front.call("POST", "/identity/verify-email", {"token": token})


def forgot(front: Front, email: str = EMAIL) -> Any:
    return front.call("POST", "/identity/password/forgot", {"email": email})


def reset(front: Front, token: str, password: str = "a better one") -> Any:
    return front.call("POST", "/identity/password/reset", {"token": token, "password": password})


def test_a_new_account_is_asked_to_prove_its_address_and_can(front: Front) -> None:
    front.register()
    (mail,) = front.mails()
    assert mail.to == EMAIL
    assert mail.text.count("http://localhost:8080/account.html#verify=") == 1
    assert verify(front, mail.token).status == 204
    assert front.me(front.log_in()["accessToken"]).body["emailVerified"] is True


def test_a_token_works_once(front: Front) -> None:
    front.register()
    (mail,) = front.mails()
    verify(front, mail.token)
    answer = verify(front, mail.token)
    assert (answer.status, answer.body["code"], answer.body["pointer"]) == (400, "invalid_token", "/token")


def test_a_token_is_void_after_its_time(front: Front, table: IdentityTable) -> None:
    front.register()
    (mail,) = front.mails()
    almost = now() + timedelta(days=3) - timedelta(minutes=1)
    with pytest.raises(InvalidError):
        service.verify_email(table, mail.token, now() + timedelta(days=3))
    service.verify_email(table, mail.token, almost)


def test_a_newer_mail_voids_the_token_of_the_older(front: Front) -> None:
    front.register()
    (old,) = front.mails()
    front.call("POST", "/identity/verify-email/resend", {"email": EMAIL})
    (new,) = front.mails()
    assert verify(front, old.token).status == 400
    assert verify(front, new.token).status == 204


def test_a_proven_address_is_not_asked_again(front: Front) -> None:
    front.register()
    verify(front, front.mails()[0].token)
    answer = front.call("POST", "/identity/verify-email/resend", {"email": EMAIL})
    assert (answer.status, front.mails()) == (202, [])


@pytest.mark.parametrize("token", ["x", "A" * 69, "", 5, None])
def test_a_made_up_token_is_refused(front: Front, token: Any) -> None:
    assert verify(front, token).status == 400
    assert reset(front, token).status == 400


def test_a_token_is_good_for_its_own_purpose_only(front: Front) -> None:
    front.register()
    front.mails()
    forgot(front)
    (mail,) = front.mails()
    assert verify(front, mail.token).status == 400
    assert reset(front, mail.token).status == 204


def test_a_refresh_token_is_no_one_time_token(front: Front) -> None:
    front.register()
    assert verify(front, front.log_in()["refreshToken"]).status == 400


# --- forgotten passwords ------------------------------------------------------------------------------------------


def test_a_forgotten_password_is_chosen_anew_by_mail(front: Front) -> None:
    front.register()
    front.mails()
    forgot(front)
    (mail,) = front.mails()
    assert reset(front, mail.token).status == 204
    assert front.try_log_in().status == 401
    assert front.me(front.log_in(password="a better one")["accessToken"]).body["emailVerified"] is True


def test_a_password_chosen_anew_ends_every_session_and_tells_the_owner(front: Front) -> None:
    front.register()
    session = front.log_in()["refreshToken"]
    forgot(front)
    reset(front, front.mails()[-1].token)
    assert front.refresh(session).status == 401
    assert [mail.subject for mail in front.mails()] == ["Your password was changed"]


def test_a_reset_token_works_once(front: Front) -> None:
    front.register()
    forgot(front)
    token = front.mails()[-1].token
    reset(front, token)
    assert reset(front, token, "and another one").status == 400
    assert front.log_in(password="a better one")


def test_a_reset_token_is_void_after_an_hour(front: Front, table: IdentityTable) -> None:
    front.register()
    forgot(front)
    token = front.mails()[-1].token
    with pytest.raises(InvalidError):
        service.reset_password(table, token, "a better one", network="x", at=now() + timedelta(hours=1))
    assert front.log_in()


def test_a_bad_password_leaves_the_token_in_force(front: Front) -> None:
    front.register()
    forgot(front)
    token = front.mails()[-1].token
    assert reset(front, token, "short").body["pointer"] == "/password"
    assert reset(front, token).status == 204


def test_asking_for_a_mail_tells_nothing_about_who_has_an_account(front: Front) -> None:
    front.register()
    front.mails()
    for route in ("/identity/password/forgot", "/identity/verify-email/resend"):
        known = front.call("POST", route, {"email": EMAIL})
        nobody = front.call("POST", route, {"email": "nobody@example.com"})
        assert (known.status, known.body) == (nobody.status, nobody.body) == (202, {"accepted": True})
    assert {mail.to for mail in front.mails()} == {EMAIL}


def test_a_squatted_address_can_be_taken_back_by_its_owner(front: Front) -> None:
    front.register(password="the squatters own")
    squatter = front.log_in(password="the squatters own")["refreshToken"]
    forgot(front)
    reset(front, front.mails()[-1].token)
    assert front.refresh(squatter).status == 401
    assert front.try_log_in(password="the squatters own").status == 401
    assert front.log_in(password="a better one")


# --- changing password and address --------------------------------------------------------------------------------


def change_password(front: Front, token: str, current: str = PASSWORD, new: str = "a better one") -> Any:
    body = {"currentPassword": current, "newPassword": new}
    return front.call("POST", "/identity/password/change", body, token=token)


def test_a_changed_password_ends_all_other_sessions(front: Front) -> None:
    front.register()
    front.mails()
    own, other = front.log_in(), front.log_in()
    assert change_password(front, own["accessToken"]).status == 204
    assert front.refresh(other["refreshToken"]).status == 401
    assert front.refresh(own["refreshToken"]).status == 200
    assert front.try_log_in().status == 401
    assert front.log_in(password="a better one")
    assert [mail.subject for mail in front.mails()] == ["Your password was changed"]


def test_a_session_that_was_ended_does_not_come_back_by_a_changed_password(front: Front) -> None:
    front.register()
    own = front.log_in()
    front.call("POST", "/identity/logout-all", token=own["accessToken"])
    assert change_password(front, own["accessToken"]).status == 204
    assert front.refresh(own["refreshToken"]).status == 401


def test_a_password_is_changed_only_with_the_current_one(front: Front) -> None:
    front.register()
    token = front.log_in()["accessToken"]
    assert change_password(front, token, "not it at all").status == 401
    assert change_password(front, token, new="short").body["pointer"] == "/newPassword"
    assert front.log_in()


def change_email(front: Front, token: str, email: str, password: str = PASSWORD) -> Any:
    return front.call("POST", "/identity/email/change", {"email": email, "password": password}, token=token)


def test_a_new_address_is_used_once_it_is_proven(front: Front) -> None:
    front.register()
    token = front.log_in()["accessToken"]
    front.mails()
    front.facts()
    assert change_email(front, token, "New@example.com").status == 202
    told, mail = front.mails()
    assert (told.to, told.subject) == (EMAIL, "Your e-mail address is to be changed")
    assert mail.to == "new@example.com"
    assert front.me(token).body["email"] == EMAIL
    assert verify(front, mail.token).status == 204
    assert (front.me(token).body["email"], front.me(token).body["emailVerified"]) == ("new@example.com", True)
    (fact,) = front.facts()
    assert (fact["type"], fact["data"]["email"]) == ("CustomerChanged", "new@example.com")
    assert front.log_in("new@example.com")
    assert front.try_log_in(EMAIL).status == 401


def test_the_old_address_learns_of_the_change_and_is_free(front: Front) -> None:
    front.register()
    change_email(front, front.log_in()["accessToken"], "new@example.com")
    verify(front, front.mails()[-1].token)
    assert [(mail.to, mail.subject) for mail in front.mails()] == [(EMAIL, "Your e-mail address was changed")]
    assert front.register(password="somebody else").status == 201
    assert front.log_in(password="somebody else")


def test_an_address_that_is_used_is_not_given_away(front: Front) -> None:
    front.register()
    front.register("other@example.com")
    front.mails()
    assert change_email(front, front.log_in()["accessToken"], "other@example.com").status == 202
    _, mail = front.mails()
    assert (mail.to, mail.subject) == ("other@example.com", "You have an account already")


def test_an_address_taken_meanwhile_is_a_conflict(front: Front) -> None:
    front.register()
    token = front.log_in()["accessToken"]
    change_email(front, token, "new@example.com")
    mail = front.mails()[-1]
    front.register("new@example.com")
    assert verify(front, mail.token).body["code"] == "email_taken"
    assert front.me(token).body["email"] == EMAIL


def test_a_reset_token_sent_to_the_old_address_is_void(front: Front) -> None:
    front.register()
    forgot(front)
    old = front.mails()[-1].token
    change_email(front, front.log_in()["accessToken"], "new@example.com")
    verify(front, front.mails()[-1].token)
    assert reset(front, old).status == 400
    assert front.log_in("new@example.com")


def test_a_new_address_ends_every_session(front: Front) -> None:
    front.register()
    own = front.log_in()
    change_email(front, own["accessToken"], "new@example.com")
    verify(front, front.mails()[-1].token)
    assert front.refresh(own["refreshToken"]).status == 401
    assert front.log_in("new@example.com")


def reset_by_mail(front: Front) -> None:
    forgot(front)
    assert reset(front, front.mails()[-1].token).status == 204


def change_by_hand(front: Front) -> None:
    assert change_password(front, front.log_in()["accessToken"]).status == 204


def log_out_everywhere(front: Front) -> None:
    assert front.call("POST", "/identity/logout-all", token=front.log_in()["accessToken"]).status == 204


def move_elsewhere(front: Front) -> None:
    """Change the address by a second request, without a mail to the first one's in between."""
    change_email(front, front.log_in()["accessToken"], "elsewhere@example.com")
    assert verify(front, front.mails()[-1].token).status == 204


def erase(front: Front) -> None:
    assert front.call("DELETE", "/identity/me", token=front.log_in()["accessToken"]).status == 204


PROTECTS = [reset_by_mail, change_by_hand, log_out_everywhere, move_elsewhere, erase]


@pytest.mark.parametrize("protect", PROTECTS)
def test_a_pending_change_of_address_ends_with_what_protects_the_account(
    front: Front, protect: Callable[[Front], None]
) -> None:
    front.register()
    change_email(front, front.log_in()["accessToken"], "squatter@example.com")
    pending = front.mails()[-1]
    assert pending.to == "squatter@example.com"
    protect(front)
    answer = verify(front, pending.token)
    assert (answer.status, answer.body["code"]) == (400, "invalid_token")
    assert front.try_log_in("squatter@example.com").status == 401
    assert front.try_log_in("squatter@example.com", "a better one").status == 401


@pytest.mark.parametrize("protect", PROTECTS)
def test_a_change_of_address_whose_mail_still_waits_ends_too(
    front: Front, protect: Callable[[Front], None]
) -> None:
    front.register()
    front.mails()
    change_email(front, front.log_in()["accessToken"], "squatter@example.com")
    waiting = front.orders()
    protect(front)
    on_mail(sqs_event(*waiting), Context())
    assert "squatter@example.com" not in {mail.to for mail in sent()}


@pytest.mark.parametrize("protect", PROTECTS)
def test_a_password_reset_ends_with_what_protects_the_account(
    front: Front, protect: Callable[[Front], None]
) -> None:
    front.register()
    forgot(front)
    pending = front.mails()[-1].token
    if protect is reset_by_mail:  # a newer mail voids the token anyway: use the one there is
        assert reset(front, pending).status == 204
    else:
        protect(front)
    assert reset(front, pending, "the thief's own one").status == 400


@pytest.mark.parametrize("protect", [change_by_hand, log_out_everywhere, move_elsewhere, erase])
def test_a_proof_of_the_first_address_ends_with_what_protects_the_account(
    front: Front, protect: Callable[[Front], None]
) -> None:
    front.register()
    proof = front.mails()[-1].token
    protect(front)
    assert verify(front, proof).status == 400


def test_a_token_made_before_tokens_knew_the_epoch_is_void(front: Front, table: IdentityTable) -> None:
    front.register()
    proof = front.mails()[-1].token
    customer_id = table.owner_of(EMAIL)
    table.update({"pk": f"ACCOUNT#{customer_id}", "sk": "TOKEN#verify"}, "REMOVE epoch", {})
    assert verify(front, proof).status == 400


def test_a_mail_that_anyone_may_ask_for_voids_no_pending_change(front: Front) -> None:
    front.register()
    change_email(front, front.log_in()["accessToken"], "new@example.com")
    pending = front.mails()[-1].token
    front.call("POST", "/identity/verify-email/resend", {"email": EMAIL})
    forgot(front)
    front.mails()
    assert verify(front, pending).status == 204
    assert front.log_in("new@example.com")


def test_the_mail_about_a_new_password_goes_where_the_account_was_when_it_was_set(front: Front) -> None:
    front.register()
    token = front.log_in()["accessToken"]
    front.mails()
    change_password(front, token)
    waiting = front.orders()
    again = front.log_in(password="a better one")["accessToken"]
    change_email(front, again, "thief@example.com", "a better one")
    verify(front, front.mails()[-1].token)
    before = len(sent())
    on_mail(sqs_event(*waiting), Context())
    assert [(mail.to, mail.subject) for mail in sent()[before:]] == [(EMAIL, "Your password was changed")]


@pytest.mark.parametrize("password", ["12345678", "password", "PassWord", "iloveyou", "princess1"])
def test_the_most_common_passwords_are_refused(front: Front, password: str) -> None:
    answer = front.register(password=password)
    assert (answer.status, answer.body["code"]) == (400, "password_too_common")
    assert answer.body["pointer"] == "/password"
    assert front.mails() == []


@pytest.mark.parametrize("password", ["amira2026", "my AMIRA is best", "amira" * 3])
def test_a_password_with_the_name_of_the_address_is_refused(front: Front, password: str) -> None:
    assert front.register(password=password).body["code"] == "password_has_email"


@pytest.mark.parametrize("password", ["amirahaddad1!", "Amira-Haddad 2026", "xx amira.haddad xx"])
def test_a_name_is_found_however_its_parts_are_joined(front: Front, password: str) -> None:
    answer = front.register("amira.haddad+shop@example.com", password)
    assert answer.body["code"] == "password_has_email"


def test_a_name_of_two_letters_is_in_too_many_words_to_be_refused(front: Front) -> None:
    assert front.register("a.l@example.com", "a tall oak at last").status == 201


def test_a_poor_password_is_refused_wherever_one_is_set(front: Front) -> None:
    front.register()
    token = front.log_in()["accessToken"]
    changed = change_password(front, token, new="12345678")
    assert (changed.body["code"], changed.body["pointer"]) == ("password_too_common", "/newPassword")
    forgot(front)
    mailed = front.mails()[-1].token
    assert reset(front, mailed, "amira amira").body["code"] == "password_has_email"
    assert reset(front, mailed).status == 204


def test_an_address_is_changed_only_with_the_password(front: Front) -> None:
    front.register()
    front.mails()
    assert (
        change_email(front, front.log_in()["accessToken"], "new@example.com", "not it at all").status == 401
    )
    assert front.mails() == []


# --- on the way to the mailbox ------------------------------------------------------------------------------------


def test_no_token_leaves_on_the_bus_lies_in_the_queue_or_in_the_table(
    front: Front, table: IdentityTable
) -> None:
    front.register()
    forgot(front)
    orders = front.orders()
    on_mail(sqs_event(*orders), Context())
    tokens = [mail.token[-43:] for mail in front.mails()]
    kept = json.dumps([orders, front.facts(), images(table)])
    assert not [token for token in tokens if token in kept]


def test_a_mail_waits_while_ses_is_down_and_is_sent_later(front: Front) -> None:
    front.register()
    orders = front.orders()
    ses = boto3.client("sesv2")
    ses.delete_email_identity(EmailIdentity="shop@souk.example")
    answer = on_mail(sqs_event(*orders), Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": "message-0"}]}
    ses.create_email_identity(EmailIdentity="shop@souk.example")
    assert on_mail(sqs_event(*orders), Context()) == {"batchItemFailures": []}


def test_a_failure_of_ses_is_logged_without_the_recipient(
    front: Front, capsys: pytest.CaptureFixture[str]
) -> None:
    front.register()
    orders = front.orders()
    boto3.client("sesv2").delete_email_identity(EmailIdentity="shop@souk.example")
    capsys.readouterr()
    on_mail(sqs_event(*orders), Context())
    line = json.loads(capsys.readouterr().out)
    assert (line["outcome"], line["error"], line["message"]) == ("failed", "SendError", "MessageRejected")
    assert "amira" not in json.dumps(line)


def test_an_order_delivered_twice_sends_one_mail(front: Front) -> None:
    front.register()
    orders = front.orders()
    for _ in range(3):
        on_mail(sqs_event(*orders), Context())
    forgot(front)
    assert len(front.mails()) == 1
    assert len(sent()) == 2


def test_one_broken_order_does_not_hold_up_the_others(front: Front) -> None:
    front.register()
    (order,) = front.orders()
    answer = on_mail(sqs_event("not json", order, '{"id":"x","kind":"poem"}'), Context())
    assert [one["itemIdentifier"] for one in answer["batchItemFailures"]] == ["message-0", "message-2"]
    assert verify(front, _last().token).status == 204


def _last() -> Any:
    return sent()[-1]


def test_nobody_is_flooded_with_mails(front: Front) -> None:
    front.register()
    front.mails()
    for _ in range(MAIL_RECIPIENT.most + 3):
        forgot(front)
    mails = front.mails()
    assert len(mails) == MAIL_RECIPIENT.most
    assert reset(front, mails[-1].token).status == 204


def test_a_mail_to_an_erased_person_is_not_sent(front: Front) -> None:
    front.register()
    orders = front.orders()
    front.call("DELETE", "/identity/me", token=front.log_in()["accessToken"])
    on_mail(sqs_event(*orders), Context())
    assert front.mails() == []


def test_every_kind_of_mail_can_be_written(front: Front, table: IdentityTable) -> None:
    customer_id = front.register().body["customerId"]
    front.mails()
    kinds: tuple[Any, ...] = (
        "verify_email",
        "verify_new_email",
        "password_reset",
        "already_registered",
        "password_changed",
        "email_changed",
        "email_change_asked",
    )
    for kind in kinds:
        to = "new@example.com" if kind == "verify_new_email" else EMAIL
        who = None if kind == "already_registered" else customer_id
        request = EmailRequest(f"eml_{kind}", kind, "", who, to, 0)
        mailing.send(table, request, MailSettings("shop@souk.example", "https://shop"), now())
        assert "{" not in _last().text
        assert _last().text.startswith("Hello,")
