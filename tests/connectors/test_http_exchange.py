"""One exchange is bounded in time and size, and Retry-After is read as servers write it."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.http import MAX_BODY_BYTES, Call, exchange, retry_after_seconds

NOW = datetime(2026, 1, 1, 10, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 60),
        ("", 60),
        ("soon", 60),
        ("nan", 60),
        ("17", 17),
        (" 17 ", 17),
        ("0.2", 1),
        ("0", 1),
        ("-3", 1),
        ("99999", 3600),
        ("inf", 3600),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 1),
        ("Thu, 01 Jan 2026 10:02:00 -0000", 120),
        ("Thu, 01 Jan 2026 12:02:00 +0200", 120),
        ("Thu, 99 Jan 2026 12:02:00 GMT", 60),
    ],
)
def test_retry_after_is_read_in_seconds_or_as_a_date(header: str | None, seconds: float) -> None:
    assert retry_after_seconds(header, NOW) == seconds


@given(st.text())
def test_no_retry_after_header_fails_or_leaves_the_range(header: str) -> None:
    assert 1 <= retry_after_seconds(header, NOW) <= 3600


async def answer_with(response: httpx.Response) -> tuple[int, int, bool, object]:
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda request: response)) as http:
        answer = await exchange(http, Call("GET", "http://platform.test/", {}), 5.0)
    return answer.status, len(answer.body), answer.whole, answer.json()


async def test_a_body_up_to_the_limit_is_read_whole() -> None:
    body = b'"' + b"a" * (MAX_BODY_BYTES - 2) + b'"'
    assert (await answer_with(httpx.Response(200, content=body)))[:3] == (200, MAX_BODY_BYTES, True)


async def test_a_larger_body_is_cut_and_no_longer_counts_as_json() -> None:
    body = b'"' + b"a" * MAX_BODY_BYTES + b'"'
    assert await answer_with(httpx.Response(200, content=body)) == (200, MAX_BODY_BYTES, False, None)


async def test_redirects_are_not_followed_even_if_the_client_would() -> None:
    asked: list[str] = []

    def redirect(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(302, headers={"location": "http://elsewhere.test/"})

    async with httpx.AsyncClient(transport=httpx.MockTransport(redirect), follow_redirects=True) as http:
        answer = await exchange(http, Call("POST", "http://platform.test/", {"Token": "k"}, json={}), 5.0)
    assert (answer.status, asked) == (302, ["platform.test"])


async def test_the_answer_is_asked_for_uncompressed_and_every_wait_is_bounded() -> None:
    seen: list[httpx.Request] = []

    def keep(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    async with httpx.AsyncClient(transport=httpx.MockTransport(keep), timeout=httpx.Timeout(None)) as http:
        await exchange(http, Call("GET", "http://platform.test/", {}), 20.0)
    assert seen[0].headers["accept-encoding"] == "identity"
    assert seen[0].extensions["timeout"] == {"connect": 5.0, "read": 20.0, "write": 20.0, "pool": 5.0}
