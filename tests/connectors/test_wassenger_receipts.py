"""Every variant of an outbound event says how far a message of ours has come."""

from datetime import UTC, datetime

import pytest

from connectors.wassenger.inbound import ReceiptReceived, Unrecognised, parse
from tests.connectors.wassenger_payloads import QUEUE_ID, REFERENCE, WA_ID, outbound, queue, raw

Ids = tuple[str | None, str | None, str | None]


def receipt_in(event: str, data: object, **changes: object) -> ReceiptReceived:
    (found,) = parse(raw(event, data, **changes)).events
    assert isinstance(found, ReceiptReceived)
    return found


def ids(receipt: ReceiptReceived) -> Ids:
    return receipt.provider_message_id, receipt.wa_id, receipt.reference


@pytest.mark.parametrize(
    ("event", "data", "status", "expected"),
    [
        ("message:out:new", outbound(ack="pending"), "sent", (None, WA_ID, None)),
        ("message:out:new", outbound(reference=REFERENCE), "sent", (None, WA_ID, REFERENCE)),
        ("message:out:sent", queue(), "sent", (QUEUE_ID, None, REFERENCE)),
        ("message:out:sent", queue(waId=WA_ID), "sent", (QUEUE_ID, WA_ID, REFERENCE)),
        ("message:out:sent", queue(status=None, deliveryStatus=None), "sent", (QUEUE_ID, None, REFERENCE)),
        ("message:out:sent", queue(deliveryStatus="delivered"), "delivered", (QUEUE_ID, None, REFERENCE)),
        ("message:out:ack", outbound(ack="sent"), "sent", (None, WA_ID, None)),
        ("message:out:ack", outbound(ack="server"), "sent", (None, WA_ID, None)),
        ("message:out:ack", outbound(ack="device"), "sent", (None, WA_ID, None)),
        ("message:out:ack", outbound(ack="delivered"), "delivered", (None, WA_ID, None)),
        ("message:out:ack", outbound(ack="read"), "read", (None, WA_ID, None)),
        ("message:out:ack", outbound(ack="played"), "read", (None, WA_ID, None)),
        ("message:out:ack", outbound(ack="READ"), "read", (None, WA_ID, None)),
        ("message:out:ack", outbound(ack=1), "sent", (None, WA_ID, None)),
        ("message:out:ack", outbound(ack=2), "delivered", (None, WA_ID, None)),
        ("message:out:ack", outbound(ack=3), "read", (None, WA_ID, None)),
        ("message:out:ack", outbound(ack=3.0), "read", (None, WA_ID, None)),
        ("message:out:ack", outbound(ack="4"), "read", (None, WA_ID, None)),
        ("message:out:ack", outbound(ack=-1), "failed", (None, WA_ID, None)),
        ("message:out:ack", queue(id=WA_ID, deliveryStatus="read"), "read", (None, WA_ID, REFERENCE)),
        ("message:out:ack", queue(waId=WA_ID, deliveryStatus="delivered"), "delivered", (QUEUE_ID, WA_ID, REFERENCE)),
        ("message:out:ack", queue(status="failed"), "failed", (QUEUE_ID, None, REFERENCE)),
        ("message:out:failed", queue(status="failed", failureReason="no"), "failed", (QUEUE_ID, None, REFERENCE)),
        ("message:out:failed", queue(status="queued"), "failed", (QUEUE_ID, None, REFERENCE)),
        ("message:out:failed", outbound(ack="pending"), "failed", (None, WA_ID, None)),
        ("message:out:delivered", queue(status="delivered"), "delivered", (QUEUE_ID, None, REFERENCE)),
        ("message:out:delivered", {"message": outbound(ack=None)}, "delivered", (None, WA_ID, None)),
        ("message:out:read", outbound(ack="delivered"), "read", (None, WA_ID, None)),
        ("message:out:read", {"message": {"id": WA_ID}, "chat": {"id": "x"}}, "read", (None, WA_ID, None)),
        ("message:out:sent", {"reference": REFERENCE}, "sent", (None, None, REFERENCE)),
    ],
)
def test_an_outbound_event_tells_status_and_ids(event: str, data: object, status: str, expected: Ids) -> None:
    found = receipt_in(event, data)
    assert (found.status, ids(found)) == (status, expected)


def test_an_id_that_could_be_of_either_sort_is_matched_as_both() -> None:
    assert ids(receipt_in("message:out:ack", outbound(id=QUEUE_ID)))[:2] == (QUEUE_ID, QUEUE_ID)


def test_both_ids_are_kept_apart_when_both_are_given() -> None:
    assert ids(receipt_in("message:out:ack", outbound(id=QUEUE_ID, waId=WA_ID)))[:2] == (QUEUE_ID, WA_ID)


@pytest.mark.parametrize("ack", ["pending", "queued", 0, "0", None, True, "strange", 9, [], {"a": 1}])
def test_an_ack_that_says_nothing_new_is_kept_as_unrecognised(ack: object) -> None:
    found = parse(raw("message:out:ack", outbound(ack=ack))).events
    assert found == (Unrecognised(event_name="message:out:ack"),)


@pytest.mark.parametrize("data", [{}, {"ack": "read"}, {"id": "", "status": "sent"}, {"id": [], "reference": {}}])
def test_a_receipt_that_names_no_message_is_kept_as_unrecognised(data: object) -> None:
    assert parse(raw("message:out:read", data)).events == (Unrecognised(event_name="message:out:read"),)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"failureReason": "Number is not on WhatsApp"}, "Number is not on WhatsApp"),
        ({"failureReason": "No account", "failureCode": "131026"}, "No account · 131026"),
        ({"error": "Device offline"}, "Device offline"),
        ({"error": {"message": "Re-engagement message", "code": 131047}}, "Re-engagement message"),
        ({"error": {"code": 131047}}, "131047"),
        ({"failureReason": "chat 34600111222@c.us with token=abcdef"}, "chat [phone]@c.us with token=[removed]"),
        ({"failureReason": "x" * 20 + " y" * 300}, "x" * 20 + " y" * 139 + "…"),
        ({"error": ["odd"], "failureCode": None}, None),
        ({}, None),
    ],
)
def test_the_reason_of_a_failure_is_found_and_cleaned(changes: dict[str, object], reason: str | None) -> None:
    assert receipt_in("message:out:failed", queue(**changes)).reason == reason


def test_what_did_not_fail_has_no_reason() -> None:
    assert receipt_in("message:out:sent", queue(failureReason="an earlier try failed")).reason is None


def test_the_moment_of_a_receipt_is_the_events_and_not_the_messages() -> None:
    assert receipt_in("message:out:ack", outbound(timestamp=1)).occurred_at == datetime(
        2025, 12, 13, 10, 0, 10, tzinfo=UTC
    )
    late = receipt_in("message:out:ack", outbound(timestamp=1765620000), created=None)
    assert late.occurred_at == datetime(2025, 12, 13, 10, 0, tzinfo=UTC)
