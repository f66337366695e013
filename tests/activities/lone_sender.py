"""A process that makes one send over the Wassenger connector and prints its outcome; tests kill it on the way.

Called with: database address, platform address, secret key, request as JSON.
"""

import asyncio
import sys
from datetime import timedelta

import httpx

from activities.deliveries import ChannelDeliveries, SendTimes
from activities.ledger import Ledger
from connectors.registry import ConnectorUrls, build_connectors
from db.engine import Database
from db.secrets import SecretBox
from domain.deliveries import DeliveryRequest
from telemetry import configure_logging
from tests.ledger_world import settle

TIMEOUT_SECONDS = 1.0
TIMES = SendTimes(lease=timedelta(seconds=2.5), grace=timedelta(seconds=0.5))


async def send(database_url: str, platform_url: str, key: str, request: str) -> str:
    """The outcome of the send."""
    database = Database.connect(database_url, pool_size=2)
    async with httpx.AsyncClient() as http:
        connectors = build_connectors(http, ConnectorUrls(wassenger=platform_url), TIMEOUT_SECONDS)
        deliveries = ChannelDeliveries(Ledger(database), connectors, SecretBox([key]), TIMES)
        receipt = await settle(deliveries, DeliveryRequest.model_validate_json(request))
    await database.close()
    return receipt.outcome.value


if __name__ == "__main__":
    configure_logging("lone sender")  # to standard error
    sys.stdout.write(asyncio.run(send(*sys.argv[1:5])))
