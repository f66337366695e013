"""Asking Wassenger: look-up by reference, health of a channel, set-up of its webhook."""

from collections.abc import Callable

import httpx
import pytest

from connectors.errors import ConnectorError, CredentialsExpired, OutcomeUnknown, Rejected, Transient
from connectors.shapes import ChannelHealth, SentMessage
from tests.connectors.lab import DEVICE, MESSAGE, TOKEN, WASSENGER, Platform, queued, wassenger_over

REFERENCE = MESSAGE.reference
HOOK = "https://relance.example/webhooks/wassenger/7f"
EVENTS = ["message:in:new", "message:out:new", "message:out:sent", "message:out:ack", "message:out:failed"]


async def found_in(rows: object, *, status: int = 200) -> SentMessage | None:
    async with wassenger_over(Platform(httpx.Response(status, json=rows))) as connector:
        return await connector.find_by_reference(WASSENGER, REFERENCE)


def paged(rows: list[dict[str, object]]) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        size, page = int(request.url.params["size"]), int(request.url.params["page"])
        return httpx.Response(200, json=rows[page * size : (page + 1) * size])

    return answer


async def test_the_look_up_asks_by_reference_and_device() -> None:
    platform = Platform(httpx.Response(200, json=[queued(waId="3EB0A1", status="sent")]))
    async with wassenger_over(platform) as connector:
        found = await connector.find_by_reference(WASSENGER, REFERENCE)
    (request,) = platform.requests
    assert (request.method, request.url.path) == ("GET", "/v1/messages")
    assert dict(request.url.params) == {"reference": REFERENCE, "device": DEVICE, "size": "20", "page": "0"}
    assert request.headers["token"] == TOKEN
    assert found is not None
    assert (found.provider_message_id, found.wa_id, found.raw_status) == (queued()["id"], "3EB0A1", "sent")


@pytest.mark.parametrize(
    "reference", ["campaign/1/contact/2/message_", "campaign/1/contact/2/message_10", REFERENCE.upper(), None, 7, ""]
)
async def test_only_exactly_the_same_reference_counts(reference: object) -> None:
    assert await found_in([queued(reference=reference)]) is None


async def test_no_rows_mean_that_the_platform_has_no_such_message() -> None:
    assert await found_in([]) is None


@pytest.mark.parametrize("body", [{}, {"message": "odd"}, None, "none", 0])
async def test_an_answer_that_is_no_list_never_means_none(body: object) -> None:
    with pytest.raises(Transient):
        await found_in(body)


async def test_a_missing_endpoint_never_means_none() -> None:
    with pytest.raises(Rejected):
        await found_in({"message": "not found"}, status=404)


async def test_a_match_without_an_id_never_means_none() -> None:
    with pytest.raises(Transient):
        await found_in([queued(id=None)])


async def test_odd_rows_beside_the_match_are_passed_over() -> None:
    assert await found_in([None, 3, "x", [], {}, queued()]) is not None


async def test_of_several_matches_one_that_did_not_fail_is_told() -> None:
    found = await found_in([queued(id="a", status="failed"), queued(id="b", status="queued")])
    assert found is not None
    assert found.provider_message_id == "b"


async def test_a_match_that_failed_is_told_as_such() -> None:
    found = await found_in([queued(id="a", status="failed")])
    assert found is not None
    assert found.raw_status == "failed"


async def test_the_match_is_found_on_a_later_page() -> None:
    rows = [queued(reference=f"other-{number}") for number in range(45)] + [queued(id="wanted")]
    platform = Platform(paged(rows))
    async with wassenger_over(platform) as connector:
        found = await connector.find_by_reference(WASSENGER, REFERENCE)
    assert found is not None
    assert (found.provider_message_id, len(platform.requests)) == ("wanted", 3)


async def test_a_list_without_an_end_is_not_taken_for_none() -> None:
    platform = Platform(httpx.Response(200, json=[queued(reference="other")] * 20))
    async with wassenger_over(platform) as connector:
        with pytest.raises(OutcomeUnknown):
            await connector.find_by_reference(WASSENGER, REFERENCE)
    assert len(platform.requests) == 10


async def test_a_list_that_comes_whole_at_once_is_read_once() -> None:
    platform = Platform(httpx.Response(200, json=[queued(reference=f"other-{number}") for number in range(21)]))
    async with wassenger_over(platform) as connector:
        assert await connector.find_by_reference(WASSENGER, REFERENCE) is None
    assert len(platform.requests) == 1


