"""The people of a tenant: who they are, inviting them, their roles, and letting them in again."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form
from pydantic import BaseModel, TypeAdapter, ValidationError
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.pagination import DEFAULT_LIMIT, decode_cursor, page_of
from api.positions import BY_AGE
from api.problems import NotFound
from api.shapes import Name
from api.ui import appointments
from api.ui.appointments import Refused
from api.ui.languages import _
from api.ui.once import made_once
from api.ui.questions import Question, ask
from api.ui.rendering import page
from api.ui.routes.channels import Cursor
from api.ui.routes.sign_in import looks_like_an_address
from api.ui.visits import Administrator, Visit
from db.people import find_link, new_token, normal_email
from db.reading.people import find_person, list_people
from db.tables import User
from domain.people import Role, may_appoint

ROLES: dict[Role, str] = {
    Role.OWNER: _("Owner"),
    Role.ADMIN: _("Administrator"),
    Role.OPERATOR: _("Operator"),
    Role.VIEWER: _("Viewer"),
}
MEANINGS: dict[Role, str] = {
    Role.OWNER: _("everything, owners and administrators included"),
    Role.ADMIN: _("channels, keys, operators and viewers, besides all that operators do"),
    Role.OPERATOR: _("campaigns, contacts, messages"),
    Role.VIEWER: _("looks, changes nothing"),
}
WRONG_NAME = _("Write the person's name, in 1 to 200 characters.")
WRONG_ROLE = _("Choose a role.")
DONE: dict[str, str] = {
    "role": _("The role is changed."),
    "disabled": _("The person is disabled and signed out everywhere."),
    "enabled": _("The person may sign in again."),
}
DISABLE = _("Disable %(name)s? They are signed out everywhere and cannot sign in until somebody enables them.")
NEW_LINK = _("Make a new link for %(name)s? Links given before end. The password stays until the link is used.")
OVER = _("This link is used or replaced by now. Make a new one if it is still needed.")
NAME: TypeAdapter[str] = TypeAdapter(Name)

router = APIRouter()


class Invitation(BaseModel):
    """A person to be invited, as typed. `once` makes a form that is sent twice invite once, and show one link."""

    email: str = ""
    name: str = ""
    role: str = ""
    once: str = ""


class Link(BaseModel):
    """A link to be handed over, and to whom."""

    name: str
    token: str


@router.get("/settings/people")
async def show(visit: Administrator, cursor: Cursor = None, done: str = "") -> HTMLResponse:
    """The people, and the form that invites one."""
    return await _page(visit, cursor=cursor, done=DONE.get(done, ""))


async def _page(
    visit: Visit,
    *,
    status: int = 200,
    cursor: str | None = None,
    form: Invitation | None = None,
    errors: dict[str, str] | None = None,
    link: Link | None = None,
    said: str = "",
    done: str = "",
) -> HTMLResponse:
    after = decode_cursor(cursor or None, BY_AGE)
    async with visit.caller.transaction() as session:
        rows = await list_people(session, after=after, limit=DEFAULT_LIMIT + 1)
    shown, following = page_of(rows, DEFAULT_LIMIT, lambda user: (user.created_at, user.id))
    own = Role(visit.person.user.role)
    return page(
        visit,
        "people/list.html",
        status=status,
        people=shown,
        next_cursor=following,
        form=form or Invitation(),
        errors=errors or {},
        link=link,
        address=f"{visit.services.public_url}/welcome/{link.token}" if link else "",
        once=new_token(),
        said=said,
        done=done,
        roles=ROLES,
        meanings=MEANINGS,
        mine=[role for role in Role if may_appoint(own, role)],
    )


@router.post("/settings/people")
async def invite(visit: Administrator, form: Annotated[Invitation, Form()]) -> HTMLResponse:
    """Makes the person and shows the link to hand over, this once."""
    if errors := _wrong(visit, form):
        return await _page(visit, status=422, form=form, errors=errors)
    email, name, role = normal_email(form.email), form.name.strip(), Role(form.role)

    async def make() -> Link:
        async with visit.caller.transaction() as session:
            user, token = await appointments.invite(session, visit.person.user, email, name, role, datetime.now(UTC))
        return Link(name=user.name, token=token)

    try:
        link = await made_once(visit, form.once, Link, make)
    except Refused as refused:
        field = "email" if str(refused) == appointments.TAKEN else "role"
        return await _page(visit, status=422, form=form, errors={field: str(refused)})
    return await _with_link(visit, link)


def _wrong(visit: Visit, form: Invitation) -> dict[str, str]:
    errors = {}
    if not looks_like_an_address(normal_email(form.email)):
        errors["email"] = visit.say("Write an e-mail address, such as ann@example.com.")
    try:
        NAME.validate_python(form.name.strip())
    except ValidationError:
        errors["name"] = WRONG_NAME
    if form.role not in set(Role):
        errors["role"] = WRONG_ROLE
    return errors


async def _with_link(visit: Visit, link: Link) -> HTMLResponse:
    """The page with the link; a form that is sent again much later may find its link over."""
    if await find_link(visit.services.database, link.token, datetime.now(UTC)) is None:
        return await _page(visit, status=409, said=OVER)
    return await _page(visit, link=link)


@router.post("/settings/people/{user_id}/role")
async def change_role(visit: Administrator, user_id: UUID, role: Annotated[Role, Form()]) -> Response:
    """Gives a person another role."""
    return await _done(visit, "role", lambda session, by: appointments.change_role(session, by, user_id, role))


@router.post("/settings/people/{user_id}/disable")
async def disable(visit: Administrator, user_id: UUID, confirmed: Annotated[str, Form()] = "") -> Response:
    """Shuts a person out."""
    if not confirmed:
        return await _ask(visit, user_id, "disable", visit.say("Disable"), DISABLE)
    now = datetime.now(UTC)
    return await _done(visit, "disabled", lambda session, by: appointments.disable(session, by, user_id, now))


@router.post("/settings/people/{user_id}/enable")
async def enable(visit: Administrator, user_id: UUID) -> Response:
    """Lets a person in again."""
    return await _done(visit, "enabled", lambda session, by: appointments.enable(session, by, user_id))


async def _done(visit: Visit, what: str, act: Callable[[AsyncSession, User], Awaitable[User]]) -> Response:
    try:
        async with visit.caller.transaction() as session:
            await act(session, visit.person.user)
    except Refused as refused:
        return await _page(visit, status=409, said=str(refused))
    return RedirectResponse(f"/settings/people?done={what}", status_code=303)


@router.post("/settings/people/{user_id}/link")
async def renew_link(
    visit: Administrator,
    user_id: UUID,
    confirmed: Annotated[str, Form()] = "",
    once: Annotated[str, Form()] = "",
) -> HTMLResponse:
    """Makes a new link and shows it, this once; the links before it end."""
    if not confirmed:
        return await _ask(visit, user_id, "link", visit.say("New link"), NEW_LINK)

    async def make() -> Link:
        async with visit.caller.transaction() as session:
            user, token = await appointments.renew_link(session, visit.person.user, user_id, datetime.now(UTC))
        return Link(name=user.name, token=token)

    try:
        link = await made_once(visit, once, Link, make)
    except Refused as refused:
        return await _page(visit, status=409, said=str(refused))
    return await _with_link(visit, link)


async def _ask(visit: Visit, user_id: UUID, act: str, title: str, words: str) -> HTMLResponse:
    async with visit.caller.transaction() as session:
        user = await find_person(session, user_id)
    if user is None:
        raise NotFound("person")
    question = visit.say(words, name=user.name)
    fields = [("once", new_token())]
    return ask(visit, Question(title, question, title, f"/settings/people/{user_id}/{act}", "/settings/people", fields))
