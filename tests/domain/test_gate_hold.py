"""While the installation's sends are held, the gate lets nothing through, whatever else it sees."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.gate import CampaignFacts, ChannelFacts, Decision, GateFacts, Reason, decide
from domain.statuses import CampaignStatus, ChannelStatus, DeliveryKind

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
moments = st.none() | st.timedeltas(timedelta(hours=-1), timedelta(hours=1)).map(lambda away: NOW + away)
campaigns = st.none() | st.builds(
    CampaignFacts, status=st.sampled_from(CampaignStatus), probing=st.booleans(), enrollment_closed=st.booleans()
)
channels = st.builds(
    ChannelFacts,
    status=st.sampled_from(ChannelStatus),
    throttled_until=moments,
    breaker_until=moments,
    quota=st.none() | st.integers(0, 5),
    used_today=st.integers(0, 5),
    quota_resets_at=st.just(NOW + timedelta(hours=2)),
    window_opens_at=moments,
    ai_enabled=st.booleans(),
    next_slot_at=moments,
)
facts = st.builds(
    GateFacts,
    now=st.just(NOW),
    kind=st.sampled_from(DeliveryKind) | st.just("auto_reply"),
    suppressed=st.booleans(),
    channel=channels,
    campaign=campaigns,
    credits_left=st.none() | st.integers(0, 3),
    sends_held=st.just(True),
)


@given(facts)
def test_held_sends_never_pass_and_say_why(seen: GateFacts) -> None:
    verdict = decide(seen)
    assert verdict.decision in (Decision.HOLD, Decision.REFUSE)
    if verdict.decision == Decision.HOLD:
        # Without an end: only a person's word lets them go.
        assert (verdict.reason, verdict.until, verdict.limit) == (Reason.INSTALLATION_HELD, None, "installation")
