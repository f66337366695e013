"""What the gate looks at, read under locks so that it still holds when the claim commits."""

import time
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, text
from sqlmodel.ext.asyncio.session import AsyncSession

from db.tables import Delivery
from domain.breaker import ChannelBreaker, HoldUntil, Passage, Probe
from domain.campaigns import PROBE_WANTED
from domain.deliveries import DeliveryRequest
from domain.gate import CampaignFacts, ChannelFacts, GateFacts, rate_wait_seconds
from domain.statuses import CampaignStatus, ChannelStatus, DeliveryKind
from domain.window import SendWindow, next_opening

HALF_OPEN_RECHECK = timedelta(seconds=5)
"""While a probe is out the others ask again after this at the latest: its lease is far longer than it usually takes."""


SLOT_LEAD = timedelta(milliseconds=20)
"""A free slot begins this much later than now, so that a slow commit does not push one send nearer to the next."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The gate's facts, and what the sender needs besides them.

    `asked_at` and `known_at` are readings of the process's own monotonic clock, just before and just after the instant
    `gate.now` of the database: with them a wait until a slot is not lengthened by what happens in between.
    """

    gate: GateFacts
    asked_at: float
    known_at: float
    phone: str
    platform: str
    credentials: bytes
    rate_per_second: float
    unknown_policy: str
    next_slot_at: datetime | None
    breaker_probe: ChannelBreaker | None
    is_probe: bool
    template: str | None
    variables: dict[str, str]
    usage_day: date | None

    def of_the_claimed(self, *, is_breaker_probe: bool) -> GateFacts:
        """The gate's facts without what a claim has taken already: its slot, its credit, its place in the quota."""
        channel = replace(self.gate.channel, quota=None, next_slot_at=None)
        if is_breaker_probe:
            channel = replace(channel, breaker_until=None)
        return replace(self.gate, credits_left=None, channel=channel)


# The order of locks is contact, campaign, enrollment, channel: everyone who writes them takes them in this order.
_LOCK_CONTACT = text("""
    SELECT c.phone, (SELECT probe FROM campaigns WHERE tenant_id = c.tenant_id AND id = :campaign_id) AS probe
    FROM contacts c WHERE c.tenant_id = :tenant_id AND c.id = :contact_id FOR SHARE OF c
""")
_LOCK_CAMPAIGN = """
    SELECT status, probe, message_1, message_2 FROM campaigns
    WHERE tenant_id = :tenant_id AND id = :campaign_id FOR {lock}
"""
_SHARED = text(_LOCK_CAMPAIGN.format(lock="SHARE"))
_EXCLUSIVE = text(_LOCK_CAMPAIGN.format(lock="NO KEY UPDATE"))
_LOCK_ENROLLMENT = text("""
    SELECT variables, closed_at FROM enrollments
    WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id AND contact_id = :contact_id FOR NO KEY UPDATE
""")
# The time is told in the outer query, after the wait for the lock: the next slot is counted from it. Reading
# suppressions and credits there, from a snapshot older than the lock, is sound: the contact is locked already, and
# the credit is taken by an UPDATE that looks again.
_LOCK_CHANNEL = text("""
    WITH ch AS MATERIALIZED (
        SELECT tenant_id, status, platform, credentials, rate_per_second, daily_quota, send_window, unknown_policy,
               ai_enabled, next_slot_at, throttled_until, breaker
        FROM channels WHERE tenant_id = :tenant_id AND id = :channel_id FOR NO KEY UPDATE
    )
    SELECT ch.*, clock_timestamp() AS now, t.time_zone, t.credits,
           EXISTS (SELECT FROM suppressions s WHERE s.tenant_id = ch.tenant_id AND s.phone = :phone) AS suppressed
    FROM ch JOIN tenants t ON t.id = ch.tenant_id
""")
_USED = text("""
    SELECT used FROM channel_usage
    WHERE tenant_id = :tenant_id AND channel_id = :channel_id AND action = 'message' AND day = :day
""")


