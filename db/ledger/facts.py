"""What the gate looks at, read under locks so that it still holds when the claim commits."""

import time
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from asyncpg import Record

from db.binding import Connection
from domain.breaker import ChannelBreaker, HoldUntil, Passage, Probe
from domain.campaign_window import CampaignWindow, Hours
from domain.campaigns import PROBE_WANTED
from domain.deliveries import DeliveryRequest
from domain.gate import CampaignFacts, ChannelFacts, GateFacts, rate_wait_seconds
from domain.phone_spellings import other_spelling
from domain.phone_zones import zone_prefix
from domain.statuses import CampaignStatus, ChannelStatus, DeliveryKind
from domain.window import SendWindow, next_opening

HALF_OPEN_RECHECK = timedelta(seconds=5)
"""While a probe is out the others ask again after this at the latest: its lease is far longer than it usually takes."""


SLOT_LEAD = timedelta(milliseconds=20)
"""A free slot begins this much later than now, so that a slow commit does not push one send nearer to the next."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The gate's facts, and what the sender needs besides them. `is_probe`: it is, or may be, its campaign's probe.

    `breath` is the time between two slots after a failure, instead of the interval; `is_doubtful` is the breaker's.

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
    breath: timedelta | None
    is_doubtful: bool
    is_probe: bool
    campaign_probes: bool
    template: str | None
    variables: dict[str, str]
    usage_day: date | None

    @property
    def slot(self) -> datetime:
        """When the channel's next free slot begins."""
        return max(self.gate.now + SLOT_LEAD, self.next_slot_at or self.gate.now)

    @property
    def interval(self) -> timedelta:
        """The time between two slots."""
        return timedelta(seconds=1 / self.rate_per_second)

    @property
    def slot_after(self) -> datetime:
        """The channel's next slot, once this one is taken."""
        return self.slot + (self.breath or self.interval)

    def of_the_claimed(self, *, is_breaker_probe: bool) -> GateFacts:
        """The gate's facts without what a claim has taken already: its slot, its credit, its place in the quota."""
        channel = replace(self.gate.channel, quota=None, next_slot_at=None)
        if is_breaker_probe:
            channel = replace(channel, breaker_until=None)
        elif self.breath is not None and self.is_doubtful:
            channel = replace(channel, breaker_until=self.gate.now + self.breath)
        return replace(self.gate, credits_left=None, channel=channel)


# The order of locks is key, contact, campaign, enrollment, channel: everyone who writes them takes them in this order.
# Each part reads from the one before it, so that one statement takes its locks in that order too.
_LOCK_PERSON = """
    WITH contact AS MATERIALIZED (
        SELECT phone FROM contacts WHERE tenant_id = $1 AND id = $2 FOR SHARE
    ), campaign AS MATERIALIZED (
        SELECT c.status, c.probe, c.message_1, c.message_2, c.variants, c.send_window FROM contact, campaigns c
        WHERE c.tenant_id = $1 AND c.id = $3 FOR {lock} OF c
    ), enrollment AS MATERIALIZED (
        SELECT e.variables, e.closed_at, e.variant FROM campaign, enrollments e
        WHERE e.tenant_id = $1 AND e.campaign_id = $3 AND e.contact_id = $2 FOR NO KEY UPDATE OF e
    )
    SELECT contact.phone, campaign.status, campaign.probe, campaign.message_2, campaign.send_window AS campaign_window,
           coalesce(campaign.variants -> enrollment.variant ->> 'text', campaign.message_1) AS message_1,
           enrollment.variables, enrollment.closed_at,
           EXISTS (SELECT FROM deliveries WHERE tenant_id = $1 AND idempotency_key = $4) AS known
    FROM contact LEFT JOIN campaign ON true LEFT JOIN enrollment ON true
"""
_SHARED = _LOCK_PERSON.format(lock="SHARE")
_EXCLUSIVE = _LOCK_PERSON.format(lock="NO KEY UPDATE")
_PEEK_AT_PROBE = "SELECT probe FROM campaigns WHERE tenant_id = $1 AND id = $2"
# The time is told in the outer query, after the wait for the lock: the next slot is counted from it. Reading
# suppressions and credits there, from a snapshot older than the lock, is sound: the contact is locked already, and
# the credit is taken by an UPDATE that looks again.
_LOCK_CHANNEL = """
    WITH ch AS MATERIALIZED (
        SELECT tenant_id, status, platform, credentials, rate_per_second, daily_quota, send_window, unknown_policy,
               ai_enabled, next_slot_at, throttled_until, breaker
        FROM channels WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE
    )
    SELECT ch.*, clock_timestamp() AS now, t.time_zone, t.credits,
           coalesce((SELECT sends_held FROM installation), true) AS sends_held,
           EXISTS (SELECT FROM suppressions s WHERE s.tenant_id = ch.tenant_id AND s.phone IN ($3, $4)) AS suppressed
    FROM ch JOIN tenants t ON t.id = ch.tenant_id
"""
_USED = """
    SELECT used FROM channel_usage WHERE tenant_id = $1 AND channel_id = $2 AND action = 'message' AND day = $3
"""


class Claimed(Protocol):
    """What of a delivery, begun or new, the facts depend on."""

    @property
    def idempotency_key(self) -> str: ...

    @property
    def credit_spent(self) -> bool: ...

    @property
    def used_on(self) -> date | None: ...


async def read_facts(connection: Connection, request: DeliveryRequest, delivery: Claimed) -> Facts:
    """Locks and reads all that decides about a send.

    Only under the exclusive lock may it become its campaign's probe; with the shared one, several would at once.
    """
    exclusive = False
    if request.campaign_id is not None:
        exclusive = await connection.fetchval(_PEEK_AT_PROBE, request.tenant_id, request.campaign_id) is not None
    person = await lock_person(connection, request, exclusive=exclusive)
    return await with_channel(connection, request, delivery, person, may_probe=exclusive)


