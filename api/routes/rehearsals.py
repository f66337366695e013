"""What a rehearsal of a campaign starts from, for whoever runs it on a machine of their own."""

from uuid import UUID

from api.dependencies import Reader
from api.rehearsals import read_facts
from api.routing import api_router
from rehearsal.facts import CampaignFacts

router = api_router("campaigns", "campaigns")


@router.get("/{campaign_id}/rehearsal-facts")
async def facts(campaign_id: UUID, caller: Reader) -> CampaignFacts:
    """Tell what `relance rehearse` needs: pace, limits, and the first 5,000 waiting contacts, without personal data."""
    async with caller.transaction() as session:
        return await read_facts(session, campaign_id)
