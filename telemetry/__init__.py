"""What a process says of itself: logs, metrics, and reports of errors, set up once per process."""

from telemetry.logs import MASK, clean, configure_logging, get_logger, mask

__all__ = ["MASK", "clean", "configure_logging", "get_logger", "mask"]
