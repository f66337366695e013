"""What a rehearsal is to know of a campaign: pace, window, its channel's limits, and who waits for Message 1."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlmodel.ext.asyncio.session import AsyncSession

from db.reading.campaigns import needs
from db.spellings import other_spelling_of

_CAMPAIGN = text("""
    SELECT c.id, c.tenant_id, c.name, c.pacing, c.delay_seconds, c.reply_window_seconds, c.start_at, c.message_1,
           c.message_2, c.variants, c.send_window AS campaign_window, t.time_zone, ch.id AS channel_id,
           ch.rate_per_second, ch.daily_quota, ch.send_window,
           (SELECT count(*) FROM campaigns o WHERE o.tenant_id = c.tenant_id AND o.channel_id = c.channel_id
              AND o.status = 'running' AND o.id <> c.id) AS others,
           coalesce((SELECT u.used FROM channel_usage u WHERE u.tenant_id = c.tenant_id AND u.channel_id = ch.id
              AND u.action = 'message' AND u.day = CAST(now() AT TIME ZONE t.time_zone AS date)), 0) AS used_today,
           (SELECT count(*) FROM enrollments e WHERE e.campaign_id = c.id AND e.status = 'pending'
              AND e.launched_at IS NULL) AS waiting
    FROM campaigns c JOIN channels ch ON ch.tenant_id = c.tenant_id AND ch.id = c.channel_id
    JOIN tenants t ON t.id = c.tenant_id
    WHERE c.id = :campaign_id
""")
# The same contacts in the same order as the engine launches them (db/running.py).
_IN_LINE = text(f"""
    SELECT e.contact_id, coalesce(e.dial_prefix, '') AS dial_prefix,
           EXISTS (SELECT FROM suppressions s WHERE s.tenant_id = c.tenant_id
                   AND s.phone IN (c.phone, {other_spelling_of("c.phone")})) AS suppressed,
           ARRAY(SELECT name FROM unnest(CAST(:required AS text[])) AS name
                 WHERE NOT jsonb_exists(e.variables, name) ORDER BY name) AS lacking
    FROM enrollments e JOIN contacts c ON c.tenant_id = e.tenant_id AND c.id = e.contact_id
    WHERE e.campaign_id = :campaign_id AND e.status = 'pending' AND e.launched_at IS NULL
    ORDER BY e.position LIMIT :limit
""")  # noqa: S608 - put together from constants


@dataclass(frozen=True, slots=True)
class InLine:
    """A campaign's columns and the first of the contacts that wait."""

    campaign: Row[Any]
    contacts: list[Row[Any]]


async def who_waits(session: AsyncSession, campaign_id: UUID, *, limit: int) -> InLine | None:
    """The campaign and at most `limit` of its waiting contacts; None when the tenant has no such campaign."""
    campaign = (await session.execute(_CAMPAIGN, {"campaign_id": campaign_id})).one_or_none()
    if campaign is None:
        return None
    # Blank values are never stored, so that a key that is there has a value.
    required = needs(campaign.message_1, campaign.message_2, campaign.variants).required
    asked = {"campaign_id": campaign_id, "required": sorted(required), "limit": limit}
    return InLine(campaign, list(await session.execute(_IN_LINE, asked)))
