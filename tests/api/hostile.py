"""How an answer to something hostile is judged."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from structlog.testing import capture_logs


@contextmanager
def nothing_breaks() -> Iterator[None]:
    """No traceback and no error may reach the log in here."""
    with capture_logs() as lines:
        yield
    loud = [line for line in lines if line.get("exc_info") or line["log_level"] in ("error", "critical")]
    assert loud == []


def refused(answer: httpx.Response) -> bool:
    """Whether it was refused, clearly; anything but a success or a clear refusal fails."""
    if answer.is_success:
        return False
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.text[:500])
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["detail"]
    assert "Traceback" not in answer.text
    return True
