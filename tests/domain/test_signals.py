"""What a signal carries can always be read, so that none is dropped (F10)."""

import json
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.signals import ReplyReceived, StopRequest

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=20), inner, max_size=3),
    max_leaves=6,
)


@given(ANYTHING)
def test_whatever_another_version_sends_is_read(payload: object) -> None:
    text = json.dumps(payload)
    assert isinstance(ReplyReceived.model_validate_json(text), ReplyReceived)
    assert isinstance(StopRequest.model_validate_json(text), StopRequest)


@given(ANYTHING, ANYTHING)
def test_a_field_of_another_type_costs_that_field_only(received_at: object, unknown: object) -> None:
    interaction = uuid4()
    payload = {"interaction_id": str(interaction), "received_at": received_at, "new_field": unknown}
    assert ReplyReceived.model_validate_json(json.dumps(payload)).interaction_id == interaction


@pytest.mark.parametrize("reason", [5, None, {"code": 1}])
def test_a_stop_with_an_unreadable_reason_is_still_a_stop(reason: object) -> None:
    assert StopRequest.model_validate({"reason": reason}).reason == "stopped"


def test_what_can_be_read_is_kept() -> None:
    reply = ReplyReceived(interaction_id=uuid4(), received_at=datetime.now(UTC))
    assert ReplyReceived.model_validate_json(reply.model_dump_json()) == reply
