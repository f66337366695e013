"""Writing stored secrets anew under the first key, so that older keys can be dropped."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from db.engine import Database
from db.secrets import SecretBox, UnreadableSecret
from db.tables import Channel, IdempotentAnswer, Tenant

ANSWERS_AT_ONCE = 500


@dataclass(slots=True)
class Rotation:
    """What was done: secrets written anew, those that were under the first key already, and channels none opens."""

    resealed: int = 0
    current: int = 0
    unreadable: list[UUID] = field(default_factory=list)

    def count(self, fresh: bytes | None) -> None:
        """One more secret, written anew or not."""
        if fresh is None:
            self.current += 1
        else:
            self.resealed += 1


async def reseal_all(database: Database, box: SecretBox) -> Rotation:
    """Puts every stored secret of every tenant under the first key; repeating it changes nothing more."""
    done = Rotation()
    for tenant in await _tenants(database):
        async with database.tenant(tenant) as session:
            await _reseal_channels(session, box, done)
        after: str | None = ""
        while after is not None:
            async with database.tenant(tenant) as session:
                after = await _reseal_answers(session, box, done, after)
    return done


async def unreadable_channels(database: Database, box: SecretBox) -> list[UUID]:
    """The channels with a stored secret that no key in force opens; nothing is changed."""
    found: list[UUID] = []
    for tenant in await _tenants(database):
        async with database.tenant(tenant) as session:
            rows = (await session.exec(select(Channel).order_by(col(Channel.id)))).all()
        found += [row.id for row in rows if not _opens(box, row)]
    return found


async def _tenants(database: Database) -> list[UUID]:
    async with database.every_tenant() as session:
        return list((await session.exec(select(Tenant.id).order_by(col(Tenant.id)))).all())


def _secrets(channel: Channel) -> Iterator[tuple[str, bytes]]:
    """Every column that holds a sealed text, where it is filled."""
    for name in ("credentials", "webhook_secret", "signing_secret"):
        sealed: bytes | None = getattr(channel, name)
        if sealed is not None:
            yield name, sealed


def _opens(box: SecretBox, channel: Channel) -> bool:
    try:
        for _, sealed in _secrets(channel):
            box.open(sealed)
    except UnreadableSecret:
        return False
    return True


async def _reseal_channels(session: AsyncSession, box: SecretBox, done: Rotation) -> None:
    # Locked, so that credentials given at this very moment are not overwritten by the old ones.
    for channel in (await session.exec(select(Channel).order_by(col(Channel.id)).with_for_update())).all():
        try:
            fresh = {name: box.reseal(sealed) for name, sealed in _secrets(channel)}
        except UnreadableSecret:
            done.unreadable.append(channel.id)
            continue
        for name, sealed in fresh.items():
            done.count(sealed)
            if sealed is not None:
                setattr(channel, name, sealed)


async def _reseal_answers(session: AsyncSession, box: SecretBox, done: Rotation, after: str) -> str | None:
    """The next page of answers kept for repeats; some hold a key that was shown once. Returns where to go on."""
    page = select(IdempotentAnswer).where(
        col(IdempotentAnswer.key) > after, func.jsonb_exists(col(IdempotentAnswer.body), "sealed")
    )
    rows = (await session.exec(page.order_by(col(IdempotentAnswer.key)).limit(ANSWERS_AT_ONCE).with_for_update())).all()
    for answer in rows:
        try:
            fresh = box.reseal(str((answer.body or {})["sealed"]).encode())
        except UnreadableSecret:
            continue  # lost already, and only a repeat of that one request would miss it
        done.count(fresh)
        if fresh is not None:
            answer.body = {**(answer.body or {}), "sealed": fresh.decode()}
    return rows[-1].key if len(rows) == ANSWERS_AT_ONCE else None
