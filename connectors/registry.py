"""Every platform that Relance speaks, by name."""

from dataclasses import dataclass

import httpx

from connectors.base import PlatformConnector
from connectors.errors import UnknownConnector
from connectors.wassenger.client import DEFAULT_BASE_URL as WASSENGER_URL
from connectors.wassenger.client import WassengerConnector

DEFAULT_TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True)
class ConnectorUrls:
    """Where the platforms' APIs are: the operator's settings, never a tenant's."""

    wassenger: str = WASSENGER_URL


class Connectors(dict[str, PlatformConnector]):
    """The connectors by name; `connectors["nobody"]` raises UnknownConnector, which lists the known names."""

    def __missing__(self, name: str) -> PlatformConnector:
        raise UnknownConnector(name, tuple(sorted(self)))


def build_connectors(
    http: httpx.AsyncClient, urls: ConnectorUrls, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
) -> Connectors:
    """One connector per platform over the given client.

    `timeout_seconds` bounds each remote call as a whole; keep it shorter than the activity's. The client must not retry
    (httpx does not by default) and is closed by whoever made it. Raises InvalidBaseUrl.
    """
    known: tuple[PlatformConnector, ...] = (
        WassengerConnector(http, base_url=urls.wassenger, timeout_seconds=timeout_seconds),
    )
    return Connectors({connector.name: connector for connector in known})
