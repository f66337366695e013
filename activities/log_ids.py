"""What each line that is logged in an activity can be found by: the ids of its workflow, and of what it is about."""

from typing import Any

import structlog
from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

NAMES = ("tenant_id", "campaign_id", "channel_id", "contact_id")
PARTS = ("campaign", "enrollment")
"""Where a request holds a reference instead of the ids themselves."""


class LogIds(Interceptor):
    """Binds the ids around each attempt of an activity."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """Puts itself around the activity; the argument's name is the SDK's."""
        return _Binding(next)


class _Binding(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        # An attempt is a task of its own and its context ends with it: left bound, they are in the SDK's line about a
        # failure too, which is written after this has returned.
        structlog.contextvars.bind_contextvars(**_ids_of(input.args[0] if input.args else None))
        return await super().execute_activity(input)


def _ids_of(request: object) -> dict[str, str | int | None]:
    info = activity.info()
    ids = {"workflow_id": info.workflow_id, "activity_type": info.activity_type, "attempt": info.attempt}
    for place in (request, *(getattr(request, part, None) for part in PARTS)):
        ids |= {name: str(value) for name in NAMES if (value := getattr(place, name, None)) is not None}
    return ids
