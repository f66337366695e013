"""The connector and the simulated platform agree over real HTTP, although neither knows the other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from connectors.base import PlatformConnector
from connectors.errors import (
    AccountBlocked,
    ConnectorError,
    CredentialsExpired,
    OutcomeUnknown,
    Rejected,
    Throttled,
    Transient,
)
from connectors.registry import ConnectorUrls, build_connectors
from connectors.shapes import OutboundMedia
from connectors.wassenger.inbound import (
    ParsedWebhook,
    ReceiptReceived,
    TextReceived,
    parse,
    secret_from_query,
    verify,
)
from simulator.app import SimulatorConfig
from simulator.server import serving
from tests.connectors.lab import DEVICE, MESSAGE, PHONE, TOKEN, WASSENGER, breaking_server, raw_answer

TIMEOUT = 2.0
NO_WAIT = {"min_seconds": 0, "max_seconds": 0}
SECRET = "s3cret-value"


@dataclass
class Lab:
    """The connector, and the tester's hand on the platform that it talks to."""

    connector: PlatformConnector
    tester: httpx.AsyncClient

    async def order(self, method: str, path: str, body: object = None) -> object:
        response = await self.tester.request(method, f"/control{path}", json=body)
        response.raise_for_status()
        return response.json()

    async def fault(self, kind: str, on: str = "send", **fields: object) -> None:
        await self.order("PUT", "/faults", {"rules": [{"kind": kind, "on": on, **fields}]})

    async def accepted(self) -> list[str]:
        """References that the platform took, once per time."""
        log = (await self.tester.get("/control/messages")).json()
        return [post["reference"] for post in log["items"] if post["accepted"]]

    async def send_error(self) -> ConnectorError:
        with pytest.raises(ConnectorError) as caught:
            await self.connector.send(WASSENGER, MESSAGE)
        return caught.value


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    async with (
        serving(SimulatorConfig(data_dir=tmp_path)) as url,
        httpx.AsyncClient() as http,
        httpx.AsyncClient(base_url=url) as tester,
    ):
        connectors = build_connectors(http, ConnectorUrls(wassenger=url), TIMEOUT)
        yield Lab(connectors["wassenger"], tester)


async def test_a_message_arrives_once_and_is_found_by_its_reference(lab: Lab) -> None:
    sent = await lab.connector.send(WASSENGER, MESSAGE)
    found = await lab.connector.find_by_reference(WASSENGER, MESSAGE.reference)
    assert await lab.accepted() == [MESSAGE.reference]
    assert found is not None
    assert (found.provider_message_id, found.accepted_at) == (sent.provider_message_id, sent.accepted_at)


async def test_media_is_taken(lab: Lab) -> None:
    media = OutboundMedia(kind="image", url="https://cdn.example/a.png", filename="a.png")
    assert (await lab.connector.send(WASSENGER, MESSAGE.model_copy(update={"media": media}))).provider_message_id


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "accept_then_drop"},
        {"kind": "accept_then_drop", "reset": True},
        {"kind": "accept_then_reset_body"},
        {"kind": "accept_then_502"},
        {"kind": "accept_then_delay", "seconds": 6},
        {"kind": "timeout", "seconds": 6},
    ],
)
async def test_a_lost_answer_is_unknown_and_the_look_up_finds_the_message(lab: Lab, fault: dict[str, object]) -> None:
    await lab.order("PUT", "/faults", {"rules": [fault]})
    assert type(await lab.send_error()) is OutcomeUnknown
    assert await lab.connector.find_by_reference(WASSENGER, MESSAGE.reference) is not None
    assert await lab.accepted() == [MESSAGE.reference]


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "drop_before"},
        {"kind": "drop_before", "reset": True},
        {"kind": "not_accept_timeout", "seconds": 6},
        {"kind": "error", "status": 500},
        {"kind": "error", "status": 502},
        {"kind": "error", "status": 503},
    ],
)
async def test_what_was_not_taken_looks_the_same_and_the_look_up_finds_nothing(
    lab: Lab, fault: dict[str, object]
) -> None:
    await lab.order("PUT", "/faults", {"rules": [fault]})
    assert type(await lab.send_error()) is OutcomeUnknown
    assert await lab.connector.find_by_reference(WASSENGER, MESSAGE.reference) is None
    assert await lab.accepted() == []


@pytest.mark.parametrize(
    ("status", "code", "meaning"),
    [
        (400, "phone:invalid", Rejected),
        (400, "device:notfound", CredentialsExpired),
        (402, "plan:limit", AccountBlocked),
        (403, "scope", CredentialsExpired),
        (404, "notfound", Rejected),
        (409, "conflict", OutcomeUnknown),
    ],
)
async def test_a_refusal_means_what_the_table_says(
    lab: Lab, status: int, code: str, meaning: type[ConnectorError]
) -> None:
    await lab.fault("reject", status=status, error_code=code)
    error = await lab.send_error()
    assert (type(error), error.status, error.code) == (meaning, status, code)
    assert await lab.accepted() == []


