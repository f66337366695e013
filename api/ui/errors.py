"""What goes wrong on a page, told as a page: one sentence, and a way on."""

import http

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response

from api.access_log import template_of
from api.dependencies import services_of
from api.routing import READS
from api.ui.languages import _
from api.ui.rendering import fragment, page
from api.ui.visits import SignInNeeded, Visit, look_up, to_sign_in, visit_so_far
from db.away import DATABASE_ERRORS, is_away
from workflows.handles import CampaignRefused, EngineUnavailable

NOT_FOUND = _("There is nothing at this address.")
NOT_SO = _("This address cannot be opened by itself, or not in this way. Go back to the page that led here.")
AWAY = _("The database does not answer. Try again in a moment.")
AWAY_MEANWHILE = _(
    "The database does not answer. What you asked for may be done all the same: look before you ask again."
)
BUG = _("Something went wrong on our side. The log has the details; please report it.")
TITLES = {
    403: _("Not allowed"),
    404: _("Not found"),
    405: _("Not possible this way"),
    409: _("Not possible now"),
    503: _("Try again in a moment"),
}
PLAIN = {404: NOT_FOUND, 405: NOT_SO}
"""What is said where the framework says no more than the name of the status."""

logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)


def install_handlers(app: FastAPI) -> None:
    """Has every error of the pages answered as a page, or as a notice on the page that is open."""
    app.exception_handler(SignInNeeded)(_sign_in)
    app.exception_handler(HTTPException)(_http)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(EngineUnavailable)(_engine_away)
    app.exception_handler(CampaignRefused)(_refused)
    app.exception_handler(ClientDisconnect)(_gone)
    for kind in DATABASE_ERRORS:
        app.exception_handler(kind)(_database)
    app.exception_handler(Exception)(_bug)


async def _sign_in(request: Request, _error: SignInNeeded) -> Response:
    return to_sign_in(request)


async def _http(request: Request, error: HTTPException) -> Response:
    await _meet(request)
    plain = error.detail == http.HTTPStatus(error.status_code).phrase
    answer = _told(request, error.status_code, PLAIN.get(error.status_code, error.detail) if plain else error.detail)
    answer.headers.update(error.headers or {})  # of a 405, what the address does take
    return answer


async def _invalid(request: Request, _error: RequestValidationError) -> Response:
    return _told(request, 404, NOT_FOUND)  # what is checked before a handler are the ids in addresses


async def _meet(request: Request) -> None:
    """Finds out who looks where no page did: at an address of nothing."""
    if visit_so_far(request).looked_up:
        return
    try:
        await look_up(request)
    except DATABASE_ERRORS as error:
        if not is_away(error):
            raise
        logger.warning("ui.database_away", error=type(error).__name__)


async def _engine_away(request: Request, error: EngineUnavailable) -> Response:
    return _told(request, 503, str(error))


async def _refused(request: Request, error: CampaignRefused) -> Response:
    return _told(request, 409, str(error))


async def _gone(_request: Request, _error: ClientDisconnect) -> Response:
    return Response(status_code=400)


async def _database(request: Request, error: Exception) -> Response:
    if not is_away(error):
        return await _bug(request, error)
    logger.warning("ui.database_away", error=type(error).__name__)
    return _told(request, 503, AWAY if request.method in READS else AWAY_MEANWHILE)


async def _bug(request: Request, error: Exception) -> Response:
    logger.error("api.bug", exc_info=error)
    services_of(request).report(error, {"route": template_of(request.scope), "method": request.method})
    return _told(request, 500, BUG)


def _told(request: Request, status: int, sentence: str) -> Response:
    """A page of its own, or for htmx the place for notices."""
    visit = visit_so_far(request)
    said = visit.say(sentence)
    if visit.is_partial:
        answer = fragment(visit, "pieces/notice.html", kind="danger", said=said)
        return HTMLResponse(answer, status, headers={"HX-Retarget": "#notices", "HX-Reswap": "innerHTML"})
    return page(visit, "error.html", status=status, title=_title(visit, status), said=said)


def _title(visit: Visit, status: int) -> str:
    return visit.say(TITLES.get(status, _("Something went wrong")))
