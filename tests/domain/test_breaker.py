"""Both breakers: the campaign's verdict on a sample, and the channel's states under any sequence of outcomes."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from pydantic import ValidationError

from domain.breaker import (
    BREATH_SECONDS,
    FAILURES_TO_OPEN,
    FIRST_COOL_DOWN_SECONDS,
    MAX_COOL_DOWN_SECONDS,
    PROBE_LEASE_SECONDS,
    ChannelBreaker,
    ErrorSample,
    HoldUntil,
    Pass,
    Probe,
    judge,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def opened() -> ChannelBreaker:
    breaker = ChannelBreaker()
    for _ in range(FAILURES_TO_OPEN):
        breaker = breaker.on_failure(NOON)
    return breaker


def test_a_campaign_trips_with_a_reason_for_people() -> None:
    verdict = judge(ErrorSample(attempted=20, errored=6))
    assert verdict.tripped
    assert verdict.reason == "6 of 20 messages met an error (30 %), over the limit of 20 %"


def test_exactly_the_limit_is_not_over_it_and_a_small_sample_proves_nothing() -> None:
    assert not judge(ErrorSample(attempted=20, errored=4)).tripped
    assert not judge(ErrorSample(attempted=9, errored=9)).tripped
    assert not judge(ErrorSample(attempted=0, errored=0), minimum_sample=0).tripped
    assert judge(ErrorSample(attempted=3, errored=1), minimum_sample=1).reason.startswith("1 of 3 messages")


def test_more_errors_than_attempts_cannot_be() -> None:
    with pytest.raises(ValidationError, match="must not be above attempted"):
        ErrorSample(attempted=1, errored=2)


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 1000), st.floats(0, 1), st.integers(0, 100))
def test_more_errors_never_untrip_a_campaign(total: int, one: int, other: int, threshold: float, least: int) -> None:
    fewer, more = sorted((min(one, total), min(other, total)))
    better = judge(ErrorSample(attempted=total, errored=fewer), threshold, least)
    worse = judge(ErrorSample(attempted=total, errored=more), threshold, least)
    assert worse.tripped >= better.tripped
    assert bool(worse.reason) == worse.tripped


def test_a_channel_opens_after_five_failures_in_a_row_and_a_success_between_starts_over() -> None:
    breaker = ChannelBreaker()
    for _ in range(FAILURES_TO_OPEN - 1):
        breaker = breaker.on_failure(NOON)
    assert breaker.may_pass(NOON) == Pass()
    assert breaker.on_success(NOON).on_failure(NOON).may_pass(NOON) == Pass()
    assert breaker.on_failure(NOON).may_pass(NOON) == HoldUntil(after(FIRST_COOL_DOWN_SECONDS))


def test_after_a_failure_it_takes_breath_until_it_opens_or_the_platform_answers() -> None:
    interval, breaker = timedelta(seconds=0.05), ChannelBreaker()
    breaths = []
    for _ in range(FAILURES_TO_OPEN):
        breaths.append(breaker.breath(interval))
        breaker = breaker.on_failure(NOON)
    long = timedelta(seconds=BREATH_SECONDS)
    assert breaths == [None, 2 * interval, *[long] * (FAILURES_TO_OPEN - 2)]
    assert breaker.breath(interval) is None, "an open one holds by itself"
    assert ChannelBreaker().on_failure(NOON).on_success(NOON).breath(interval) is None
    slow = timedelta(seconds=2)
    assert ChannelBreaker(consecutive_failures=3).breath(slow) == 2 * slow


def test_after_the_cool_down_exactly_one_probe_passes() -> None:
    passage = opened().may_pass(after(5))
    assert isinstance(passage, Probe)
    assert passage.claimed.may_pass(after(5)) == HoldUntil(after(5 + PROBE_LEASE_SECONDS))


def test_a_probe_that_never_reports_gives_way_to_another() -> None:
    first = opened().may_pass(after(5))
    assert isinstance(first, Probe)
    second = first.claimed.may_pass(after(5 + PROBE_LEASE_SECONDS))
    assert isinstance(second, Probe)


def test_a_probe_that_is_given_back_makes_way_at_once_but_not_when_another_has_begun_meanwhile() -> None:
    first = opened().may_pass(after(5))
    assert isinstance(first, Probe)
    assert isinstance(first.claimed.on_probe_given_back(after(5), after(6)).may_pass(after(6)), Probe)

    second = first.claimed.may_pass(after(5 + PROBE_LEASE_SECONDS))
    assert isinstance(second, Probe)
    assert second.claimed.on_probe_given_back(after(5), after(70)) == second.claimed
    recovered = first.claimed.on_success(after(6))
    assert recovered.on_probe_given_back(after(5), after(7)) == recovered


def test_the_probes_success_closes_and_its_failure_doubles_the_cool_down() -> None:
    passage = opened().may_pass(after(5))
    assert isinstance(passage, Probe)
    assert passage.claimed.on_success(after(6)) == ChannelBreaker(recovered_at=after(6))
    failed = passage.claimed.on_failure(after(6))
    assert failed.may_pass(after(6)) == HoldUntil(after(16))
    assert failed.opened_at == NOON


def test_outcomes_of_calls_made_before_it_opened_change_nothing() -> None:
    assert opened().on_failure(after(4)) == opened()
    assert opened().on_success(after(4)) == opened()


def test_a_look_up_without_an_answer_counts_as_long_as_it_is_closed_and_the_probe_decides_afterwards() -> None:
    breaker = ChannelBreaker()
    for _ in range(FAILURES_TO_OPEN):
        breaker = breaker.on_unanswered_question(NOON)
    assert breaker == opened()
    assert breaker.on_unanswered_question(after(4)) == breaker
    passage = breaker.may_pass(after(5))
    assert isinstance(passage, Probe)
    assert passage.claimed.on_unanswered_question(after(6)) == passage.claimed


class ChannelUnderAnyWeather(RuleBasedStateMachine):
    """Sends, outcomes and time in any order; what may never happen is checked after every step."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = ChannelBreaker()
        self.now = NOON
        self.in_a_row = 0
        self.probes: list[datetime] = []
        """Those that are out since it opened last."""
        self.claims: list[datetime] = []
        """All that were ever made: a slow process may give its own back at any time."""

    @rule(seconds=st.floats(min_value=0, max_value=400))
    def time_passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def a_send_asks_to_pass(self) -> None:
        passage = self.breaker.may_pass(self.now)
        if isinstance(passage, Pass):
            assert self.breaker.state == "closed"
        elif isinstance(passage, Probe):
            assert self.breaker.open_until is not None
            assert self.now >= self.breaker.open_until
            waited = [(self.now - earlier).total_seconds() for earlier in self.probes]
            assert all(seconds >= PROBE_LEASE_SECONDS for seconds in waited)
            self.probes.append(self.now)
            self.claims.append(self.now)
            self.breaker = passage.claimed
        else:
            assert passage.until > self.now

    @rule()
    def a_send_succeeds(self) -> None:
        before = self.breaker
        self.breaker = before.on_success(self.now)
        self.in_a_row = 0
        if before.state != "open":
            self.probes.clear()
            recovered = self.now if before.state == "half_open" else before.recovered_at
            assert self.breaker == ChannelBreaker(recovered_at=recovered)

    @rule()
    def a_send_fails(self) -> None:
        before = self.breaker
        self.breaker = before.on_failure(self.now)
        self.in_a_row += 1
        if before.state != "open" and self.breaker.state == "open":
            self.probes.clear()

    @rule()
    def a_look_up_is_not_answered(self) -> None:
        before = self.breaker
        self.breaker = before.on_unanswered_question(self.now)
        self.in_a_row += 1
        assert before.state == "closed" or self.breaker == before

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def a_claim_is_given_back_without_its_call(self, data: st.DataObject) -> None:
        before, started_at = self.breaker, data.draw(st.sampled_from(self.claims))
        self.breaker = before.on_probe_given_back(started_at, self.now)
        if started_at == before.probe_started_at:
            self.probes.remove(started_at)
            assert isinstance(self.breaker.may_pass(self.now), Probe), "the next one may make it at once"
        else:
            assert self.breaker == before, "it is not the one that is awaited"

    @rule()
    def it_is_stored_and_read_again(self) -> None:
        assert ChannelBreaker.model_validate_json(self.breaker.model_dump_json()) == self.breaker

    @invariant()
    def five_failures_in_a_row_never_leave_it_closed(self) -> None:
        assert self.breaker.state != "closed" or self.in_a_row < FAILURES_TO_OPEN

    @invariant()
    def the_cool_down_stays_in_its_bounds(self) -> None:
        assert FIRST_COOL_DOWN_SECONDS <= self.breaker.cool_down_seconds <= MAX_COOL_DOWN_SECONDS

    @invariant()
    def it_never_blocks_for_ever(self) -> None:
        patience = timedelta(seconds=max(MAX_COOL_DOWN_SECONDS, PROBE_LEASE_SECONDS))
        assert not isinstance(self.breaker.may_pass(self.now + patience), HoldUntil)

    @invariant()
    def the_fields_fit_the_state(self) -> None:
        assert (self.breaker.state == "closed") == (self.breaker.open_until is None)
        assert (self.breaker.state == "half_open") == (self.breaker.probe_started_at is not None)


TestChannelUnderAnyWeather = ChannelUnderAnyWeather.TestCase
TestChannelUnderAnyWeather.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
