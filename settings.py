"""The one reader of the environment: every setting, its default, and the sentence that says what is wrong with it.

Nothing is read at import; composition roots (worker, API, CLI, migrations) call `load_settings` and hand the values in.
"""

import os
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from tempfile import mkstemp
from typing import Annotated, Literal, Self
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from cryptography.fernet import Fernet
from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from temporalio.envconfig import ClientConfig, ClientConnectConfig

WASSENGER_URL = "https://api.wassenger.com"
GRAPH_URL = "https://graph.facebook.com"
UNIPILE_URL = "https://api.unipile.com"
DATABASE_SCHEMES = {"postgres", "postgresql", "postgresql+asyncpg"}
TEMPORAL_VARIABLES = ("TEMPORAL_ADDRESS", "TEMPORAL_PROFILE", "TEMPORAL_CONFIG_FILE")
PUBLIC_KEY_LENGTH = 24
PUBLIC_KEY_VARIETY = 8


class SettingsError(Exception):
    """The environment cannot be used; the message names each variable and never shows its value."""


def _without_slash(url: str) -> str:
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).netloc:
        raise ValueError("must be an http:// or https:// address")
    return url.rstrip("/")


Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
BaseUrl = Annotated[str, BeforeValidator(_without_slash)]


class Settings(BaseSettings):
    """All settings; each field is the environment variable `RELANCE_<FIELD>`."""

    model_config = SettingsConfigDict(env_prefix="RELANCE_", env_ignore_empty=True, hide_input_in_errors=True)

    api_host: str = "127.0.0.1"
    api_port: Port = 8000
    public_url: BaseUrl = Field(default_factory=lambda given: local_url(given["api_host"], given["api_port"]))
    """Base of the webhook addresses that platforms call; by default the API's own address."""
    temporal_port: Port = 7233
    temporal_ui_port: Port = 8233
    temporal_ui_url: BaseUrl = Field(default_factory=lambda given: local_url("127.0.0.1", given["temporal_ui_port"]))
    """Where a browser reaches the Temporal Web UI, for the links to workflows; by default the embedded one's."""
    simulator_port: Port = 8100
    data_dir: Path = Path(".relance")

    bootstrap_api_key: SecretStr | None = None
    secret_keys: SecretStr | None = None
    """Comma separated Fernet keys: the first encrypts, all decrypt. None: one is kept in the data directory."""
    database_url: SecretStr | None = None
    """SQLAlchemy URL for asyncpg; None: the embedded PostgreSQL."""
    database_pool_size: Count = 10

    wassenger_url: BaseUrl = WASSENGER_URL
    graph_url: BaseUrl = GRAPH_URL
    unipile_url: BaseUrl = UNIPILE_URL
    send_timeout_seconds: Seconds = 10
    settle_grace_seconds: Annotated[float, Field(ge=0)] = 10
    unprocessed_after_seconds: Seconds = 5
    sweep_interval_seconds: Seconds = 30
    default_region: Annotated[str, Field(pattern="^[A-Z]{2}$")] | None = None
    """Country (ISO 3166, two letters) of phone numbers that are written without a country code."""

    workflow_cache: Annotated[int, Field(ge=0)] = 60
    send_slots: Count = 100
    activity_slots: Count = 100
    pollers: Annotated[int, Field(ge=2, le=100)] = 5
    """Polls that a worker keeps open for each queue and kind of task; two is the least that the SDK takes."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "console"] = "json"

    worker_metrics_port: Port | None = None
    """Where the worker answers `/metrics`, `/healthz` and `/readyz`; None: nowhere (`relance up` picks one)."""
    metrics_host: str = "127.0.0.1"
    """Address that the worker's port is opened on."""
    sentry_dsn: SecretStr | None = None
    sentry_environment: str = "production"
    drain_seconds: Annotated[float, Field(ge=0, le=300)] = 0
    """How long an API that was told to stop goes on serving, not ready any more, so that a load balancer notices."""

    @property
    def claim_lease(self) -> timedelta:
        """How long a claimed delivery belongs to its claimer: a little more than its call may last."""
        return timedelta(seconds=self.send_timeout_seconds + 2)

    @property
    def api_url(self) -> str:
        """Address under which this machine reaches the API."""
        return local_url(self.api_host, self.api_port)

    @property
    def is_local(self) -> bool:
        """True when only this machine can reach the API."""
        return is_loopback(self.api_host)

    @property
    def uses_simulator(self) -> bool:
        """True when the operator named no Wassenger address, so the stack supplies the simulator."""
        return "wassenger_url" not in self.model_fields_set

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("database_url", mode="before")
    @classmethod
    def _asyncpg(cls, value: object) -> object:
        plain = value.get_secret_value() if isinstance(value, SecretStr) else value
        return asyncpg_url(plain) if isinstance(plain, str) else plain

    @field_validator("secret_keys")
    @classmethod
    def _fernet(cls, value: SecretStr | None) -> SecretStr | None:
        for key in split_keys(value):
            _check_fernet(key)
        return value

    @model_validator(mode="after")
    def _strong_where_public(self) -> Self:
        if not self.is_local and self.bootstrap_api_key is not None:
            _refuse_weak(self.bootstrap_api_key.get_secret_value())
        return self


