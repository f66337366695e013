"""The channel of a rehearsal: the gate's own verdicts, slots, quota and window, on the rehearsal's clock."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from domain import gate
from domain.gate import GateFacts, Reason, Verdict, rate_wait_seconds
from domain.statuses import ChannelStatus, DeliveryKind
from domain.window import next_opening
from rehearsal.facts import ChannelFacts
from rehearsal.result import Limit

BINDS: dict[Reason, Limit] = {
    Reason.RATE: Limit.RATE,
    Reason.DAILY_QUOTA: Limit.DAILY_QUOTA,
    Reason.SEND_WINDOW: Limit.SEND_WINDOW,
    Reason.CAMPAIGN_WINDOW: Limit.CAMPAIGN_WINDOW,
}


class RehearsedChannel:
    """Says of each message whether it may go now, and takes its slot and its place in the quota when it does."""

    def __init__(self, facts: ChannelFacts, time_zone: str, today: datetime) -> None:
        self._facts = facts
        self._zone = ZoneInfo(time_zone)
        self._interval = timedelta(seconds=1 / facts.share_per_second)
        self._next_slot: datetime | None = None
        self._used: Counter[date] = Counter({self._day(today)[0]: facts.used_today})

    @property
    def interval(self) -> timedelta:
        """The time between two slots."""
        return self._interval

    def judge(self, kind: DeliveryKind, now: datetime, *, suppressed: bool, campaign: gate.CampaignFacts) -> Verdict:
        """The gate's verdict."""
        day, day_end = self._day(now)
        window, rate = self._facts.send_window, self._facts.share_per_second
        channel = gate.ChannelFacts(
            status=ChannelStatus.ACTIVE,
            quota=self._facts.daily_quota,
            used_today=self._used[day],
            quota_resets_at=day_end,
            window_opens_at=None if window is None else next_opening(now, window),
            next_slot_at=self._next_slot,
            rate_wait_seconds=rate_wait_seconds(kind, rate),
        )
        return gate.decide(GateFacts(now=now, kind=kind, suppressed=suppressed, channel=channel, campaign=campaign))

    def next_slot(self, now: datetime) -> datetime:
        """The next moment that the rate leaves free."""
        return now if self._next_slot is None else max(now, self._next_slot)

    def take(self, now: datetime) -> datetime:
        """The moment of a message that may go: the next free slot."""
        slot = self.next_slot(now)
        self._next_slot = slot + self._interval
        self._used[self._day(now)[0]] += 1
        return slot

    def _day(self, now: datetime) -> tuple[date, datetime]:
        start = now.astimezone(self._zone).replace(hour=0, minute=0, second=0, microsecond=0)
        return start.date(), (start + timedelta(days=1)).astimezone(UTC)