async def read_facts(session: AsyncSession, request: DeliveryRequest, delivery: Delivery) -> Facts:
    """Locks and reads all that decides about a send."""
    ids = request.model_dump(include={"tenant_id", "channel_id", "contact_id", "campaign_id"})
    contact = (await session.execute(_LOCK_CONTACT, ids)).one()
    campaign, enrollment = None, None
    if request.campaign_id is not None:
        campaign = (await session.execute(_SHARED if contact.probe is None else _EXCLUSIVE, ids)).one()
        enrollment = (await session.execute(_LOCK_ENROLLMENT, ids)).one()
    asked_at = time.monotonic()
    channel = (await session.execute(_LOCK_CHANNEL, {**ids, "phone": contact.phone})).one()
    known_at = time.monotonic()
    day, day_end = _day(channel.now, channel.time_zone)
    used = await _used_today(session, channel, delivery, day)
    passage = ChannelBreaker.model_validate(channel.breaker).may_pass(channel.now)
    key = delivery.idempotency_key
    # Only under the exclusive lock may it become the probe; with the shared one, several would at once.
    is_probe = contact.probe is not None and campaign is not None and campaign.probe in (PROBE_WANTED, key)
    return Facts(
        gate=GateFacts(
            now=channel.now,
            kind=request.kind,
            suppressed=channel.suppressed,
            channel=_channel_facts(request.kind, channel, used, day_end, _breaker_until(passage, channel)),
            campaign=_campaign_facts(campaign, enrollment, is_probe),
            # One that paid at an earlier attempt does not pay again.
            credits_left=None if delivery.credit_spent else channel.credits,
        ),
        asked_at=asked_at,
        known_at=known_at,
        phone=contact.phone,
        platform=channel.platform,
        credentials=channel.credentials,
        rate_per_second=channel.rate_per_second,
        unknown_policy=channel.unknown_policy,
        next_slot_at=channel.next_slot_at,
        breaker_probe=passage.claimed if isinstance(passage, Probe) else None,
        is_probe=is_probe,
        template=_template(request.kind, campaign),
        variables={} if enrollment is None else enrollment.variables,
        usage_day=day if channel.daily_quota is not None else None,
    )


async def _used_today(session: AsyncSession, channel: Row[Any], delivery: Delivery, day: date) -> int:
    """What others used of the day's quota."""
    if channel.daily_quota is None:
        return 0
    ids = delivery.model_dump(include={"tenant_id", "channel_id"})
    used = (await session.execute(_USED, {**ids, "day": day})).scalar_one_or_none()
    return int(used or 0) - (1 if delivery.used_on == day else 0)


def _channel_facts(
    kind: DeliveryKind, channel: Row[Any], used: int, day_end: datetime, breaker_until: datetime | None
) -> ChannelFacts:
    window = SendWindow.model_validate(channel.send_window) if channel.send_window else None
    return ChannelFacts(
        status=ChannelStatus(channel.status),
        throttled_until=channel.throttled_until,
        breaker_until=breaker_until,
        quota=channel.daily_quota,
        used_today=used,
        quota_resets_at=day_end,
        window_opens_at=None if window is None else next_opening(channel.now, window),
        ai_enabled=channel.ai_enabled,
        next_slot_at=channel.next_slot_at,
        rate_wait_seconds=rate_wait_seconds(kind, channel.rate_per_second) + SLOT_LEAD.total_seconds(),
    )


def _campaign_facts(campaign: Row[Any] | None, enrollment: Row[Any] | None, is_probe: bool) -> CampaignFacts | None:
    if campaign is None or enrollment is None:
        return None
    return CampaignFacts(
        status=CampaignStatus(campaign.status),
        probing=campaign.probe is not None and not is_probe,
        enrollment_closed=enrollment.closed_at is not None,
    )


def _breaker_until(passage: Passage, channel: Row[Any]) -> datetime | None:
    if not isinstance(passage, HoldUntil):
        return None
    half_open = channel.breaker.get("state") == "half_open"
    soon: datetime = channel.now + HALF_OPEN_RECHECK
    return min(passage.until, soon) if half_open else passage.until


def _template(kind: DeliveryKind, campaign: Row[Any] | None) -> str | None:
    if campaign is None:
        return None
    template: str = campaign.message_1 if kind == DeliveryKind.MESSAGE_1 else campaign.message_2
    return template


def _day(now: datetime, time_zone: str) -> tuple[date, datetime]:
    """The present day in the tenant's zone and its end; a day with a change of clocks has its own length."""
    zone = ZoneInfo(time_zone)
    start = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return start.date(), (start + timedelta(days=1)).astimezone(ZoneInfo("UTC"))
