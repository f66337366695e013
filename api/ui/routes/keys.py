"""API keys: made and shown once, listed, revoked."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form
from pydantic import BaseModel, ValidationError
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.pagination import PageQuery
from api.problems import Conflict, NotFound
from api.routes import api_keys
from api.routes.api_keys import ApiKeyMade, NewApiKey
from api.ui.languages import _
from api.ui.once import made_once
from api.ui.questions import Question, ask
from api.ui.rendering import page
from api.ui.routes.channels import Cursor
from api.ui.visits import Administrator, Visit
from db.people import new_token
from db.reading.api_keys import find_api_key
from domain.people import Scope

MEANINGS: dict[Scope, str] = {
    Scope.READ: _("Read: look at everything, change nothing"),
    Scope.WRITE: _("Write: make and change campaigns and contacts"),
    Scope.SEND: _("Send: launch, pause and resume campaigns and channels, settle messages"),
    Scope.ADMIN: _("Admin: connect channels, make and revoke keys"),
    Scope.OWNER: _("Owner: all of these"),
}
MAY: dict[Scope, str] = {
    Scope.READ: _("to read"),
    Scope.WRITE: _("to write"),
    Scope.SEND: _("to send"),
    Scope.ADMIN: _("to administer"),
    Scope.OWNER: _("everything"),
}
WRONG: dict[str, str] = {
    "name": _("Write what the key is for, in 1 to 200 characters."),
    "scopes": _("Choose at least one."),
}
LAST = _("This is the last owner's key. Make another one before you revoke it.")

router = APIRouter()


class KeyForm(BaseModel):
    """A key to be made, as typed. `once` makes a form that is sent twice make one key, and show it both times."""

    name: str = ""
    scopes: list[str] = []
    once: str = ""


@router.get("/settings/keys")
async def show(visit: Administrator, cursor: Cursor = None, revoked: str = "") -> HTMLResponse:
    """The keys, and the form for a new one."""
    return await _page(
        visit, cursor=cursor, done=_("The key is revoked: nothing opens with it any more.") if revoked else ""
    )


async def _page(
    visit: Visit,
    *,
    status: int = 200,
    cursor: str | None = None,
    form: KeyForm | None = None,
    errors: dict[str, str] | None = None,
    made: ApiKeyMade | None = None,
    said: str = "",
    done: str = "",
) -> HTMLResponse:
    found = await api_keys.list_page(PageQuery(cursor=cursor or None), visit.caller)
    return page(
        visit,
        "keys.html",
        status=status,
        keys=found.items,
        next_cursor=found.next_cursor,
        revocable={key.id for key in found.items if all(visit.may(scope) for scope in key.scopes)},
        form=form or KeyForm(),
        errors=errors or {},
        made=made,
        said=said,
        done=done,
        once=new_token(),
        may=MAY,
        meanings={scope: words for scope, words in MEANINGS.items() if visit.may(scope)},
    )


@router.post("/settings/keys")
async def create(visit: Administrator, form: Annotated[KeyForm, Form()]) -> HTMLResponse:
    """Makes a key and shows it, this once."""
    try:
        wanted = NewApiKey.model_validate({"name": form.name.strip(), "scopes": form.scopes})
    except ValidationError as error:
        errors = {str(each["loc"][0]): WRONG[str(each["loc"][0])] for each in error.errors()}
        return await _page(visit, status=422, form=form, errors=errors)
    made = await made_once(visit, form.once, ApiKeyMade, lambda: api_keys.create(wanted, visit.caller))
    return await _page(visit, made=made)


@router.post("/settings/keys/{key_id}/revoke")
async def revoke(visit: Administrator, key_id: UUID, confirmed: Annotated[str, Form()] = "") -> Response:
    """Revokes a key for good."""
    if not confirmed:
        return await _ask(visit, key_id)
    try:
        await api_keys.revoke(key_id, visit.caller)
    except Conflict:
        return await _page(visit, status=409, said=LAST)
    return RedirectResponse("/settings/keys?revoked=1", status_code=303)


async def _ask(visit: Visit, key_id: UUID) -> Response:
    async with visit.caller.transaction() as session:
        key = await find_api_key(session, key_id)
    if key is None:
        raise NotFound("API key")
    words = visit.say(
        "Revoke the key %(name)s for good? Whatever uses it is refused from now on.",
        name=key.name,
    )
    title = visit.say("Revoke")
    return ask(visit, Question(title, words, title, f"/settings/keys/{key_id}/revoke", "/settings/keys"))
