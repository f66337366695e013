"""A process's metrics as Prometheus reads them: ours, Python's own, and the Temporal SDK's on one page."""

from collections.abc import Callable
from importlib.metadata import version
from typing import cast

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector, disable_created_metrics, generate_latest

from telemetry.temporal import SdkMetrics

TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"


def new_registry(process: str) -> CollectorRegistry:
    """Where a process's meters put their figures; what the operating system says of the process is in it already."""
    # Else each counter has a second series, the time of its birth. The library gives this function no types.
    cast("Callable[[], None]", disable_created_metrics)()
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    build = Gauge("relance_build_info", "The version that runs; always 1.", ["version", "process"], registry=registry)
    build.labels(version("relance"), process).set(1)
    return registry


async def page(registry: CollectorRegistry, sdk: SdkMetrics) -> bytes:
    """Everything that the process measures."""
    return generate_latest(registry) + await sdk()
