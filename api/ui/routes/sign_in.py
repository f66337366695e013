"""Signing in and out, and the link by which a person chooses a password."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Form
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.problems import NotFound
from api.ui.attempts import NotNow, forget_attempts, password_fits, password_hash
from api.ui.rendering import page
from api.ui.visits import SESSION_COOKIE, Anyone, Visit, local_address, set_cookie
from db.people import (
    find_link,
    find_user,
    normal_email,
    sign_in,
    sign_out,
    use_link,
)
from db.tables import User
from domain.sign_in import LONGEST, LONGEST_PASSWORD, SHORTEST_PASSWORD, password_problem
from domain.text import is_storable

BROWSER_SHOWN = 200
Text = Annotated[str, Form(max_length=1000)]

router = APIRouter()


@router.get("/sign-in")
async def show(visit: Anyone, next: str = "/") -> Response:  # noqa: A002 - the address says next
    """The form."""
    if visit.signed_in is not None:
        return RedirectResponse(local_address(next), status_code=303)
    return _form(visit, next)


@router.post("/sign-in")
async def enter(visit: Anyone, email: Text, password: Text, next: Text = "/") -> Response:  # noqa: A002
    """Signs in. What was wrong of address and password is not told, nor whether there is such a person."""
    email = email if is_storable(email) else ""  # nobody's, like an unknown one
    user = await find_user(visit.services.database, email)
    try:
        fits = await password_fits(visit, email, password, user.password_hash if user else None)
    except NotNow as told:
        return _form(visit, next, email=email, said=str(told), status=429)
    if user is None or not fits or user.disabled_at is not None:
        said = visit.say("This e-mail address and this password do not belong together.")
        return _form(visit, next, email=email, said=said, status=422)
    await forget_attempts(visit, email)
    return await _let_in(visit, user, local_address(next))


@router.post("/sign-out")
async def leave(visit: Anyone) -> Response:
    """Ends this session."""
    if visit.signed_in is not None:
        await sign_out(visit.services.database, visit.signed_in)
    response = RedirectResponse("/sign-in", status_code=303)
    response.delete_cookie(SESSION_COOKIE, path="/")
    return response


@router.get("/welcome/{token}")
async def welcome(visit: Anyone, token: str) -> Response:
    """The form in which a person chooses a password; the first owner also says who they are."""
    user = await find_link(visit.services.database, token, datetime.now(UTC))
    if user is None:
        return _link_over(visit)
    return _welcome_form(visit, user)


@router.post("/welcome/{token}")
async def choose(visit: Anyone, token: str, password: Text, email: Text = "", name: Text = "") -> Response:
    """Keeps the password, uses the link up, ends the person's other sessions, and signs them in."""
    database, now = visit.services.database, datetime.now(UTC)
    user = await find_link(database, token, now)
    if user is None:
        return _link_over(visit)
    own_email = user.email or normal_email(email)
    errors = _errors(visit, user, own_email, name, password)
    if not errors and user.email is None and await find_user(database, own_email) is not None:
        errors["email"] = visit.say("Somebody already signs in with this address.")
    if errors:
        return _welcome_form(visit, user, errors=errors, email=email, name=name, status=422)
    try:
        kept = await password_hash(visit, password)
    except NotNow as told:
        return _welcome_form(visit, user, errors={"password": str(told)}, email=email, name=name, status=429)
    done = await use_link(database, token, kept, now, email=own_email, name=name.strip() or user.name)
    if done is None:
        return _link_over(visit)
    return await _let_in(visit, done, "/")


def _errors(visit: Visit, user: User, email: str, name: str, password: str) -> dict[str, str]:
    errors = {}
    if user.email is None and not looks_like_an_address(email):
        errors["email"] = visit.say("Write an e-mail address, such as ann@example.com.")
    if (user.email is None and not name.strip()) or not is_storable(name):
        errors["name"] = visit.say("Write your name.")
    problem = password_problem(password, email)
    if problem is not None:
        words = {
            "too short": visit.say("Use at least %(count)d characters; a few words are fine.", count=SHORTEST_PASSWORD),
            "too long": visit.say("Use at most %(count)d characters.", count=LONGEST_PASSWORD),
            "too easy": visit.say("This is too easy to guess; choose something longer and less even."),
        }
        errors["password"] = words[problem]
    return errors


def looks_like_an_address(email: str) -> bool:
    """Whether it has the form of an e-mail address; whether anybody reads it, only a mail would tell."""
    name, at, host = email.rpartition("@")
    fits = len(email) <= 254 and is_storable(email) and not any(letter.isspace() for letter in email)
    return fits and bool(name and at and "." in host)


async def _let_in(visit: Visit, user: User, address: str) -> Response:
    browser = visit.request.headers.get("User-Agent", "")[:BROWSER_SHOWN] or None
    if visit.signed_in is not None:  # nobody carries an old session on into a new one
        await sign_out(visit.services.database, visit.signed_in)
    token = await sign_in(visit.services.database, user, browser, datetime.now(UTC))
    response = RedirectResponse(address, status_code=303)
    set_cookie(visit, response, SESSION_COOKIE, token, seconds=int(LONGEST.total_seconds()))
    return response


def _form(visit: Visit, back: str, *, email: str = "", said: str = "", status: int = 200) -> HTMLResponse:
    return page(visit, "sign_in.html", status=status, next=local_address(back), email=email, said=said)


def _welcome_form(
    visit: Visit,
    user: User,
    *,
    errors: dict[str, str] | None = None,
    email: str = "",
    name: str = "",
    status: int = 200,
) -> HTMLResponse:
    return page(visit, "welcome.html", status=status, user=user, errors=errors or {}, email=email, name=name)


def _link_over(visit: Visit) -> HTMLResponse:
    said = visit.say("This link is unknown, was used, or is more than three days old. Ask for a new one.")
    return page(visit, "error.html", status=NotFound.status, title=visit.say("Not found"), said=said)
