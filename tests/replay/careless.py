"""A change that must not pass: a workflow that does something else first than the runs that are under way."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows.ports import EnrollmentInput


@workflow.defn(name="Enrollment")
class HastyEnrollment:
    """A careless edit: it waits before it sends."""

    @workflow.run
    async def run(self, start: EnrollmentInput) -> None:
        """Sleeps where the recorded runs sent Message 1."""
        await workflow.sleep(start.reply_window_seconds)
