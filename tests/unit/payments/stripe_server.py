"""Start localstripe for a test: on a free loopback port, which it prints, and with its state in memory alone.

localstripe by itself listens on every interface, keeps a pickle in /tmp and ignores Idempotency-Key. The last is what
the adapter stands on, so it is put in front as Stripe documents it (https://docs.stripe.com/api/idempotent_requests):
the same key gives the first answer again, marked as replayed, and other fields under it are an error.
"""

from __future__ import annotations

import json
import socket
import sys
from typing import Any
from urllib.parse import parse_qsl, urlencode

from aiohttp import web
from localstripe.resources import PaymentMethod, store
from localstripe.server import app

_answers: dict[str, tuple[str, bytes, int, bytes]] = {}


@web.middleware
async def idempotent(request: web.Request, handler: Any) -> web.StreamResponse:
    key, sent = request.headers.get("Idempotency-Key"), await request.read()
    if key is None or request.method != "POST":
        return await handler(request)
    if key in _answers:
        path, body, status, answer = _answers[key]
        if (path, body) != (request.path, sent):
            return web.json_response({"error": {"type": "idempotency_error"}}, status=400)
        headers = {"Idempotent-Replayed": "true"}
        return web.Response(body=answer, status=status, content_type="application/json", headers=headers)
    made = await handler(request)
    _answers[key] = (request.path, sent, made.status, made.body)
    return made


@web.middleware
async def leads_back(request: web.Request, handler: Any) -> web.StreamResponse:
    """Confirm with an address to return to, which localstripe does not know: the bank asks at an address then.

    https://docs.stripe.com/payments/3d-secure/authentication-flow
    """
    if not request.path.endswith("/confirm"):
        return await handler(request)
    fields = dict(parse_qsl((await request.read()).decode()))
    back = fields.pop("return_url", None)
    request._read_bytes = urlencode(fields).encode()
    made = await handler(request)
    intent = json.loads(made.body)
    if back is None or not intent.get("next_action"):
        return made
    there = {"url": f"https://hooks.stripe.com/redirect/{intent['id']}", "return_url": back}
    action = {"type": "redirect_to_url", "redirect_to_url": there}
    store[f"payment_intent:{intent['id']}"].next_action = action
    return web.json_response({**intent, "next_action": action}, status=made.status)


async def no_disputes(request: web.Request) -> web.StreamResponse:
    """Answer what Stripe does where nobody disputed anything; localstripe does not know of disputes."""
    return web.json_response({"object": "list", "data": [], "has_more": False})


def main() -> None:
    store.dump_to_disk = lambda: None
    app.middlewares[:0] = [idempotent, leads_back]
    card = {"number": "4000002500003155", "exp_month": "12", "exp_year": "2099", "cvc": "123"}
    asks = PaymentMethod(type="card", card=card)
    asks.id = "pm_card_authenticationRequired"
    store[f"payment_method:{asks.id}"] = asks
    app.router.add_get("/v1/disputes", no_disputes)
    listening = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    web.run_app(app, sock=listening, print=None, access_log=None)


if __name__ == "__main__":
    main()
