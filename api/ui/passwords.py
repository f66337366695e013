"""Passwords: hashed with Argon2id, off the event loop, a few at a time."""

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

AT_ONCE = 2
"""Each takes 64 MiB and a core for some fifty milliseconds: a crowd of guessers must not take all there is."""


class Passwords:
    """Hashes and checks passwords. One for each process."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()  # the profile that RFC 9106 recommends for constrained memory
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """What is kept of a password."""
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def fits(self, password: str, kept: str | None) -> bool:
        """Whether it is that password. Where none is kept it takes as long, so that nobody learns who is there."""
        if kept is None and self._nobody is None:
            self._nobody = await self.hash("nobody's password")
        async with self._turn:
            fits = await asyncio.to_thread(self._verify, kept or self._nobody or "", password)
        return fits and kept is not None

    def is_dated(self, kept: str) -> bool:
        """Whether it was hashed with parameters that are no longer the ones in use."""
        return self._hasher.check_needs_rehash(kept)

    def _verify(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, password)
        except VerificationError:
            return False
