"""Every row of Wassenger's error table, and every way to lose an answer, has one meaning."""

import asyncio
import socket
from collections.abc import Mapping
from datetime import UTC, datetime

import httpx
import pytest

from connectors.errors import (
    AccountBlocked,
    ConnectorError,
    CredentialsExpired,
    OutcomeUnknown,
    Rejected,
    Throttled,
    Transient,
)
from connectors.http import MAX_BODY_BYTES, Answer
from connectors.wassenger.client import WassengerConnector
from connectors.wassenger.meaning import Context, meaning_of
from tests.connectors.lab import (
    MESSAGE,
    PHONE,
    TOKEN,
    WASSENGER,
    Platform,
    Script,
    breaking_server,
    raw_answer,
    wassenger_at,
    wassenger_over,
)

# status, meaning of a write, meaning of a read
TABLE = [
    (301, Transient, Transient),
    (307, Transient, Transient),
    (400, Rejected, Rejected),
    (401, CredentialsExpired, CredentialsExpired),
    (402, AccountBlocked, AccountBlocked),
    (403, CredentialsExpired, CredentialsExpired),
    (404, Rejected, Rejected),
    (405, Rejected, Rejected),
    (408, OutcomeUnknown, Transient),
    (409, OutcomeUnknown, Transient),
    (410, Rejected, Rejected),
    (413, Rejected, Rejected),
    (422, Rejected, Rejected),
    (425, Transient, Transient),
    (429, Throttled, Throttled),
    (500, OutcomeUnknown, Transient),
    (502, OutcomeUnknown, Transient),
    (503, OutcomeUnknown, Transient),
    (504, OutcomeUnknown, Transient),
    (520, OutcomeUnknown, Transient),
]
BEFORE = [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError]
AFTER = [
    httpx.ReadTimeout,
    httpx.WriteTimeout,
    httpx.ReadError,
    httpx.WriteError,
    httpx.RemoteProtocolError,
    httpx.LocalProtocolError,
    httpx.DecodingError,
]


async def send_error(answer: httpx.Response | Exception) -> ConnectorError:
    async with wassenger_over(Platform(answer)) as connector:
        with pytest.raises(ConnectorError) as caught:
            await connector.send(WASSENGER, MESSAGE)
    return caught.value


async def look_up_error(answer: httpx.Response | Exception) -> ConnectorError:
    async with wassenger_over(Platform(answer)) as connector:
        with pytest.raises(ConnectorError) as caught:
            await connector.find_by_reference(WASSENGER, MESSAGE.reference)
    return caught.value


@pytest.mark.parametrize(("status", "writing", "reading"), TABLE)
async def test_a_status_means_one_thing_for_a_send_and_one_for_a_look_up(
    status: int, writing: type[ConnectorError], reading: type[ConnectorError]
) -> None:
    answer = httpx.Response(status, json={"status": status, "message": "no", "errorCode": "some:code"})
    sent, looked_up = await send_error(answer), await look_up_error(answer)
    assert (type(sent), type(looked_up)) == (writing, reading)
    assert (sent.status, sent.code) == (status, "some:code")


@pytest.mark.parametrize("lost", BEFORE)
async def test_a_connection_that_never_came_about_did_nothing(lost: type[httpx.HTTPError]) -> None:
    assert type(await send_error(lost("x"))) is Transient
    assert type(await look_up_error(lost("x"))) is Transient


@pytest.mark.parametrize("lost", AFTER)
async def test_a_connection_that_broke_later_leaves_a_send_open_but_not_a_look_up(lost: type[httpx.HTTPError]) -> None:
    assert type(await send_error(lost("x"))) is OutcomeUnknown
    assert type(await look_up_error(lost("x"))) is Transient


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({"status": 400, "message": "Invalid phone", "errorCode": "phone:invalid"}, "phone:invalid", "Invalid phone"),
        ({"errors": [{"path": "phone", "message": "is required"}]}, None, "phone: is required"),
        ({"error": "Bad Request", "code": "bad", "message": "No such field"}, "bad", "No such field; Bad Request"),
        ({"error": {"message": "Deep", "code": 42}}, "42", "Deep"),
        ({"errors": "odd", "message": ["odd"], "code": {}}, None, "to a message. The same"),
        ([1, 2], None, "to a message. The same"),
    ],
)
async def test_the_reason_is_found_in_every_shape_of_an_error_body(body: object, code: str | None, words: str) -> None:
    error = await send_error(httpx.Response(400, json=body))
    assert (type(error), error.code) == (Rejected, code)
    assert words in error.message


