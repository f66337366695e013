"""The contract that every registered connector keeps."""

import inspect
from collections.abc import Awaitable, Callable
from typing import get_args

import httpx
import pytest

from connectors.base import Operation, PlatformConnector
from connectors.errors import ConnectorError, InvalidBaseUrl, OutcomeUnknown, UnknownConnector, UnsupportedOperation
from connectors.registry import ConnectorUrls, build_connectors
from connectors.shapes import OutboundPost
from tests.connectors.lab import ACCOUNTS, MESSAGE, TOKEN, Platform, connectors_over

NAMES = ("wassenger",)
Act = Callable[[PlatformConnector], Awaitable[object]]
OPTIONAL: dict[str, Act] = {
    "find_by_reference": lambda c: c.find_by_reference(ACCOUNTS[c.name], "reference-1"),
    "publish": lambda c: c.publish(ACCOUNTS[c.name], OutboundPost(text="News", reference="post-1")),
    "list_new_comments": lambda c: c.list_new_comments(ACCOUNTS[c.name], ("post-1",)),
    "reply_comment": lambda c: c.reply_comment(ACCOUNTS[c.name], "comment-1", "Thanks", "reply-1"),
    "refresh_token": lambda c: c.refresh_token(ACCOUNTS[c.name]),
    "setup_webhook": lambda c: c.setup_webhook(ACCOUNTS[c.name], "https://relance.example/webhooks/x", "s3cret-value"),
}
ACTS: dict[str, Act] = {
    "send": lambda c: c.send(ACCOUNTS[c.name], MESSAGE),
    "check_credentials": lambda c: c.check_credentials(ACCOUNTS[c.name]),
    **OPTIONAL,
}
STATUSES = (*range(300, 309), *range(400, 430), 431, 451, *range(500, 512), 520, 524, 599)
LOST = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ReadTimeout, httpx.WriteTimeout,
        httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError, httpx.DecodingError)  # fmt: skip


def offered(connector: PlatformConnector) -> list[str]:
    return ["send", "check_credentials", *sorted(connector.capabilities.operations)]


async def error_of(act: Act, connector: PlatformConnector) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        await act(connector)
    return caught.value


async def test_the_suite_covers_every_registered_platform_and_operation() -> None:
    async with connectors_over(Platform(httpx.Response(500))) as connectors:
        assert tuple(sorted(connectors)) == NAMES
        assert set(ACCOUNTS) == set(connectors)
        assert all(connector.name == name for name, connector in connectors.items())
    assert set(OPTIONAL) == set(get_args(Operation))
    acts = {name for name, member in inspect.getmembers(PlatformConnector, inspect.iscoroutinefunction)}
    assert acts == set(ACTS)


@pytest.mark.parametrize("name", NAMES)
async def test_capabilities_agree_with_the_methods_that_the_connector_has(name: str) -> None:
    async with connectors_over(Platform(httpx.Response(500))) as connectors:
        connector = connectors[name]
    own = {operation for operation in OPTIONAL if operation in vars(type(connector))}
    assert own == connector.capabilities.operations
    assert set(connector.capabilities.max_bytes) == connector.capabilities.media_kinds
    assert all(size > 0 for size in connector.capabilities.max_bytes.values())


@pytest.mark.parametrize("name", NAMES)
async def test_an_operation_that_the_platform_lacks_is_a_typed_error_without_a_call(name: str) -> None:
    platform = Platform(httpx.Response(200, json={}))
    async with connectors_over(platform) as connectors:
        connector = connectors[name]
        for operation in set(OPTIONAL) - connector.capabilities.operations:
            error = await error_of(OPTIONAL[operation], connector)
            assert isinstance(error, UnsupportedOperation)
            assert (error.connector, error.operation) == (name, operation)
    assert platform.requests == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("status", STATUSES)
async def test_every_refusal_is_a_typed_error_that_carries_its_status(name: str, status: int) -> None:
    async with connectors_over(Platform(httpx.Response(status, json={"message": f"no, {TOKEN}"}))) as connectors:
        for act in offered(connectors[name]):
            error = await error_of(ACTS[act], connectors[name])
            assert error.status == status
            assert TOKEN not in error.message
            assert 0 < len(error.message) <= 300


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("lost", LOST)
async def test_every_lost_connection_is_a_typed_error_without_a_status(name: str, lost: type[httpx.HTTPError]) -> None:
    async with connectors_over(Platform(lost(f"broken while using {TOKEN}"))) as connectors:
        for act in offered(connectors[name]):
            error = await error_of(ACTS[act], connectors[name])
            assert error.status is None
            assert TOKEN not in error.message
            assert error.__cause__ is None


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("body", [b"", b"<html>", b"null", b"17", b'"ok"', b"{}", b"[[]]", b"[" * 50_000])
async def test_a_send_whose_good_answer_cannot_be_read_is_unknown_not_failed(name: str, body: bytes) -> None:
    async with connectors_over(Platform(httpx.Response(200, content=body))) as connectors:
        assert isinstance(await error_of(ACTS["send"], connectors[name]), OutcomeUnknown)


@pytest.mark.parametrize("name", NAMES)
async def test_nothing_is_tried_twice(name: str) -> None:
    platform = Platform(httpx.Response(503))
    async with connectors_over(platform) as connectors:
        for count, act in enumerate(offered(connectors[name]), start=1):
            await error_of(ACTS[act], connectors[name])
            assert len(platform.requests) == count


async def test_an_unknown_platform_is_answered_with_the_known_ones() -> None:
    async with connectors_over(Platform(httpx.Response(500))) as connectors:
        with pytest.raises(UnknownConnector) as caught:
            connectors["telegram"]
    assert caught.value.known == NAMES
    assert "telegram" in caught.value.message
    assert "wassenger" in caught.value.message


@pytest.mark.parametrize("url", ["", "wassenger", "ftp://a.example", "http://", "http://a.example/v1?key=1",
                                 "http://user:word@a.example", "http://a.example:port"])  # fmt: skip
async def test_a_base_url_that_cannot_be_used_is_refused_when_the_connectors_are_built(url: str) -> None:
    async with httpx.AsyncClient() as http:
        with pytest.raises(InvalidBaseUrl, match="RELANCE_WASSENGER_URL"):
            build_connectors(http, ConnectorUrls(wassenger=url), 5.0)
