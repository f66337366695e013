"""Which API a command speaks to, and with which key: options, environment, then what the stack left behind."""

from typing import Annotated

import typer

from cli.client import Api, ApiError
from cli.stack.state import read_api_key, read_state
from settings import Settings, load_settings

ApiUrl = Annotated[
    str | None,
    typer.Option("--api", envvar="RELANCE_API_URL", help="Address of the API; default: that of this machine's stack."),
]
ApiKey = Annotated[
    str | None,
    typer.Option("--api-key", envvar="RELANCE_API_KEY", help="API key; default: the stack's own (data dir, api.key)."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print data as JSON on standard output.")]


def connect(url: str | None = None, key: str | None = None) -> Api:
    """The API that the options or the environment name, else the one of the stack in the data directory.

    Raises SettingsError or ApiError in words.
    """
    settings = load_settings()
    return Api(url or _found_url(settings), key or found_key(settings))


def _found_url(settings: Settings) -> str:
    state = read_state(settings.data_dir)
    if state is not None and state.running and state.addresses.api:
        return state.addresses.api
    return settings.api_url


def found_key(settings: Settings) -> str:
    """The key that this machine knows. Raises ApiError when there is none."""
    if settings.bootstrap_api_key is not None:
        return settings.bootstrap_api_key.get_secret_value()
    key = read_api_key(settings.data_dir)
    if key is None:
        raise ApiError(
            f"no API key: set RELANCE_API_KEY, or run where the stack's data directory is ({settings.data_dir} has no "
            f"api.key; RELANCE_DATA_DIR names another one)"
        )
    return key
