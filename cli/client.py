"""A thin typed client of Relance's own HTTP API: one method per call, problems as sentences, no retries."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from cli.shapes import Answer, Campaign, CampaignContact, Channel, Commanded, ImportResult, VariantResults

TIMEOUT = httpx.Timeout(30.0, connect=5.0)
UPLOAD_TIMEOUT = httpx.Timeout(600.0, connect=5.0)
QUIET_SECONDS = 40.0
"""The API sends a sign of life on an event stream more often than this; silence beyond it means a dead connection."""

Shape = TypeVar("Shape", bound=Answer)


class ApiError(Exception):
    """The API cannot be reached or refused; the message says what to do."""


class ApiUnreachable(ApiError):
    """No answer, or one that says "later": the call may be repeated."""


class ApiRefused(ApiError):
    """The API answered with a problem; `status` is the HTTP status, `problem` its problem+json body."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(problem_sentence(status, problem))
        self.status = status
        self.problem = problem


def problem_sentence(status: int, problem: dict[str, Any]) -> str:
    """A problem+json body as one line per thing that is wrong."""
    head = str(problem.get("detail") or problem.get("title") or f"the API answered {status}")
    if status == 401:
        head += " Give the key with RELANCE_API_KEY (the stack keeps its first one in the data directory, api.key)."
    errors = [error for error in problem.get("errors") or [] if isinstance(error, dict)]
    if len(errors) < 2:  # the detail tells a single one already
        return head
    return "\n".join([head, *(f"  {error.get('field', '')}: {error.get('message', '')}" for error in errors)])


