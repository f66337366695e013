"""Rehearsals as the API knows them: their brief, read from the caller's rows."""

from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from api.problems import NotFound
from db.reading.rehearsal import InLine, who_waits
from rehearsal.facts import MOST_CONTACTS, CampaignFacts, ChannelFacts, ContactFacts


async def read_facts(session: AsyncSession, campaign_id: UUID) -> CampaignFacts:
    """What a rehearsal of the campaign starts from; raises NotFound."""
    line = await who_waits(session, campaign_id, limit=MOST_CONTACTS)
    if line is None:
        raise NotFound("campaign")
    return _facts(line)


def _facts(line: InLine) -> CampaignFacts:
    row = line.campaign
    channel = ChannelFacts(
        id=row.channel_id,
        rate_per_second=row.rate_per_second,
        sharers=row.others + 1,
        daily_quota=row.daily_quota,
        used_today=row.used_today,
        send_window=row.send_window,
    )
    return CampaignFacts(
        tenant_id=row.tenant_id,
        campaign_id=row.id,
        name=row.name,
        time_zone=row.time_zone,
        pacing=row.pacing,
        delay_seconds=row.delay_seconds,
        reply_window_seconds=row.reply_window_seconds,
        start_at=row.start_at,
        channel=channel,
        waiting=row.waiting,
        contacts=[
            ContactFacts(id=one.contact_id, suppressed=one.suppressed, lacking=one.lacking) for one in line.contacts
        ],
    )