@pytest.mark.parametrize(("retry_after", "seconds"), [(7, 7), (0, 1), (90_000, 3600), (None, 60)])
async def test_a_throttle_says_when_to_come_back(lab: Lab, retry_after: int | None, seconds: float) -> None:
    await lab.fault("throttle", retry_after=retry_after)
    error = await lab.send_error()
    assert isinstance(error, Throttled)
    assert error.retry_after_seconds == seconds


async def test_a_revoked_key_is_a_matter_for_a_person_until_it_is_restored(lab: Lab) -> None:
    await lab.order("POST", "/revoke", {"token": TOKEN})
    assert type(await lab.send_error()) is CredentialsExpired
    with pytest.raises(CredentialsExpired):
        await lab.connector.check_credentials(WASSENGER)
    await lab.order("POST", "/restore", {"token": TOKEN})
    assert (await lab.connector.check_credentials(WASSENGER)).ok


@pytest.mark.parametrize("mode", ["503", "html", "close"])
async def test_an_outage_leaves_a_send_open_and_a_look_up_to_be_asked_again(lab: Lab, mode: str) -> None:
    await lab.order("POST", "/down", {"mode": mode})
    assert type(await lab.send_error()) is OutcomeUnknown
    with pytest.raises(Transient):
        await lab.connector.find_by_reference(WASSENGER, MESSAGE.reference)
    await lab.order("POST", "/up")
    assert await lab.connector.find_by_reference(WASSENGER, MESSAGE.reference) is None


async def test_a_platform_whose_filter_is_loose_does_not_fool_the_look_up(lab: Lab) -> None:
    await lab.order("PUT", "/faults", {"lookup": {"loose_reference": True}})
    for number in range(25):
        longer = f"{MESSAGE.reference}-{number}"
        await lab.connector.send(WASSENGER, MESSAGE.model_copy(update={"reference": longer}))
    assert await lab.connector.find_by_reference(WASSENGER, MESSAGE.reference) is None
    sent = await lab.connector.send(WASSENGER, MESSAGE)
    found = await lab.connector.find_by_reference(WASSENGER, MESSAGE.reference)
    assert found is not None
    assert found.provider_message_id == sent.provider_message_id


@pytest.mark.parametrize(("status", "ok"), [("operative", True), ("ready", True), ("disconnected", False)])
async def test_the_health_of_a_channel_is_that_of_its_device(lab: Lab, status: str, ok: bool) -> None:
    others = [{"id": f"{number:024x}"} for number in range(30)]
    await lab.order("PUT", "/devices", [*others, {"id": DEVICE, "phone": "+34600000001", "status": status}])
    health = await lab.connector.check_credentials(WASSENGER)
    assert (health.ok, health.phone) == (ok, "+34600000001")


async def test_an_unknown_device_is_seen_by_the_check_and_by_a_send(lab: Lab) -> None:
    await lab.order("PUT", "/devices", [{"id": "0" * 24}])
    assert not (await lab.connector.check_credentials(WASSENGER)).ok
    assert type(await lab.send_error()) is CredentialsExpired


# Webhooks: what the platform posts is verified and understood, in every variant.


class Postbox:
    """What was posted to us; `wait_for` returns once as many events of a type have come."""

    def __init__(self) -> None:
        self.parsed: list[ParsedWebhook] = []
        self._came = asyncio.Condition()

    async def take(self, request: bytes, signing_secret: str | None) -> None:
        head, _, body = request.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        query = dict(parse_qsl(urlsplit(first.split()[1]).query))
        assert verify(body, headers, secret_from_query(query), SECRET, signing_secret)
        assert not verify(body, headers, "wrong", SECRET, signing_secret)
        assert not verify(body, headers, secret_from_query(query), SECRET, "wrong") or signing_secret is None
        async with self._came:
            self.parsed.append(parse(body))
            self._came.notify_all()

    def receipts(self) -> list[ReceiptReceived]:
        return [event for each in self.parsed for event in each.events if isinstance(event, ReceiptReceived)]

    def texts(self) -> list[TextReceived]:
        return [event for each in self.parsed for event in each.events if isinstance(event, TextReceived)]

    async def wait_for(self, receipts: int, texts: int) -> None:
        async with asyncio.timeout(10), self._came:
            await self._came.wait_for(lambda: len(self.receipts()) >= receipts and len(self.texts()) >= texts)


