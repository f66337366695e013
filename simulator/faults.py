"""What a tester can break: rules about calls to the platform, about its look-ups, and about its webhooks."""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal
from uuid import uuid4

from pydantic import Field

from simulator.behaviour import Setting, Share
from simulator.chance import draw


class Kind(StrEnum):
    """The first group leaves nothing behind at the platform, the second accepts the message and spoils the answer."""

    REJECT = "reject"
    ERROR = "error"
    THROTTLE = "throttle"
    DELAY = "delay"
    DROP_BEFORE = "drop_before"
    NOT_ACCEPT_TIMEOUT = "not_accept_timeout"

    ACCEPT_THEN_DROP = "accept_then_drop"
    ACCEPT_THEN_RESET_BODY = "accept_then_reset_body"
    ACCEPT_THEN_502 = "accept_then_502"
    ACCEPT_THEN_DELAY = "accept_then_delay"
    TIMEOUT = "timeout"


AFTER_ACCEPTING = frozenset(
    {Kind.ACCEPT_THEN_DROP, Kind.ACCEPT_THEN_RESET_BODY, Kind.ACCEPT_THEN_502, Kind.ACCEPT_THEN_DELAY, Kind.TIMEOUT}
)

Endpoint = Literal["send", "lookup", "other"]


class Match(Setting):
    """All given conditions must hold; none given matches every call."""

    phone: str | None = None
    device: str | None = None
    token: str | None = None
    reference: str | None = None
    text_contains: str | None = None
    share: Share = Field(default=1.0, ge=0, le=1)  # drawn per message and attempt, so a retry may pass
    next_n: int | None = Field(default=None, ge=0)  # only that many calls, then the rule is spent
    first_attempts: int | None = Field(default=None, ge=1)  # only the first n calls about each message


class Rule(Setting):
    id: str = Field(default_factory=lambda: uuid4().hex[:8], min_length=1)
    on: Endpoint | Literal["any"] = "send"
    match: Match = Match()
    kind: Kind
    status: int | None = Field(default=None, ge=400, le=599)
    error_code: str | None = None
    message: str | None = None
    seconds: float = Field(default=5.0, ge=0)
    retry_after: int | None = Field(default=None, ge=0)
    reset: bool = False  # cut with RST instead of FIN


class WebhookFaults(Setting):
    """Shares are drawn per event; `events` limits them to some event names."""

    events: list[str] | None = None
    double_share: Share = Field(default=0.0, ge=0, le=1)
    copies: int = Field(default=2, ge=1, le=100)
    drop_share: Share = Field(default=0.0, ge=0, le=1)
    delay_seconds: float = Field(default=0.0, ge=0)
    reorder_window_seconds: float = Field(default=0.0, ge=0)


class LookupFaults(Setting):
    visible_after_seconds: float = Field(default=0.0, ge=0)
    loose_reference: bool = False  # ?reference= also finds references that only contain it


class Faults(Setting):
    rules: list[Rule] = Field(default_factory=list)
    webhooks: WebhookFaults = WebhookFaults()
    lookup: LookupFaults = LookupFaults()


@dataclass(frozen=True, slots=True)
class Call:
    """What a rule can look at."""

    endpoint: Endpoint
    token: str | None = None
    device: str | None = None
    phone: str | None = None
    text: str | None = None
    reference: str | None = None

    @property
    def subject(self) -> str:
        """What makes two calls attempts of the same thing."""
        return self.reference or f"{self.device}|{self.phone}|{self.text}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Wait so long, then do what the rule says (None: nothing is wrong); `ids` are all rules that had a part."""

    delay_seconds: float = 0.0
    rule: Rule | None = None
    ids: tuple[str, ...] = ()


class FaultBook:
    """Chooses rules for calls; counts per rule for `next_n` and per message for `first_attempts` and `share`."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._rules: list[Rule] = Field(default_factory=list)
        self._hits: Counter[str] = Counter()
        self._attempts: Counter[tuple[str, str]] = Counter()

    def replace(self, rules: list[Rule]) -> None:
        self._rules = rules
        self._hits.clear()
        self._attempts.clear()

    def hit(self, rule_ids: list[str]) -> None:
        """Count rules that were used before a restart, as the journal tells it."""
        self._hits.update(rule_ids)

    def choose(self, call: Call) -> Verdict:
        """Delays add up and let the call go on; the first rule of any other kind decides."""
        delay, ids = 0.0, []
        for rule in self._rules:
            if not self._applies(rule, call):
                continue
            ids.append(rule.id)
            self._hits[rule.id] += 1
            if rule.kind is not Kind.DELAY:
                return Verdict(delay, rule, tuple(ids))
            delay += rule.seconds
        return Verdict(delay, None, tuple(ids))

    def _applies(self, rule: Rule, call: Call) -> bool:
        match = rule.match
        if rule.on not in ("any", call.endpoint) or not _fits(match, call):
            return False
        if match.next_n is not None and self._hits[rule.id] >= match.next_n:
            return False
        attempt = self._attempts[rule.id, call.subject]
        self._attempts[rule.id, call.subject] += 1
        if match.first_attempts is not None and attempt >= match.first_attempts:
            return False
        return draw(self._seed, "fault", rule.id, call.subject, attempt) < match.share


def _fits(match: Match, call: Call) -> bool:
    wanted = ((match.phone, call.phone), (match.device, call.device), (match.token, call.token))
    if any(want is not None and want != have for want, have in (*wanted, (match.reference, call.reference))):
        return False
    return match.text_contains is None or match.text_contains in (call.text or "")
