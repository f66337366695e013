"""Following a campaign live: its event stream, joined again when it breaks, until the campaign is over."""

import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from pydantic import ValidationError

from cli.client import Api, ApiError, ApiUnreachable
from cli.shapes import Campaign

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 2.0
RATE_WINDOW_SECONDS = 10.0


def read_events(lines: Iterable[str], name: str = "progress") -> Iterator[str]:
    """The data of each event called `name` in a stream of server-sent events (WHATWG HTML, section 9.2)."""
    event, data = "message", list[str]()
    for line in lines:
        if not line:
            if data and event == name:
                yield "\n".join(data)
            event, data = "message", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            event = value
        elif field == "data":
            data.append(value)


def follow(
    api: Api,
    campaign_id: str,
    *,
    patience_seconds: float,
    check: Callable[[], None] = lambda: None,
) -> Iterator[Campaign]:
    """The campaign's page after each change; ends with the page on which it is over.

    A stream that breaks is joined again. Raises ApiUnreachable once every try of `patience_seconds` failed, and
    ApiRefused at once. `check` is called at every sign of life and before every new try: what it raises ends it.
    """
    tries = _Tries(patience_seconds)

    def hear() -> None:
        tries.succeed()
        check()

    while True:
        try:
            for page in _one_stream(api, campaign_id, hear):
                yield page
                if page.over:
                    return
        except ApiUnreachable:
            if tries.failed_for_long():
                raise
        check()
        time.sleep(tries.pause())


class _Tries:
    """How long it has been failing: from the first try that failed, however long all was well and quiet before it."""

    def __init__(self, patience_seconds: float) -> None:
        self._patience_seconds = patience_seconds
        self.succeed()

    def succeed(self) -> None:
        self._failing_since: float | None = None
        self._pause = FIRST_PAUSE_SECONDS

    def failed_for_long(self) -> bool:
        now = time.monotonic()
        if self._failing_since is None:
            self._failing_since = now
        return now - self._failing_since >= self._patience_seconds

    def pause(self) -> float:
        """How long to wait before the next try: longer each time."""
        pause, self._pause = self._pause, min(LONGEST_PAUSE_SECONDS, self._pause * 2)
        return pause


def _one_stream(api: Api, campaign_id: str, hear: Callable[[], None]) -> Iterator[Campaign]:
    """One page per event. The first tells the present state, so a change between two streams is not missed."""
    with api.events(campaign_id) as lines:
        for data in read_events(_heard(lines, hear)):
            yield _page(data)


def _heard(lines: Iterable[str], hear: Callable[[], None]) -> Iterator[str]:
    """Every line is a sign of life, also the one by which a quiet stream shows that it stands."""
    for line in lines:
        hear()
        yield line


def _page(data: str) -> Campaign:
    try:
        return Campaign.model_validate(json.loads(data))
    except (ValueError, ValidationError) as error:
        raise ApiError("the API's event stream cannot be read: is this command of the same version?") from error


class Speed:
    """Messages per second over the last few seconds, from successive counts."""

    def __init__(self, window_seconds: float = RATE_WINDOW_SECONDS) -> None:
        self._window = window_seconds
        self._seen: deque[tuple[float, int]] = deque()

    def after(self, now: float, handled: int) -> float:
        """Take note of a count and tell the rate."""
        self._seen.append((now, handled))
        while len(self._seen) > 2 and self._seen[0][0] < now - self._window:
            self._seen.popleft()
        begin, first = self._seen[0]
        return max(0.0, (handled - first) / (now - begin)) if now > begin else 0.0
