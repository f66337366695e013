"""`python -m api`: composes the API from the settings and serves it until it is told to stop."""

import socket
import sys

import uvicorn
import uvloop
from fastapi import FastAPI

from api.app import create_app
from api.dependencies import unreported
from api.engine_client import lazy_client
from api.meter import Meter
from api.serving import KEEP_ALIVE_SECONDS, Server
from db.engine import Database
from db.secrets import SecretBox
from settings import (
    Settings,
    SettingsError,
    fernet_keys,
    load_settings,
    required_database_url,
    temporal_connect_config,
)
from telemetry import configure_logging, get_logger
from telemetry.page import new_registry
from telemetry.reports import configure_reports, report
from telemetry.temporal import configure_temporal
from workflows.handles import Workflows

STOP_WITHIN_SECONDS = 10
"""How long requests that are being served may take to end once the process is told to stop."""


async def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, then lets the requests in hand end."""
    database = Database.connect(required_database_url(settings), pool_size=settings.database_pool_size)
    try:
        sdk = configure_temporal(settings.log_format, metrics=True)
        workflows = Workflows(await lazy_client(temporal_connect_config(settings)))
        app = create_app(
            database,
            workflows,
            SecretBox(fernet_keys(settings)),
            public_url=settings.public_url,
            default_region=settings.default_region,
            temporal_ui_url=settings.temporal_ui_url,
            meter=Meter(new_registry("api")),
            report=report if settings.sentry_dsn else unreported,
            sdk_metrics=sdk,
        )
        await Server(_config(app, settings), settings.drain_seconds).serve()
    finally:
        await database.close()


def _config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=settings.api_host,
        port=settings.api_port,
        log_config=None,
        access_log=False,  # its lines hold whole addresses, and a webhook's address holds a secret
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_WITHIN_SECONDS,
    )


def main() -> int:
    """The process; 2 when the environment cannot be used, 1 when the port is taken."""
    try:
        settings = load_settings()
        configure_logging("api", level=settings.log_level, log_format=settings.log_format)
        if settings.sentry_dsn is not None:
            configure_reports(settings.sentry_dsn.get_secret_value(), "api", settings.sentry_environment)
        if problem := _port_problem(settings.api_host, settings.api_port):
            sys.stderr.write(f"{problem}\n")
            return 1
        uvloop.run(serve(settings))
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    get_logger(__name__).info("api.stopped")
    return 0


def _port_problem(host: str, port: int) -> str | None:
    """Said before the server starts, in words; uvicorn would end the process with a line in its log."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return f"The API cannot listen on {host}:{port} ({error.strerror}). Set RELANCE_API_HOST or RELANCE_API_PORT."
    return None


if __name__ == "__main__":
    sys.exit(main())
