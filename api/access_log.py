"""One log line and one count per request: what was asked, how it was answered, how long that took; no addresses."""

import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.meter import Meter

logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)

QUIET = frozenset({"/healthz", "/readyz", "/metrics", "/webhooks/{platform}/{channel_id}"})
"""Asked by machines, often; they are logged only when they fail. What a webhook brought is on record anyway."""


class AccessLog:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, meter: Meter) -> None:
        self._app = app
        self._meter = meter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception:
            # What nobody expected is answered outside of all middleware: that answer does not pass here.
            status = status or 500
            raise
        finally:
            route, seconds = template_of(scope), time.perf_counter() - began
            self._meter.request(scope["method"], route, status, seconds)
            _log(scope, route, status, seconds)


def template_of(scope: Scope) -> str:
    """The template and not the address: ids are in it by name, and a webhook's query holds a secret."""
    return getattr(scope.get("route"), "path", None) or "unknown"


def _log(scope: Scope, route: str, status: int, seconds: float) -> None:
    if route in QUIET and status < 400:
        return
    ids = {name: str(value) for name, value in scope.get("path_params", {}).items()}
    principal = scope.get("state", {}).get("principal")
    tenant = {"tenant_id": str(principal.tenant_id)} if principal else {}
    logger.info(
        "api.request", method=scope["method"], route=route, status=status, ms=round(seconds * 1000, 1), **tenant, **ids
    )