@asynccontextmanager
async def registered(lab: Lab, box: Postbox) -> AsyncIterator[None]:
    signing: list[str | None] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await box.take(server.requests[-1], signing[0])
        writer.write(raw_answer(200, {"Content-Length": "0", "Connection": "close"}, b""))
        await writer.drain()

    async with breaking_server(answer) as server:
        hook = await lab.connector.setup_webhook(WASSENGER, f"{server.url}/webhooks/wassenger/1", SECRET)
        assert (
            await lab.connector.setup_webhook(WASSENGER, f"{server.url}/webhooks/wassenger/1", SECRET)
        ).id == hook.id
        signing.append(hook.signing_secret)
        yield


def behaviour(**webhooks: object) -> dict[str, object]:
    people = {"reply_share": 1, "stop_share": 0, "delay": NO_WAIT, "texts": [{"text": "Yes, tell me more"}]}
    receipts = {"read_share": 1, "ack_server": True, "ack_device": True, "delay": NO_WAIT, "read_delay": NO_WAIT}
    return {"people": people, "receipts": receipts, "webhooks": webhooks}


@pytest.mark.parametrize("sign", [False, True])
@pytest.mark.parametrize("variant", ["captured", "skills", "queue"])
async def test_what_a_message_brings_about_is_understood_in_every_variant(lab: Lab, variant: str, sign: bool) -> None:
    await lab.order("PUT", "/behaviour", behaviour(variant=variant, sign=sign))
    box = Postbox()
    async with registered(lab, box):
        sent = await lab.connector.send(WASSENGER, MESSAGE)
        await box.wait_for(receipts=6, texts=1)
    found = await lab.connector.find_by_reference(WASSENGER, MESSAGE.reference)
    assert found is not None
    assert [receipt.status for receipt in box.receipts()].count("read") == 1
    for receipt in box.receipts():
        known = (receipt.provider_message_id, receipt.wa_id, receipt.reference)
        expected = (sent.provider_message_id, found.wa_id, MESSAGE.reference)
        assert all(mine in (None, theirs) for mine, theirs in zip(known, expected, strict=True))
        assert any(known)
    (text,) = box.texts()
    assert (text.from_phone, text.text, text.is_direct) == (PHONE, "Yes, tell me more", True)
    assert {each.device_id for each in box.parsed} == {DEVICE}
    told = {(each.event_name, getattr(event, "status", None)) for each in box.parsed for event in each.events}
    assert len({each.dedupe_key for each in box.parsed}) == len(told)


@pytest.mark.parametrize("shape", ["reason", "error_text", "error_object"])
async def test_a_failure_is_understood_in_every_shape(lab: Lab, shape: str) -> None:
    settings = behaviour(failure_shape=shape) | {"receipts": {"failed_share": 1, "delay": NO_WAIT}}
    await lab.order("PUT", "/behaviour", settings)
    box = Postbox()
    async with registered(lab, box):
        sent = await lab.connector.send(WASSENGER, MESSAGE)
        await box.wait_for(receipts=1, texts=0)
    (receipt,) = box.receipts()
    assert (receipt.status, receipt.provider_message_id) == ("failed", sent.provider_message_id)
    assert (receipt.reason or "").startswith("Phone number is not registered on WhatsApp")


@pytest.mark.parametrize("variant", ["captured", "skills"])
async def test_an_event_told_five_times_has_one_key_and_one_message_id(lab: Lab, variant: str) -> None:
    box = Postbox()
    async with registered(lab, box):
        order = {"device": DEVICE, "phone": PHONE, "text": "hello", "times": 5, "variant": variant}
        await lab.order("POST", "/inbound", order)
        await box.wait_for(receipts=0, texts=5)
    assert len({each.dedupe_key for each in box.parsed}) == 1
    assert len({text.provider_message_id for text in box.texts()}) == 1


async def test_a_picture_with_a_caption_is_a_text_with_media_that_can_be_fetched(lab: Lab) -> None:
    box = Postbox()
    media = {"type": "image", "mime": "image/png", "filename": "a.png", "caption": "look", "content_base64": "aGk="}
    async with registered(lab, box):
        await lab.order("POST", "/inbound", {"device": DEVICE, "phone": PHONE, "text": "", "media": media})
        await box.wait_for(receipts=0, texts=1)
    (text,) = box.texts()
    assert text.media is not None
    assert (text.text, text.kind, text.media.mime, text.media.size_bytes) == ("look", "image", "image/png", 2)
    assert text.media.download_path is not None
    fetched = await lab.tester.get(text.media.download_path, headers={"Token": TOKEN})
    assert fetched.content == b"hi"
