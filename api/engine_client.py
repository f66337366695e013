"""A Temporal client that need not be connected when the process starts: webhooks are taken while Temporal is away."""

from collections.abc import Mapping
from typing import Any

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConnectConfig
from temporalio.service import RPCError, RPCStatusCode, ServiceClient


async def lazy_client(config: ClientConnectConfig) -> Client:
    """A client that connects with its first call, and tries again with each next one while that fails."""
    client = await Client.connect(**config, lazy=True, data_converter=pydantic_data_converter)
    parts = client.config()
    parts["service_client"] = UnconnectedIsUnavailable(client.service_client)
    return Client(**parts)


class UnconnectedIsUnavailable(ServiceClient):
    """Gives a first connection that fails the type that a lost one has.

    The SDK raises a bare RuntimeError for the former (its bridge does) and RPCError for the latter; to all who call,
    both mean that Temporal is away.
    """

    def __init__(self, inner: ServiceClient) -> None:
        super().__init__(inner.config)
        self._inner = inner

    @property
    def worker_service_client(self) -> Any:
        """The SDK's own client."""
        return self._inner.worker_service_client

    def update_rpc_metadata(self, metadata: Mapping[str, str | bytes]) -> None:
        """Handed on."""
        self._inner.update_rpc_metadata(metadata)

    def update_api_key(self, api_key: str | None) -> None:
        """Handed on."""
        self._inner.update_api_key(api_key)

    async def _rpc_call(self, *args: Any, **keywords: Any) -> Any:
        try:
            return await self._inner._rpc_call(*args, **keywords)
        except RuntimeError as error:
            raise RPCError(str(error), RPCStatusCode.UNAVAILABLE, b"") from error
