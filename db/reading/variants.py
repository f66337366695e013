"""What became of each variant of a campaign's Message 1."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from db.tables import Campaign
from domain.variants import Replies, Variant

_RESULTS = text("""
    SELECT variant, count(*) AS contacts, count(*) FILTER (WHERE status IN ('sent', 'delivered', 'read')) AS sent,
           count(*) FILTER (WHERE status IN ('delivered', 'read')) AS delivered,
           count(*) FILTER (WHERE status = 'read') AS read, count(*) FILTER (WHERE status = 'failed') AS failed,
           count(*) FILTER (WHERE replied_at IS NOT NULL AND status IN ('sent', 'delivered', 'read')) AS replied,
           count(*) FILTER (WHERE message_2_status IN ('sent', 'delivered', 'read')) AS message_2_sent,
           count(*) FILTER (WHERE outcome = 'opted_out') AS opted_out
    FROM enrollments WHERE campaign_id = :campaign_id AND variant IS NOT NULL GROUP BY variant
""")


@dataclass(frozen=True, slots=True)
class VariantResult:
    """A variant and its contacts; who has read a message is counted as delivered and sent too."""

    variant: Variant
    contacts: int = 0
    sent: int = 0
    delivered: int = 0
    read: int = 0
    failed: int = 0
    replied: int = 0
    message_2_sent: int = 0
    opted_out: int = 0

    @property
    def replies(self) -> Replies:
        """What the comparison looks at."""
        return Replies(self.sent, self.replied)


async def read_variants(session: AsyncSession, campaign: Campaign) -> Sequence[VariantResult]:
    """The campaign's variants in their order; none when it has no test."""
    if not campaign.variants:
        return []
    rows = (await session.execute(_RESULTS, {"campaign_id": campaign.id})).mappings()
    counted = {row["variant"]: {name: row[name] for name in row if name != "variant"} for row in rows}
    variants = [Variant.model_validate(variant) for variant in campaign.variants]
    return [VariantResult(variant, **counted.get(index, {})) for index, variant in enumerate(variants)]