def load_settings() -> Settings:
    """Read the environment. Raises SettingsError with one line per variable that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = [item for item in error.errors() if item["type"] != "default_factory_not_called"]
        raise SettingsError("\n".join(_sentence(item["loc"], item["msg"]) for item in wrong)) from None


def _sentence(location: tuple[int | str, ...], message: str) -> str:
    text = message.removeprefix("Value error, ")
    return f"RELANCE_{str(location[0]).upper()}: {text}" if location else text


def local_url(host: str, port: int) -> str:
    """HTTP address of a server bound to `host`, as this machine reaches it."""
    try:
        address = ip_address(host)
    except ValueError:
        return f"http://{host}:{port}"
    if address.is_unspecified:
        return f"http://127.0.0.1:{port}"
    return f"http://[{host}]:{port}" if address.version == 6 else f"http://{host}:{port}"


def is_loopback(host: str) -> bool:
    """True for an address that only this machine reaches."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _refuse_weak(key: str) -> None:
    if len(key) < PUBLIC_KEY_LENGTH or len(set(key)) < PUBLIC_KEY_VARIETY:
        raise ValueError(
            f"RELANCE_BOOTSTRAP_API_KEY is too weak for an API that other machines can reach: use at least "
            f"{PUBLIC_KEY_LENGTH} random characters (`openssl rand -hex 32`), or leave it unset and one is made"
        )


def asyncpg_url(url: str) -> str:
    """Turn any spelling of a PostgreSQL URL into SQLAlchemy's for asyncpg.

    `sslmode`, which libpq and most providers write, becomes asyncpg's `ssl`; `channel_binding` is unknown to it.
    Raises ValueError for another scheme.
    """
    parts = urlsplit(url)
    if parts.scheme not in DATABASE_SCHEMES:
        raise ValueError("must look like postgresql://user:password@host:5432/database")
    query = [("ssl" if key == "sslmode" else key, value) for key, value in parse_qsl(parts.query)]
    kept = urlencode([pair for pair in query if pair[0] != "channel_binding"], safe="/")
    address = urlunsplit(("", parts.netloc, parts.path or "/", kept, "")).removeprefix("//")
    return f"postgresql+asyncpg://{address}"


def required_database_url(settings: Settings) -> str:
    """The database's URL. Raises SettingsError where none is given: `relance up` gives one to its own processes."""
    if settings.database_url is None:
        raise SettingsError("RELANCE_DATABASE_URL is not set: set it, or let `relance up` run the embedded database")
    return settings.database_url.get_secret_value()


def external_temporal(environment: Mapping[str, str] = os.environ) -> bool:
    """True when the Temporal SDK's own variables name a server, so that none is started here."""
    return any(environment.get(name) for name in TEMPORAL_VARIABLES)


def temporal_connect_config(settings: Settings) -> ClientConnectConfig:
    """Keyword arguments for `Client.connect`: the SDK's environment configuration, else the embedded server.

    Raises SettingsError if the profile or file that the environment names cannot be used.
    """
    embedded: ClientConnectConfig = {"target_host": f"127.0.0.1:{settings.temporal_port}", "namespace": "default"}
    if not external_temporal():
        return embedded
    try:
        return {**embedded, **ClientConfig.load_client_connect_config()}
    except RuntimeError as error:  # the SDK's own type for this lives in its private bridge module
        raise SettingsError(f"the TEMPORAL_* variables cannot be used: {error}") from error


def split_keys(keys: SecretStr | None) -> list[str]:
    """The comma separated keys, without blanks."""
    return [key.strip() for key in keys.get_secret_value().split(",") if key.strip()] if keys else []


def _check_fernet(key: str) -> None:
    try:
        Fernet(key)
    except ValueError:
        raise ValueError("each key must be a Fernet key (32 bytes in URL-safe base64)") from None


def fernet_keys(settings: Settings) -> list[str]:
    """The keys that protect stored credentials, newest first; made once in the data directory when none is set."""
    if given := split_keys(settings.secret_keys):
        return given
    path = settings.data_dir / "secret.key"
    if not path.exists():
        _make_key_file(path)
    return [line.strip() for line in path.read_text().splitlines() if line.strip()]


def _make_key_file(path: Path) -> None:
    """Write a new key so that of several processes that start at once, one wins and all read the same complete file."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, draft = mkstemp(prefix="secret.", dir=path.parent)  # readable by its owner alone
    with os.fdopen(descriptor, "wb") as file:
        file.write(Fernet.generate_key() + b"\n")
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        Path(draft).unlink()
