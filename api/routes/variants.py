"""The A/B test of a campaign's Message 1: what became of each variant."""

from uuid import UUID

from api.dependencies import Reader
from api.routes.campaigns import OVER, found
from api.routes.variant_shapes import VariantsOut, variants_out
from api.routing import api_router
from db.reading.variants import read_variants

router = api_router("campaigns", "campaigns")


@router.get("/{campaign_id}/variants")
async def results(campaign_id: UUID, caller: Reader) -> VariantsOut:
    """Compare the variants of Message 1: who was sent which, and who replied."""
    async with caller.transaction() as session:
        campaign = await found(session, campaign_id)
        rows = await read_variants(session, campaign)
    return variants_out(rows, is_over=campaign.status in OVER)
