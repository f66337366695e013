"""Only who knows the channel's secret is listened to."""

import hashlib
import hmac

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from connectors.wassenger.inbound import secret_from_query, verify

BODY = b'{"event":"message:in:new"}'
SECRET = "s3cret-value"
HMAC_SECRET = "hmac-secret"
anything = st.text() | st.text(alphabet=st.characters(min_codepoint=0xD800, max_codepoint=0xDFFF))


def signed(body: bytes = BODY, secret: str = HMAC_SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def test_the_right_secret_in_the_address_is_enough() -> None:
    assert verify(BODY, {}, SECRET, SECRET, None)


@pytest.mark.parametrize("name", ["X-Relance-Secret", "x-relance-secret", "X-RELANCE-SECRET"])
def test_the_right_secret_in_our_header_is_enough(name: str) -> None:
    assert verify(BODY, {name: SECRET}, None, SECRET, None)


def test_one_right_secret_is_enough_beside_a_wrong_one() -> None:
    assert verify(BODY, {"X-Relance-Secret": SECRET}, "old", SECRET, None)


@pytest.mark.parametrize("given_secret", [None, "", "s3cret", "s3cret-value ", "S3CRET-VALUE", "s3cret-valué"])
def test_a_missing_or_wrong_secret_is_refused(given_secret: str | None) -> None:
    assert not verify(BODY, {}, given_secret, SECRET, None)
    assert not verify(BODY, {} if given_secret is None else {"X-Relance-Secret": given_secret}, None, SECRET, None)


@pytest.mark.parametrize("given_secret", [None, "", "x"])
def test_a_channel_without_a_secret_listens_to_nobody(given_secret: str | None) -> None:
    assert not verify(BODY, {"X-Relance-Secret": ""}, given_secret, "", HMAC_SECRET)


def test_a_right_signature_does_not_replace_the_secret() -> None:
    assert not verify(BODY, {"X-Wassenger-Signature": signed()}, None, SECRET, HMAC_SECRET)


@pytest.mark.parametrize("value", [signed(), signed().upper().replace("SHA256", "sha256"), f" {signed()} "])
def test_a_right_signature_beside_the_secret_is_accepted(value: str) -> None:
    assert verify(BODY, {"x-wassenger-signature": value}, SECRET, SECRET, HMAC_SECRET)


@pytest.mark.parametrize(
    "value",
    ["", "sha256=", signed(b"other"), signed(secret="other"), signed().removeprefix("sha256="), "sha1=abc", "é"],
)
def test_a_wrong_signature_is_refused_even_beside_the_right_secret(value: str) -> None:
    assert not verify(BODY, {"X-Wassenger-Signature": value}, SECRET, SECRET, HMAC_SECRET)


@pytest.mark.parametrize("stored", [None, ""])
def test_a_signature_that_cannot_be_checked_does_not_count(stored: str | None) -> None:
    assert verify(BODY, {"X-Wassenger-Signature": "sha256=whatever"}, SECRET, SECRET, stored)


def test_a_missing_signature_is_accepted_since_not_every_account_signs() -> None:
    assert verify(BODY, {}, SECRET, SECRET, HMAC_SECRET)


@given(body=st.binary(), expected=anything, presented=anything, header=st.none() | anything)
def test_nobody_passes_without_the_very_secret(body: bytes, expected: str, presented: str, header: str | None) -> None:
    assume(expected not in ("", presented, header))
    headers = {} if header is None else {"X-Relance-Secret": header}
    assert not verify(body, headers, presented, expected, None)


@given(body=st.binary(), expected=anything.filter(bool), signing=st.text(min_size=1))
def test_who_has_both_secrets_always_passes_and_no_other_body_does(body: bytes, expected: str, signing: str) -> None:
    headers = {"X-Wassenger-Signature": signed(body, signing)}
    assert verify(body, headers, expected, expected, signing)
    assert not verify(body + b" ", headers, expected, expected, signing)


@pytest.mark.parametrize(
    ("params", "secret"),
    [
        ({"secret": "a"}, "a"),
        ({"token": "b"}, "b"),
        ({"secret": "a", "token": "b"}, "a"),
        ({"secret": "", "token": "b"}, "b"),
        ({}, None),
        ({"key": "c"}, None),
    ],
)
def test_the_secret_is_read_from_either_parameter(params: dict[str, str], secret: str | None) -> None:
    assert secret_from_query(params) == secret
