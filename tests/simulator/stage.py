"""What these tests stand on: a webhook receiver on a real socket, a typed hand on the simulator, bounded waiting."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.server import GuestServer, loopback_listener

DEVICE = "65f0c0ffee65f0c0ffee0001"
KEY = {"Token": "any key"}

QUIET = {"receipts": {"announce": False}, "people": {"reply_share": 0, "stop_share": 0}}
AT_ONCE = {"min_seconds": 0, "max_seconds": 0}


async def until(condition: Callable[[], bool], seconds: int = 15) -> None:
    """Return as soon as the condition holds. Raises TimeoutError when it does not in time."""
    for _ in range(seconds * 100):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError(f"not within {seconds} s")


@dataclass
class Receiver:
    """Relance's place in these tests: answers `status`, keeps headers and bodies in the order of arrival."""

    url: str = ""
    status: int = 200
    bodies: list[dict[str, Any]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    async def receive(self, request: Request) -> Response:
        body = await request.body()
        self.raw.append(body)
        self.headers.append(dict(request.headers))
        if body.startswith(b"{"):
            self.bodies.append(json.loads(body))
        return Response(status_code=self.status)

    def forget(self) -> None:
        self.status = 200
        self.bodies.clear()
        self.raw.clear()
        self.headers.clear()

    def named(self, event: str) -> list[dict[str, Any]]:
        return [body for body in self.bodies if body["event"] == event]

    def texts(self) -> list[str]:
        return [body["data"]["body"] for body in self.named("message:in:new")]


@contextlib.asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = Starlette(routes=[Route("/hook", receiver.receive, methods=["POST"])])
    with loopback_listener() as listener:
        server = GuestServer(uvicorn.Config(app, ws="none", log_config=None, access_log=False, lifespan="off"))
        running = asyncio.create_task(server.serve(sockets=[listener]))
        await server.up.wait()
        receiver.url = f"http://127.0.0.1:{listener.getsockname()[1]}/hook?secret=s3cret"
        try:
            yield receiver
        finally:
            server.should_exit = True
            await running


@dataclass(frozen=True)
class Hand:
    """Calls of the platform and of the control API, in the words of the tests."""

    http: httpx.AsyncClient

    async def send(self, phone: str = "+33600000001", text: str = "hello", **fields: object) -> httpx.Response:
        body = {"phone": phone, "message": text, "device": DEVICE, **fields}
        return await self.http.post("/v1/messages", json=body, headers=KEY)

    async def find(self, **query: str) -> list[dict[str, Any]]:
        answer = await self.http.get("/v1/messages", params=query, headers=KEY)
        assert answer.status_code == 200, answer.text
        rows: list[dict[str, Any]] = answer.json()
        return rows

    async def subscribe(self, url: str, **fields: object) -> dict[str, Any]:
        events = ["message:in:new", "message:out:new", "message:out:sent", "message:out:ack", "message:out:failed"]
        body = {"name": "tests", "url": url, "events": events, **fields}
        answer = await self.http.post("/v1/webhooks", json=body, headers=KEY)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def control(self, method: str, path: str, body: object = None) -> Any:
        answer = await self.http.request(method, f"/control/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def behave(self, **behaviour: object) -> None:
        await self.control("PUT", "behaviour", behaviour)

    async def fault(self, kind: str, **fields: object) -> None:
        await self.control("PUT", "faults", {"rules": [{"kind": kind, **fields}]})

    async def summary(self) -> dict[str, Any]:
        counted: dict[str, Any] = await self.control("GET", "summary")
        return counted

    async def summary_when(self, condition: Callable[[dict[str, Any]], bool], seconds: int = 15) -> dict[str, Any]:
        """The first summary for which the condition holds. Raises TimeoutError when none does in time."""
        for _ in range(seconds * 50):
            counted = await self.summary()
            if condition(counted):
                return counted
            await asyncio.sleep(0.02)
        raise TimeoutError(f"not within {seconds} s")

    async def log(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await self.control("GET", "messages"))["items"]
        return items
