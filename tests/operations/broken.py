"""A workflow for tests of reports; in a file of its own, since the sandbox loads what stands beside it."""

from temporalio import workflow
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory


@workflow.defn(name="ReportsTestBroken")
class Broken:
    """Meets a bug, or ends for a reason that is nobody's fault."""

    @workflow.run
    async def run(self, is_bug: bool) -> None:
        """Never returns."""
        if is_bug:
            raise ValueError("no +33639981234")
        raise ApplicationError("later", category=ApplicationErrorCategory.BENIGN)
