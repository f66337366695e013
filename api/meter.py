"""What an API process counts of its own doing. Labels are of fixed vocabularies: no ids, no addresses."""

from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Histogram

REQUEST_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 60)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

Prevented = Literal["repeated_webhook", "repeated_request"]


class Meter:
    """Counters of one API process; without a registry that somebody shows, they are counted for nobody."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._requests = Counter(
            "relance_http_requests_total",
            "Requests answered, by the template of their route; 0 is a caller who left.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "relance_http_request_duration_seconds",
            "How long an answer took until its last byte; streams of progress last as long as their reader.",
            ["method", "route"],
            buckets=REQUEST_SECONDS,
            registry=self.registry,
        )
        self._webhooks = Counter(
            "relance_webhooks_total",
            "Webhook calls: processed, stored (left to the sweep), repeated, forged or malformed.",
            ["platform", "result"],
            registry=self.registry,
        )
        self._rows = Counter(
            "relance_import_rows_total",
            "Rows of uploaded contacts: added, duplicate or invalid.",
            ["result"],
            registry=self.registry,
        )
        self._doubles = Counter(
            "relance_doubles_prevented_total",
            "Repeats that would have had a second effect: found_sent, claimed, look_up, repeated_start, "
            "repeated_webhook, repeated_request.",
            ["by"],
            registry=self.registry,
        )

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request was answered."""
        method = method if method in METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def webhook(self, platform: str, result: str) -> None:
        """One call of a platform, whose name is one that a connector has."""
        self._webhooks.labels(platform, result).inc()
        if result == "repeated":
            self.prevented("repeated_webhook")

    def imported(self, added: int, duplicates: int, invalid: int) -> None:
        """One upload was taken in."""
        for result, rows in (("added", added), ("duplicate", duplicates), ("invalid", invalid)):
            self._rows.labels(result).inc(rows)

    def prevented(self, by: Prevented) -> None:
        """Something came twice and had one effect."""
        self._doubles.labels(by).inc()
