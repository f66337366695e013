"""Logs: one JSON line per event, ours and the libraries', set up once per process, with nothing personal in it.

Ids (tenant, campaign, workflow, delivery) come from context variables. Phone numbers, email addresses, tokens and the
values that database and validation errors quote are masked on the way out, whoever logged them.
"""

import logging
import re
import sys
from collections.abc import Mapping
from typing import Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

MASK = "***"
NUMBERS_LIKE_PHONES = range(10**10, 10**15)
SENSITIVE_KEYS = (
    frozenset({"phone", "phones", "email", "wid", "sender", "recipient", "first_name", "last_name", "full_name"})
    | {"text", "texts", "body", "content", "caption", "variables", "contact_name"}
    | {"token", "secret", "password", "authorization", "api_key", "credentials"}
)
OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"

# One pass: what comes first wins, so harmless things that look like phone numbers are recognised before them.
PATTERNS = re.compile(
    r"""
      (?P<keep> (?<![0-9a-z])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![0-9a-z])     # a UUID
              | (?<!\d)(?<!\d-)(?:19|20)\d\d-[01]\d-[0-3]\d(?:[T\ ][0-2]\d:[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?
                (?:Z|\ ?[+-][0-2]\d:?[0-5]\d)?)?(?![\d-])                                 # a date, maybe with a time
              | (?<![\d.])OCTET(?:\.OCTET){3}(?:[:/]\d{1,5})?(?!\.?\d)                    # an IPv4 address
      )
    | (?P<url> ://[^/\s@]+@ )                                                             # credentials in an address
    | (?P<quoted> \[parameters:[^\n]* | \[SQL:[^\n]* | (?:Key|Failing\ row)\ [^\n]* | input_value=[^\n]* )
    | (?P<named> \b(?:secret|token|access_token|api[_-]?key|password|authorization|signature)["']?\s*[=:]\s*["']?
                 (?:bearer\s+)?[^\s&"',;)\]}]+ )
    | (?P<bearer> \bbearer\s+\S+ )
    | (?P<email> [^\s@"'<>(),:;=]+@[^\s@"'<>(),:;=]+\.[a-z]{2,} )
    | (?P<token> (?<![\w-])(?=[\w-]*\d)(?=[\w-]*[a-z])[\w-]{40,} )
    | (?P<phone> [+(]*\d(?:[\s().\-/\u00a0\u202f\u2010-\u2015]*\d){7,} )
    """.replace("OCTET", OCTET),
    re.VERBOSE | re.IGNORECASE,
)


def mask(text: str) -> str:
    """The text without phone numbers, email addresses, secrets, or data that an error message quotes.

    UUIDs, dates and IPv4 addresses stay readable.
    """
    return PATTERNS.sub(_replacement, text)


def _replacement(match: re.Match[str]) -> str:
    found, kind = match.group(), match.lastgroup
    if kind == "keep":
        return found
    if kind == "url":
        return f"://{MASK}@"
    if kind == "quoted":
        return f"{found.split()[0].split('=')[0].rstrip(':')} {MASK}"
    return f"{re.split('[=:]', found)[0]}={MASK}" if kind == "named" else MASK


def clean(value: object) -> object:
    """A value as it may be logged: strings masked, containers walked, anything unknown turned into masked text."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return MASK if abs(value) in NUMBERS_LIKE_PHONES else value
    if isinstance(value, Mapping):
        return {mask(str(key)): MASK if _is_sensitive(key) else clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [clean(item) for item in value]
    return mask(value if isinstance(value, str) else str(value))


def _is_sensitive(key: object) -> bool:
    return str(key).lower() in SENSITIVE_KEYS


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Last processor before rendering: nothing gets out around it."""
    event.pop("color_message", None)  # uvicorn's second copy of its message
    return {str(key): MASK if _is_sensitive(key) else clean(value) for key, value in event.items()}


def lift_temporal_ids(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Put the ids that Temporal's loggers carry in a nested dict beside our own."""
    for source in ("temporal_workflow", "temporal_activity"):
        details = event.pop(source, None)
        if isinstance(details, Mapping):
            kept = (
                "workflow_id",
                "workflow_type",
                "run_id",
                "workflow_run_id",
                "activity_type",
                "activity_id",
                "attempt",
                "task_queue",
            )
            event.update({key: details[key] for key in kept if key in details and key not in event})
    return event


def configure_logging(
    process: str,
    *,
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO",
    log_format: Literal["json", "console"] = "json",
) -> None:
    """Set up logging for this process (`process` names it in each line); calling again replaces the set-up.

    Lines go to standard error. Loggers of libraries (temporalio, uvicorn, sqlalchemy) pass through the same processors.
    """

    def add_process(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.setdefault("process", process)
        return event

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        add_process,
    ]
    foreign: list[Processor] = [*shared, structlog.stdlib.ExtraAdder(), lift_temporal_ids]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    _install_handler(foreign, level, log_format)


def _install_handler(foreign: list[Processor], level: str, log_format: str) -> None:
    render: Processor = structlog.processors.JSONRenderer(ensure_ascii=False)
    if log_format == "console":
        render = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    last: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        redact,
        render,
    ]
    handler = logging.StreamHandler()
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=foreign, processors=last))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.captureWarnings(True)
    for noisy in ("httpx", "httpcore", "asyncio"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger: `get_logger(__name__).info("campaign.started", counts=…)`."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
