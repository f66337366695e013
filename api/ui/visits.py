"""A visit: who looks, in which language, with which rights; and that a form came from a page of ours."""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Depends, Request
from starlette.responses import RedirectResponse, Response

from api.dependencies import Caller, Services, services_of
from api.problems import Forbidden
from api.ui.languages import _, chosen, translate
from db.api_keys import Principal
from db.people import SignedIn, find_session, new_token
from domain.people import SCOPES, Role, Scope, allows

SESSION_COOKIE = "relance_session"
FORM_COOKIE = "relance_form"
LANGUAGE_COOKIE = "relance_language"
THEME_COOKIE = "relance_theme"
CSRF_FIELD, CSRF_HEADER = "csrf", "X-CSRF-Token"
READS = frozenset({"GET", "HEAD"})
FORM = "application/x-www-form-urlencoded"


class SignInNeeded(Exception):
    """The page is for people who are signed in; the browser is sent to sign in and comes back."""


class ForeignForm(Forbidden):
    """A form without the token that our page had put into it."""

    def __init__(self) -> None:
        super().__init__(_("This form did not come from a page of this session. Load the page again and repeat it."))


@dataclass(frozen=True, slots=True)
class Visit:
    """One request to the pages. `csrf` is the token that its forms carry.

    `looked_up` is False where the browser has a session that could not be asked about.
    """

    request: Request
    language: str
    csrf: str
    signed_in: SignedIn | None = None
    looked_up: bool = True

    @property
    def services(self) -> Services:
        """What the pages work with."""
        return services_of(self.request)

    @property
    def is_partial(self) -> bool:
        """Whether htmx asks for a piece of a page."""
        return self.request.headers.get("HX-Request") == "true"

    @property
    def time_zone(self) -> str:
        """IANA zone that times are shown in."""
        return self.signed_in.tenant.time_zone if self.signed_in else "UTC"

    @property
    def person(self) -> SignedIn:
        """Who is signed in. Raises SignInNeeded."""
        if self.signed_in is None:
            raise SignInNeeded
        return self.signed_in

    @property
    def scopes(self) -> frozenset[str]:
        """What the person may do."""
        return frozenset(SCOPES[Role(self.signed_in.user.role)]) if self.signed_in else frozenset()

    def may(self, scope: Scope | str) -> bool:
        """Whether the person may do what `scope` names."""
        return allows(self.scopes, Scope(scope))

    @property
    def caller(self) -> Caller:
        """The person as the API's own handlers know a caller."""
        person = self.person
        return Caller(Principal(person.tenant.id, person.user.id, self.scopes), self.services)

    def say(self, message: str, **values: Any) -> str:
        """A message in the visitor's language."""
        return translate(self.language, message, **values)


async def look_up(request: Request, *, by_itself: bool = False) -> Visit:
    """The visit with the person who is signed in; error pages find it kept with the request.

    `by_itself`: the page asks, and nobody used it.
    """
    found = await _found(request, by_itself=by_itself)
    language = chosen(
        found.user.language if found else None,
        request.cookies.get(LANGUAGE_COOKIE),
        accepted=request.headers.get("Accept-Language", ""),
    )
    csrf = found.session.csrf_token if found else request.cookies.get(FORM_COOKIE) or new_token()
    if found:
        request.state.principal = Principal(found.tenant.id, found.user.id, frozenset())
    request.state.visit = visit = Visit(request, language, csrf, found)
    return visit


async def _found(request: Request, *, by_itself: bool) -> SignedIn | None:
    token = request.cookies.get(SESSION_COOKIE)
    if not token:
        return None
    return await find_session(services_of(request).database, token, datetime.now(UTC), by_itself=by_itself)


def visit_so_far(request: Request) -> Visit:
    """The visit as far as it is known, without asking the database: it may be what is away."""
    known: Visit | None = getattr(request.state, "visit", None)
    if known is not None:
        return known
    language = chosen(request.cookies.get(LANGUAGE_COOKIE), accepted=request.headers.get("Accept-Language", ""))
    csrf = request.cookies.get(FORM_COOKIE) or new_token()
    return Visit(request, language, csrf, looked_up=SESSION_COOKIE not in request.cookies)


