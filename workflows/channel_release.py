"""Lets all that a channel held go on, after it was reconnected or resumed."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows.policies import PATIENT
    from workflows.ports import Count, Holds, ReleaseRequest


@workflow.defn(name="ChannelRelease")
class ChannelRelease:
    """Outlives the request that asked for it, since a channel may hold thousands."""

    @workflow.run
    async def run(self, request: ReleaseRequest) -> Count:
        """Signals every held delivery of the channel."""
        return await workflow.execute_activity_method(
            Holds.release, request, summary="Release what the channel held", **PATIENT
        )
