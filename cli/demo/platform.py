"""The simulated platform as the demo uses it: its vendor's side (webhooks) and its tester's side (people, the log)."""

from typing import Any
from urllib.parse import urlsplit

import httpx

from cli.client import ApiUnreachable
from cli.demo.evidence import Reply, Seen
from cli.demo.script import DEMO_TOKEN, EVENTS, which_message

PAGE = 1000


class Platform:
    """One simulator; raises ApiUnreachable when it does not answer."""

    def __init__(self, url: str, *, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url
        self._http = httpx.Client(
            base_url=url, timeout=10.0, headers={"Token": DEMO_TOKEN}, transport=transport, trust_env=False
        )

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def teach(self, behaviour: dict[str, Any]) -> None:
        """Say how people and receipts behave from now on; what is not named stays as it is."""
        self._json("PATCH", "/control/behaviour", behaviour)

    def lose_answers(self, device: str) -> None:
        """From now on this device's messages are taken, their answers get lost, and nobody can ask after them."""
        rules = [
            rule
            for rule in self._json("GET", "/control/faults")["rules"]
            if rule.get("match", {}).get("device") != device
        ]
        match = {"device": device}
        lost = {"kind": "accept_then_drop", "match": {**match, "first_attempts": 1}}
        silent = {"kind": "error", "on": "lookup", "match": match}
        self._json("PUT", "/control/faults", {"rules": [*rules, lost, silent]})

    def ensure_webhook(self, name: str, url: str, device: str) -> None:
        """Register the webhook as one does at the vendor, unless it is there; one that shows elsewhere is removed."""
        path = urlsplit(url).path
        known = [hook for hook in self._json("GET", "/v1/webhooks") if urlsplit(hook["url"]).path == path]
        for hook in known:
            if hook["url"] != url:
                self._json("DELETE", f"/v1/webhooks/{hook['id']}")
        if not any(hook["url"] == url for hook in known):
            self._json("POST", "/v1/webhooks", {"name": name[:30], "url": url, "events": EVENTS, "device": device})

    def unheard(self, device: str) -> int:
        """Texts of this device's people that are still to be written, or that Relance has not acknowledged."""
        people = self._people(device)
        late = sum(reply["acked_at"] is None for person in people for reply in person["replies"])
        return late + sum(int(person["pending_replies"]) for person in people)

    def busy(self) -> int:
        """Events still to happen and webhooks still to be told, over all devices."""
        summary = self._json("GET", "/control/summary")
        return int(summary["events_planned"]) + int(summary["webhooks_pending"])

    def most_in_one_second(self, device: str) -> int:
        """The most messages accepted from this device within any second."""
        pace = self._json("GET", f"/control/summary?device={device}")["devices"].get(device)
        return int(pace["max_in_any_second"]) if pace else 0

    def seen(self, device: str) -> tuple[Seen, ...]:
        """The log of everyone on this device."""
        return tuple(_seen(person) for person in self._people(device))

    def _people(self, device: str) -> list[dict[str, Any]]:
        people: list[dict[str, Any]] = []
        offset: int | None = 0
        while offset is not None:
            page = self._json("GET", f"/control/people?device={device}&offset={offset}&limit={PAGE}")
            people += page["items"]
            offset = page["next_offset"]
        return people

    def _json(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        try:
            answer = self._http.request(method, path, json=body)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise ApiUnreachable(f"the platform simulator at {self.url} does not do its part: {error}") from error
        return answer.json() if answer.content else None


def _seen(person: dict[str, Any]) -> Seen:
    arrivals: dict[int, list[float]] = {1: [], 2: [], 0: []}
    failed = False
    for message in person["received"]:
        number = which_message(message["text"])
        arrivals[number].append(message["at"])
        failed = failed or (number == 1 and message["ack"] == "failed")
    for times in arrivals.values():
        times.sort()
    return Seen(
        phone=person["phone"],
        message_1=tuple(arrivals[1]),
        message_2=tuple(arrivals[2]),
        others=tuple(arrivals[0]),
        failed=failed,
        replies=tuple(Reply(each["at"], each["acked_at"], each["stop"]) for each in person["replies"]),
    )
