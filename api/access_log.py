"""One log line per request: what was asked, how it was answered and how long that took; no addresses, no bodies."""

import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)

QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked every few seconds by machines; they are logged only when they fail."""


class AccessLog:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

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
        finally:
            _log(scope, status, time.perf_counter() - began)


def _log(scope: Scope, status: int, seconds: float) -> None:
    # The template and not the address: ids are in it by name, and a webhook's query holds a secret.
    route = getattr(scope.get("route"), "path", None) or "unknown"
    if route in QUIET and status < 400:
        return
    ids = {name: str(value) for name, value in scope.get("path_params", {}).items()}
    principal = scope.get("state", {}).get("principal")
    tenant = {"tenant_id": str(principal.tenant_id)} if principal else {}
    logger.info(
        "api.request", method=scope["method"], route=route, status=status, ms=round(seconds * 1000, 1), **tenant, **ids
    )
