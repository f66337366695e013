"""One HTTP exchange with a platform: bounded in time and size, repeated never."""

import asyncio
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from connectors.errors import DEFAULT_WAIT_SECONDS, LONGEST_WAIT_SECONDS, SHORTEST_WAIT_SECONDS, InvalidBaseUrl

CONNECT_SECONDS = 5.0
MAX_BODY_BYTES = 1_000_000


@dataclass(frozen=True)
class Answer:
    """What came back: `body` holds at most MAX_BODY_BYTES, `whole` tells whether that was all of it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool = True

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def json(self) -> object:
        """The body as JSON, or None when it is cut or is no JSON (a proxy's HTML page, say)."""
        if not self.whole:
            return None
        try:
            found: object = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return found


@dataclass(frozen=True)
class Call:
    """One request to make."""

    method: str
    url: str
    headers: Mapping[str, str]
    params: Mapping[str, str] | None = None
    json: Mapping[str, object] | None = None

    @property
    def writes(self) -> bool:
        """Whether a lost answer leaves it open if something was done."""
        return self.method not in {"GET", "HEAD"}


async def exchange(http: httpx.AsyncClient, call: Call, timeout_seconds: float) -> Answer:
    """Make the call once and read its answer.

    Raises httpx.HTTPError for what httpx tells, TimeoutError when the whole exchange took longer than
    `timeout_seconds` (httpx's own timeouts are per read: a dripping server would never trip them).
    """
    # Waiting for the pool, the connection and TLS must end well before the whole: then "nothing was sent" can be told.
    at_first = min(CONNECT_SECONDS, timeout_seconds / 4)
    request = http.build_request(
        call.method,
        call.url,
        params=call.params,
        json=call.json,
        # A compressed body could be a thousand times larger than what we agreed to read.
        headers={"Accept-Encoding": "identity", "Accept": "application/json", **call.headers},
        timeout=httpx.Timeout(timeout_seconds, connect=at_first, pool=at_first),
    )
    async with asyncio.timeout(timeout_seconds):
        response = await http.send(request, stream=True, follow_redirects=False)
        try:
            body, whole = await _read(response)
        finally:
            await response.aclose()
    return Answer(status=response.status_code, headers=response.headers, body=body, whole=whole)


async def _read(response: httpx.Response) -> tuple[bytes, bool]:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return bytes(body[:MAX_BODY_BYTES]), False
    return bytes(body), True


def retry_after_seconds(value: str | None, now: datetime) -> float:
    """The wait that a Retry-After header (seconds or HTTP date) asks for, within [1, 3600]; 60 if it is unreadable.

    `now` is timezone-aware.
    """
    if value is None or not value.strip():
        return DEFAULT_WAIT_SECONDS
    seconds = _seconds(value.strip(), now)
    if seconds is None or math.isnan(seconds):
        return DEFAULT_WAIT_SECONDS
    return min(max(seconds, SHORTEST_WAIT_SECONDS), LONGEST_WAIT_SECONDS)


def _seconds(value: str, now: datetime) -> float | None:
    try:
        return float(value)
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(value)
        # A date without a zone is GMT by RFC 9110.
        return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()
    except (ValueError, OverflowError):
        return None


def usable_base_url(url: str, setting: str) -> str:
    """The URL without slashes at its end; raises InvalidBaseUrl if it is not plain http(s)."""
    try:
        parsed = httpx.URL(url.strip())
    except httpx.InvalidURL:
        parsed = httpx.URL("")
    if parsed.scheme not in {"http", "https"} or not parsed.host or parsed.query or parsed.fragment or parsed.userinfo:
        raise InvalidBaseUrl(f"{setting} must be an http(s) address without query or password. Correct the setting.")
    return str(parsed).rstrip("/")
