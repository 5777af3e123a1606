"""The check of an ES256 signature (FIPS 186-4, 6.4, over P-256), for tokens from before keys were RSA.

Imported by the first such token alone. To be deleted a release later, with the member ``keys`` of what identity
publishes: by then every such token, good for 15 minutes, has long ended.
"""

from __future__ import annotations

import hashlib

_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)

Point = tuple[int, int]
_Jacobian = tuple[int, int, int]
"""X, Y, Z of the point (X/Z², Y/Z³); Z is 0 for the point at infinity."""
_INFINITY = (1, 1, 0)


def point(x: bytes, y: bytes) -> Point:
    """Return a public key; raise ValueError where it is no point of the curve."""
    found = int.from_bytes(x, "big"), int.from_bytes(y, "big")
    if len(x) != 32 or len(y) != 32 or max(found) >= _P:
        raise ValueError("not a coordinate of P-256")
    if (found[1] ** 2 - found[0] ** 3 + 3 * found[0] - _B) % _P:
        raise ValueError("not a point of P-256")
    return found


def verifies(signature: bytes, message: bytes, key: Point) -> bool:
    """Tell whether a signature, r || s, is one of the message."""
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if len(signature) != 64 or not (0 < r < _N and 0 < s < _N):
        return False
    digest, inverse = int.from_bytes(hashlib.sha256(message).digest(), "big"), pow(s, -1, _N)
    x, _, z = _sum_of_multiples(digest * inverse % _N, r * inverse % _N, key)
    return z != 0 and x * pow(z, -2, _P) % _P % _N == r


def _sum_of_multiples(first: int, second: int, key: Point) -> _Jacobian:
    """Return ``first * G + second * key``, both walked at once (Shamir's trick)."""
    base, other = (*_G, 1), (*key, 1)
    steps = (None, base, other, _added(base, other))
    found: _Jacobian = _INFINITY
    for bit in range(255, -1, -1):
        found = _doubled(found)
        step = steps[(first >> bit & 1) | (second >> bit & 1) << 1]
        found = found if step is None else _added(found, step)
    return found


def _doubled(point: _Jacobian) -> _Jacobian:
    x, y, z = point
    if z == 0:
        return _INFINITY
    square = y * y % _P
    s = 4 * x * square % _P
    m = 3 * (x - z * z) * (x + z * z) % _P
    new_x = (m * m - 2 * s) % _P
    return new_x, (m * (s - new_x) - 8 * square * square) % _P, 2 * y * z % _P


def _added(one: _Jacobian, other: _Jacobian) -> _Jacobian:
    (x1, y1, z1), (x2, y2, z2) = one, other
    if z1 == 0 or z2 == 0:
        return one if z2 == 0 else other
    u1, u2 = x1 * z2 * z2 % _P, x2 * z1 * z1 % _P
    s1, s2 = y1 * pow(z2, 3, _P) % _P, y2 * pow(z1, 3, _P) % _P
    h, r = (u2 - u1) % _P, (s2 - s1) % _P
    if h == 0:
        return _doubled(one) if r == 0 else _INFINITY
    square = h * h % _P
    cube, v = square * h % _P, u1 * square % _P
    x3 = (r * r - cube - 2 * v) % _P
    return x3, (r * (v - x3) - s1 * cube) % _P, h * z1 * z2 % _P
