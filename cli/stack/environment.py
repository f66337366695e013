"""Where the parts of the stack are reached, and the environment that our own programs get from it."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import SecretStr

from settings import Settings


@dataclass(frozen=True)
class Addresses:
    """Where to look; a part that this stack does not run has an empty address."""

    api: str = ""
    docs: str = ""
    temporal: str = ""
    temporal_ui: str = ""
    simulator: str = ""
    worker: str = ""
    """Where the worker shows its metrics and whether it works."""
    database: str = ""
    """SQLAlchemy URL of the embedded database. An operator's own is never written down: it holds a password."""

    def present(self) -> dict[str, str]:
        """The addresses that exist, by name."""
        return {name: address for name, address in asdict(self).items() if address}


def child_environment(
    settings: Settings, data_dir: Path, addresses: Addresses, worker_port: int | None = None
) -> dict[str, str]:
    """The environment of our own programs: the settings that were given, and the parts that this stack supplies.

    Variables of an outside Temporal are passed on only where that Temporal is used.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RELANCE_")}
    if addresses.temporal:
        inherited = {name: value for name, value in inherited.items() if not name.startswith("TEMPORAL_")}
        inherited |= {"TEMPORAL_ADDRESS": addresses.temporal, "TEMPORAL_NAMESPACE": "default"}
    given = {f"RELANCE_{name.upper()}": _text(getattr(settings, name)) for name in settings.model_fields_set}
    supplied = {"RELANCE_DATA_DIR": str(data_dir), "PYTHONUNBUFFERED": "1"}
    # Temporal's sandbox loads workflow modules anew for each instance; without compiled files it compiles them anew.
    inherited.pop("PYTHONDONTWRITEBYTECODE", None)
    supplied["PYTHONPYCACHEPREFIX"] = str(data_dir / "pycache")
    if worker_port is not None:
        supplied["RELANCE_WORKER_METRICS_PORT"] = str(worker_port)
    if addresses.database:
        supplied["RELANCE_DATABASE_URL"] = addresses.database
    if addresses.simulator:
        supplied["RELANCE_WASSENGER_URL"] = addresses.simulator
    return {**inherited, **{name: value for name, value in given.items() if value}, **supplied}


def _text(value: object) -> str:
    if value is None:
        return ""
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
