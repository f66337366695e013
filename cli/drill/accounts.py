"""What the judge reads: channels and campaigns as the drill knows them, both accounts of one, the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from cli.client import Api, ApiUnreachable
from cli.demo.collection import collect
from cli.demo.evidence import Evidence
from cli.demo.platform import Platform
from cli.demo.runs import Run
from cli.drill.waiting import NotInTime
from cli.stack.stack import Stack


@dataclass(frozen=True, slots=True)
class Channel:
    """A connected account and the device that stands for it at the platform."""

    id: str
    device: str
    token: str
    webhook_url: str


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign under way, or one that waits for its start."""

    id: str
    channel: Channel
    phones: list[str]
    window_seconds: float


async def rows(database: str, statement: str, **values: Any) -> list[Sequence[Any]]:
    """What a statement finds, in whichever tenant."""
    engine = create_async_engine(database, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            return list((await connection.execute(text(statement), values)).all())
    finally:
        await engine.dispose()


def both_accounts(stack: Stack, campaign: Campaign) -> Evidence:
    """Relance's account of a campaign and the platform's log of its device."""
    run = Run(
        id=campaign.id,
        device=campaign.channel.device,
        secret="",
        contacts=Path("drill.csv"),
        rows=len(campaign.phones),
        rate=1,
        window_seconds=campaign.window_seconds,
        campaign_id=campaign.id,
        added=len(campaign.phones),
    )
    platform = Platform(stack.addresses.simulator)
    try:
        with Api(stack.addresses.api, stack.api_key or "") as api:
            return collect(api, platform, run)
    except ApiUnreachable as error:
        raise NotInTime(str(error)) from error
    finally:
        platform.close()
