"""What our own programs find in their environment, and which parts an operator's settings replace."""

import socket
from pathlib import Path

import pytest

from cli.stack.environment import Addresses, child_environment
from cli.stack.errors import StackError
from cli.stack.probes import free_port
from cli.stack.programs import Made, made_by
from cli.stack.stack import ALL_PARTS, Stack, beside, running_stack
from settings import Settings

EMBEDDED = Addresses(temporal="127.0.0.1:7", simulator="http://127.0.0.1:8", database="postgresql+asyncpg://x@/relance")


def test_programs_are_pointed_at_the_embedded_parts(tmp_path: Path) -> None:
    environment = child_environment(Settings(), tmp_path, EMBEDDED)
    assert environment["RELANCE_DATABASE_URL"] == EMBEDDED.database
    assert environment["TEMPORAL_ADDRESS"] == EMBEDDED.temporal
    assert environment["RELANCE_WASSENGER_URL"] == EMBEDDED.simulator
    assert environment["RELANCE_DATA_DIR"] == str(tmp_path)


def test_settings_given_in_code_reach_the_programs_with_their_secrets(tmp_path: Path) -> None:
    settings = Settings.model_validate({"api_port": 8123, "bootstrap_api_key": "rl_given", "log_level": "debug"})
    environment = child_environment(settings, tmp_path, Addresses())
    assert environment["RELANCE_API_PORT"] == "8123"
    assert environment["RELANCE_BOOTSTRAP_API_KEY"] == "rl_given"
    assert environment["RELANCE_LOG_LEVEL"] == "DEBUG"
    assert "RELANCE_PUBLIC_URL" not in environment


def test_temporal_variables_are_not_mixed_with_the_embedded_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "elsewhere")
    monkeypatch.setenv("TEMPORAL_API_KEY", "hush")
    environment = child_environment(Settings(), tmp_path, EMBEDDED)
    assert environment["TEMPORAL_NAMESPACE"] == "default"
    assert "TEMPORAL_API_KEY" not in environment


def test_an_outside_temporal_keeps_all_its_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "cloud:7233")
    monkeypatch.setenv("TEMPORAL_API_KEY", "hush")
    environment = child_environment(Settings(), tmp_path, Addresses())
    assert environment["TEMPORAL_ADDRESS"] == "cloud:7233"
    assert environment["TEMPORAL_API_KEY"] == "hush"


@pytest.mark.parametrize(
    ("variable", "value", "part"),
    [
        ("RELANCE_DATABASE_URL", "postgresql://u@h/d", "postgres"),
        ("TEMPORAL_ADDRESS", "cloud:7233", "temporal"),
        ("TEMPORAL_PROFILE", "prod", "temporal"),
        ("RELANCE_WASSENGER_URL", "https://api.wassenger.com", "simulator"),
    ],
)
def test_what_the_operator_names_is_not_started(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, part: str
) -> None:
    assert Stack(Settings(), ALL_PARTS).wanted == set(ALL_PARTS)
    monkeypatch.setenv(variable, value)
    assert Stack(Settings(), ALL_PARTS).wanted == set(ALL_PARTS) - {part}


def test_an_operators_database_url_is_in_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELANCE_DATABASE_URL", "postgresql://u:hush@h/d")
    assert "hush" not in str(Stack(Settings(), ALL_PARTS).addresses)


async def test_an_unknown_part_is_refused_by_name() -> None:
    with pytest.raises(StackError, match=r"no such part of the stack: postgras; there are postgres,"):
        async with running_stack(Settings(), ["postgras"]):
            pytest.fail("it ran")


@pytest.mark.parametrize(
    ("output", "made"),
    [
        ("", Made()),
        ("upgraded\n", Made()),
        ('upgraded\n{"bootstrap_api_key": "rl_x"}\n', Made("rl_x")),
        ('{"bootstrap_api_key": "rl_x", "welcome_token": "t"}\n', Made("rl_x", "t")),
        ('{"welcome_token": "t"}\n', Made(None, "t")),
        ('{"bootstrap_api_key": null}\n{"other": 1}\n[1]\n', Made()),
    ],
)
def test_the_first_secrets_are_found_among_what_the_migrations_print(output: str, made: Made) -> None:
    assert made_by(output) == made


def test_the_workers_page_is_beside_the_api_unless_somebody_listens_there() -> None:
    port = free_port()
    settings = Settings(api_port=port - 1)
    assert beside(settings) == port
    assert beside(settings.model_copy(update={"simulator_port": port})) != port
    with socket.create_server(("127.0.0.1", port)):
        assert beside(settings) != port


def test_the_worker_is_told_its_port(tmp_path: Path) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path, "worker_metrics_port": 9464})
    stack = Stack(settings, ALL_PARTS)
    assert stack.environment["RELANCE_WORKER_METRICS_PORT"] == "9464"
    assert stack.addresses.worker == "http://127.0.0.1:9464"
