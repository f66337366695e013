"""What leaves the process in a log line: ids yes, people no."""

import io
import json
import logging
import string
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from structlog.contextvars import bound_contextvars

from telemetry import MASK, clean, get_logger, mask
from tests.log_lines import caught_lines

SEPARATORS = ["", " ", "-", ".", " (0)", "\u00a0", ") "]
WORDS = st.text(alphabet=string.ascii_letters + " :,;='\"/", max_size=20)


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Logging set up as in production, with its output caught."""
    with caught_lines("test") as caught:
        yield caught


def last(lines: io.StringIO) -> dict[str, object]:
    """The last line, parsed."""
    parsed = json.loads(lines.getvalue().splitlines()[-1])
    assert isinstance(parsed, dict)
    return parsed


@st.composite
def phone_numbers(draw: st.DrawFn) -> str:
    """Phone numbers as people and platforms write them: 9 to 15 digits in groups."""
    digits = draw(st.text(alphabet=string.digits, min_size=9, max_size=15))
    separator = draw(st.sampled_from(SEPARATORS))
    groups = [digits[start : start + 2] for start in range(0, len(digits), 2)]
    return draw(st.sampled_from(["", "+", "00", "(+"])) + separator.join(groups)


@given(phone_numbers(), WORDS, WORDS)
def test_a_phone_number_never_survives_whatever_stands_around_it(phone: str, before: str, after: str) -> None:
    masked = mask(before + phone + after)
    assert sum(map(str.isdigit, masked)) == 0


@given(st.uuids(), WORDS)
def test_a_uuid_stays_readable(identifier: UUID, before: str) -> None:
    assert str(identifier) in mask(f"{before}campaign/{identifier}/contact/{identifier} done")


@given(st.datetimes(datetime(1990, 1, 1), datetime(2099, 12, 31)))
def test_a_time_stays_readable(moment: object) -> None:
    assert mask(f"sweep/inbound-{moment} sharp") == f"sweep/inbound-{moment} sharp"


@given(st.ip_addresses(v=4))
def test_an_ip_address_stays_readable(address: object) -> None:
    assert mask(f"connect to {address}:7233 failed") == f"connect to {address}:7233 failed"


@given(st.text(alphabet=string.ascii_letters + string.digits + "-_", min_size=12, max_size=80))
@example("Authorizatio")
def test_a_bearer_token_never_survives(token: str) -> None:
    assert mask(f"Authorization: Bearer {token}, next") == "Authorization=***, next"
    assert mask(f"sent bearer {token}") == "sent ***"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("POST /webhooks/wassenger/5?secret=hush-hush HTTP/1.1", "hush"),
        ('{"token": "hush-hush"}', "hush"),
        ("postgresql://relance:hush@db/relance", "hush"),
        ("write to jean.dupont@example.fr now", "dupont"),
        ("key rl_0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d", "0a1b2c3d4e5f"),
        ("wid 33612345678@c.us", "33612345678"),
        ("[SQL: INSERT …]\n[parameters: ('Jean', 'Bonjour')]", "Jean"),
        ("DETAIL:  Key (name)=(Jean Dupont) already exists.", "Jean"),
        ("Input should be a valid string [type=string_type, input_value={'name': 'Jean'}, input_type=dict]", "Jean"),
    ],
)
def test_secrets_and_quoted_values_are_masked(text: str, secret: str) -> None:
    assert secret in text
    assert secret not in mask(text)


def test_values_under_sensitive_keys_and_unknown_objects_are_masked() -> None:
    class Contact:
        def __str__(self) -> str:
            return "Contact +33 6 12 34 56 78"

    cleaned = clean({"phone": "x", "nested": [{"text": "hello"}], "who": Contact(), "n": 33612345678, "count": 12})
    assert cleaned == {"phone": MASK, "nested": [{"text": MASK}], "who": f"Contact {MASK}", "n": MASK, "count": 12}


def test_our_line_is_json_with_ids_from_the_context(lines: io.StringIO) -> None:
    tenant = uuid4()
    with bound_contextvars(tenant_id=str(tenant)):
        get_logger("relance.test").info("delivery.sent", attempt=2)
    line = last(lines)
    assert line["tenant_id"] == str(tenant)
    assert (line["event"], line["attempt"], line["level"], line["process"]) == ("delivery.sent", 2, "info", "test")


def test_a_librarys_line_goes_through_the_same_masks(lines: io.StringIO) -> None:
    logging.getLogger("a_library.access").info('%s - "%s"', "127.0.0.1:5", "GET /x?phone=+33612345678")
    line = last(lines)
    assert line["logger"] == "a_library.access"
    assert "33612345678" not in lines.getvalue()
    assert "127.0.0.1:5" in str(line["event"])


def test_an_exceptions_text_is_masked(lines: io.StringIO) -> None:
    try:
        int("+33 6 12 34 56 78 x")
    except ValueError:
        logging.getLogger("temporalio.activity").exception("failed")
        get_logger("ours").exception("failed too")
    assert "ValueError" in str(last(lines)["exception"])
    assert "12 34" not in lines.getvalue()


def test_temporals_ids_stand_beside_ours(lines: io.StringIO) -> None:
    details = {"workflow_id": "campaign/1", "workflow_type": "Campaign", "attempt": 1, "namespace": "default"}
    logging.getLogger("temporalio.workflow").warning("waiting", extra={"temporal_workflow": details})
    line = last(lines)
    assert line["workflow_id"] == "campaign/1"
    assert "temporal_workflow" not in line
