"""Routers whose writes honour `Idempotency-Key`, and leave no uploaded file behind."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from api.idempotency import answer_once

READS = frozenset({"GET", "HEAD"})


class WriteOnceRoute(APIRoute):
    """A route that answers a repeated write with the first answer."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The framework's handler, behind the key."""
        handle = super().get_route_handler()

        async def once(request: Request) -> Response:
            if request.method in READS:
                return await handle(request)
            try:
                return await answer_once(request, handle)
            finally:
                await request.close()

        return once


def api_router(prefix: str, tag: str) -> APIRouter:
    """The router for one family of operations under `/api`; use this and not `APIRouter`, which knows no keys."""
    return APIRouter(prefix=f"/api/{prefix}", tags=[tag], route_class=WriteOnceRoute)
