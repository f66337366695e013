"""Platform texts are cleaned before anybody keeps them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import ConnectorError, Rejected, Throttled
from connectors.redaction import clean, clip, storable
from connectors.shapes import Credentials, OutboundMessage, WebhookRegistration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("phone +34600111222 is invalid", "phone [phone] is invalid"),
        ("phone +34 600-111-222 is invalid", "phone [phone] is invalid"),
        ("chat 34600111222@c.us not found", "chat [phone]@c.us not found"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer [removed]"),
        ("bad token=abcdef&x=1", "bad token=[removed]&x=1"),
        ('{"api_key": "abcdef"}', '{"api_key": "[removed]"}'),
        ("key 0123456789abcdef0123456789abcdef01 refused", "key [removed] refused"),
        ("device 65f0c0ffee65f0c0ffee0001 not found", "device 65f0c0ffee65f0c0ffee0001 not found"),
        ("token expired", "token expired"),
        ("code 131047 after 3 tries", "code 131047 after 3 tries"),
        ("two\n  lines\x00", "two lines"),
    ],
)
def test_keys_and_phone_numbers_leave_the_text_and_the_rest_stays(text: str, expected: str) -> None:
    assert clean(text) == expected


def test_what_the_caller_knows_to_be_private_is_removed_longest_first() -> None:
    assert clean("said: hello Ana, twice hello", ["hello", "hello Ana"]) == "said: [removed], twice [removed]"


def test_a_text_spread_over_lines_is_found_when_the_platform_echoes_it_on_one() -> None:
    assert clean("refused: dear Ana, come", ["dear Ana,\n come"]) == "refused: [removed]"


@given(st.text(), st.lists(st.text(min_size=4), max_size=3), st.integers(min_value=1, max_value=400))
def test_cleaning_never_fails_and_never_exceeds_its_limit(text: str, private: list[str], limit: int) -> None:
    cleaned = clean(text, private, limit)
    assert len(cleaned) <= limit
    assert "\n" not in cleaned
    assert cleaned.encode().decode() == cleaned


@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True), st.text(alphabet="abc .,:;"), st.text(alphabet="abc .,:;"))
def test_no_e164_number_survives_between_words(phone: str, before: str, after: str) -> None:
    assert phone.removeprefix("+") not in clean(f"{before} {phone} {after}")


@given(st.text())
def test_storable_text_is_what_it_was_without_nul_and_lone_surrogates(text: str) -> None:
    assert storable(text + "\x00\ud800") == storable(text) + "\ufffd"
    assert "\x00" not in storable(text)


def test_a_cut_text_says_so() -> None:
    assert clip("a" * 301) == "a" * 299 + "…"


def test_an_error_is_clean_whatever_it_was_given() -> None:
    error = Rejected(f"bad phone +34600111222 {'x ' * 400}", status=400, code="phone:invalid")
    assert "+34600111222" not in str(error)
    assert len(error.message) == 300
    assert (error.status, error.code) == (400, "phone:invalid")
    assert str(error) == error.message


@pytest.mark.parametrize(("asked", "given_back"), [(0, 1), (-5, 1), (7.5, 7.5), (1e9, 3600)])
def test_a_wait_is_never_shorter_than_a_second_nor_longer_than_an_hour(asked: float, given_back: float) -> None:
    assert Throttled("slow down", retry_after_seconds=asked).retry_after_seconds == given_back


def test_credentials_messages_and_registrations_do_not_print_what_is_private() -> None:
    secret = "t0p-secret"
    printed = [
        repr(Credentials({"token": secret})),
        repr(OutboundMessage(to_phone=f"+{secret}", text=secret, reference="r")),
        repr(WebhookRegistration(id="1", url=f"https://a.example?secret={secret}", signing_secret=secret)),
    ]
    assert all(secret not in text for text in printed)


@pytest.mark.parametrize("value", ["", "two words", "line\n", "clé", "\x7f"])
def test_a_credential_that_cannot_go_into_a_header_is_named_but_not_shown(value: str) -> None:
    with pytest.raises(ConnectorError, match="'token'") as caught:
        Credentials({"token": value}).require("token")
    assert not value.strip() or value not in caught.value.message
