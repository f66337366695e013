"""Every router of the pages, in the order in which addresses are looked for."""

from functools import cache

from fastapi import APIRouter
from starlette.routing import BaseRoute

from api.routers import assembled
from api.ui.routes import (
    campaign,
    campaign_contacts,
    campaign_orders,
    campaigns,
    channel_orders,
    channels,
    contacts,
    deliveries,
    home,
    keys,
    people,
    rehearsal,
    settings,
    sign_in,
    wizard,
    wizard_audience,
    wizard_check,
    wizard_messages,
    wizard_pacing,
)

ROUTERS: tuple[APIRouter, ...] = (
    home.router,
    sign_in.router,
    wizard.router,  # before the campaigns: its /campaigns/new is no campaign's id
    wizard_audience.router,
    wizard_messages.router,
    wizard_pacing.router,
    wizard_check.router,
    campaigns.router,
    campaign.router,
    campaign_orders.router,
    campaign_contacts.router,
    contacts.router,
    rehearsal.router,
    channels.router,
    channel_orders.router,
    deliveries.router,
    settings.router,
    keys.router,
    people.router,
)
"""A new group of pages is added here and nowhere else."""


@cache
def routes() -> tuple[BaseRoute, ...]:
    """The routes as the application takes them in, made once."""
    return assembled(ROUTERS)
