"""Wassenger's API as a connector: one method per remote call."""

import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from typing import ClassVar

import httpx

from connectors.base import Capabilities, PlatformConnector
from connectors.errors import OutcomeUnknown, Rejected, Transient
from connectors.http import Answer, Call, exchange, usable_base_url
from connectors.shapes import ChannelHealth, Credentials, OutboundMessage, SentMessage, WebhookRegistration
from connectors.wassenger import wire
from connectors.wassenger.meaning import Context, meaning_of

DEFAULT_BASE_URL = "https://api.wassenger.com/v1"
_PAGE_SIZE = 20  # the API's own default: a shorter page is surely the last one
_MAX_PAGES = 10
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_MEGABYTE = 1_000_000


class WassengerConnector(PlatformConnector):
    """WhatsApp through Wassenger (or a white label of it). Credentials: `token` (API key) and `device_id` (24-hex)."""

    name: ClassVar[str] = "wassenger"
    capabilities: ClassVar[Capabilities] = Capabilities(
        dm=True,
        # The API could hold a message back (`deliverAt`), but only a Temporal timer can still be stopped by a reply.
        schedule_native=False,
        lookup_by_reference=True,
        setup_webhook=True,
        receipts=frozenset({"sent", "delivered", "read", "failed"}),
        media_kinds=frozenset({"image", "audio", "video", "document"}),
        max_text_chars=6000,
        max_bytes={
            "image": 5 * _MEGABYTE,
            "audio": 16 * _MEGABYTE,
            "video": 100 * _MEGABYTE,
            "document": 100 * _MEGABYTE,
        },
    )

    def __init__(self, http: httpx.AsyncClient, *, base_url: str, timeout_seconds: float) -> None:
        base = usable_base_url(base_url, "The base URL of Wassenger (RELANCE_WASSENGER_URL)")
        self._base = base if re.search(r"/v[0-9]+$", base) else f"{base}/v1"
        self._http = http
        self._timeout_seconds = timeout_seconds

    async def send(self, credentials: Credentials, message: OutboundMessage) -> SentMessage:
        """POST /messages, once. An answer of 2xx that cannot be read raises OutcomeUnknown."""
        self._refuse_unsendable(message)
        body = wire.message_body(message, credentials.require("device_id"))
        private = (message.to_phone, message.to_phone.removeprefix("+"), message.text)
        answer, context = await self._ask(credentials, "POST", "/messages", "a message", json=body, private=private)
        sent = wire.sent_message(answer.json())
        if sent is None:
            raise meaning_of(answer, context)
        return sent

    async def find_by_reference(self, credentials: Credentials, reference: str) -> SentMessage | None:
        """GET /messages by reference, which is compared in each row: whether the API's filter is exact is not known.

        Of several rows one that did not fail is preferred. Raises Transient if the answer is no list, OutcomeUnknown if
        there were more rows than can be looked through: "none" must be certain, since it allows a second send.
        """
        params = {"reference": reference, "device": credentials.require("device_id")}
        failed: SentMessage | None = None
        async with aclosing(self._rows(credentials, "/messages", params, "the look-up of a message")) as rows:
            async for row in rows:
                if row.get("reference") != reference:
                    continue
                found = wire.sent_message(row)
                if found is None:
                    raise Transient("Wassenger lists the message without its id. It is asked again.")
                if found.raw_status != "failed":
                    return found
                failed = failed or found
        return failed

    async def check_credentials(self, credentials: Credentials) -> ChannelHealth:
        """GET /devices: whether the channel's device is the account's, and connected to WhatsApp."""
        device_id = credentials.require("device_id")
        async with aclosing(self._rows(credentials, "/devices", {}, "the list of devices")) as rows:
            async for row in rows:
                if row.get("id") == device_id:
                    return _health(row)
        advice = "Correct the channel's device_id."
        return ChannelHealth(ok=False, found=False, detail=f"The account has no device of this id. {advice}")

    async def setup_webhook(self, credentials: Credentials, url: str, secret: str | None = None) -> WebhookRegistration:
        """POST /webhooks for the channel's device, unless this very URL is registered already (so it may be repeated).

        `secret` goes into the URL's query: the one way that every source about the API agrees on.
        """
        target = _webhook_url(url, secret)
        act = "the set-up of a webhook"
        async with aclosing(self._rows(credentials, "/webhooks", {}, "the list of webhooks")) as rows:
            async for row in rows:
                if wire.webhook_serves(row, target):
                    return _registration(row, target)
        body: dict[str, object] = {
            "name": wire.WEBHOOK_NAME,
            "url": target,
            "events": list(wire.SUBSCRIBED_EVENTS),
            "device": credentials.require("device_id"),
        }
        private = (target, secret or "")
        answer, context = await self._ask(credentials, "POST", "/webhooks", act, json=body, private=private)
        made = answer.json()
        if not isinstance(made, Mapping) or not wire.text_of(made.get("id")):
            raise meaning_of(answer, context)
        return _registration(made, target)

    def _refuse_unsendable(self, message: OutboundMessage) -> None:
        limit = self.capabilities.max_text_chars
        if not _E164.fullmatch(message.to_phone):
            raise Rejected("The phone number is not in E.164 form (+ and 7 to 15 digits). Correct the contact.")
        if not message.reference:
            raise Rejected("A message needs a reference, or a lost answer could never be settled.")
        if not message.text.strip() and message.media is None:
            raise Rejected("The message is empty. Give it a text or an attachment.")
        if len(message.text) > limit:
            raise Rejected(f"The message has {len(message.text)} characters, Wassenger takes {limit}. Shorten it.")

    async def _rows(
        self, credentials: Credentials, path: str, params: Mapping[str, str], act: str
    ) -> AsyncGenerator[Mapping[str, object], None]:
        """Every row of a list, page by page; raises OutcomeUnknown when it does not end within the pages we read.

        A page that is not full is the last one. So is one that holds more than was asked for: that list is not paged.
        """
        for page in range(_MAX_PAGES):
            paged = {**params, "size": str(_PAGE_SIZE), "page": str(page)}
            answer, context = await self._ask(credentials, "GET", path, act, params=paged)
            rows = answer.json()
            if not isinstance(rows, list):
                raise meaning_of(answer, context)
            for row in rows:
                if isinstance(row, Mapping):
                    yield row
            if len(rows) != _PAGE_SIZE:
                return
        raise OutcomeUnknown(f"Wassenger's list for {act} did not end within {_MAX_PAGES} pages: ask a person to look.")

    async def _ask(
        self,
        credentials: Credentials,
        method: str,
        path: str,
        act: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Mapping[str, object] | None = None,
        private: tuple[str, ...] = (),
    ) -> tuple[Answer, Context]:
        """Make one call; an answer other than 2xx, or none, is raised by its meaning."""
        token = credentials.require("token")
        call = Call(method, f"{self._base}{path}", {"Token": token}, params, json)
        context = Context(act, call.writes, (token, *private), datetime.now(UTC))
        try:
            answer = await exchange(self._http, call, self._timeout_seconds)
        except (httpx.HTTPError, TimeoutError) as error:
            # "from None": the cause's text may quote URLs, and the chain would enter Temporal's history.
            raise meaning_of(error, context) from None
        if not answer.ok:
            raise meaning_of(answer, context)
        return answer, context


def _health(device: Mapping[str, object]) -> ChannelHealth:
    status = wire.text_of(device.get("status")) or "unknown"
    ready = status in wire.READY_STATES
    advice = "" if ready else " Link the phone again by its QR code in Wassenger."
    return ChannelHealth(ok=ready, detail=f"Device is {status}.{advice}", phone=wire.phone_of(device.get("phone")))


def _webhook_url(url: str, secret: str | None) -> str:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL("")
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise Rejected("The webhook's address is not an http(s) URL. Correct the public address of this installation.")
    return str(parsed.copy_set_param("secret", secret)) if secret else url


def _registration(row: Mapping[str, object], url: str) -> WebhookRegistration:
    secret = wire.text_of(row.get("secret")) or None
    return WebhookRegistration(id=wire.text_of(row.get("id")), url=url, signing_secret=secret)
