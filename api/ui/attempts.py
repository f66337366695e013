"""Attempts at a password: counted in the database before the password is looked at, so that a crowd of them is too."""

from datetime import UTC, datetime

from fastapi import Request

from api.ui.languages import _
from api.ui.passwords import Crowded, Passwords
from api.ui.visits import Visit
from db.people import attempts_subject, count_attempt, forget_failures, take_attempt_back

CROWDED = _("Too many passwords are being checked just now. Try again in a few seconds.")


class NotNow(Exception):
    """The password was not looked at; the text tells the visitor when to try again."""


def passwords_of(request: Request) -> Passwords:
    """The hasher of this process."""
    made: Passwords = request.app.state.passwords
    return made


async def password_fits(visit: Visit, email: str, password: str, kept: str | None) -> bool:
    """Whether it is the password of this address; it counts as wrong until `forget_attempts`. Raises NotNow."""
    database, now, subject = visit.services.database, datetime.now(UTC), _subject(visit, email)
    until = await count_attempt(database, subject, now)
    if until is not None:
        seconds = (until - now).seconds + 1
        raise NotNow(visit.say("Too many attempts. Try again in %(seconds)d seconds.", seconds=seconds))
    try:
        return await passwords_of(visit.request).fits(password, kept)
    except Crowded as crowded:
        await take_attempt_back(database, subject)
        raise NotNow(visit.say(CROWDED)) from crowded


async def forget_attempts(visit: Visit, email: str) -> None:
    """Starts the count anew after a success."""
    await forget_failures(visit.services.database, _subject(visit, email), datetime.now(UTC))


async def password_hash(visit: Visit, password: str) -> str:
    """What is kept of a new password. Raises NotNow."""
    try:
        return await passwords_of(visit.request).hash(password)
    except Crowded as crowded:
        raise NotNow(visit.say(CROWDED)) from crowded


def _subject(visit: Visit, email: str) -> bytes:
    client = visit.request.client
    return attempts_subject(email, client.host if client else "unknown")
