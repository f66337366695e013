"""What tests change in a campaign's rows past the API, and how they read an answer."""

from typing import Any
from uuid import UUID

import httpx
from sqlmodel import col, update

from db.tables import Campaign, Enrollment
from tests.api.people import Company


def fields(answer: httpx.Response) -> list[str]:
    """The fields that a 422 names."""
    return [error["field"] for error in answer.json()["errors"]]


async def change_row(company: Company, campaign_id: str, **columns: Any) -> None:
    """Writes columns of a campaign."""
    async with company.database.tenant(company.tenant_id) as session:
        await session.exec(update(Campaign).where(col(Campaign.id) == UUID(campaign_id)).values(**columns))


async def change_enrollment(company: Company, campaign_id: str, contact_id: str, **columns: Any) -> None:
    """Writes columns of one contact's enrollment."""
    row = (col(Enrollment.campaign_id) == UUID(campaign_id)) & (col(Enrollment.contact_id) == UUID(contact_id))
    async with company.database.tenant(company.tenant_id) as session:
        await session.exec(update(Enrollment).where(row).values(**columns))


async def listed(company: Company, campaign_id: str, **query: Any) -> list[dict[str, Any]]:
    """A campaign's contacts as the first page tells them."""
    answer = await company.http.get(f"/api/campaigns/{campaign_id}/contacts", params=query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items
