"""The one decision before every send: send it, hold it, or refuse it, and why."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain.statuses import BULK_PRIORITY, SEND_PRIORITY, CampaignStatus, ChannelStatus, DeliveryKind

AUTOMATIC_ANSWERS: frozenset[str] = frozenset({"auto_reply", "comment_reply"})
"""Kinds that AI control switches; campaigns are a person's own doing and are not among them."""

LONGEST_RATE_WAIT_SECONDS = 3.0
"""The longest that the sender of a reply itself waits for the channel's next free slot."""

LONGEST_BULK_WAIT_SECONDS = 20.0

BULK_SLOT_AHEAD = 0.7
"""How far ahead bulk may take a slot, in intervals. More, and a reply waits longer: it leaves at most 1.7 intervals
after it came. Less than the time between two hand-outs of the queue (1 / QUEUE_HEADROOM), and slots stay empty."""


def rate_wait_seconds(kind: DeliveryKind, rate_per_second: float) -> float:
    """How far ahead a slot may be taken; bulk takes the very next one only, so that no reply queues behind bulk."""
    if SEND_PRIORITY[kind] == BULK_PRIORITY:
        return min(BULK_SLOT_AHEAD / rate_per_second, LONGEST_BULK_WAIT_SECONDS)
    return LONGEST_RATE_WAIT_SECONDS


class Decision(StrEnum):
    """What the gate answers."""

    SEND = "send"
    HOLD = "hold"
    REFUSE = "refuse"


class Reason(StrEnum):
    """Why a delivery is held or refused; the value is stored, `REASON_TEXT` is shown."""

    OPTED_OUT = "opted_out"
    INSTALLATION_HELD = "installation_held"
    CAMPAIGN_CANCELLED = "campaign_cancelled"
    CAMPAIGN_PAUSED = "campaign_paused"
    CAMPAIGN_PROBING = "campaign_probing"
    CAMPAIGN_NOT_RUNNING = "campaign_not_running"
    ENROLLMENT_CLOSED = "enrollment_closed"
    CHANNEL_PAUSED = "channel_paused"
    CREDENTIALS_EXPIRED = "credentials_expired"
    CHANNEL_BLOCKED = "channel_blocked"
    THROTTLED = "throttled"
    BREAKER_OPEN = "breaker_open"
    DAILY_QUOTA = "daily_quota"
    SEND_WINDOW = "send_window"
    CAMPAIGN_WINDOW = "campaign_window"
    AI_OFF = "ai_off"
    CREDITS = "credits"
    RATE = "rate"


