"""The Temporal SDK's native core: its log lines, its metrics, and how often it tells the server that it lives."""

import asyncio
import http.client
import socket
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Literal

from temporalio.runtime import LoggingConfig, LoggingFormat, PrometheusConfig, Runtime, TelemetryConfig, TelemetryFilter

HEARTBEAT = timedelta(seconds=4)
"""Three of them may fail to come before `/readyz` calls a worker dead."""

LOOPBACK = "127.0.0.1"
PORTS_TRIED = 5
READ_SECONDS = 2.0

SdkMetrics = Callable[[], Awaitable[bytes]]


async def no_sdk_metrics() -> bytes:
    """What a process shows of an SDK that measures nothing."""
    return b""


def configure_temporal(log_format: Literal["json", "console"] = "json", *, metrics: bool = False) -> SdkMetrics:
    """Builds the process's Temporal runtime; returns how to read the SDK's metrics in Prometheus' text format.

    Call it once, before the first client connects. The core's log lines are not passed through Python: they hold ids
    and statuses only, and a callback could come while the interpreter is ending. Its metrics are counted in the core
    too, which serves them on a loopback port of its own; the process repeats them on its one public page.
    """
    lines = LoggingFormat.JSON if log_format == "json" else LoggingFormat.COMPACT
    logging = LoggingConfig(filter=TelemetryFilter(core_level="WARN", other_level="ERROR"), format=lines)
    if not metrics:
        _set_runtime(TelemetryConfig(logging=logging))
        return no_sdk_metrics
    port = _measuring_runtime(logging)

    async def read() -> bytes:
        return await asyncio.to_thread(_read, port)

    return read


def _measuring_runtime(logging: LoggingConfig) -> int:
    """The core takes no port 0, so a free one is looked for; where somebody takes it meanwhile, another."""
    for left in reversed(range(PORTS_TRIED)):
        port = _free_port()
        prometheus = PrometheusConfig(
            bind_address=f"{LOOPBACK}:{port}",
            counters_total_suffix=True,
            unit_suffix=True,
            durations_as_seconds=True,
        )
        try:
            _set_runtime(TelemetryConfig(logging=logging, metrics=prometheus, attach_service_name=False))
        except (RuntimeError, ValueError):
            if left == 0:
                raise
        else:
            return port
    raise AssertionError("unreachable")


def _set_runtime(telemetry: TelemetryConfig) -> None:
    Runtime.set_default(Runtime(telemetry=telemetry, worker_heartbeat_interval=HEARTBEAT))


def _free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def _read(port: int) -> bytes:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=READ_SECONDS)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read()
    except OSError:  # the rest of the page is worth more than an error
        return b""
    finally:
        connection.close()
