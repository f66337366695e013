"""Hostile webhook calls: kept or refused as the corpus says, never half, and the next call is served."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx
import pytest
from cryptography.fernet import Fernet
from fastapi import FastAPI

from api.app import create_app
from db.engine import Database
from db.secrets import SecretBox
from tests.api.doubles import RecordingWorkflows
from tests.api.hostile import nothing_breaks, refused
from tests.api.people import Company, make_company
from tests.api.rows import fresh_phone, stored_events
from tests.api.server import serving
from tests.api.test_webhooks_api import HOOK_SECRET, post, text_event, texts_of
from tests.corpora.reading import Item, corpus

CALLS = corpus("webhooks")


@pytest.mark.parametrize("item", CALLS, ids=str)
async def test_a_call_is_kept_whole_or_refused(company: Company, stranger: httpx.AsyncClient, item: Item) -> None:
    headers = {"content-type": "application/json"} | item.headers
    with nothing_breaks():
        answer = await post(stranger, company, item.content, headers=headers)
        assert answer.status_code == item.status, answer.text[:300]
        events = await stored_events(company)
        assert [bytes(event.raw) for event in events] == ([] if refused(answer) else [item.content])
        phone = fresh_phone()
        assert (await post(stranger, company, text_event(phone))).json() == {"status": "processed"}
    assert await texts_of(company, phone) == ["yes please"]


async def test_a_call_repeated_is_kept_once(company: Company, stranger: httpx.AsyncClient) -> None:
    kept = [item for item in CALLS if item.status == 200]
    with nothing_breaks():
        for item in [*kept, *kept]:
            assert (await post(stranger, company, item.content)).status_code == 200
    assert len(await stored_events(company)) == len(kept)


async def test_a_replay_with_another_text_neither_adds_nor_changes_a_message(
    company: Company, stranger: httpx.AsyncClient
) -> None:
    phone = fresh_phone()
    event = text_event(phone, "yes please")
    forged = json.loads(json.dumps(event))
    forged["data"]["body"] = "STOP"
    with nothing_breaks():
        assert [(await post(stranger, company, call)).status_code for call in (event, forged)] == [200, 200]
    assert await texts_of(company, phone) == ["yes please"]


async def test_a_secret_opens_no_other_channel(
    company: Company, rival: Company, stranger: httpx.AsyncClient, secrets: SecretBox
) -> None:
    made = await rival.http.post(
        "/api/channels",
        json={
            "platform": "wassenger",
            "name": "Second",
            "credentials": {"token": "t", "device_id": "d"},
            "webhook_secret": "another-secret",
        },
    )
    theirs = f"/webhooks/wassenger/{made.json()['id']}"
    answer = await stranger.post(theirs, params={"secret": HOOK_SECRET}, json=text_event(fresh_phone()))
    assert answer.status_code == 401
    answer = await stranger.post(theirs, params={"secret": "another-secret"}, json=text_event(fresh_phone()))
    assert answer.status_code == 200
    assert await stored_events(company) == []


@pytest.fixture(scope="module")
def served(database_url: str) -> Iterator[tuple[str, Company]]:
    """A real server, since lies about lengths are told below HTTP clients."""
    made: list[Company] = []

    @asynccontextmanager
    async def make_app() -> AsyncIterator[FastAPI]:
        database = Database.connect(database_url)
        secrets = SecretBox([Fernet.generate_key().decode()])
        app = create_app(database, RecordingWorkflows(), secrets, public_url="http://relance.test")
        made.append(await make_company(database, secrets, app))
        yield app
        await database.close()

    with serving(make_app) as address:
        yield address, made[0]


async def raw_call(address: str, company: Company, head: str, body: bytes, *, hangs_up: bool = False) -> bytes:
    """The status line that a call gets whose head and body are written by hand; empty if it is hung up on."""
    where = urlsplit(address)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    path = f"/webhooks/wassenger/{company.channel_id}?secret={HOOK_SECRET}"
    start = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{head}\r\n\r\n".encode("latin-1")
    try:
        # At one go: a server that refuses the head and closes resets the connection when a body still comes,
        # and TCP may then throw the answer away before it was read (RFC 9112, 9.6).
        writer.write(start + body)
        if hangs_up:
            writer.write_eof()
        return (await reader.read()).partition(b"\r\n")[0]
    except OSError:  # it was hung up on while it still wrote
        return b""
    finally:
        writer.close()


def chunked(*pieces: bytes) -> bytes:
    """A body in chunks, with its end."""
    return b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in [*pieces, b""])


EVENT = b'{"event": "odd", "data": {"n": 1}}'
JSON = "Content-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("head", "body", "statuses"),
    [
        (f"{JSON}Content-Length: {len(EVENT) - 5}", EVENT, {b"400"}),
        (f"{JSON}Content-Length: {len(EVENT) + 5}", EVENT, {b"400", b"422", b""}),
        (f"{JSON}Content-Length: -1", EVENT, {b"400"}),
        (f"{JSON}Content-Length: 1e3", EVENT, {b"400"}),
        (f"{JSON}Content-Length: 99999999999999999999", EVENT, {b"400", b"413"}),
        (f"{JSON}Content-Length: 5\r\nContent-Length: 6", EVENT, {b"400"}),
        (f"{JSON}Content-Length: 2000000", b"x", {b"413"}),
        (f"{JSON}Transfer-Encoding: chunked", chunked(*[b"x" * 100_000] * 11), {b"413", b""}),
        (f"{JSON}Transfer-Encoding: chunked", b"zz\r\nnot a length\r\n", {b"400", b""}),
        (f"{JSON}Transfer-Encoding: chunked", b"5\r\n{\"eve", {b"400", b"422", b""}),
        (f"{JSON}X-Bad: a\x00b\r\nContent-Length: 2", b"{}", {b"400"}),
        # Whether long headers are taken is the HTTP parser's (or the proxy's) affair: either is well.
        (f"{JSON}X-Long: {'x' * 100_000}\r\nContent-Length: 2", b"{}", {b"200", b"400", b"431"}),
    ],
    ids=["too short", "too long", "negative", "a float", "beyond 64 bits", "two lengths", "announced over a megabyte",
         "chunks over a megabyte", "no chunk", "half a chunk", "NUL in a header", "a long header"],
)  # fmt: skip
async def test_lies_about_the_body_are_refused_and_the_next_call_is_served(
    served: tuple[str, Company], head: str, body: bytes, statuses: set[bytes]
) -> None:
    address, company = served
    with nothing_breaks():
        line = await raw_call(address, company, head, body, hangs_up=b"" in statuses)
        after = await raw_call(address, company, f"{JSON}Transfer-Encoding: chunked", chunked(EVENT[:7], EVENT[7:]))
    assert (line.split(b" ")[1] if line else b"") in statuses, line
    assert after.split(b" ")[1] == b"200"
