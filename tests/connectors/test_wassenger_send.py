"""Sending through Wassenger: what goes out, and what is understood of the answer."""

from datetime import UTC, datetime

import httpx
import pytest

from connectors.errors import ConnectorError, CredentialsExpired, OutcomeUnknown, Rejected
from connectors.shapes import Credentials, OutboundMedia, OutboundMessage, SentMessage
from tests.connectors.lab import DEVICE, MESSAGE, PHONE, TOKEN, WASSENGER, Platform, queued, wassenger_over


async def sent_by(answer: httpx.Response) -> SentMessage:
    async with wassenger_over(Platform(answer)) as connector:
        return await connector.send(WASSENGER, MESSAGE)


async def test_a_message_goes_out_once_with_key_device_and_reference() -> None:
    platform = Platform(httpx.Response(201, json=queued()))
    async with wassenger_over(platform) as connector:
        sent = await connector.send(WASSENGER, MESSAGE)
    (request,) = platform.requests
    assert (request.method, str(request.url)) == ("POST", "http://platform.test/v1/messages")
    assert request.headers["token"] == TOKEN
    assert platform.bodies == [
        {"phone": PHONE, "device": DEVICE, "reference": MESSAGE.reference, "retries": 3, "message": "Hello Ana"}
    ]
    assert sent == SentMessage(
        provider_message_id="65f0c0ffee65f0c0ffee65f0",
        wa_id=None,
        raw_status="queued",
        accepted_at=datetime(2026, 1, 1, 10, 0, tzinfo=UTC),
    )


async def test_media_goes_out_by_address_with_the_text_as_caption() -> None:
    platform = Platform(httpx.Response(201, json=queued()))
    media = OutboundMedia(kind="image", url="https://cdn.example/a.png", filename="a.png")
    async with wassenger_over(platform) as connector:
        await connector.send(WASSENGER, MESSAGE.model_copy(update={"media": media}))
        await connector.send(
            WASSENGER,
            OutboundMessage(
                to_phone=PHONE, text="", reference="r", media=OutboundMedia(kind="audio", url="https://x.example/a.ogg")
            ),
        )
    captioned, bare = platform.bodies
    assert captioned["media"] == {"url": "https://cdn.example/a.png", "filename": "a.png"}
    assert captioned["message"] == "Hello Ana"
    assert bare["media"] == {"url": "https://x.example/a.ogg"}
    assert "message" not in bare


@pytest.mark.parametrize("base", ["http://p.test", "http://p.test/", "http://p.test/v1", "http://p.test/v1/"])
async def test_the_base_url_may_or_may_not_end_in_its_version(base: str) -> None:
    platform = Platform(httpx.Response(201, json=queued()))
    async with wassenger_over(platform, base) as connector:
        await connector.send(WASSENGER, MESSAGE)
    assert str(platform.requests[0].url) == "http://p.test/v1/messages"


async def test_another_version_or_a_path_in_the_base_url_is_kept() -> None:
    platform = Platform(httpx.Response(201, json=queued()))
    for base in ("http://p.test/v2", "http://p.test/gateway"):
        async with wassenger_over(platform, base) as connector:
            await connector.send(WASSENGER, MESSAGE)
    assert [request.url.path for request in platform.requests] == ["/v2/messages", "/gateway/v1/messages"]


@pytest.mark.parametrize("status", [200, 201, 202])
async def test_any_success_with_an_id_is_a_sent_message(status: int) -> None:
    assert (await sent_by(httpx.Response(status, json=queued()))).provider_message_id == queued()["id"]


async def test_an_answer_wrapped_in_a_list_of_one_is_understood() -> None:
    assert (await sent_by(httpx.Response(201, json=[queued(waId="3EB0A1")]))).wa_id == "3EB0A1"


@pytest.mark.parametrize(
    "date", [None, "", "yesterday", "9999999999999999999", 1e308, True, [], "0001-01-01T00:00:00Z"]
)
async def test_an_odd_date_does_not_cost_the_message(date: object) -> None:
    assert (await sent_by(httpx.Response(201, json=queued(createdAt=date)))).accepted_at is None


@pytest.mark.parametrize("body", [queued(id=None), queued(id=""), queued(id=[]), [queued(), queued()], [], "ok"])
async def test_a_success_without_an_id_is_unknown(body: object) -> None:
    with pytest.raises(OutcomeUnknown):
        await sent_by(httpx.Response(201, json=body))


@pytest.mark.parametrize(
    "changes",
    [
        {"to_phone": "0600111222"},
        {"to_phone": "+0600111222"},
        {"to_phone": "+34600111222\n"},
        {"to_phone": "34600111222@c.us"},
        {"text": ""},
        {"text": "  \n"},
        {"text": "a" * 6001},
        {"reference": ""},
    ],
)
async def test_what_the_platform_would_refuse_is_refused_without_a_call(changes: dict[str, str]) -> None:
    platform = Platform(httpx.Response(201, json=queued()))
    async with wassenger_over(platform) as connector:
        with pytest.raises(Rejected) as caught:
            await connector.send(WASSENGER, MESSAGE.model_copy(update=changes))
    assert platform.requests == []
    assert "0600111222" not in caught.value.message


@pytest.mark.parametrize(
    "credentials", [{}, {"token": TOKEN}, {"device_id": DEVICE}, {"token": "a\nb", "device_id": DEVICE}]
)
async def test_incomplete_credentials_are_a_matter_for_a_person_and_make_no_call(credentials: dict[str, str]) -> None:
    platform = Platform(httpx.Response(201, json=queued()))
    async with wassenger_over(platform) as connector:
        for act in (
            connector.send(Credentials(credentials), MESSAGE),
            connector.check_credentials(Credentials(credentials)),
        ):
            with pytest.raises(CredentialsExpired):
                await act
    assert platform.requests == []


async def test_a_text_with_characters_that_json_cannot_carry_still_goes_out() -> None:
    platform = Platform(httpx.Response(201, json=queued()))
    async with wassenger_over(platform) as connector:
        await connector.send(WASSENGER, MESSAGE.model_copy(update={"text": "Hi \ud83d Ana\x00"}))
    assert platform.bodies[0]["message"] == "Hi \ufffd Ana"


async def test_an_error_does_not_chain_to_the_cause_that_quotes_the_request() -> None:
    async with wassenger_over(Platform(httpx.ConnectError(f"failed with {TOKEN}"))) as connector:
        with pytest.raises(ConnectorError) as caught:
            await connector.send(WASSENGER, MESSAGE)
    assert caught.value.__suppress_context__
