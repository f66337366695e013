"""The rehearsal's channel holds what the gate decides: rate, quota of the day and send window, for any sequence."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from domain import gate
from domain.gate import Decision, GateFacts, Reason, rate_wait_seconds
from domain.statuses import CampaignStatus, ChannelStatus, DeliveryKind
from domain.window import SendWindow, next_opening
from rehearsal.channel import RehearsedChannel
from rehearsal.facts import ChannelFacts

PARIS = ZoneInfo("Europe/Paris")
START = datetime(2027, 3, 26, 12, tzinfo=UTC)
"""Two days before the clocks change."""

KINDS = st.sampled_from([DeliveryKind.MESSAGE_1, DeliveryKind.MESSAGE_2])
STEPS = st.lists(st.tuples(KINDS, st.floats(0, 40_000)), min_size=1, max_size=40)
WINDOWS = st.none() | st.builds(
    SendWindow,
    start=st.times(timezones=st.none()),
    end=st.times(timezones=st.none()),
    days=st.frozensets(st.integers(0, 6), min_size=1),
    time_zone=st.just("Europe/Paris"),
)


@given(
    steps=STEPS,
    rate=st.floats(0.01, 20),
    quota=st.none() | st.integers(1, 6),
    used=st.integers(0, 3),
    window=WINDOWS,
    sharers=st.integers(1, 3),
    own=st.none() | st.integers(1, 40_000),
)
def test_every_verdict_is_the_gates_and_every_limit_holds(
    steps: list[tuple[DeliveryKind, float]],
    rate: float,
    quota: int | None,
    used: int,
    window: SendWindow | None,
    sharers: int,
    own: int | None,
) -> None:
    facts = ChannelFacts(
        id=UUID(int=1), rate_per_second=rate, sharers=sharers, daily_quota=quota, used_today=used, send_window=window
    )
    channel, now, slots = RehearsedChannel(facts, "Europe/Paris", START), START, list[datetime]()
    uses, share = Counter({START.astimezone(PARIS).date(): used}), rate / sharers
    for kind, wait in steps:
        now += timedelta(seconds=wait)
        opens_at = None if own is None else now + timedelta(seconds=own)
        campaign = gate.CampaignFacts(status=CampaignStatus.RUNNING, window_opens_at=opens_at)
        verdict = channel.judge(kind, now, suppressed=False, campaign=campaign)
        day = now.astimezone(PARIS).date()
        midnight = datetime.combine(day + timedelta(days=1), datetime.min.time(), PARIS).astimezone(UTC)
        known = gate.ChannelFacts(
            status=ChannelStatus.ACTIVE,
            quota=quota,
            used_today=uses[day],
            quota_resets_at=midnight,
            window_opens_at=next_opening(now, window) if window else None,
            next_slot_at=slots[-1] + timedelta(seconds=1 / share) if slots else None,
            rate_wait_seconds=rate_wait_seconds(kind, share),
        )
        assert verdict == gate.decide(GateFacts(now=now, kind=kind, suppressed=False, channel=known, campaign=campaign))
        if verdict.decision == Decision.SEND:
            slots.append(channel.take(now))
            uses[day] += 1
    assert all(later - earlier >= timedelta(seconds=0.999_999 / share) for earlier, later in pairwise(slots))
    assert quota is None or max(uses.values()) <= max(quota, used)


def test_whoever_is_suppressed_is_refused() -> None:
    channel = RehearsedChannel(ChannelFacts(id=UUID(int=1), rate_per_second=1), "Europe/Paris", START)
    campaign = gate.CampaignFacts(status=CampaignStatus.RUNNING)
    verdict = channel.judge(DeliveryKind.MESSAGE_1, START, suppressed=True, campaign=campaign)
    assert (verdict.decision, verdict.reason) == (Decision.REFUSE, Reason.OPTED_OUT)
