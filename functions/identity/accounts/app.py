"""Routes of accounts: register, prove an e-mail address, passwords."""

from __future__ import annotations

from typing import Annotated

from chalice.app import Response
from msgspec import Meta

from functions.identity.accounts import service
from functions.identity.accounts.emails import EmailKind
from functions.identity.accounts.limits import MAIL_NETWORK, REGISTER_NETWORK
from functions.identity.api import Name, Password, app, count, me, my_session, network, table
from functions.identity.domain import Account
from functions.identity.sessions import service as sessions
from functions.shared.addresses import checked_line
from functions.shared.clock import now
from functions.shared.email_address import comparable, deliverable
from functions.shared.http import IDEMPOTENCY_KEY, json_response
from functions.shared.idempotency import answered_once, fingerprint
from functions.shared.ids import new_id
from functions.shared.types import Body, Email, View

MailToken = Annotated[str, Meta(min_length=1, max_length=200)]


class Register(Body, frozen=True):
    """A new account."""

    email: Email
    password: Password
    name: Name


class RegisteredView(View, frozen=True):
    """The id of the new account."""

    customer_id: str


class VerifyEmail(Body, frozen=True):
    """The token from the mail."""

    token: MailToken


class ByEmail(Body, frozen=True):
    """Whom to write to."""

    email: Email


class ResetPassword(Body, frozen=True):
    """The token from the mail, and the new password."""

    token: MailToken
    password: Password


class ChangePassword(Body, frozen=True):
    """The old password proves that it is not just a borrowed session."""

    current_password: Annotated[str, Meta(min_length=1, max_length=128)]
    new_password: Password


class ChangeEmail(Body, frozen=True):
    """The new address, and the password for proof."""

    email: Email
    password: Annotated[str, Meta(min_length=1, max_length=128)]


class AcceptedView(View, frozen=True):
    """A mail follows if there is somebody to write to; this answer does not tell."""

    accepted: bool = True


@app.endpoint(
    "POST",
    "/identity/register",
    auth="none",
    body=Register,
    headers=(IDEMPOTENCY_KEY,),
    returns=RegisteredView,
    status=201,
)
def register(body: Register, key: str | None) -> Response:
    """Open an account: 201 its id, also if there is one already (its owner gets a mail) | 400 | 409 | 429."""
    at, email, name = now(), deliverable(body.email), checked_line(body.name, ("name",))
    count(REGISTER_NETWORK, network())
    # Under a key the random part of the id follows from it, so that a repeated request finds its own account.
    randomness = int(fingerprint(email, key)[:20], 16) if key else None
    customer_id = new_id("cus", at, randomness)

    def run() -> Response:
        made = service.register(table(), email, name, body.password, customer_id=customer_id, at=at)
        return json_response(RegisteredView(made), 201)

    same = fingerprint(email, name).encode()  # the password is not to lie about as a plain digest
    return answered_once(app, table(), f"register#{email}", at, run, key=key, told_apart_by=same)


@app.endpoint("POST", "/identity/verify-email", auth="none", body=VerifyEmail, status=204)
def verify_email(body: VerifyEmail) -> Response:
    """Prove an e-mail address by the token mailed to it: 204 | 400 used, replaced or too old | 409 address taken."""
    service.verify_email(table(), body.token, now())
    return Response("", status_code=204)


@app.endpoint(
    "POST", "/identity/verify-email/resend", auth="none", body=ByEmail, returns=AcceptedView, status=202
)
def resend_verification(body: ByEmail) -> Response:
    """Ask for another mail to prove an address: 202, whether there is an account or not | 400 | 429."""
    return _mail("verify_email", body)


@app.endpoint(
    "POST", "/identity/password/forgot", auth="none", body=ByEmail, returns=AcceptedView, status=202
)
def forgot_password(body: ByEmail) -> Response:
    """Ask for a mail to choose a new password: 202, whether there is an account or not | 400 | 429."""
    return _mail("password_reset", body)


def _mail(kind: EmailKind, body: ByEmail) -> Response:
    email, at = comparable(body.email), now()
    count(MAIL_NETWORK, network())
    table().request_email(service.email_request(kind, at, email=email), at)
    return json_response(AcceptedView(), 202)


@app.endpoint("POST", "/identity/password/reset", auth="none", body=ResetPassword, status=204)
def reset_password(body: ResetPassword) -> Response:
    """Choose a new password by the token mailed; all sessions end: 204 | 400 used, replaced or too old."""
    service.reset_password(table(), body.token, body.password, network=network(), at=now())
    return Response("", status_code=204)


@app.endpoint("POST", "/identity/password/change", body=ChangePassword, status=204)
def change_password(body: ChangePassword) -> Response:
    """Change the password; all other sessions end: 204 | 400 | 401 the current password is wrong | 429."""
    customer_id, at = me(), now()
    _prove(customer_id, body.current_password)
    service.change_password(table(), customer_id, body.new_password, keep_session=my_session(), at=at)
    return Response("", status_code=204)


@app.endpoint("POST", "/identity/email/change", body=ChangeEmail, returns=AcceptedView, status=202)
def change_email(body: ChangeEmail) -> Response:
    """Ask to use another e-mail address, by a mail to it: 202, taken or not | 400 | 401 the password is wrong | 429."""
    customer_id, at = me(), now()
    email = deliverable(body.email)
    owner = _prove(customer_id, body.password)
    count(MAIL_NETWORK, network())
    service.ask_email_change(table(), owner, email, at)
    return json_response(AcceptedView(), 202)


def _prove(customer_id: str, password: str) -> Account:
    account = service.account(table(), customer_id)
    sessions.authenticate(table(), account, account.email, password, network=network(), at=now())
    return account