async def health_of(devices: object) -> ChannelHealth:
    async with wassenger_over(Platform(httpx.Response(200, json=devices))) as connector:
        return await connector.check_credentials(WASSENGER)


@pytest.mark.parametrize("status", ["operative", "ready"])
async def test_a_linked_device_is_healthy(status: str) -> None:
    health = await health_of([{"id": "other"}, {"id": DEVICE, "phone": "+34 600 000 000", "status": status}])
    assert health == ChannelHealth(ok=True, detail=f"Device is {status}.", phone="+34600000000")


@pytest.mark.parametrize("status", ["paused", "disconnected", None])
async def test_a_device_that_is_not_linked_says_what_to_do(status: str | None) -> None:
    health = await health_of([{"id": DEVICE, "status": status}])
    assert (health.ok, health.found) == (False, True)
    assert "QR" in health.detail


async def test_a_device_of_somebody_else_says_what_to_do() -> None:
    health = await health_of([{"id": "65f0c0ffee65f0c0ffee9999", "status": "operative"}])
    assert (health.ok, health.found) == (False, False)
    assert "device_id" in health.detail


async def test_a_refused_key_is_a_typed_error() -> None:
    async with wassenger_over(Platform(httpx.Response(401, json={"message": "Invalid"}))) as connector:
        with pytest.raises(CredentialsExpired):
            await connector.check_credentials(WASSENGER)


def hooks(existing: list[dict[str, object]], made: object, status: int = 201) -> Platform:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=existing) if request.method == "GET" else httpx.Response(status, json=made)

    return Platform(answer)


async def test_a_webhook_is_registered_for_the_device_with_the_secret_in_its_address() -> None:
    platform = hooks([], {"id": "65f0c0ffee65f0c0ffee0777", "secret": "hmac-secret"})
    async with wassenger_over(platform) as connector:
        made = await connector.setup_webhook(WASSENGER, HOOK, "s3cret value&x")
    url = f"{HOOK}?secret=s3cret+value%26x"
    assert platform.requests[-1].url.path == "/v1/webhooks"
    assert (
        platform.requests[-1].read()
        == httpx.Request("POST", HOOK, json={"name": "Relance", "url": url, "events": EVENTS, "device": DEVICE}).read()
    )
    assert (made.id, made.url, made.signing_secret) == ("65f0c0ffee65f0c0ffee0777", url, "hmac-secret")


async def test_registering_again_finds_the_webhook_that_is_there() -> None:
    existing: dict[str, object] = {"id": "h1", "url": f"{HOOK}?secret=abc", "events": EVENTS, "status": "active"}
    platform = hooks([{"id": "h0", "url": HOOK, "events": EVENTS}, existing], {"id": "new"})
    async with wassenger_over(platform) as connector:
        assert (await connector.setup_webhook(WASSENGER, HOOK, "abc")).id == "h1"
    assert [request.method for request in platform.requests] == ["GET"]


@pytest.mark.parametrize("changes", [{"status": "disabled"}, {"events": EVENTS[:1]}, {"events": None}, {"id": None}])
async def test_a_webhook_that_would_not_do_is_not_taken_for_ours(changes: dict[str, object]) -> None:
    platform = hooks([{"id": "h1", "url": HOOK, "events": EVENTS} | changes], {"id": "new"})
    async with wassenger_over(platform) as connector:
        assert (await connector.setup_webhook(WASSENGER, HOOK)).id == "new"


async def test_a_registration_whose_answer_has_no_id_is_unknown() -> None:
    async with wassenger_over(hooks([], {})) as connector:
        with pytest.raises(OutcomeUnknown):
            await connector.setup_webhook(WASSENGER, HOOK, "abc")


async def test_the_secret_of_the_webhook_is_in_no_error() -> None:
    refusal = {"message": f"cannot reach {HOOK}?secret=s3cret-value", "errorCode": "url:invalid"}
    async with wassenger_over(hooks([], refusal, 400)) as connector:
        with pytest.raises(ConnectorError) as caught:
            await connector.setup_webhook(WASSENGER, HOOK, "s3cret-value")
    assert "s3cret-value" not in caught.value.message


@pytest.mark.parametrize("url", ["", "relance.example", "ftp://relance.example", "http://", "http://a:port"])
async def test_an_address_that_nobody_could_post_to_is_refused_without_a_call(url: str) -> None:
    platform = hooks([], {"id": "new"})
    async with wassenger_over(platform) as connector:
        with pytest.raises(Rejected):
            await connector.setup_webhook(WASSENGER, url, "abc")
    assert platform.requests == []
