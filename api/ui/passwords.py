"""Passwords: hashed with Argon2id, off the event loop, a few at a time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

AT_ONCE = 2
"""Each takes 64 MiB and a core for some fifty milliseconds: a crowd of guessers must not take all there is."""

MOST_WAITING = 40
"""About a second's work: who comes later does better to come again than to wait behind a crowd."""


class Crowded(Exception):
    """So many passwords wait to be looked at that another one is not taken."""


class Passwords:
    """Hashes and checks passwords. One for each process."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()  # the profile that RFC 9106 recommends for constrained memory
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._inside = 0
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """What is kept of a password. Raises Crowded."""
        async with self._turn():
            return await asyncio.to_thread(self._hasher.hash, password)

    async def fits(self, password: str, kept: str | None) -> bool:
        """Whether it is that password. Where none is kept it takes as long, so that nobody learns who is there.
        Raises Crowded."""
        async with self._turn():
            return await asyncio.to_thread(self._fits, password, kept)

    def is_dated(self, kept: str) -> bool:
        """Whether it was hashed with parameters that are no longer the ones in use."""
        return self._hasher.check_needs_rehash(kept)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._inside >= AT_ONCE + MOST_WAITING:
            raise Crowded
        self._inside += 1
        try:
            async with self._at_once:
                yield
        finally:
            self._inside -= 1

    def _fits(self, password: str, kept: str | None) -> bool:
        if kept is None and self._nobody is None:
            self._nobody = self._hasher.hash("nobody's password")
        try:
            return self._hasher.verify(kept or self._nobody or "", password) and kept is not None
        except VerificationError:
            return False
