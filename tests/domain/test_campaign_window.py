"""A campaign's window opens by the wall of a fixed zone, of the tenant's or of the contact's own (SPEC CAM-14)."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.campaign_window import CampaignWindow, Hours, common_opening
from domain.gate import CampaignFacts, ChannelFacts, Decision, GateFacts, Reason, decide
from domain.phone_zones import zone_prefix, zones_of_prefix
from domain.statuses import CampaignStatus, ChannelStatus, DeliveryKind
from domain.window import SendWindow

PARIS, NEW_YORK, LORD_HOWE = "+33612345678", "+12125550123", "+61255053123"
SEVERAL = "+61412345678"
"""An Australian mobile phone: from Perth to Lord Howe."""
TENANT = "Europe/Paris"
# For each zone its two changes of clock in 2026, as the first instant after each.
CHANGES = [
    (PARIS, "Europe/Paris", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    (PARIS, "Europe/Paris", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    (NEW_YORK, "America/New_York", datetime(2026, 3, 8, 7, tzinfo=UTC)),
    (NEW_YORK, "America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC)),
    (LORD_HOWE, "Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
    (LORD_HOWE, "Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
]
around_changes = st.builds(
    lambda change, away: (change, change[2] + away),
    st.sampled_from(CHANGES),
    st.timedeltas(timedelta(days=-3), timedelta(days=3)),
)
quarters = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))
days = st.frozensets(st.integers(0, 6), min_size=1)


def window(start: str = "09:00", end: str = "18:00", zone: str = "contact", **more: object) -> CampaignWindow:
    return CampaignWindow.model_validate({"start": start, "end": end, "zone": zone, **more})


def hours(**fields: str) -> Hours:
    return Hours(window(**fields), TENANT)


@given(around_changes, quarters, quarters, days)
def test_the_contacts_own_wall_clock_decides_around_every_change_of_clocks(
    drawn: tuple[tuple[str, str, datetime], datetime], start: time, end: time, on: frozenset[int]
) -> None:
    (phone, zone, _), now = drawn
    own = Hours(CampaignWindow(start=start, end=end, days=on), TENANT)
    fixed = Hours(CampaignWindow(start=start, end=end, days=on, zone=zone), TENANT)
    opening = own.opening(zone_prefix(phone), now)
    assert opening == fixed.opening(None, now)
    wall = SendWindow(start=start, end=end, days=on, time_zone=zone)
    assert wall.is_open(opening or now)
    if opening is not None:  # and it is not held past an open moment
        quarters_held = range(int((opening - now).total_seconds() / 900))
        assert not any(wall.is_open(now + timedelta(seconds=900 * held)) for held in quarters_held)


@pytest.mark.parametrize(("phone", "zone", "change"), CHANGES)
def test_nine_in_the_morning_stays_nine_over_both_changes(phone: str, zone: str, change: datetime) -> None:
    for days_away in (-1, 0, 1):
        evening = (change + timedelta(days=days_away)).astimezone(ZoneInfo(zone)).replace(hour=20, minute=0)
        opening = hours().opening(zone_prefix(phone), evening.astimezone(UTC))
        assert opening is not None
        on_the_wall = opening.astimezone(ZoneInfo(zone))
        assert (on_the_wall.date() - evening.date(), on_the_wall.time()) == (timedelta(days=1), time(9))


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)))
@example(datetime(2026, 4, 4, 15))
def test_a_number_of_several_zones_waits_until_it_is_open_in_all_of_them(wall: datetime) -> None:
    now = wall.replace(tzinfo=UTC)
    zones = zones_of_prefix(zone_prefix(SEVERAL) or "")
    assert len(zones) > 3
    opening = hours().opening(zone_prefix(SEVERAL), now)
    in_each = [SendWindow(start=time(9), end=time(18), time_zone=zone) for zone in zones]
    assert all(one.is_open(opening or now) for one in in_each)
    if opening is not None:
        minutes = range(0, int((opening - now).total_seconds() / 60), 15)
        assert not any(all(one.is_open(now + timedelta(minutes=minute)) for one in in_each) for minute in minutes)


def test_zones_that_are_never_open_together_go_by_the_tenants() -> None:
    mobile_in_russia = zone_prefix("+79161234567")
    now = datetime(2026, 11, 25, 22, tzinfo=UTC)
    assert hours().opening(mobile_in_russia, now) == datetime(2026, 11, 26, 8, tzinfo=UTC)
    wide = hours(start="08:00", end="22:00").opening(mobile_in_russia, now)
    # At ten in the evening in Kamchatka (UTC+12) it is noon in Bucharest; at 06:00Z it opens there.
    assert wide == datetime(2026, 11, 26, 6, tzinfo=UTC)


@pytest.mark.parametrize("prefix", [None, "", "999999"])
def test_an_unknown_number_goes_by_the_tenants_zone(prefix: str | None) -> None:
    now = datetime(2026, 11, 25, 22, tzinfo=UTC)
    assert hours().opening(prefix, now) == datetime(2026, 11, 26, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("phone", "zones"),
    [
        (PARIS, {"Europe/Paris"}),
        (NEW_YORK, {"America/New_York"}),
        ("+14155550123", {"America/Los_Angeles"}),
        ("+262692123456", {"Indian/Reunion"}),
        (LORD_HOWE, {"Australia/Lord_Howe"}),
    ],
)
def test_a_phone_tells_its_zones(phone: str, zones: set[str]) -> None:
    found = zones_of_prefix(zone_prefix(phone) or "")
    assert found >= zones
    assert len(found) <= 2


@pytest.mark.parametrize(
    "fields",
    [{"zone": "Paris"}, {"zone": "../etc"}, {"days": [7]}, {"days": []}, {"start": "25:00"}, {"end": "09:00+01:00"}],
)
def test_a_window_that_cannot_be_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        CampaignWindow.model_validate({"start": "09:00", "end": "18:00", **fields})


def test_windows_that_never_meet_are_an_error_and_not_an_endless_search() -> None:
    morning = SendWindow(start=time(9), end=time(10), time_zone="Europe/Paris")
    evening = SendWindow(start=time(19), end=time(20), time_zone="Europe/Paris")
    with pytest.raises(ValueError, match="not open together"):
        common_opening(datetime(2026, 1, 1, tzinfo=UTC), [morning, evening])


NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
offsets = st.none() | st.timedeltas(timedelta(minutes=1), timedelta(days=3)).map(lambda away: NOW + away)


@given(offsets, offsets)
def test_the_gate_holds_until_the_later_of_both_windows(own: datetime | None, channels: datetime | None) -> None:
    verdict = decide(
        GateFacts(
            now=NOW,
            kind=DeliveryKind.MESSAGE_1,
            suppressed=False,
            channel=ChannelFacts(status=ChannelStatus.ACTIVE, window_opens_at=channels),
            campaign=CampaignFacts(status=CampaignStatus.RUNNING, window_opens_at=own),
        )
    )
    ends = [end for end in (own, channels) if end is not None]
    if not ends:
        assert verdict.decision == Decision.SEND
        return
    assert (verdict.decision, verdict.until) == (Decision.HOLD, max(ends))
    if own is not None and own == max(ends) and own != channels:
        assert verdict.reason == Reason.CAMPAIGN_WINDOW
