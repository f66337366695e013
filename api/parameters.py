"""Query parameters come once each."""

from fastapi import Depends
from starlette.requests import Request

from api.problems import Unprocessable


async def _once_each(request: Request) -> None:
    """Refuses a parameter that comes twice: of two values, one would silently win."""
    seen: set[str] = set()
    for name, _ in request.query_params.multi_items():
        if name in seen:
            raise Unprocessable.of(name[:200], "Send this parameter once.")
        seen.add(name)


ONCE_EACH = Depends(_once_each)
"""For operations with query parameters: `dependencies=[ONCE_EACH]`."""
