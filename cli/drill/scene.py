"""Where the drill plays: a stack of its own, and the API and the platform as an operator and a tester use them."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import replace
from typing import Any

import httpx

from cli.demo import script
from cli.drill.accounts import Campaign, Channel, both_accounts, rows
from cli.drill.judgement import judged
from cli.drill.outcome import Tally
from cli.drill.waiting import NotInTime, until
from cli.shapes import Counts
from cli.stack.stack import Stack

AWAY = frozenset({502, 503, 504})
PATIENCE_SECONDS = 60.0
SETTLED_SECONDS = 120.0
OVER = frozenset({"completed", "cancelled"})
SILENT = {"announce": False}
"""No receipts: what became of a message is known from its answer, or from asking."""

Json = dict[str, Any]


class Scene:
    """One stack and everything that the faults do to it."""

    def __init__(self, stack: Stack, api: httpx.AsyncClient, simulator: httpx.AsyncClient) -> None:
        self.stack = stack
        self.api = api
        self.simulator = simulator
        self._numbers = iter(range(10_000))
        self._rules: dict[str, tuple[Json, ...]] = {}
        self._part = ""

    def part_of(self, name: str) -> "Scene":
        """The same scene for one of several faults at once: what it breaks at the platform is its own to mend."""
        part = copy(self)
        part._part = name
        return part

    def new_phones(self, count: int) -> list[str]:
        """Numbers of the range that the French regulator keeps for fiction, none given twice."""
        return [f"+3363998{next(self._numbers):04d}" for _ in range(count)]

    # The API, as an operator's program uses it

    async def call(self, method: str, path: str, **arguments: Any) -> Any:
        """A call that is repeated while the API is away; a write carries a key that makes this harmless."""
        if method == "POST":
            arguments.setdefault("headers", {"Idempotency-Key": secrets.token_hex(12)})
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = await self._try(method, path, **arguments)
            if answer is not None and answer.is_success:
                return answer.json() if answer.content else None
            later = answer is None or answer.status_code in AWAY or "Retry-After" in answer.headers
            if not later or time.monotonic() > deadline:
                said = "no answer" if answer is None else f"{answer.status_code} {answer.text[:300]}"
                raise NotInTime(f"{method} {path}: {said}")
            await asyncio.sleep(0.1)

    async def _try(self, method: str, path: str, **arguments: Any) -> httpx.Response | None:
        try:
            return await self.api.request(method, path, **arguments)
        except httpx.TransportError:
            return None

    async def channel(self, rate: float, **more: Any) -> Channel:
        """Connects an account and has the platform call its webhook."""
        device, token = secrets.token_hex(12), f"drill-{secrets.token_hex(8)}"
        body = script.channel(device, secrets.token_urlsafe(24), rate)
        credentials = {"token": token, "device_id": device}
        made = await self.call("POST", "/api/channels", json={**body, "credentials": credentials, **more})
        hook = {"name": "drill", "url": made["webhook_url"], "events": script.EVENTS, "device": device}
        answer = await self.simulator.post("/v1/webhooks", json=hook, headers={"Token": token})
        answer.raise_for_status()
        return Channel(made["id"], device, token, made["webhook_url"])

    async def campaign(
        self,
        channel: Channel,
        people: int | Sequence[str],
        *,
        window: float,
        pacing: Json | None = None,
        start: bool = True,
    ) -> Campaign:
        """Makes a campaign of new people, or of these, and starts it."""
        phones = self.new_phones(people) if isinstance(people, int) else list(people)
        body = script.campaign(channel.id, window, f"Drill {secrets.token_hex(3)}")
        fast = {"delay_seconds": 0, "batch_size": 100, "max_delay_seconds": 1}
        made = await self.call("POST", "/api/campaigns", json={**body, "pacing": {**fast, **(pacing or {})}})
        rows = "\n".join(f"{phone},Person {index}" for index, phone in enumerate(phones))
        files = {"file": ("people.csv", f"phone,first_name\n{rows}\n", "text/csv")}
        await self.call("POST", f"/api/campaigns/{made['id']}/contacts", files=files)
        campaign = Campaign(made["id"], channel, phones, window)
        if start:
            await self.command(campaign, "start")
        return campaign

    async def command(self, campaign: Campaign, command: str) -> None:
        """Start, pause, resume or cancel."""
        await self.call("POST", f"/api/campaigns/{campaign.id}/{command}")

    async def show(self, campaign: Campaign) -> Json:
        """The campaign's page."""
        page: Json = await self.call("GET", f"/api/campaigns/{campaign.id}")
        return page

    async def counts(self, campaign: Campaign) -> Counts:
        """The campaign's counts."""
        return Counts.model_validate((await self.show(campaign))["counts"])

    async def until_out(self, campaign: Campaign, number: int, within: float = SETTLED_SECONDS) -> float:
        """Waits until so many Messages 1 are at the platform; returns the seconds that it took."""

        async def there() -> bool:
            return (await self.counts(campaign)).out >= number

        return await until(there, f"{number} messages of the campaign are out", within)

    async def until_over(self, campaign: Campaign, within: float = SETTLED_SECONDS) -> float:
        """Waits until the campaign has come to its end; returns the seconds that it took."""

        async def there() -> bool:
            return (await self.show(campaign))["status"] in OVER

        return await until(there, "the campaign is over", within)

    async def is_over(self, campaign: Campaign) -> bool:
        """Whether the campaign has come to its end."""
        return (await self.show(campaign))["status"] in OVER

    async def seconds_until_ready(self, within: float = 60.0) -> float:
        """Waits until the API says that database, Temporal and a worker on every queue are there; how long it took."""

        async def green() -> bool:
            answer = await self._try("GET", "/readyz")
            return answer is not None and answer.is_success

        return await until(green, "the API says that it is ready", within)

    # The platform

    async def control(self, method: str, path: str, **arguments: Any) -> Any:
        """The tester's side of the simulator."""
        answer = await self.simulator.request(method, f"/control/{path}", **arguments)
        answer.raise_for_status()
        return answer.json()

    async def behave(self, **people: Any) -> None:
        """How people answer from now on: by default nobody does. Webhooks that were not heard are repeated soon."""
        body = {"people": {"reply_share": 0.0, "stop_share": 0.0, **people}, "receipts": SILENT}
        webhooks = {"backoff_seconds": 0.3, "backoff_cap_seconds": 2.0}
        await self.control("PUT", "behaviour", json={**body, "webhooks": webhooks})

    async def fault(self, *rules: Json) -> None:
        """What this fault breaks at the platform from now on; none mends it."""
        self._rules[self._part] = rules
        await self.control("PUT", "faults", json={"rules": [rule for each in self._rules.values() for rule in each]})

    async def write(self, channel: Channel, phone: str, words: str) -> None:
        """A person writes to the channel now."""
        await self.control("POST", "inbound", json={"device": channel.device, "phone": phone, "text": words})

    async def posts(self, channel: Channel, since: float = 0.0) -> list[Json]:
        """Every message that the platform was asked to send from this device, oldest first."""
        asked = {"device": channel.device, "limit": 10_000, "since": since}
        posts: list[Json] = (await self.control("GET", "messages", params=asked))["items"]
        return posts

    async def people(self, channel: Channel) -> list[Json]:
        """What everybody whom this device met was sent and wrote, by the platform's log."""
        asked = {"device": channel.device, "limit": 10_000}
        people: list[Json] = (await self.control("GET", "people", params=asked))["items"]
        return people

    async def log(self, channel: Channel) -> Json:
        """The simulator's summary of this device."""
        summary: Json = await self.control("GET", "summary", params={"device": channel.device})
        return summary

    async def until_told(self, channel: Channel, within: float = 60.0) -> None:
        """Waits until the platform has told every text that the channel's people wrote or will write."""

        async def told() -> bool:
            people = await self.people(channel)
            replies = [reply for person in people for reply in person["replies"]]
            return not any(person["pending_replies"] for person in people) and all(
                reply["acked_at"] is not None for reply in replies
            )

        await until(told, "the platform has told the last reply", within)

    async def until_no_call_waits(self, within: float = 60.0) -> None:
        """Waits until the platform has answered what it answers late, even to callers that have gone."""

        async def none() -> bool:
            return int((await self.control("GET", "summary"))["calls_delayed"]) == 0

        await until(none, "the platform has answered every call", within)

    async def seconds_until_next_post(self, campaign: Campaign, within: float = 60.0) -> float:
        """How long from now until the platform is asked to send something, or the campaign has nothing left to send."""
        before = await self._posts_so_far()

        async def more() -> bool:
            if await self._posts_so_far() > before:
                return True
            counts = await self.counts(campaign)
            return not counts.pending and not counts.sending

        return await until(more, "something is sent again", within)

    async def _posts_so_far(self) -> int:
        return int((await self.simulator.get("/healthz")).json()["posts"])

    # The judge

    async def rows(self, statement: str, **values: Any) -> list[Sequence[Any]]:
        """What the database holds, whoever's it is."""
        return await rows(self.stack.addresses.database, statement, **values)

    async def judge(self, campaign: Campaign, *, beside: Campaign | None = None) -> Tally:
        """Both accounts of a campaign that is over, person by person; `beside` is another one on its channel."""
        await self.until_told(campaign.channel)
        log = await self.log(campaign.channel)
        found = await asyncio.to_thread(both_accounts, self.stack, campaign)
        others = frozenset(beside.phones if beside else ())
        seen = tuple(person for person in found.seen if person.phone not in others)
        return judged(replace(found, seen=seen), log)


@asynccontextmanager
async def opened(stack: Stack) -> AsyncIterator[Scene]:
    """The scene on a running stack."""
    headers = {"Authorization": f"Bearer {stack.api_key}"}
    limits = httpx.Limits(max_connections=100)
    async with (
        httpx.AsyncClient(
            base_url=stack.addresses.api, headers=headers, timeout=15, trust_env=False, limits=limits
        ) as api,
        httpx.AsyncClient(base_url=stack.addresses.simulator, timeout=30, trust_env=False, limits=limits) as simulator,
    ):
        yield Scene(stack, api, simulator)
