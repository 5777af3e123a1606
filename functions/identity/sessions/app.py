"""Routes of sessions: log in, refresh, log out; and another password, which ends them."""

from __future__ import annotations

from chalice.app import Response

from functions.identity.accounts import service as accounts
from functions.identity.api import app, keys, me, my_session, network, table
from functions.identity.sessions import service
from functions.identity.sessions.views import ChangePassword, LogIn, LogOut, Refresh, TokensView, tokens_view
from functions.shared.clock import now
from functions.shared.email_address import comparable
from functions.shared.errors import InvalidError
from functions.shared.http import caller, json_response


@app.endpoint("POST", "/identity/login", auth="none", body=LogIn, returns=TokensView)
def log_in(body: LogIn) -> Response:
    """Log in: 200 tokens | 400 | 401 no such account or password | 429 too many attempts, with Retry-After."""
    tokens = service.log_in(
        table(), keys(), comparable(body.email), body.password, network=network(), at=now()
    )
    return json_response(tokens_view(tokens))


@app.endpoint("POST", "/identity/refresh", auth="none", body=Refresh, returns=TokensView)
def refresh(body: Refresh) -> Response:
    """Replace a refresh token: 200 tokens | 400 | 401 the session has ended, or this token was replaced before."""
    return json_response(tokens_view(service.refresh(table(), keys(), body.refresh_token, now())))


@app.endpoint("POST", "/identity/logout", auth="optional", body=LogOut | None, status=204)
def log_out(body: LogOut | None) -> Response:
    """End one session, named by its refresh token or by the access token: 204, also if it has ended | 400 neither."""
    token, subject = body.refresh_token if body else None, caller().subject
    if subject is None and token is None:
        raise InvalidError(
            "no_session", "Send the refresh token of the session to end.", field=("refreshToken",)
        )
    service.log_out(table(), token, subject, my_session())
    return Response("", status_code=204)


@app.endpoint("POST", "/identity/logout-all", status=204)
def log_out_all() -> Response:
    """End all sessions of the caller: 204 | 404 erased."""
    service.end_sessions(table(), me())
    return Response("", status_code=204)


@app.endpoint("POST", "/identity/password/change", body=ChangePassword, status=204)
def change_password(body: ChangePassword) -> Response:
    """Change the password; all other sessions end: 204 | 400 | 401 the current password is wrong | 429."""
    customer_id, at = me(), now()
    owner = accounts.account(table(), customer_id)
    accounts.authenticate(table(), owner, owner.email, body.current_password, network=network(), at=at)
    service.change_password(table(), customer_id, body.new_password, keep_session=my_session(), at=at)
    return Response("", status_code=204)