REASON_TEXT: dict[Reason, str] = {
    Reason.OPTED_OUT: "The person asked not to be written to.",
    Reason.INSTALLATION_HELD: "Sends are held: the operator of this installation must confirm them first.",
    Reason.CAMPAIGN_CANCELLED: "The campaign was cancelled.",
    Reason.CAMPAIGN_PAUSED: "The campaign is paused; resume it to send.",
    Reason.CAMPAIGN_PROBING: "The campaign waits for its probe message before the others go out.",
    Reason.CAMPAIGN_NOT_RUNNING: "The campaign is not running.",
    Reason.ENROLLMENT_CLOSED: "This contact's campaign has already ended.",
    Reason.CHANNEL_PAUSED: "The channel is paused; resume it to send.",
    Reason.CREDENTIALS_EXPIRED: "The platform refused the channel's credentials; reconnect the channel.",
    Reason.CHANNEL_BLOCKED: "The platform account is blocked (quota or plan); mend it there, then resume the channel.",
    Reason.THROTTLED: "The platform asked to slow down.",
    Reason.BREAKER_OPEN: "The platform keeps failing; sends wait for a probe to succeed.",
    Reason.DAILY_QUOTA: "The channel's quota for today is used up.",
    Reason.SEND_WINDOW: "Outside the send window.",
    Reason.CAMPAIGN_WINDOW: "Outside the campaign's send window; it goes out when the window opens.",
    Reason.AI_OFF: "AI control is off: nothing automatic is sent.",
    Reason.CREDITS: "No credits left; add credits to send.",
    Reason.RATE: "The channel's rate is used up for the moment.",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gate's answer; `until` is None when only a release ends the hold; `limit` names the allowance that bound."""

    decision: Decision
    reason: Reason | None = None
    until: datetime | None = None
    limit: str | None = None


@dataclass(frozen=True, slots=True)
class CampaignFacts:
    """What the gate knows of the delivery's campaign."""

    status: CampaignStatus
    probing: bool = False
    """A probe is out and this delivery is not it."""
    enrollment_closed: bool = False
    window_opens_at: datetime | None = None
    """The campaign's own window is closed for this contact until then (UTC)."""


@dataclass(frozen=True, slots=True)
class ChannelFacts:
    """What the gate knows of the delivery's channel; times are UTC."""

    status: ChannelStatus
    throttled_until: datetime | None = None
    breaker_until: datetime | None = None
    """The breaker is open and lets nobody through before this."""
    quota: int | None = None
    used_today: int = 0
    quota_resets_at: datetime | None = None
    window_opens_at: datetime | None = None
    ai_enabled: bool = True
    next_slot_at: datetime | None = None
    rate_wait_seconds: float = LONGEST_RATE_WAIT_SECONDS


@dataclass(frozen=True, slots=True)
class GateFacts:
    """All that the gate looks at, read in one transaction."""

    now: datetime
    kind: str
    suppressed: bool
    channel: ChannelFacts
    campaign: CampaignFacts | None = None
    credits_left: int | None = None
    sends_held: bool = False
    """The operator, or a restored database, holds every send of the installation."""


def decide(facts: GateFacts) -> Verdict:
    """The verdict on one delivery: refusals first, then holds without an end, then the hold that ends last."""
    return (
        _refusal(facts)
        or _open_ended_hold(facts)
        or _timed_hold(facts)
        or Verdict(Decision.SEND, limit=smallest_allowance(facts))
    )


def _refusal(facts: GateFacts) -> Verdict | None:
    # A test goes to the operator's own phone, but even that phone's STOP holds.
    if facts.suppressed:
        return Verdict(Decision.REFUSE, Reason.OPTED_OUT, limit="opt-out")
    campaign = facts.campaign
    if campaign is not None:
        if campaign.status == CampaignStatus.CANCELLED:
            return Verdict(Decision.REFUSE, Reason.CAMPAIGN_CANCELLED, limit="campaign state")
        if campaign.enrollment_closed:
            return Verdict(Decision.REFUSE, Reason.ENROLLMENT_CLOSED, limit="campaign state")
        if campaign.status not in (CampaignStatus.RUNNING, CampaignStatus.PAUSED):
            return Verdict(Decision.REFUSE, Reason.CAMPAIGN_NOT_RUNNING, limit="campaign state")
    if facts.kind in AUTOMATIC_ANSWERS and not facts.channel.ai_enabled:
        return Verdict(Decision.REFUSE, Reason.AI_OFF, limit="AI control")
    return None


_CHANNEL_HOLDS = {
    ChannelStatus.PAUSED: Reason.CHANNEL_PAUSED,
    ChannelStatus.CREDENTIALS_EXPIRED: Reason.CREDENTIALS_EXPIRED,
    ChannelStatus.BLOCKED: Reason.CHANNEL_BLOCKED,
}


def _open_ended_hold(facts: GateFacts) -> Verdict | None:
    if facts.sends_held:
        return Verdict(Decision.HOLD, Reason.INSTALLATION_HELD, limit="installation")
    if facts.campaign is not None:
        if facts.campaign.status == CampaignStatus.PAUSED:
            return Verdict(Decision.HOLD, Reason.CAMPAIGN_PAUSED, limit="campaign state")
        if facts.campaign.probing:
            return Verdict(Decision.HOLD, Reason.CAMPAIGN_PROBING, limit="campaign state")
    if (reason := _CHANNEL_HOLDS.get(facts.channel.status)) is not None:
        return Verdict(Decision.HOLD, reason, limit="channel health")
    if facts.credits_left is not None and facts.credits_left <= 0:
        return Verdict(Decision.HOLD, Reason.CREDITS, limit="credits")
    return None


def _timed_hold(facts: GateFacts) -> Verdict | None:
    """The hold that ends last binds: before its end the others would only be asked again."""
    channel = facts.channel
    holds: list[tuple[datetime, Reason, str]] = []
    if channel.throttled_until is not None and channel.throttled_until > facts.now:
        holds.append((channel.throttled_until, Reason.THROTTLED, "platform throttle"))
    if channel.breaker_until is not None:
        holds.append((channel.breaker_until, Reason.BREAKER_OPEN, "channel health"))
    if channel.quota is not None and channel.used_today >= channel.quota and channel.quota_resets_at is not None:
        holds.append((channel.quota_resets_at, Reason.DAILY_QUOTA, f"daily quota of {channel.quota}"))
    if channel.window_opens_at is not None:
        holds.append((channel.window_opens_at, Reason.SEND_WINDOW, "send window"))
    if facts.campaign is not None and facts.campaign.window_opens_at is not None:
        holds.append((facts.campaign.window_opens_at, Reason.CAMPAIGN_WINDOW, "campaign's send window"))
    if channel.next_slot_at is not None and channel.next_slot_at > facts.now + timedelta(
        seconds=channel.rate_wait_seconds
    ):
        holds.append((channel.next_slot_at, Reason.RATE, "channel rate"))
    if not holds:
        return None
    until, reason, limit = max(holds)
    return Verdict(Decision.HOLD, reason, until, limit)


def smallest_allowance(facts: GateFacts) -> str | None:
    """The allowance with the least left, as a person reads it, or None when nothing is limited."""
    left: list[tuple[int, str]] = []
    if facts.channel.quota is not None:
        left.append((facts.channel.quota - facts.channel.used_today, "daily quota"))
    if facts.credits_left is not None:
        left.append((facts.credits_left, "credits"))
    if not left:
        return None
    amount, name = min(left)
    return f"{name}: {amount} left"
