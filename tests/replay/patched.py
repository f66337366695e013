"""A change of a workflow and the life of its patch, as docs/changing-workflows.md tells it: the example that runs.

The change: before an enrollment ends as "no reply" it waits a moment longer.
"""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows.enrollment import Enrollment
    from workflows.ports import EnrollmentInput, EnrollmentResult

GRACE = timedelta(milliseconds=100)

WAIT_A_MOMENT_LONGER = "enrollment-waits-a-moment-longer"
"""The patch. Its name is for ever: it stands in histories."""


@workflow.defn(name="Enrollment")
class Unpatched(Enrollment):
    """The change without a patch: breaks every run that has passed this point."""

    @workflow.run
    async def run(self, start: EnrollmentInput) -> EnrollmentResult:
        """As before."""
        return await super().run(start)

    async def _ends_without_reply(self) -> bool:
        await workflow.sleep(GRACE)
        return await super()._ends_without_reply()


@workflow.defn(name="Enrollment")
class Patched(Enrollment):
    """Added: runs that passed this point before the change go the old way, all others the new one."""

    @workflow.run
    async def run(self, start: EnrollmentInput) -> EnrollmentResult:
        """As before."""
        return await super().run(start)

    async def _ends_without_reply(self) -> bool:
        if workflow.patched(WAIT_A_MOMENT_LONGER):
            await workflow.sleep(GRACE)
        return await super()._ends_without_reply()


@workflow.defn(name="Enrollment")
class Deprecated(Enrollment):
    """Deprecated: no run of the old way is left; those that carry the patch's mark still replay."""

    @workflow.run
    async def run(self, start: EnrollmentInput) -> EnrollmentResult:
        """As before."""
        return await super().run(start)

    async def _ends_without_reply(self) -> bool:
        workflow.deprecate_patch(WAIT_A_MOMENT_LONGER)
        await workflow.sleep(GRACE)
        return await super()._ends_without_reply()


Gone = Unpatched
"""Gone: no run is left that carries the mark, and the code reads as if it had always been so."""
