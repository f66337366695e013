"""What the environment may say, and what Relance answers when it is wrong."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url

from settings import (
    Settings,
    SettingsError,
    asyncpg_url,
    external_temporal,
    fernet_keys,
    load_settings,
    required_database_url,
    temporal_connect_config,
)


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("RELANCE_", "TEMPORAL_"))]:
        monkeypatch.delenv(name)


def test_the_defaults_are_those_of_the_contract() -> None:
    settings = load_settings()
    ports = (settings.api_port, settings.temporal_port, settings.temporal_ui_port, settings.simulator_port)
    assert ports == (8000, 7233, 8233, 8100)
    assert settings.api_host == "127.0.0.1"
    assert settings.data_dir == Path(".relance")
    assert settings.wassenger_url == "https://api.wassenger.com"
    assert settings.public_url == "http://127.0.0.1:8000"
    assert settings.claim_lease == timedelta(seconds=12)
    assert settings.uses_simulator


def test_a_given_wassenger_address_replaces_the_simulator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELANCE_WASSENGER_URL", "https://api.wassenger.com/")
    settings = load_settings()
    assert settings.wassenger_url == "https://api.wassenger.com"
    assert not settings.uses_simulator


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELANCE_DATABASE_URL", "")
    monkeypatch.setenv("RELANCE_API_PORT", "")
    assert load_settings().database_url is None
    assert load_settings().api_port == 8000


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("API_PORT", "eighty"),
        ("API_PORT", "70000"),
        ("SEND_TIMEOUT_SECONDS", "0"),
        ("DATABASE_URL", "mysql://u:hush@h/d"),
        ("WASSENGER_URL", "hush.example"),
        ("SECRET_KEYS", "hush"),
        ("LOG_LEVEL", "hush"),
        ("DEFAULT_REGION", "France"),
    ],
)
def test_each_wrong_variable_is_named_and_its_value_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"RELANCE_{name}", value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value).startswith(f"RELANCE_{name}: ")
    assert "hush" not in str(caught.value)


def test_all_wrong_variables_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELANCE_API_PORT", "x")
    monkeypatch.setenv("RELANCE_TEMPORAL_PORT", "y")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        "RELANCE_API_PORT",
        "RELANCE_TEMPORAL_PORT",
    ]


@pytest.mark.parametrize("host", [str(IPv4Address(0)), "::", "192.168.1.5", "relance.example"])
def test_a_weak_first_key_is_refused_where_other_machines_reach_the_api(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("RELANCE_API_HOST", host)
    monkeypatch.setenv("RELANCE_BOOTSTRAP_API_KEY", "changeme")
    with pytest.raises(SettingsError, match="too weak") as caught:
        load_settings()
    assert "changeme" not in str(caught.value)
    monkeypatch.setenv("RELANCE_BOOTSTRAP_API_KEY", "0123456789abcdef0123456789abcdef")
    assert not load_settings().is_local


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_a_simple_first_key_is_allowed_on_this_machine_alone(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("RELANCE_API_HOST", host)
    monkeypatch.setenv("RELANCE_BOOTSTRAP_API_KEY", "demo")
    assert load_settings().is_local


@pytest.mark.parametrize(
    ("host", "url"),
    [
        (str(IPv4Address(0)), "http://127.0.0.1:8000"),
        ("::", "http://127.0.0.1:8000"),
        ("::1", "http://[::1]:8000"),
        ("10.0.0.5", "http://10.0.0.5:8000"),
        ("relance.example", "http://relance.example:8000"),
    ],
)
def test_the_apis_own_address_can_be_reached_from_this_machine(host: str, url: str) -> None:
    assert Settings(api_host=host).api_url == url


def test_secrets_do_not_show_when_settings_are_printed() -> None:
    settings = Settings.model_validate({"bootstrap_api_key": "hush", "database_url": "postgresql://u:hush@h/d"})
    assert "hush" not in repr(settings)


@given(
    scheme=st.sampled_from(["postgres", "postgresql", "postgresql+asyncpg"]),
    user=st.from_regex(r"[a-z]{1,8}", fullmatch=True),
    password=st.from_regex(r"[A-Za-z0-9._~!$*-]{1,20}", fullmatch=True),
    host=st.from_regex(r"[a-z]{1,8}(\.[a-z]{2,5})?", fullmatch=True),
    port=st.integers(1, 65535),
)
def test_every_spelling_of_a_postgresql_address_reaches_sqlalchemy_whole(
    scheme: str, user: str, password: str, host: str, port: int
) -> None:
    url = make_url(asyncpg_url(f"{scheme}://{user}:{password}@{host}:{port}/relance?sslmode=require"))
    assert (url.drivername, url.username, url.password) == ("postgresql+asyncpg", user, password)
    assert (url.host, url.port, url.database, dict(url.query)) == (host, port, "relance", {"ssl": "require"})


def test_a_socket_address_and_unknown_options_are_kept_and_dropped_as_asyncpg_needs() -> None:
    url = make_url(asyncpg_url("postgresql://u@/d?host=/run/pg&channel_binding=require"))
    assert dict(url.query) == {"host": "/run/pg"}
    assert url.database == "d"


def test_a_missing_database_is_said_in_words() -> None:
    with pytest.raises(SettingsError, match="RELANCE_DATABASE_URL is not set"):
        required_database_url(Settings())


def test_without_temporals_variables_the_embedded_server_is_used() -> None:
    assert not external_temporal()
    config = temporal_connect_config(Settings(temporal_port=7300))
    assert config == {"target_host": "127.0.0.1:7300", "namespace": "default"}


def test_temporals_own_variables_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "cloud.example:7233")
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "relance.prod")
    config = temporal_connect_config(Settings())
    assert (config["target_host"], config["namespace"]) == ("cloud.example:7233", "relance.prod")


def test_an_unknown_temporal_profile_is_said_in_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(tmp_path / "none.toml"))
    monkeypatch.setenv("TEMPORAL_PROFILE", "prod")
    with pytest.raises(SettingsError, match="TEMPORAL_"):
        temporal_connect_config(Settings())


def test_given_keys_are_used_in_their_order() -> None:
    keys = [Fernet.generate_key().decode() for _ in range(2)]
    settings = Settings.model_validate({"secret_keys": f" {keys[0]} , {keys[1]}"})
    assert fernet_keys(settings) == keys


def test_processes_that_start_together_agree_on_one_private_key(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: tuple(fernet_keys(settings)), range(8)))
    assert len(set(found)) == 1
    Fernet(found[0][0])
    assert stat.S_IMODE((tmp_path / "data" / "secret.key").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secret.key"]
