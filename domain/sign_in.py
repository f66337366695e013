"""How sign-in defends itself: how long a session lasts, and how long guessers have to wait."""

from datetime import datetime, timedelta

IDLE = timedelta(hours=12)
"""A session that was not used for so long is over."""

LONGEST = timedelta(days=7)
"""No session lasts longer than this, however busy it is."""

LINK_LASTS = timedelta(days=3)

FREE_FAILURES = 5
"""So many wrong passwords in a row cost nothing: people mistype."""

FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(minutes=15)

SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 256
"""Characters. Length is what counts (NIST SP 800-63B, 3.1.1.2); no rule about kinds of characters."""


def is_over(created_at: datetime, seen_at: datetime, now: datetime) -> bool:
    """Whether a session made and last seen then has ended by `now`."""
    return now - seen_at >= IDLE or now - created_at >= LONGEST


def wait_until(failures: int, failed_at: datetime) -> datetime | None:
    """When the next attempt is listened to, after so many failures in a row: 15 s after the fifth, then doubled up to
    15 minutes; None where there is nothing to wait for."""
    if failures < FREE_FAILURES:
        return None
    doubled: int = 1 << min(failures - FREE_FAILURES, 10)
    return failed_at + min(LONGEST_WAIT, FIRST_WAIT * doubled)


def password_problem(password: str, email: str) -> str | None:
    """Why this password will not do, as a message id; None when it will."""
    if len(password) < SHORTEST_PASSWORD:
        return "too short"
    if len(password) > LONGEST_PASSWORD:
        return "too long"
    if len(set(password)) < 5 or password.casefold() in {email.casefold(), email.partition("@")[0].casefold()}:
        return "too easy"
    return None