class Api:
    """One connection to the API; a context manager."""

    def __init__(self, url: str, key: str, *, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=TIMEOUT,
            transport=transport,
            trust_env=False,  # a proxy for the internet must not stand between a machine and its own API
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._http.close()

    # Channels

    def create_channel(self, channel: dict[str, Any], *, key: str | None = None) -> Channel:
        """Connect an account; `key` is an Idempotency-Key."""
        return self._post("/api/channels", Channel, channel, key=key)

    def channels(self) -> list[Channel]:
        """Every channel."""
        return list(self._pages("/api/channels", Channel))

    def channel(self, channel_id: str) -> Channel:
        """One channel."""
        return Channel.model_validate(self._json("GET", f"/api/channels/{channel_id}"))

    def command_channel(self, channel_id: str, command: str) -> Channel:
        """`pause` or `resume`."""
        return self._post(f"/api/channels/{channel_id}/{command}", Channel)

    def change_channel(self, channel_id: str, change: dict[str, Any]) -> Channel:
        """Other values for some of the channel's fields; new credentials release what was parked."""
        return Channel.model_validate(self._json("PATCH", f"/api/channels/{channel_id}", json=change))

    # Campaigns

    def create_campaign(self, campaign: dict[str, Any], *, key: str | None = None) -> Campaign:
        """A draft; `key` is an Idempotency-Key."""
        return self._post("/api/campaigns", Campaign, campaign, key=key)

    def campaigns(self, **filters: str | None) -> Iterator[Campaign]:
        """Campaigns, newest first, fetched page by page."""
        return self._pages("/api/campaigns", Campaign, **filters)

    def campaign(self, campaign_id: str) -> Campaign:
        """A campaign with its counts."""
        return Campaign.model_validate(self._json("GET", f"/api/campaigns/{campaign_id}"))

    def command_campaign(self, campaign_id: str, command: str) -> Commanded:
        """`start`, `pause`, `resume`, `cancel` or `retry-failed`."""
        return self._post(f"/api/campaigns/{campaign_id}/{command}", Commanded)

    def check_campaign(self, campaign_id: str) -> Answer:
        """What stands in the way of a start."""
        return Answer.model_validate(self._json("GET", f"/api/campaigns/{campaign_id}/launch-check"))

    def rehearsal_facts(self, campaign_id: str) -> Answer:
        """What a rehearsal starts from."""
        return Answer.model_validate(self._json("GET", f"/api/campaigns/{campaign_id}/rehearsal-facts"))

    def variants(self, campaign_id: str) -> VariantResults:
        """What became of each variant of Message 1."""
        return VariantResults.model_validate(self._json("GET", f"/api/campaigns/{campaign_id}/variants"))

    def test_send(self, campaign_id: str, test: dict[str, Any], *, key: str | None = None) -> Answer:
        """Send one of the messages to a number of one's own."""
        return self._post(f"/api/campaigns/{campaign_id}/test-send", Answer, test, key=key)

    def import_contacts(self, campaign_id: str, file: Path, *, key: str | None = None) -> ImportResult:
        """Upload a CSV file, streamed from disk."""
        with file.open("rb") as content:
            answer = self._json(
                "POST",
                f"/api/campaigns/{campaign_id}/contacts",
                files={"file": (file.name, content, "text/csv")},
                headers=_idempotency(key),
                timeout=UPLOAD_TIMEOUT,
            )
        return ImportResult.model_validate(answer)

    def download(self, path: str, target: Path) -> None:
        """Write what lies at an address of the API to a file, streamed."""
        with _in_words(self.url), self._http.stream("GET", path) as answer:
            if not answer.is_success:
                answer.read()
                _refuse(answer)
            with target.open("wb") as file:
                for piece in answer.iter_bytes():
                    file.write(piece)

    def contacts(self, campaign_id: str, **filters: str | None) -> Iterator[CampaignContact]:
        """The contacts of a campaign, fetched page by page."""
        return self._pages(f"/api/campaigns/{campaign_id}/contacts", CampaignContact, **filters)

    def metrics(self) -> str:
        """What the process counts and what waits, in Prometheus' text format."""
        with _in_words(self.url):
            answer = self._http.get("/metrics")
        if not answer.is_success:
            _refuse(answer)
        return answer.text

    @contextmanager
    def events(self, campaign_id: str) -> Iterator[Iterator[str]]:
        """The lines of a campaign's event stream. A stream that breaks or falls silent raises `ApiUnreachable`."""
        timeout = httpx.Timeout(QUIET_SECONDS, connect=5.0)
        with _in_words(self.url):
            stream = self._http.stream("GET", f"/api/campaigns/{campaign_id}/events", timeout=timeout)
            with stream as answer:
                if not answer.is_success:
                    answer.read()
                    _refuse(answer)
                yield answer.iter_lines()

    # The road that every call takes

    def _post(
        self, path: str, shape: type[Shape], body: dict[str, Any] | None = None, *, key: str | None = None
    ) -> Shape:
        return shape.model_validate(self._json("POST", path, json=body, headers=_idempotency(key)))

    def _pages(self, path: str, shape: type[Shape], **filters: str | None) -> Iterator[Shape]:
        given = {name: value for name, value in filters.items() if value is not None}
        cursor: str | None = None
        while True:
            page = self._json("GET", path, params={**given, **({"cursor": cursor} if cursor else {})})
            yield from (shape.model_validate(item) for item in page["items"])
            cursor = page.get("next_cursor")
            if cursor is None:
                return

    def _json(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        with _in_words(self.url):
            answer = self._http.request(method, path, **request)
        if not answer.is_success:
            _refuse(answer)
        try:
            body = answer.json()
        except ValueError as error:
            raise ApiError(f"{self.url} does not speak like Relance's API: check the address") from error
        return body if isinstance(body, dict) else {"items": body}


def _idempotency(key: str | None) -> dict[str, str]:
    return {"Idempotency-Key": key} if key else {}


@contextmanager
def _in_words(url: str) -> Iterator[None]:
    try:
        yield
    except httpx.HTTPError as error:
        raise ApiUnreachable(
            f"{url} does not answer ({type(error).__name__}): start the stack with `make up`, "
            f"or name the API with --api or RELANCE_API_URL"
        ) from error


def _refuse(answer: httpx.Response) -> None:
    """Raise what the answer means; 502–504, and a conflict that names a time to come back, mean "later"."""
    try:
        problem = json.loads(answer.text)
    except ValueError:
        problem = {"title": f"the API answered {answer.status_code}"}
    problem = problem if isinstance(problem, dict) else {"detail": str(problem)}
    if answer.status_code in {502, 503, 504} or (answer.status_code == 409 and "Retry-After" in answer.headers):
        raise ApiUnreachable(problem_sentence(answer.status_code, problem))
    raise ApiRefused(answer.status_code, problem)
