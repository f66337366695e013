"""Every variant of an inbound message becomes the same text, and nothing of ours becomes one."""

from datetime import UTC, datetime

import pytest

from connectors.wassenger.inbound import MediaRef, ReceiptReceived, TextReceived, Unrecognised, parse
from tests.connectors.wassenger_payloads import (
    OUR_PHONE,
    REFERENCE,
    THEIR_PHONE,
    WA_ID,
    chat,
    envelope,
    inbound,
    outbound,
    raw,
    skills,
)

IN_NEW = "message:in:new"
GROUP = "120363040000000000@g.us"


def text_in(data: object, event: str = IN_NEW, **changes: object) -> TextReceived:
    (found,) = parse(raw(event, data, **changes)).events
    assert isinstance(found, TextReceived)
    return found


def test_the_captured_shape_is_understood_whole() -> None:
    parsed = parse(raw(IN_NEW, inbound()))
    assert (parsed.event_name, parsed.device_id) == (IN_NEW, "65f0c0ffee65f0c0ffee0001")
    assert parsed.events == (
        TextReceived(
            provider_message_id="3EB0A1B2C3",
            from_phone=THEIR_PHONE,
            text="hello",
            occurred_at=datetime(2025, 12, 13, 10, 0, tzinfo=UTC),
            chat_id="34600111222@c.us",
            chat_kind="person",
            profile_name="Ana",
            kind="text",
        ),
    )


def test_the_other_documented_shape_gives_the_same_text() -> None:
    found = text_in(skills())
    assert found == text_in(inbound()).model_copy(update={"profile_name": "Ana B."})


@pytest.mark.parametrize("chat_value", ["34600111222@c.us", None])
def test_the_other_shape_is_understood_without_a_chat_beside_it(chat_value: str | None) -> None:
    found = text_in({"message": skills()["message"] | {"chat": chat_value}})
    assert (found.from_phone, found.chat_id, found.text) == (THEIR_PHONE, "34600111222@c.us", "hello")


@pytest.mark.parametrize(
    "changes",
    [
        {"fromNumber": "+34 600-111-222"},
        {"fromNumber": "34600111222"},
        {"fromNumber": None},
        {"fromNumber": None, "from": "34600111222:7@s.whatsapp.net", "chat": chat(contact={})},
        {"fromNumber": None, "from": "99887766554433@lid"},
        {
            "fromNumber": "",
            "from": "99887766554433@lid",
            "chat": chat(id="99887766554433@lid", lid="99887766554433@lid"),
        },
        {"fromNumber": None, "from": None, "chat": chat(contact=None)},
        {"fromNumber": None, "from": None, "chat": None, "phone": THEIR_PHONE},
    ],
)
def test_the_writer_is_found_wherever_the_number_is(changes: dict[str, object]) -> None:
    assert text_in(inbound(**changes)).from_phone == THEIR_PHONE


def test_a_number_that_is_hidden_everywhere_leaves_the_chat_to_answer_to() -> None:
    hidden = "99887766554433@lid"
    found = text_in(inbound(fromNumber=None, **{"from": hidden}, chat={"id": hidden, "contact": {"phone": None}}))
    assert (found.from_phone, found.chat_id, found.text, found.is_direct) == (None, hidden, "hello", True)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"chat": chat(id=GROUP, type="group")}, "group"),
        ({"chat": {"id": GROUP}}, "group"),
        ({"chat": {"id": "x", "type": "group"}}, "group"),
        ({"chat": None, "meta": {"isGroup": True}}, "group"),
        ({"chat": chat(id="120363@newsletter", type="channel")}, "newsletter"),
        ({"chat": {"id": "x", "type": "channel"}}, "newsletter"),
        ({"chat": chat(id="status@broadcast")}, "broadcast"),
        ({"chat": chat(type="chat")}, "person"),
    ],
)
def test_what_was_not_written_to_us_alone_is_flagged(changes: dict[str, object], kind: str) -> None:
    found = text_in(inbound(**changes))
    assert (found.chat_kind, found.is_group, found.is_direct) == (kind, kind == "group", kind == "person")


