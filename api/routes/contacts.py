"""Contacts: finding a person, and everything that happened to one."""

from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import Field, TypeAdapter
from sqlmodel.ext.asyncio.session import AsyncSession

from api.dependencies import Reader
from api.pagination import Page, PageQuery, decode_cursor, page_of
from api.parameters import ONCE_EACH
from api.positions import BY_AGE
from api.problems import NotFound
from api.routes.contact_shapes import ContactDetail, ContactOut, EntryOut, contact_out, enrollment_out, entry_out
from api.routing import api_router
from api.shapes import Moment, Search, Text
from db.reading.contacts import ContactView, enrollments_of, find_contact, list_contacts
from db.reading.timeline import Entry, Position, read_timeline

TIMELINE_POSITION: TypeAdapter[Position] = TypeAdapter(tuple[Moment, Text, Text])

router = api_router("contacts", "contacts")


class ContactQuery(PageQuery):
    """What to look for."""

    phone: Search | None = Field(default=None, description="The beginning of the number, with its country code.")
    name: Search | None = Field(default=None, description="A part of the name, in any case.")


@router.get("", dependencies=[ONCE_EACH])
async def list_page(query: Annotated[ContactQuery, Query()], caller: Reader) -> Page[ContactOut]:
    """List or search contacts, newest first."""
    after = decode_cursor(query.cursor, BY_AGE)
    async with caller.transaction() as session:
        rows = await list_contacts(
            session, phone=phone_prefix(query.phone), name=query.name or None, after=after, limit=query.limit + 1
        )
    shown, cursor = page_of(rows, query.limit, lambda view: (view.contact.created_at, view.contact.id))
    return Page(items=[contact_out(view) for view in shown], next_cursor=cursor)


@router.get("/{contact_id}")
async def show(contact_id: UUID, caller: Reader) -> ContactDetail:
    """Show one contact, with the campaigns that person is in and the workflow of each."""
    async with caller.transaction() as session:
        view = await _found(session, contact_id)
        enrollments = await enrollments_of(session, contact_id)
    shown = [enrollment_out(enrollment, name) for enrollment, name in enrollments]
    return ContactDetail(**contact_out(view).model_dump(), enrollments=shown)


@router.get("/{contact_id}/timeline", dependencies=[ONCE_EACH])
async def timeline(contact_id: UUID, query: Annotated[PageQuery, Query()], caller: Reader) -> Page[EntryOut]:
    """Show all that happened to one contact, oldest first: messages, sends and holds with their reasons, opt-outs."""
    after = decode_cursor(query.cursor, TIMELINE_POSITION)
    async with caller.transaction() as session:
        await _found(session, contact_id)
        rows = await read_timeline(session, contact_id, after=after, limit=query.limit + 1)
    shown, cursor = page_of(rows, query.limit, _position)
    return Page(items=[entry_out(entry, contact_id) for entry in shown], next_cursor=cursor)


def _position(entry: Entry) -> Position:
    return entry.position


def phone_prefix(typed: str | None) -> str | None:
    """The beginning of an E.164 number as people type it; a plus sign in an address arrives as a blank."""
    digits = "".join(letter for letter in typed or "" if letter not in " +()-./")
    return f"+{digits.removeprefix('00')}" if digits else None


async def _found(session: AsyncSession, contact_id: UUID) -> ContactView:
    view = await find_contact(session, contact_id)
    if view is None:
        raise NotFound("contact")
    return view
