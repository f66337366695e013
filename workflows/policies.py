"""Timeouts and retries by kind of side effect; Temporal is the only one who retries."""

from datetime import timedelta
from typing import TypedDict

from temporalio.common import RetryPolicy


class ActivityProfile(TypedDict, total=False):
    """What `execute_activity_method` takes."""

    start_to_close_timeout: timedelta
    heartbeat_timeout: timedelta
    retry_policy: RetryPolicy


class LocalProfile(TypedDict, total=False):
    """What `execute_local_activity_method` takes."""

    start_to_close_timeout: timedelta
    retry_policy: RetryPolicy
    local_retry_threshold: timedelta


_FOREVER = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), backoff_coefficient=2.0, maximum_interval=timedelta(seconds=30)
)

IRREVERSIBLE: ActivityProfile = {
    # A call lasts at most the platform's timeout after a short wait for the channel's slot; a worker that died is
    # noticed by the missing heartbeat. Trying again is safe because the ledger, not the attempt, decides to send.
    "start_to_close_timeout": timedelta(seconds=60),
    "heartbeat_timeout": timedelta(seconds=5),
    "retry_policy": _FOREVER,
}

REPEATABLE: ActivityProfile = {
    # One short transaction; a worker that died in it is noticed by the timeout.
    "start_to_close_timeout": timedelta(seconds=10),
    "retry_policy": _FOREVER,
}

PATIENT: ActivityProfile = {
    # Waits for something or deals with many rows, saying by heartbeat that it lives; all of it repeatable.
    "start_to_close_timeout": timedelta(minutes=15),
    "heartbeat_timeout": timedelta(seconds=5),
    "retry_policy": _FOREVER,
}

QUESTION: ActivityProfile = {
    # Reads only, and a person waits for the answer: they ask again themselves. Longer than the activity's own patience.
    "start_to_close_timeout": timedelta(seconds=15),
    "retry_policy": RetryPolicy(maximum_attempts=1),
}

RECORD: LocalProfile = {
    # One short transaction, run inside the workflow task: no queue, one event of history.
    "start_to_close_timeout": timedelta(seconds=5),
    "retry_policy": _FOREVER,
    # While the database is away the wait is the server's, so that a worker can stop meanwhile.
    "local_retry_threshold": timedelta(seconds=1),
}
