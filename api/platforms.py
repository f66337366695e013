"""The platforms that a channel may be on, and how the API reads what each of them posts."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

from connectors.wassenger import inbound as wassenger
from connectors.wassenger.inbound import ParsedWebhook


class Platform(StrEnum):
    """A platform by the name that addresses and rows have it under."""

    WASSENGER = "wassenger"


class Inbound(Protocol):
    """A connector's `inbound` module: pure functions over the raw body."""

    def secret_from_query(self, params: Mapping[str, str]) -> str | None:
        """The secret that the address carries."""

    def verify(
        self,
        raw_body: bytes,
        headers: Mapping[str, str],
        query_secret: str | None,
        expected_secret: str,
        hmac_secret: str | None = None,
    ) -> bool:
        """Whether the sender knows the channel's secret."""

    def parse(self, raw_body: bytes) -> ParsedWebhook:
        """What the body says; raises `MalformedPayload`."""


INBOUND: Mapping[str, Inbound] = MappingProxyType({Platform.WASSENGER: wassenger})