async def test_a_proxy_page_is_not_quoted() -> None:
    error = await send_error(httpx.Response(502, html="<html><h1>502 Bad Gateway</h1></html>"))
    assert "html" not in error.message
    assert "502" in error.message


async def test_no_reason_repeats_the_key_the_number_or_the_text_and_the_advice_stays_whole() -> None:
    echo = f"{TOKEN} {PHONE} {PHONE.removeprefix('+')} {MESSAGE.text} " + "and more " * 60
    error = await send_error(httpx.Response(422, json={"message": echo}))
    assert not any(private in error.message for private in (TOKEN, PHONE[1:], MESSAGE.text))
    assert len(error.message) <= 300
    assert error.message.endswith("The same request will be refused again: correct it first.")


@pytest.mark.parametrize("status", [400, 404, 422])
@pytest.mark.parametrize("code", ["device:invalid", "device:notfound"])
async def test_a_refused_device_is_about_the_channel_and_not_about_one_message(status: int, code: str) -> None:
    assert type(await send_error(httpx.Response(status, json={"errorCode": code}))) is CredentialsExpired


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({}, 60), ({"Retry-After": "7"}, 7), ({"retry-after": "Thu, 01 Jan 2026 10:00:30 GMT"}, 30)],
)
def test_a_throttle_says_when_to_come_back(headers: Mapping[str, str], seconds: float) -> None:
    context = Context("a message", writes=True, private=(), now=datetime(2026, 1, 1, 10, 0, tzinfo=UTC))
    error = meaning_of(Answer(429, httpx.Headers(dict(headers)), b""), context)
    assert isinstance(error, Throttled)
    assert error.retry_after_seconds == seconds


# Over real sockets: what httpx raises there decides, not what we believe it raises.


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    # A zero linger makes close() send RST instead of FIN.
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    writer.transport.abort()


async def cut_the_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(raw_answer(201, {"Content-Length": "500"}, b'{"id":"65f0'))
    await writer.drain()


async def talk_nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9\r\n\r\n")
    await writer.drain()


async def stay_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()  # until the client has had enough


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(raw_answer(201, {"Content-Length": "1000000"}, b""))
    while not reader.at_eof():
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)  # each byte arrives well within the read timeout


async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(raw_answer(201, {"Content-Length": str(2 * MAX_BODY_BYTES)}, b'{"id":"' + b"a" * 2 * MAX_BODY_BYTES))
    await writer.drain()


@pytest.mark.parametrize("script", [hang_up, reset, cut_the_body, talk_nonsense, stay_silent, drip, flood])
async def test_a_send_that_was_written_and_not_answered_is_unknown(script: Script) -> None:
    async with breaking_server(script) as server, wassenger_at(server.url, timeout_seconds=1.2) as connector:
        with pytest.raises(OutcomeUnknown) as caught:
            await connector.send(WASSENGER, MESSAGE)
    assert len(server.requests) == 1
    assert "look it up" in caught.value.message


@pytest.mark.parametrize("script", [hang_up, reset, cut_the_body, talk_nonsense, stay_silent, drip, flood])
async def test_a_look_up_that_was_not_answered_is_asked_again_and_never_says_none(script: Script) -> None:
    async with breaking_server(script) as server, wassenger_at(server.url, timeout_seconds=1.2) as connector:
        with pytest.raises(Transient):
            await connector.find_by_reference(WASSENGER, MESSAGE.reference)


async def test_a_refused_connection_did_nothing() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        async with wassenger_at(f"http://127.0.0.1:{unused.getsockname()[1]}") as connector:
            with pytest.raises(Transient, match="Nothing was sent"):
                await connector.send(WASSENGER, MESSAGE)


async def test_a_full_connection_pool_did_nothing() -> None:
    limits = httpx.Limits(max_connections=1)
    async with breaking_server(stay_silent) as server, httpx.AsyncClient(limits=limits) as http:
        connector = WassengerConnector(http, base_url=server.url, timeout_seconds=1.2)
        acts = [connector.send(WASSENGER, MESSAGE), connector.send(WASSENGER, MESSAGE)]
        errors = await asyncio.gather(*acts, return_exceptions=True)
    assert len(server.requests) == 1
    assert {type(error) for error in errors} == {OutcomeUnknown, Transient}
