"""The one place where an exception becomes an answer."""

import http

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match

from api.access_log import template_of
from api.dependencies import services_of
from api.problems import Conflict, FieldError, Problem, Unavailable, Unprocessable, problem_response
from api.routing import READS
from db.away import DATABASE_ERRORS, is_away
from workflows.handles import CampaignRefused, EngineUnavailable

LONGEST_FIELD = 200
PLACES = frozenset({"body", "query", "path", "header"})
DATABASE_AWAY = "The database does not answer."
MAY_BE_DONE = "What was asked may be done all the same: repeat it with the same Idempotency-Key, or look."

logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)


def install_handlers(app: FastAPI) -> None:
    """Has every error of `app` answered as a problem."""
    app.exception_handler(HTTPException)(_http)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(EngineUnavailable)(_engine_away)
    app.exception_handler(CampaignRefused)(_refused)
    app.exception_handler(ClientDisconnect)(_gone)
    for kind in DATABASE_ERRORS:
        app.exception_handler(kind)(_database)
    app.exception_handler(Exception)(_bug)


async def _http(request: Request, error: HTTPException) -> Response:
    if isinstance(error, Problem):
        return error.response()
    if error.status_code == http.HTTPStatus.METHOD_NOT_ALLOWED:
        return _not_allowed(request)
    if error.status_code == http.HTTPStatus.BAD_REQUEST:
        return Unprocessable.of("body", f"The body cannot be read: {error.detail}.").response()
    detail = "There is nothing at this address." if error.status_code == http.HTTPStatus.NOT_FOUND else error.detail
    title = http.HTTPStatus(error.status_code).phrase
    return problem_response(error.status_code, title, detail, headers=error.headers)


def _not_allowed(request: Request) -> Response:
    """405 with every method of the address: the router itself would name those of one route only."""
    routes = list(iter_route_contexts(request.app.routes))
    matching = [route.path for route in routes if route.path and route.matches(request.scope)[0] != Match.NONE]
    # Of `/suppressions/export` and `/suppressions/{id}` the one without a variable is meant.
    path = min(matching, key=lambda template: template.count("{"), default=None)
    allowed = {method for route in routes if route.path == path for method in route.methods or ()}
    names = ", ".join(sorted(allowed))
    detail = f"{request.method} is not possible here; possible: {names}."
    return problem_response(405, "Method Not Allowed", detail, headers={"Allow": names})


async def _invalid(_request: Request, error: RequestValidationError) -> Response:
    return Unprocessable([_field_error(details) for details in error.errors()]).response()


def _field_error(details: ErrorDetails) -> FieldError:
    return FieldError(field=field_name(details["loc"]), message=sentence(details))


def field_name(location: tuple[int | str, ...]) -> str:
    """The dotted path of a field; what comes from the caller is cut, and made fit for an answer."""
    parts = location[1:] if len(location) > 1 and location[0] in PLACES else location
    return ".".join(str(part) for part in parts).encode("utf-8", "replace").decode()[:LONGEST_FIELD]


def sentence(details: ErrorDetails) -> str:
    """What pydantic says, without its own habits of speech and without the value that was given."""
    if details["type"] == "extra_forbidden":
        return "This field is not known here; remove it."
    if details["type"] == "json_invalid":
        return f"This is not JSON: {details.get('ctx', {}).get('error', 'it cannot be read')}."
    return details["msg"].removeprefix("Value error, ")


async def _engine_away(_request: Request, error: EngineUnavailable) -> Response:
    return Unavailable(f"{error} A repeat with the same Idempotency-Key is harmless.").response()


async def _refused(_request: Request, error: CampaignRefused) -> Response:
    return Conflict(str(error)).response()


async def _gone(_request: Request, _error: ClientDisconnect) -> Response:
    """The caller hung up before the body was whole; nobody reads this answer."""
    return Unprocessable.of("body", "The body ended early.").response()


async def _database(request: Request, error: Exception) -> Response:
    if not is_away(error):
        return await _bug(request, error)
    logger.warning("api.database_away", error=type(error).__name__)
    return Unavailable(f"{DATABASE_AWAY} {'Try again.' if request.method in READS else MAY_BE_DONE}").response()


async def _bug(request: Request, error: Exception) -> Response:
    logger.error("api.bug", exc_info=error)
    services_of(request).report(error, {"route": template_of(request.scope), "method": request.method})
    detail = "Something went wrong on our side. The log has the details; please report it."
    return problem_response(500, "Internal Server Error", detail)
