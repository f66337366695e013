"""Reports of errors to Sentry, where a DSN is set; nothing of Sentry is even imported where none is."""

from importlib.metadata import version
from typing import TYPE_CHECKING, Any, cast

from temporalio import activity, workflow
from temporalio.client import Interceptor as ClientInterceptor
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    ExecuteWorkflowInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from telemetry.logs import clean

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

MASKED = ("message", "logentry", "exception", "extra", "tags", "contexts", "transaction", "threads")
"""The parts of an event that hold words of ours; ids, times and module lists are Sentry's own."""

DROPPED = ("request", "user", "server_name", "breadcrumbs")


def configure_reports(dsn: str, process: str, environment: str) -> None:
    """Sends errors to Sentry from now on: cleaned as log lines are, without local variables, requests or users."""
    import sentry_sdk
    from sentry_sdk.integrations.atexit import AtexitIntegration
    from sentry_sdk.integrations.dedupe import DedupeIntegration
    from sentry_sdk.integrations.excepthook import ExcepthookIntegration

    sentry_sdk.init(
        dsn=dsn,
        release=f"relance@{version('relance')}",
        environment=environment,
        send_default_pii=False,
        include_local_variables=False,
        max_breadcrumbs=0,  # they would repeat the log
        max_request_body_size="never",
        # What Sentry finds installed it would wrap by itself; we say at which few places errors are caught.
        default_integrations=False,
        integrations=[AtexitIntegration(callback=_quietly), DedupeIntegration(), ExcepthookIntegration()],
        before_send=cleaned,
        send_client_reports=False,
        auto_session_tracking=False,
    )
    sentry_sdk.set_tag("process", process)


def _quietly(_pending: int, _timeout: float) -> None:
    """Sentry would write to standard error that it sends what is left."""


def cleaned(event: "Event", _hint: "Hint") -> "Event":
    """An event as it may leave: masked as a log line is."""
    given: dict[str, Any] = dict(event)
    for part in DROPPED:
        given.pop(part, None)
    for part in MASKED:
        if part in given:
            given[part] = clean(given[part])
    return cast("Event", given)


def report(error: BaseException, tags: dict[str, str]) -> None:
    """One error with what it can be found by."""
    import sentry_sdk

    with sentry_sdk.new_scope() as scope:
        for name, value in tags.items():
            scope.set_tag(name, value)
        scope.capture_exception(error)


def _is_benign(error: BaseException) -> bool:
    """Waiting for one's turn, and a worker that stops, are nobody's error."""
    if not isinstance(error, ApplicationError):
        return False
    return error.category == ApplicationErrorCategory.BENIGN or error.type == "Later"


class ReportingInterceptor(ClientInterceptor, Interceptor):
    """Given to a client, it is every worker's of that client too."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """Around each attempt of an activity."""
        return _Activities(next)

    def workflow_interceptor_class(self, _input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        """Around each run of a workflow."""
        return _Runs


class _Activities(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        try:
            return await super().execute_activity(input)
        except Exception as error:
            if not _is_benign(error):
                report(error, _activity_tags())
            raise


class _Runs(WorkflowInboundInterceptor):
    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:  # noqa: A002
        try:
            return await super().execute_workflow(input)
        except Exception as error:
            if not _is_benign(error) and not workflow.unsafe.is_replaying():
                with workflow.unsafe.sandbox_unrestricted(), workflow.unsafe.imports_passed_through():
                    report(error, _workflow_tags())
            raise


def _activity_tags() -> dict[str, str]:
    info = activity.info()
    return {
        "workflow_id": info.workflow_id or "",
        "workflow_type": info.workflow_type or "",
        "activity_type": info.activity_type,
        "task_queue": info.task_queue,
        "attempt": str(info.attempt),
    }


def _workflow_tags() -> dict[str, str]:
    info = workflow.info()
    return {
        "workflow_id": info.workflow_id,
        "workflow_type": info.workflow_type,
        "task_queue": info.task_queue,
        "attempt": str(info.attempt),
    }
