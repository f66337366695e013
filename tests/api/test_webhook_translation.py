"""Platform events in the domain's words: what is a contact's reply, and that nothing is lost or invented on the way."""

from datetime import UTC, datetime
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from api.webhooks.translate import incoming_event
from connectors.events import InboundEvent, MediaRef, ParsedWebhook, ReceiptReceived, TextReceived, Unrecognised
from domain.inbound import FACTS, Fact, ReceiptFact, TextFact

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
TEXT = TextReceived(
    provider_message_id="3EB0", from_phone="+33612345678", text="yes", chat_id="33612345678@c.us", kind="text"
)
CHANNEL = uuid4()


def facts_of(*events: InboundEvent) -> list[Fact]:
    parsed = ParsedWebhook(dedupe_key="k", event_name="e", events=events)
    return incoming_event(CHANNEL, parsed, b"raw").facts


def test_a_persons_text_is_a_fact() -> None:
    event = TEXT.model_copy(update={"profile_name": "Ana", "occurred_at": NOW})
    [fact] = facts_of(event)
    assert fact == TextFact(
        provider_message_id="3EB0", phone="+33612345678", text="yes", name="Ana", occurred_at=NOW, media=None
    )


def test_what_is_written_elsewhere_or_by_a_hidden_number_is_no_fact() -> None:
    for change in (
        {"chat_kind": "group"},
        {"chat_kind": "newsletter"},
        {"chat_kind": "broadcast"},
        {"from_phone": None},
    ):
        assert facts_of(TEXT.model_copy(update=change)) == []
    assert facts_of(Unrecognised(event_name="galaxy:formed")) == []


def test_a_number_that_no_plan_knows_stays_as_it_came() -> None:
    [fact] = facts_of(TEXT.model_copy(update={"from_phone": "+99912345678901"}))
    assert isinstance(fact, TextFact)
    assert fact.phone == "+99912345678901"


def test_a_mexican_number_is_known_as_it_is_dialled() -> None:
    [fact] = facts_of(TEXT.model_copy(update={"from_phone": "+5215512345678"}))
    assert isinstance(fact, TextFact)
    assert fact.phone == "+525512345678"


def test_media_go_along_without_the_caption_that_is_the_text() -> None:
    media = MediaRef(id="f1", kind="image", mime="image/png", size_bytes=10, caption="look", download_path="/v1/f1")
    [fact] = facts_of(TEXT.model_copy(update={"media": media, "text": "look"}))
    assert isinstance(fact, TextFact)
    assert fact.media == {
        "id": "f1", "kind": "image", "mime": "image/png", "size_bytes": 10, "filename": None, "download_path": "/v1/f1"
    }  # fmt: skip


receipts = st.builds(ReceiptReceived, occurred_at=st.just(NOW))
texts = st.builds(
    TextReceived,
    from_phone=st.from_regex(r"\A\+[1-9][0-9]{6,14}\Z") | st.none(),
    occurred_at=st.just(NOW),
    media=st.none() | st.builds(MediaRef, size_bytes=st.integers(0, 2**63 - 1)),
)


@given(st.lists(receipts | texts | st.builds(Unrecognised), max_size=4))
def test_facts_survive_being_stored_and_every_receipt_keeps_its_ids(events: list[InboundEvent]) -> None:
    facts = facts_of(*events)
    assert FACTS.validate_python(FACTS.dump_python(facts, mode="json")) == facts
    told = [(e.provider_message_id, e.wa_id, e.reference, e.status) for e in events if isinstance(e, ReceiptReceived)]
    kept = [(f.provider_message_id, f.wa_id, f.reference, f.status) for f in facts if isinstance(f, ReceiptFact)]
    assert kept == told
    assert sum(isinstance(fact, TextFact) for fact in facts) == sum(
        isinstance(event, TextReceived) and event.is_direct and event.from_phone is not None for event in events
    )
