"""ES256 checked with integers, for tokens from before keys were RSA: NIST's vectors, and cryptography as the judge."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.shared import es256
from tests.unit.shared.test_jws import vectors

PRIVATE = [ec.derive_private_key(number, ec.SECP256R1()) for number in (1, 2, es256._N - 1, 2**200 + 7)]
SMALL = settings(max_examples=25)


def point_of(key: ec.EllipticCurvePrivateKey) -> es256.Point:
    numbers = key.public_key().public_numbers()
    return es256.point(numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big"))


def raw(r: int, s: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def both(key: ec.EllipticCurvePrivateKey, r: int, s: int, message: bytes) -> tuple[bool, bool]:
    """Return what we say and what cryptography says."""
    try:
        key.public_key().verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
        theirs = True
    except InvalidSignature:
        theirs = False
    return es256.verifies(raw(r, s), message, point_of(key)), theirs


def of_nist() -> list[Any]:
    found = vectors("asymmetric/ECDSA/FIPS_186-3/SigVer.rsp", "P-256,SHA-256")
    assert len(found) == 15
    return [pytest.param(one, id=f"{one['Result'][:20]}-{number}") for number, one in enumerate(found)]


@pytest.mark.parametrize("case", of_nist())
def test_the_vectors_of_nist_pass_and_fail_as_they_say(case: dict[str, str]) -> None:
    x, y, r, s = (bytes.fromhex(case[name].zfill(64)) for name in ("Qx", "Qy", "R", "S"))
    message = bytes.fromhex(case["Msg"])
    try:
        found = es256.verifies(r + s, message, es256.point(x, y))
    except ValueError:
        found = False
    assert found == case["Result"].startswith("P")


@SMALL
@given(st.sampled_from(PRIVATE), st.binary(max_size=100), st.integers(0, 511))
def test_what_was_signed_is_verified_and_each_bit_counts(
    key: ec.EllipticCurvePrivateKey, message: bytes, bit: int
) -> None:
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    assert both(key, r, s, message) == (True, True)
    assert both(key, r, es256._N - s, message) == (True, True)  # ECDSA's own: both are signatures
    flipped = int.from_bytes(raw(r, s), "big") ^ 1 << bit
    assert both(key, flipped >> 256, flipped % 2**256, message) == (False, False)
    assert both(key, r, s, message + b".") == (False, False)


@SMALL
@given(st.sampled_from(PRIVATE), st.integers(0, 2**256 - 1), st.integers(0, 2**256 - 1))
def test_any_numbers_are_judged_like_cryptography_does(
    key: ec.EllipticCurvePrivateKey, r: int, s: int
) -> None:
    ours, theirs = both(key, r, s, b"m")
    assert ours == theirs


@pytest.mark.parametrize("r", [0, 1, es256._N - 1, es256._N, 2**256 - 1])
@pytest.mark.parametrize("s", [0, 1, es256._N - 1, es256._N, 2**256 - 1])
def test_numbers_at_the_edges_are_no_signature(r: int, s: int) -> None:
    for key in PRIVATE:
        assert both(key, r, s, b"m") == (False, False)


@pytest.mark.parametrize("length", [0, 63, 65, 128])
def test_a_signature_of_another_length_is_refused(length: int) -> None:
    assert not es256.verifies(b"\1" * length, b"m", point_of(PRIVATE[0]))


def test_what_is_no_point_is_refused() -> None:
    x, y = (number.to_bytes(32, "big") for number in es256._G)
    for wrong in ((x, x), (x, y + b"\0"), (b"\xff" * 32, y), (bytes(32), bytes(32)), (x[1:], y)):
        with pytest.raises(ValueError, match="P-256"):
            es256.point(*wrong)
