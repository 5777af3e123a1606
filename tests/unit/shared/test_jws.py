"""RS256 checked with integers: NIST's vectors, cryptography as the judge of everything else, and known forgeries."""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
import re
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from functions.shared import jws
from tests.support.tokens import rsa_key

POOL = 3
PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")
RSA = "asymmetric/RSA"


def vectors(name: str, group: str, **wanted: str) -> list[dict[str, str]]:
    """Return the test cases of one group of a file of NIST's: those in which fields are as wanted."""
    text = (importlib.resources.files("cryptography_vectors") / name).read_text()
    (body,) = re.findall(rf"^\[{re.escape(group)}\]$(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL)
    found, shared = [], dict[str, str]()
    for block in re.split(r"\n\s*\n", body):
        fields = dict(re.findall(r"^(\w+) = (.*?)\s*$", block, re.MULTILINE))
        if "Result" in fields:
            found.append({**shared, **fields})
        else:
            shared |= fields
    return [one for one in found if all(one[name] == value for name, value in wanted.items())]


def of_nist() -> list[Any]:
    files = {f"{RSA}/FIPS_186-2/SigVer15_186-3.rsp": 18, f"{RSA}/SigVer15EMTest.txt": 6}
    cases = []
    for name, count in files.items():
        found = vectors(name, "mod = 2048", SHAAlg="SHA256")
        assert len(found) == count
        cases += [pytest.param(one, id=f"{one['Result'][:20]}-{number}") for number, one in enumerate(found)]
    return cases


@pytest.mark.parametrize("case", of_nist())
def test_the_vectors_of_nist_pass_and_fail_as_they_say(case: dict[str, str]) -> None:
    message, signature = bytes.fromhex(case["Msg"]), bytes.fromhex(case["S"])
    found = jws.verifies(signature, message, int(case["n"], 16), int(case["e"], 16))
    assert found == case["Result"].startswith("P")


def test_the_vectors_of_nist_have_all_kinds_of_faults() -> None:
    results = {case.values[0]["Result"][:5] for case in of_nist()}
    assert results == {"P", "F (1 ", "F (2 ", "F (3 ", "F (4 ", "F (5 "}


def number_of(key: rsa.RSAPrivateKey) -> int:
    return key.public_key().public_numbers().n


def signature_of(encoded: bytes, key: rsa.RSAPrivateKey) -> bytes:
    """Return what a holder of the key can make of any encoded message, right or not."""
    power = pow(int.from_bytes(encoded, "big"), key.private_numbers().d, number_of(key))
    return power.to_bytes(256, "big")


def both(key: rsa.RSAPrivateKey, signature: bytes, message: bytes) -> tuple[bool, bool]:
    """Return what we say and what cryptography says."""
    try:
        key.public_key().verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        theirs = True
    except InvalidSignature:
        theirs = False
    return jws.verifies(signature, message, number_of(key)), theirs


keys = st.integers(0, POOL - 1).map(rsa_key)


@given(keys, st.binary(max_size=300))
def test_what_was_signed_is_verified(key: rsa.RSAPrivateKey, message: bytes) -> None:
    signature = key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    assert both(key, signature, message) == (True, True)


@given(keys, st.binary(max_size=100), st.integers(0, 2047))
def test_a_flipped_bit_of_the_signature_is_seen(key: rsa.RSAPrivateKey, message: bytes, bit: int) -> None:
    signature = key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    flipped = (int.from_bytes(signature, "big") ^ 1 << bit).to_bytes(256, "big")
    assert both(key, flipped, message) == (False, False)


@given(keys, st.binary(max_size=100), st.binary(max_size=100), keys)
def test_a_signature_is_of_one_message_and_one_key(
    key: rsa.RSAPrivateKey, message: bytes, other: bytes, stranger: rsa.RSAPrivateKey
) -> None:
    signature = key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    assert both(key, signature, other) == (message == other,) * 2
    assert both(stranger, signature, message) == (stranger is key,) * 2


@given(keys, st.binary(max_size=300))
def test_any_bytes_are_no_signature(key: rsa.RSAPrivateKey, signature: bytes) -> None:
    assert both(key, signature, b"message") == (False, False)


@given(keys, st.integers(0, 255), st.integers(1, 255))
def test_each_byte_of_the_encoded_message_counts(key: rsa.RSAPrivateKey, place: int, change: int) -> None:
    encoded = bytearray(b"\0\1" + b"\xff" * 202 + b"\0" + PREFIX + hashlib.sha256(b"m").digest())
    assert both(key, signature_of(bytes(encoded), key), b"m") == (True, True)
    encoded[place] ^= change
    if int.from_bytes(encoded, "big") < number_of(key):
        assert both(key, signature_of(bytes(encoded), key), b"m") == (False, False)


def forged(name: str, digest: bytes) -> bytes:
    """Return encoded messages that lenient verifiers were seen to take."""
    whole = PREFIX + digest
    no_null = bytes.fromhex("302f300b0609608648016503040201") + bytes.fromhex("0420") + digest
    long_null = bytes.fromhex("3032300e06096086480165030402010501000420") + digest
    long_length = bytes.fromhex("308131300d060960864801650304020105000420") + digest
    made = {
        "garbage behind a short padding": b"\0\1"
        + b"\xff" * 8
        + b"\0"
        + whole
        + bytes(256 - 11 - len(whole)),
        "garbage in the middle": b"\0\1" + b"\xff" * 100 + b"\x41" * 102 + b"\0" + whole,
        "hash moved to the left": b"\0\1" + b"\xff" * 192 + b"\0" + whole + b"\x55" * 10,
        "no NULL": b"\0\1" + b"\xff" * (253 - len(no_null)) + b"\0" + no_null,
        "NULL with content": b"\0\1" + b"\xff" * (253 - len(long_null)) + b"\0" + long_null,
        "length in long form": b"\0\1" + b"\xff" * (253 - len(long_length)) + b"\0" + long_length,
        "no DigestInfo": b"\0\1" + b"\xff" * 221 + b"\0" + digest,
        "block type 2": b"\0\2" + b"\xff" * 202 + b"\0" + whole,
        "block type 0": b"\0\0" + b"\0" * 202 + b"\0" + whole,
        "no zero after the padding": b"\0\1" + b"\xff" * 203 + whole,
        "SHA-1's DigestInfo": b"\0\1"
        + b"\xff" * 218
        + b"\0"
        + bytes.fromhex("3021300906052b0e03021a05000414")
        + digest[:20],
        "SHA-512's object id": b"\0\1"
        + b"\xff" * 202
        + b"\0"
        + bytes.fromhex("3031300d060960864801650304020305000420")
        + digest,
    }
    return made[name]


FORGERIES = (
    "garbage behind a short padding",
    "garbage in the middle",
    "hash moved to the left",
    "no NULL",
    "NULL with content",
    "length in long form",
    "no DigestInfo",
    "block type 2",
    "block type 0",
    "no zero after the padding",
    "SHA-1's DigestInfo",
    "SHA-512's object id",
)


@pytest.mark.parametrize("name", FORGERIES)
def test_an_encoded_message_in_another_form_is_refused(name: str) -> None:
    encoded = forged(name, hashlib.sha256(b"m").digest())
    assert len(encoded) == 256
    assert not jws.verifies(signature_of(encoded, rsa_key()), b"m", number_of(rsa_key()))


def test_a_cube_root_is_no_signature_under_a_small_exponent() -> None:
    """Bleichenbacher's forgery of 2006: what is behind the hash is chosen so that the number is nearly a cube."""
    head = b"\0\1" + b"\xff" * 8 + b"\0" + PREFIX + hashlib.sha256(b"m").digest()
    target = int.from_bytes(head + b"\xff" * (256 - len(head)), "big")
    low, high = 0, 1 << 690
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**3 <= target else (low, middle - 1)
    assert (low**3).to_bytes(256, "big").startswith(head)
    assert not jws.verifies(low.to_bytes(256, "big"), b"m", number_of(rsa_key()), exponent=3)


@given(keys, st.binary(max_size=50))
def test_a_signature_has_one_form(key: rsa.RSAPrivateKey, message: bytes) -> None:
    signature = key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    number, modulus = int.from_bytes(signature, "big"), number_of(key)
    others = [b"\0" + signature, signature + b"\0", signature[1:], b""]
    others += [(number + modulus).to_bytes(257, "big"), (modulus - number).to_bytes(256, "big")]
    if number + modulus < 1 << 2048:
        others.append((number + modulus).to_bytes(256, "big"))
    for other in others:
        assert not jws.verifies(other, message, modulus)


def test_a_number_above_the_modulus_is_refused_also_where_it_fits() -> None:
    """Of a small modulus s + n has 256 bytes as well."""
    key = next(rsa_key(n) for n in range(50) if number_of(rsa_key(n)) < 0b11 << 2046)
    modulus = number_of(key)
    found = 0
    for counter in range(64):
        message = b"%d" % counter
        number = int.from_bytes(key.sign(message, padding.PKCS1v15(), hashes.SHA256()), "big")
        if number + modulus < 1 << 2048:
            found += 1
            assert not jws.verifies((number + modulus).to_bytes(256, "big"), message, modulus)
    assert found


def test_a_signature_that_begins_with_a_zero_is_taken_at_its_full_length_alone() -> None:
    key = rsa_key()
    signed = ((b"%d" % n, key.sign(b"%d" % n, padding.PKCS1v15(), hashes.SHA256())) for n in range(10_000))
    message, signature = next(one for one in signed if one[1][0] == 0)
    assert both(key, signature, message) == (True, True)
    assert not jws.verifies(signature.lstrip(b"\0"), message, number_of(key))


@pytest.mark.parametrize("number", [0, 1])
def test_zero_and_one_sign_nothing(number: int) -> None:
    assert not jws.verifies(number.to_bytes(256, "big"), b"m", number_of(rsa_key()))


# --- text ---------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=70))
def test_bytes_have_one_text_and_come_back(raw: bytes) -> None:
    text = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    assert jws.base64url(raw) == text
    assert jws.from_base64url(text) == raw


@given(st.text(alphabet="AQgw-_+/= \nxy", max_size=9))
def test_no_text_but_the_one_that_would_be_written_is_read(text: str) -> None:
    try:
        raw = jws.from_base64url(text)
    except ValueError:
        return
    assert base64.urlsafe_b64encode(raw).rstrip(b"=").decode() == text


@pytest.mark.parametrize(
    "text", ["YQ==", "YQ=", "YR", "YWI=", "Y", " YQ", "YQ\n", "Y.Q", "+/+/", "ab+d", "a_b/"]
)
def test_padding_other_alphabets_and_leftover_bits_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"base64url|base64|padd"):
        jws.from_base64url(text)


@pytest.mark.parametrize("bits", [1024, 2040, 2047, 2049, 3072])
def test_a_modulus_of_another_length_is_refused(bits: int) -> None:
    number = 1 << bits - 1 | 1
    with pytest.raises(ValueError, match="2048"):
        jws.modulus(jws.base64url(number.to_bytes(-(-bits // 8), "big")))


def test_an_even_modulus_is_refused() -> None:
    with pytest.raises(ValueError, match="2048"):
        jws.modulus(jws.base64url((1 << 2047).to_bytes(256, "big")))
