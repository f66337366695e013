"""What a person sets for themselves: language, look, password, and where they are signed in."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Form
from sqlmodel import col, select, update
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.ui.attempts import NotNow, forget_attempts, password_fits, password_hash
from api.ui.languages import LANGUAGES
from api.ui.rendering import THEMES, page
from api.ui.visits import LANGUAGE_COOKIE, THEME_COOKIE, Anyone, Viewer, Visit, local_address, set_cookie
from db.people import sign_out_everywhere
from db.tables import User, UserSession
from domain.sign_in import is_over, password_problem

A_YEAR = 365 * 24 * 3600

router = APIRouter()


@router.get("/settings")
async def show(visit: Viewer) -> HTMLResponse:
    """The page."""
    return await _page(visit)


async def _page(
    visit: Visit, *, errors: dict[str, str] | None = None, done: str = "", status: int = 200
) -> HTMLResponse:
    person, now = visit.person, datetime.now(UTC)
    async with visit.caller.transaction() as session:
        query = select(UserSession).where(col(UserSession.user_id) == person.user.id)
        kept = (await session.exec(query.order_by(col(UserSession.seen_at).desc()))).all()
    sessions = [one for one in kept if not is_over(one.created_at, one.seen_at, now)]
    return page(visit, "settings.html", status=status, sessions=sessions, errors=errors or {}, done=done)


@router.post("/settings/language")
async def choose_language(
    visit: Anyone, language: Annotated[str, Form()], back: Annotated[str, Form()] = "/"
) -> Response:
    """Keeps the language with the person, and in the browser for the pages before a sign-in."""
    response = RedirectResponse(local_address(back), status_code=303)
    if language in LANGUAGES:
        set_cookie(visit, response, LANGUAGE_COOKIE, language, seconds=A_YEAR)
        if visit.signed_in is not None:
            async with visit.caller.transaction() as session:
                mine = col(User.id) == visit.person.user.id
                await session.exec(update(User).where(mine).values(language=language))
    return response


@router.post("/settings/theme")
async def choose_theme(visit: Anyone, theme: Annotated[str, Form()], back: Annotated[str, Form()] = "/") -> Response:
    """Light, dark, or as the device has it."""
    response = RedirectResponse(local_address(back), status_code=303)
    if theme in THEMES:
        set_cookie(visit, response, THEME_COOKIE, theme, seconds=A_YEAR)
    return response


@router.post("/settings/password")
async def change_password(visit: Viewer, current: Annotated[str, Form()], new: Annotated[str, Form()]) -> Response:
    """Sets another password and ends every other session of the person."""
    try:
        return await _change_password(visit, current, new)
    except NotNow as told:
        return await _page(visit, errors={"current": str(told)}, status=429)


async def _change_password(visit: Visit, current: str, new: str) -> HTMLResponse:
    user, email = visit.person.user, visit.person.user.email or ""
    if not await password_fits(visit, email, current, user.password_hash):
        return await _page(visit, errors={"current": visit.say("This is not your password.")}, status=422)
    await forget_attempts(visit, email)
    if password_problem(new, email) is not None:
        said = visit.say("Choose a longer and less even password: at least 12 characters.")
        return await _page(visit, errors={"new": said}, status=422)
    kept = await password_hash(visit, new)
    async with visit.caller.transaction() as session:
        await session.exec(update(User).where(col(User.id) == user.id).values(password_hash=kept))
        await sign_out_everywhere(session, user.id, but=visit.person.session.id)
    return await _page(visit, done=visit.say("The password is changed; all other browsers are signed out."))


@router.post("/settings/sign-out-everywhere")
async def leave_everywhere(visit: Viewer) -> Response:
    """Ends every session of the person, this one too."""
    async with visit.caller.transaction() as session:
        await sign_out_everywhere(session, visit.person.user.id)
    return RedirectResponse("/sign-in", status_code=303)