async def lock_person(connection: Connection, request: DeliveryRequest, *, exclusive: bool) -> Record:
    """Locks contact, campaign and enrollment; the campaign's columns are null where the request has none.

    `known` tells whether there is a delivery under the request's key.
    """
    row = await connection.fetchrow(
        _EXCLUSIVE if exclusive else _SHARED,
        request.tenant_id,
        request.contact_id,
        request.campaign_id,
        request.idempotency_key,
    )
    if row is None or (request.campaign_id is not None and row["variables"] is None):
        raise LookupError(f"contact {request.contact_id} or its enrollment in {request.campaign_id} is not there")
    return row


async def with_channel(
    connection: Connection, request: DeliveryRequest, delivery: Claimed, person: Record, *, may_probe: bool
) -> Facts:
    """Locks the channel too and puts the facts together."""
    phone: str = person["phone"]
    either = phone, other_spelling(phone) or phone
    asked_at = time.monotonic()
    channel = await connection.fetchrow(_LOCK_CHANNEL, request.tenant_id, request.channel_id, *either)
    known_at = time.monotonic()
    if channel is None:
        raise LookupError(f"channel {request.channel_id} is not there")
    day, day_end = _day(channel["now"], channel["time_zone"])
    used = await _used_today(connection, request, channel, delivery, day)
    breaker = ChannelBreaker.model_validate(channel["breaker"])
    passage = breaker.may_pass(channel["now"])
    is_probe = may_probe and person["probe"] in (PROBE_WANTED, delivery.idempotency_key)
    return Facts(
        gate=GateFacts(
            now=channel["now"],
            kind=request.kind,
            suppressed=channel["suppressed"],
            channel=_channel_facts(request.kind, channel, used, day_end, _breaker_until(breaker, passage, channel)),
            campaign=_campaign_facts(request.kind, person, channel, is_probe),
            # One that paid at an earlier attempt does not pay again.
            credits_left=None if delivery.credit_spent else channel["credits"],
            sends_held=channel["sends_held"],
        ),
        asked_at=asked_at,
        known_at=known_at,
        phone=phone,
        platform=channel["platform"],
        credentials=channel["credentials"],
        rate_per_second=channel["rate_per_second"],
        unknown_policy=channel["unknown_policy"],
        next_slot_at=channel["next_slot_at"],
        breaker_probe=passage.claimed if isinstance(passage, Probe) else None,
        breath=breaker.breath(timedelta(seconds=1 / channel["rate_per_second"])),
        is_doubtful=breaker.is_doubtful,
        is_probe=is_probe,
        campaign_probes=person["probe"] is not None,
        template=_template(request.kind, person),
        variables=person["variables"] or {},
        usage_day=day if channel["daily_quota"] is not None else None,
    )


async def _used_today(
    connection: Connection, request: DeliveryRequest, channel: Record, delivery: Claimed, day: date
) -> int:
    """What others used of the day's quota."""
    if channel["daily_quota"] is None:
        return 0
    used = await connection.fetchval(_USED, request.tenant_id, request.channel_id, day)
    return int(used or 0) - (1 if delivery.used_on == day else 0)


def _channel_facts(
    kind: DeliveryKind, channel: Record, used: int, day_end: datetime, breaker_until: datetime | None
) -> ChannelFacts:
    window = SendWindow.model_validate(channel["send_window"]) if channel["send_window"] else None
    return ChannelFacts(
        status=ChannelStatus(channel["status"]),
        throttled_until=channel["throttled_until"],
        breaker_until=breaker_until,
        quota=channel["daily_quota"],
        used_today=used,
        quota_resets_at=day_end,
        window_opens_at=None if window is None else next_opening(channel["now"], window),
        ai_enabled=channel["ai_enabled"],
        next_slot_at=channel["next_slot_at"],
        rate_wait_seconds=rate_wait_seconds(kind, channel["rate_per_second"]) + SLOT_LEAD.total_seconds(),
    )


def _campaign_facts(kind: DeliveryKind, person: Record, channel: Record, is_probe: bool) -> CampaignFacts | None:
    if person["status"] is None:
        return None
    return CampaignFacts(
        status=CampaignStatus(person["status"]),
        probing=person["probe"] is not None and not is_probe,
        enrollment_closed=person["closed_at"] is not None,
        window_opens_at=_window_opens_at(kind, person, channel),
    )


def _window_opens_at(kind: DeliveryKind, person: Record, channel: Record) -> datetime | None:
    if person["campaign_window"] is None:
        return None
    hours = Hours(CampaignWindow.model_validate(person["campaign_window"]), channel["time_zone"])
    return hours.held_until(kind, zone_prefix(person["phone"]), channel["now"])


def _breaker_until(breaker: ChannelBreaker, passage: Passage, channel: Record) -> datetime | None:
    if not isinstance(passage, HoldUntil):
        return None
    soon: datetime = channel["now"] + HALF_OPEN_RECHECK
    return min(passage.until, soon) if breaker.state == "half_open" else passage.until


def _template(kind: DeliveryKind, person: Record) -> str | None:
    template: str | None = person["message_1"] if kind == DeliveryKind.MESSAGE_1 else person["message_2"]
    return template


def _day(now: datetime, time_zone: str) -> tuple[date, datetime]:
    """The present day in the tenant's zone and its end; a day with a change of clocks has its own length."""
    zone = ZoneInfo(time_zone)
    start = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return start.date(), (start + timedelta(days=1)).astimezone(ZoneInfo("UTC"))
