"""The records of one contact's campaign."""

from temporalio import activity

from db.closing import close_enrollment
from db.engine import Database
from workflows.ports import CloseRequest, CloseResult, Enrollments


class EnrollmentRecords(Enrollments):
    """Keeps enrollments in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn(name="enrollments.close")
    async def close(self, request: CloseRequest) -> CloseResult:
        """Ends an enrollment, unless its end is `no_reply` and a reply is on record."""
        at = request.enrollment
        async with self._database.tenant(at.tenant_id) as session:
            closed, interaction_id = await close_enrollment(
                session, at.tenant_id, at.campaign_id, at.contact_id, request.outcome
            )
        return CloseResult(closed=closed, interaction_id=interaction_id)
