"""Every router of the API, in the order in which operations are listed and looked for: webhooks come most often."""

from functools import cache

from fastapi import APIRouter
from starlette.routing import BaseRoute

from api import health
from api.routes import (
    api_keys,
    campaign_commands,
    campaigns,
    channels,
    contacts,
    deliveries,
    enrollments,
    rehearsals,
    suppressions,
    variants,
)
from api.webhooks import receive

ROUTERS: tuple[APIRouter, ...] = (
    receive.router,
    campaigns.router,
    campaign_commands.router,
    rehearsals.router,
    variants.router,
    enrollments.router,
    channels.router,
    contacts.router,
    suppressions.router,
    deliveries.router,
    api_keys.router,
    health.router,
)
"""A new family of routes is added here and nowhere else."""


@cache
def routes() -> tuple[BaseRoute, ...]:
    """The routes as an application takes them in. Made once: reading the signature of every handler takes a while."""
    return assembled(ROUTERS)


def assembled(routers: tuple[APIRouter, ...]) -> tuple[BaseRoute, ...]:
    """The routes of all these routers together."""
    table = APIRouter()
    for router in routers:
        table.include_router(router)
    return tuple(table.routes)
