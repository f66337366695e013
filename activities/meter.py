"""What a worker counts of its own doing. Labels are of fixed vocabularies: no ids of people, campaigns or accounts."""

from datetime import datetime
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Histogram

from db.ledger.attempts import Claim, InFlight
from domain.deliveries import DeliveryRequest, Receipt, ReceiptOutcome
from domain.gate import REASON_TEXT
from domain.statuses import DeliveryKind

REPLY_SECONDS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60, 300, 1800)

_REASONS = {text: reason.value for reason, text in REASON_TEXT.items()}

Prevented = Literal["found_sent", "claimed", "look_up", "repeated_start"]


class Meter:
    """Counters of one worker process; without a registry that somebody shows, they are counted for nobody."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or CollectorRegistry()
        self._deliveries = Counter(
            "relance_deliveries_total",
            "Answers of the road of a send, by what they were; a delivery that is held and later sent counts in both.",
            ["kind", "outcome"],
            registry=registry,
        )
        self._holds = Counter(
            "relance_holds_total", "Holds that the gate gave, by reason.", ["kind", "reason"], registry=registry
        )
        self._replies = Histogram(
            "relance_reply_to_message_2_seconds",
            "From the moment a counted reply was received to the moment its Message 2 was taken by the platform.",
            buckets=REPLY_SECONDS,
            registry=registry,
        )
        self._doubles = Counter(
            "relance_doubles_prevented_total",
            "Repeats that would have had a second effect: found_sent, claimed, look_up, repeated_start, "
            "repeated_webhook, repeated_request.",
            ["by"],
            registry=registry,
        )

    def prevented(self, by: Prevented) -> None:
        """Something came twice and had one effect."""
        self._doubles.labels(by).inc()

    def found_settled(self, claim: Claim) -> bool:
        """Whether a claim found that the message is out already; notes what would have become a double."""
        if isinstance(claim, InFlight) and claim.is_claimed:
            self.prevented("claimed")
        found = isinstance(claim, Receipt) and claim.outcome == ReceiptOutcome.SENT
        if found:
            self.prevented("found_sent")
        return found

    def count(self, step: object, request: DeliveryRequest) -> None:
        """What one asking of the ledger, and of the platform where it came to that, ended in."""
        if not isinstance(step, Receipt):
            return
        self._deliveries.labels(request.kind.value, step.outcome.value).inc()
        if step.outcome == ReceiptOutcome.HELD:
            self._holds.labels(request.kind.value, _REASONS.get(step.reason or "", "other")).inc()
        elif step.outcome == ReceiptOutcome.SENT and request.kind == DeliveryKind.MESSAGE_2:
            self._answered(request.replied_at, step.sent_at)

    def _answered(self, replied_at: datetime | None, sent_at: datetime | None) -> None:
        # None for a reply whose signal was lost: it was found on record when its window ended.
        if replied_at is not None and sent_at is not None:
            self._replies.observe(max(0.0, (sent_at - replied_at).total_seconds()))
