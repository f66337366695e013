"""What one installation shows of itself: at rest, in all kinds of trouble at once, and with a part of it away."""

import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, fields

from temporalio.client import Client

from db.engine import Database
from tests.idle import polled
from tests.ledger_world import World, settle
from tests.operations import troubles
from tests.operations.fleet import Page
from tests.operations.installation import Installation, Pages
from tests.platform_double import PlatformDouble
from tests.waiting import until

NOWHERE = "postgresql+asyncpg://nobody@127.0.0.1:1/none"


@dataclass(frozen=True)
class Worlds:
    """A tenant with a channel for each trouble; the names say what becomes of the channel."""

    steady: World
    broken: World
    probed: World
    unknown_for_long: World
    unknown_just_now: World
    paused: World
    expired: World
    blocked: World
    launched: World

    @classmethod
    async def make(cls, database: Database) -> "Worlds":
        """New ones, all well."""
        return cls(**{field.name: await World.make(database) for field in fields(cls)})


@dataclass(frozen=True)
class Seen:
    """The pages, how many deliveries are held on those of the trouble, and how many seconds the trouble took."""

    worlds: Worlds
    calm: Pages
    trouble: Pages
    without_database: Page
    without_temporal: Page
    held: int
    took: float


async def look(installation: Installation, worked: Client, idle: Client) -> Seen:
    """All is well while workers poll one Temporal; then all goes wrong, over another one that nobody ever polled."""
    worlds = await Worlds.make(installation.database)
    first = await worlds.steady.person()
    await settle(installation.sender(PlatformDouble()), first.message_1())
    async with polled(worked):
        calm = await pages_once(installation, worked, lambda page: page.total("relance_ready") == 4, "it is ready")
    began = time.monotonic()
    held = await troubles.platform_goes_away(installation, worlds.broken)
    held += await troubles.platform_goes_away(installation, worlds.probed)
    held += await troubles.accounts_stop(installation, worlds.paused, worlds.expired, worlds.blocked)
    held += await troubles.sends_are_held(installation, worlds.steady)
    await troubles.answers_get_lost(installation, worlds.unknown_for_long, worlds.unknown_just_now)
    found = await troubles.messages_end_otherwise(installation, worlds.steady, first)
    await troubles.webhooks_come(installation, idle, worlds.steady, found)
    await troubles.requests_come(installation, worlds.steady)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(troubles.probe_out(installation, worlds.probed))
        await stack.enter_async_context(troubles.nobody_works(installation, idle, worlds.launched))
        trouble = await pages_once(installation, idle, everything_waits, "all that was asked for waits")
        took = time.monotonic() - began
    without_database, without_temporal = await with_a_part_away(installation, idle)
    return Seen(worlds, calm, trouble, without_database, without_temporal, held, took)


async def pages_once(installation: Installation, temporal: Client, holds: Callable[[Page], bool], what: str) -> Pages:
    """The pages as soon as this is to be seen on the API's."""
    pages: Pages = {}

    async def seen() -> bool:
        pages.update(await installation.pages(temporal))
        return holds(pages["api"])

    await until(seen, what)
    return pages


def everything_waits(page: Page) -> bool:
    """Whether Temporal knows of all tasks by now."""
    waiting = page.by("relance_task_queue_backlog", "queue", "kind")
    return waiting == troubles.BACKLOG and min(page.by("relance_task_queue_age_seconds", "queue", "kind").values()) > 0


async def with_a_part_away(installation: Installation, temporal: Client) -> tuple[Page, Page]:
    """What the API shows without its database, and without Temporal."""
    nowhere = Database.connect(NOWHERE)
    without_database = (await installation.pages(temporal, nowhere))["api"]
    await nowhere.close()
    away = await Client.connect("127.0.0.1:1", lazy=True)
    return without_database, (await installation.pages(away))["api"]
