"""Asks a platform whether an account can send, for a person who waits at a form."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows.policies import QUESTION
    from workflows.ports import Channels, CheckRequest, CheckResult


@workflow.defn(name="ChannelCheck")
class ChannelCheck:
    """One question; whoever wants to ask again starts another."""

    @workflow.run
    async def run(self, request: CheckRequest) -> CheckResult:
        """The platform's answer, or what stood in its way."""
        return await workflow.execute_activity_method(
            Channels.check, request, summary="Ask the platform for the account", **QUESTION
        )