def test_the_writer_in_a_group_is_the_author_and_not_the_chat() -> None:
    group = chat(id=GROUP, type="group", contact={"phone": "+34999999999"})
    for where in ({"fromNumber": THEIR_PHONE}, {"author": "34600111222@c.us"}, {"meta": {"author": THEIR_PHONE}}):
        found = text_in(inbound(**({"fromNumber": None, "from": GROUP, "chat": group} | where)))
        assert (found.from_phone, found.chat_id) == (THEIR_PHONE, GROUP)
    assert text_in(inbound(fromNumber=None, **{"from": GROUP}, chat=group)).from_phone is None


def test_a_channel_post_is_a_flagged_text() -> None:
    data = inbound(fromNumber=None, **{"from": "120363@newsletter"}, chat=chat(id="120363@newsletter", type="channel"))
    assert text_in(data, "channel:in").chat_kind == "newsletter"


def test_media_is_described_and_its_caption_is_the_text() -> None:
    media = {
        "id": "65f0c0ffee65f0c0ffee0abc",
        "type": "image",
        "mime": "image/jpeg",
        "size": 12345,
        "filename": "a.jpg",
        "caption": "look",
        "links": {"download": "/v1/chat/d/files/f/download"},
    }
    found = text_in(inbound(type="image", body=None, media=media))
    assert (found.text, found.kind) == ("look", "image")
    assert found.media == MediaRef(
        id="65f0c0ffee65f0c0ffee0abc",
        kind="image",
        mime="image/jpeg",
        size_bytes=12345,
        filename="a.jpg",
        caption="look",
        download_path="/v1/chat/d/files/f/download",
    )


@pytest.mark.parametrize("size", [-1, True, "12", 1.5, None, 2**63])
def test_an_odd_size_is_left_out(size: object) -> None:
    media = text_in(inbound(type="audio", body=None, media={"id": "1", "size": size})).media
    assert media == MediaRef(id="1", kind="audio")


@pytest.mark.parametrize(
    ("told", "kind"), [("ptt", "audio"), ("chat", "text"), ("Document", "document"), (None, "text")]
)
def test_the_kind_is_named_alike(told: object, kind: str) -> None:
    assert text_in(inbound(type=told)).kind == kind


@pytest.mark.parametrize("kind", ["image", "audio", "sticker", "location", "contacts", "poll", "order", "never-seen"])
def test_a_message_without_words_is_still_a_reply(kind: str) -> None:
    found = text_in(inbound(type=kind, body=None))
    assert (found.text, found.kind, found.from_phone) == ("", kind, THEIR_PHONE)


@pytest.mark.parametrize(
    "where",
    [
        {"type": "buttons_response", "body": "Yes please"},
        {"type": "buttons_response", "buttonsResponse": {"id": "1", "title": "Yes please"}},
        {"type": "buttons_response", "response": {"selectedDisplayText": "Yes please"}},
        {"type": "buttons_response", "buttons_response": {"button": {"id": "1", "text": "Yes please"}}},
        {"type": "list_response", "listResponse": {"title": "Yes please", "description": "sure"}},
        {"type": "list_response", "list_response": {"singleSelectReply": {"title": "Yes please"}}},
        {
            "type": "interactive",
            "interactive": {"type": "list_reply", "list_reply": {"id": "1", "title": "Yes please"}},
        },
        {"type": "interactive", "interactive": {"button_reply": {"title": "Yes please"}}},
    ],
)
def test_the_answer_to_a_menu_is_the_title_that_was_chosen(where: dict[str, object]) -> None:
    assert text_in(inbound(**({"body": None} | where))).text == "Yes please"


