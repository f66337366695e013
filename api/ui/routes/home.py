"""The first page: the place where work begins."""

from fastapi import APIRouter
from starlette.responses import RedirectResponse

from api.ui.visits import Viewer

router = APIRouter()


@router.get("/")
async def home(_visit: Viewer) -> RedirectResponse:
    """Campaigns are where people work."""
    return RedirectResponse("/campaigns", status_code=303)
