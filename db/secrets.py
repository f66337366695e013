"""Secrets at rest: encrypted with keys that can be rotated."""

import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class UnreadableSecret(ValueError):
    """A stored secret does not open with any of the keys in force."""

    def __init__(self) -> None:
        super().__init__(
            "A stored secret does not open: RELANCE_SECRET_KEYS must still list the key it was written with."
        )


class SecretBox:
    """Encrypts with the first key, opens with any (Fernet, AES-128-CBC with HMAC-SHA256)."""

    def __init__(self, keys: list[str]) -> None:
        self._newest = Fernet(keys[0])
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def seal(self, value: str) -> bytes:
        """The encrypted form of a text."""
        return self._fernet.encrypt(value.encode())

    def open(self, sealed: bytes) -> str:
        """The text that was sealed; raises `UnreadableSecret`."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken as error:
            raise UnreadableSecret from error

    def reseal(self, sealed: bytes) -> bytes | None:
        """The same secret under the first key, or None where it is already; raises `UnreadableSecret`."""
        try:
            self._newest.decrypt(sealed)
        except InvalidToken:
            return self.seal(self.open(sealed))
        return None

    def seal_document(self, value: dict[str, Any]) -> bytes:
        """The encrypted form of a JSON object."""
        return self.seal(json.dumps(value))

    def open_document(self, sealed: bytes) -> dict[str, Any]:
        """The JSON object that was sealed; raises `UnreadableSecret`."""
        document: dict[str, Any] = json.loads(self.open(sealed))
        return document