async def _anyone(request: Request) -> Visit:
    visit = await look_up(request)
    if request.method not in READS:
        # Before a sign-in there is no session: the token is compared with the one in the browser's own cookie.
        await _refuse_foreign(request, visit.csrf if visit.signed_in else request.cookies.get(FORM_COOKIE, ""))
    return visit


async def _refuse_foreign(request: Request, token: str) -> None:
    given = request.headers.get(CSRF_HEADER)
    if given is None and request.headers.get("content-type", "").startswith(FORM):
        field = (await request.form()).get(CSRF_FIELD)
        given = field if isinstance(field, str) else None
    if not token or not hmac.compare_digest((given or "").encode(), token.encode()):
        raise ForeignForm


def with_scope(scope: Scope, *, by_itself: bool = False) -> Callable[..., Awaitable[Visit]]:
    """A dependency: the visit of a person who may do that. Raises SignInNeeded, ForeignForm or Forbidden."""

    async def visit(request: Request) -> Visit:
        found = await look_up(request, by_itself=by_itself)
        if found.signed_in is None:
            raise SignInNeeded
        if request.method not in READS:
            await _refuse_foreign(request, found.csrf)
        if not found.may(scope):
            raise Forbidden(found.say("Your role does not allow this. Ask an administrator."))
        return found

    return visit


Anyone = Annotated[Visit, Depends(_anyone)]
Viewer = Annotated[Visit, Depends(with_scope(Scope.READ))]
Editor = Annotated[Visit, Depends(with_scope(Scope.WRITE))]
Operator = Annotated[Visit, Depends(with_scope(Scope.SEND))]
Administrator = Annotated[Visit, Depends(with_scope(Scope.ADMIN))]

# The same persons at addresses that a page asks again and again while nobody touches it.
ViewersPage = Annotated[Visit, Depends(with_scope(Scope.READ, by_itself=True))]
EditorsPage = Annotated[Visit, Depends(with_scope(Scope.WRITE, by_itself=True))]


def set_cookie(visit: Visit, response: Response, name: str, value: str, *, seconds: int | None = None) -> None:
    """A cookie that no script reads and no other site sends along; over HTTPS only where the pages are."""
    secure = visit.services.public_url.startswith("https://")
    response.set_cookie(name, value, max_age=seconds, httponly=True, samesite="lax", secure=secure, path="/")


def to_sign_in(request: Request) -> Response:
    """Sends the browser to sign in, and afterwards back to where it was; a script is only told that nobody is."""
    partial = request.headers.get("HX-Request") == "true"
    if not partial and not _asks_for_a_page(request):
        return Response(status_code=401)
    came_from = request.headers.get("HX-Current-URL", "") if partial else str(request.url)
    back = local_address(_path_of(came_from)) if partial or request.method in READS else "/"
    address = f"/sign-in?next={quote(back, safe='/')}"
    if partial:
        return Response(status_code=401, headers={"HX-Redirect": address})
    return RedirectResponse(address, status_code=303)


def _asks_for_a_page(request: Request) -> bool:
    """Not so a stream of events or a script's data: a page of sign-in would be taken for what they asked for."""
    accepted = request.headers.get("Accept", "*/*")
    return any(kind in accepted for kind in ("text/html", "*/*"))


def _path_of(url: str) -> str:
    _, _, rest = url.partition("://")
    return "/" + rest.partition("/")[2] if rest else "/"


def local_address(address: str | None) -> str:
    """The address if it is one of this site, else the first page: nobody is sent to another site from here."""
    if not address or not address.startswith("/") or address.startswith(("//", "/\\")):
        return "/"
    return "/" if any(ord(letter) < 0x20 or letter == "\\" for letter in address) else address