def test_a_menu_that_is_no_answer_gives_no_words_of_ours_to_the_contact() -> None:
    assert text_in(inbound(type="list", body=None, list={"title": "Our menu"})).text == ""


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"timestamp": 1765620000000}, datetime(2025, 12, 13, 10, 0, tzinfo=UTC)),
        ({"timestamp": "1765620000"}, datetime(2025, 12, 13, 10, 0, tzinfo=UTC)),
        ({"timestamp": None, "date": "2025-12-13T12:00:00+02:00"}, datetime(2025, 12, 13, 10, 0, tzinfo=UTC)),
        ({"timestamp": "soon", "date": "later"}, datetime(2025, 12, 13, 10, 0, 10, tzinfo=UTC)),
        ({"timestamp": 3e300, "date": "0001-01-01T00:00:00+14:00"}, datetime(2025, 12, 13, 10, 0, 10, tzinfo=UTC)),
    ],
)
def test_the_moment_is_read_in_every_form(changes: dict[str, object], expected: datetime) -> None:
    assert text_in(inbound(**changes)).occurred_at == expected


def test_no_readable_moment_is_none() -> None:
    assert text_in(inbound(timestamp=None, date=None), created=None).occurred_at is None


def test_characters_that_cannot_be_stored_are_replaced_and_lines_stay() -> None:
    assert text_in(inbound(body="a\x00b\ud800\nsecond line")).text == "ab\ufffd\nsecond line"


def test_a_message_without_an_id_gets_one_from_its_bytes_so_that_it_is_not_lost() -> None:
    first, again = text_in(inbound(id=None)), text_in(inbound(id=None))
    other = text_in(inbound(id=None, body="other"))
    assert first.provider_message_id == again.provider_message_id != other.provider_message_id
    assert first.provider_message_id.startswith("sha256:")


@pytest.mark.parametrize(
    "data",
    [
        outbound(),
        outbound(flow="OUTBOUND"),
        outbound(flow=None, fromMe=True),
        outbound(flow=None),
        outbound(flow=None, fromNumber=None),
    ],
)
def test_an_echo_of_our_own_message_is_a_receipt_and_never_a_text(data: dict[str, object]) -> None:
    (found,) = parse(raw(IN_NEW, data | {"reference": REFERENCE})).events
    assert isinstance(found, ReceiptReceived)
    assert (found.wa_id, found.reference, found.status) == (WA_ID, REFERENCE, "sent")


@pytest.mark.parametrize(
    "data", [{}, {"message": {}}, {"chat": [], "from": {}}, {"body": "hello"}, {"message": "hello"}]
)
def test_an_inbound_event_without_anybody_in_it_is_kept_as_unrecognised(data: object) -> None:
    assert parse(raw(IN_NEW, data)).events == (Unrecognised(event_name=IN_NEW),)


@pytest.mark.parametrize(
    "event",
    ["message:update", "message:reaction", "status:update", "chat:update", "number:session", "campaign:started", ""],
)
def test_other_events_are_kept_as_unrecognised(event: str) -> None:
    assert parse(raw(event, inbound())).events == (Unrecognised(event_name=event),)


@pytest.mark.parametrize(
    ("changes", "device"),
    [({"device": "d1"}, "d1"), ({"device": {"id": 7}}, "7"), ({"device": None}, "d2"), ({"device": []}, "d2")],
)
def test_the_device_is_found_in_the_envelope_or_the_data(changes: dict[str, object], device: str) -> None:
    assert parse(raw(IN_NEW, inbound(device="d2"), **changes)).device_id == device


def test_an_own_number_in_another_form_is_still_ours() -> None:
    assert envelope(IN_NEW, {})["device"]["phone"] == OUR_PHONE
    (found,) = parse(raw(IN_NEW, outbound(flow=None, fromNumber="34 600 000 000", **{"from": None}))).events
    assert isinstance(found, ReceiptReceived)
