"""The files under deploy/ agree with the code: settings, commands, ports, grace, Temporal's figures (SPEC OPS-2)."""

import ast
import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from api.__main__ import STOP_WITHIN_SECONDS
from cli.stack.temporal import DYNAMIC_CONFIG, SEARCH_ATTRIBUTES
from domain.ids import SEND_TASK_QUEUE
from settings import Settings
from worker import GRACE

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
SDK_VARIABLES = {"TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE", "TEMPORAL_API_KEY"}
OF_THE_IMAGES = {"TEMPORAL_DEFAULT_NAMESPACE", "TEMPORAL_DB_PASSWORD", "RELANCE_DB_PASSWORD"}
"""Read by Temporal's Web UI, and by deploy/postgres/logins.sh; compose fills the passwords in."""

Json = dict[str, Any]


def compose() -> Json:
    """The compose file; `<<` is resolved by the parser."""
    document: Json = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return document


def unit(name: str) -> dict[str, list[str]]:
    """The settings of a systemd unit, with every value of each."""
    found: dict[str, list[str]] = {}
    for line in (DEPLOY / "systemd" / name).read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


SYSTEMD = shutil.which("systemd-analyze") or ""
UNITS = sorted(path.name for path in (DEPLOY / "systemd").iterdir())
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_every_variable_is_one_that_somebody_reads(path: Path) -> None:
    known = {f"RELANCE_{name.upper()}" for name in Settings.model_fields} | SDK_VARIABLES | OF_THE_IMAGES
    named = set(re.findall(r"\b(?:RELANCE|TEMPORAL)_[A-Z_]+\b", path.read_text()))
    assert named - known == set()


def test_the_examples_hold_no_secret_and_the_secret_files_are_never_committed() -> None:
    for name in ("relance.env.example", "compose.env.example"):
        lines = [line for line in (DEPLOY / name).read_text().splitlines() if line and not line.startswith("#")]
        values = dict(line.split("=", 1) for line in lines)
        secret = {key for key in values if re.search("PASSWORD|KEY|DATABASE_URL", key)}
        assert secret
        assert {values[key] for key in secret} == {""}
    ignored = (ROOT / ".gitignore").read_text().split()
    assert {"deploy/.env", "deploy/relance.env"} <= set(ignored)
    assert {"deploy/.env", "deploy/relance.env"} <= set((ROOT / ".dockerignore").read_text().split())


def test_an_environment_file_leaves_to_the_units_what_they_set() -> None:
    # In systemd a value of the file would win over the unit's own.
    given = set(re.findall(r"^([A-Z_]+)=", (DEPLOY / "relance.env.example").read_text(), re.MULTILINE))
    assert given & {"RELANCE_API_PORT", "RELANCE_API_HOST", "RELANCE_DATA_DIR"} == set()


# --- Temporal -------------------------------------------------------------------------------------------------------


def test_the_dynamic_configuration_has_the_embedded_servers_figures() -> None:
    document: Json = yaml.safe_load((DEPLOY / "temporal" / "dynamic-config.yaml").read_text())
    assert {key: [entry["value"] for entry in entries] for key, entries in document.items()} == {
        key: [json.loads(value)] for key, value in DYNAMIC_CONFIG.items()
    }
    limited = {key: entries[0].get("constraints") for key, entries in document.items() if "Partitions" in key}
    assert limited == {key: {"taskQueueName": SEND_TASK_QUEUE} for key in limited}
    assert len(limited) == 2


def test_the_namespace_gets_every_search_attribute() -> None:
    script = (DEPLOY / "temporal" / "namespace.sh").read_text()
    [names] = re.findall(r"for name in (.*); do", script)
    assert tuple(names.split()) == SEARCH_ATTRIBUTES


def test_every_alert_has_its_section_in_the_runbook_and_none_is_without_a_rule() -> None:
    rules = [path.read_text() for path in DEPLOY.glob("prometheus/alerts.yml")]
    alerts = {name for text in rules for name in re.findall(r"- alert: (\w+)", text)}
    sections = set(re.findall(r"^### (Relance\w+)$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE))
    assert sections
    assert not rules or alerts == sections


def test_everybody_speaks_of_the_same_namespace() -> None:
    [named] = re.findall(r"^TEMPORAL_NAMESPACE=(.+)$", (DEPLOY / "relance.env.example").read_text(), re.MULTILINE)
    services = compose()["services"]
    assert services["temporal-namespace"]["environment"]["TEMPORAL_NAMESPACE"] == named
    assert services["temporal-ui"]["environment"]["TEMPORAL_DEFAULT_NAMESPACE"] == named


# --- processes ------------------------------------------------------------------------------------------------------


def modules() -> dict[str, str]:
    """Everything that is run as `python -m …`, by the place that says so."""
    found = {}
    for name, service in compose()["services"].items():
        words = service.get("command", [])
        if words[:2] == ["python", "-m"]:
            found[f"compose {name}"] = words[2]
    for name in UNITS:
        [command] = unit(name)["ExecStart"]
        found[name] = command.split("-m ")[1]
    [last] = re.findall(r'CMD \["python", "-m", "(\w+)"\]', (DEPLOY / "Containerfile").read_text())
    return {**found, "Containerfile": last}


def test_every_command_names_a_program_of_ours() -> None:
    found = modules()
    assert set(found.values()) == {"worker", "api", "migrations"}
    assert len(found) == 7
    for module in found.values():
        assert (ROOT / f"{module}.py").exists() or (ROOT / module / "__main__.py").exists()


def seconds(text: str) -> float:
    number: str = text.removesuffix("s")
    return float(number)


def test_a_process_that_is_told_to_stop_is_given_the_time_it_takes() -> None:
    services, settings = compose()["services"], Settings()
    worker = GRACE.total_seconds() + settings.send_timeout_seconds
    for given in (services["worker"]["stop_grace_period"], unit("relance-worker@.service")["TimeoutStopSec"][0]):
        assert seconds(given) > worker + 5
    for given in (services["api"]["stop_grace_period"], unit("relance-api@.service")["TimeoutStopSec"][0]):
        assert seconds(given) > STOP_WITHIN_SECONDS + 5


def test_ports_agree_with_the_settings_and_are_open_to_this_machine_alone() -> None:
    services, settings = compose()["services"], Settings()
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert ports == {
        "temporal": [f"127.0.0.1:{settings.temporal_port}:{settings.temporal_port}"],
        "temporal-ui": [f"127.0.0.1:{settings.temporal_ui_port}:8080"],
        "api": [f"127.0.0.1:{settings.api_port}:{settings.api_port}"],
    }
    container = (DEPLOY / "Containerfile").read_text()
    assert f"EXPOSE {settings.api_port}" in container
    assert f"RELANCE_API_PORT={settings.api_port}" in container
    for proxy in ("nginx.conf", "Caddyfile"):
        assert f"127.0.0.1:{settings.api_port}" in (DEPLOY / "proxy" / proxy).read_text()


def test_workers_and_api_start_only_after_the_schema_and_the_namespace() -> None:
    services = compose()["services"]
    done = {"condition": "service_completed_successfully"}
    for name in ("worker", "api"):
        assert services[name]["depends_on"] == {"migrations": done, "temporal-namespace": done}
        assert unit(f"relance-{name}@.service")["Requires"] == ["relance-migrations.service"]
    assert unit("relance-migrations.service")["Type"] == ["oneshot"]


def test_the_database_is_ready_only_once_it_listens_on_the_network() -> None:
    # While the logins are made it answers on its socket, and closes that again.
    assert "--host 127.0.0.1" in compose()["services"]["postgres"]["healthcheck"]["test"][1]
    assert "postgresql.service" in unit("relance-migrations.service")["After"][0].split()


def test_sign_in_hears_who_calls_and_no_caller_can_say_it_himself() -> None:
    assert compose()["services"]["api"]["environment"]["FORWARDED_ALLOW_IPS"] == "*"
    nginx = (DEPLOY / "proxy" / "nginx.conf").read_text()
    forwarded = re.findall(r"X-Forwarded-For (\S+);", nginx)
    assert forwarded
    assert set(forwarded) == {"$remote_addr"}, (
        "appended to what the caller sent, the first of them would be the caller's"
    )


def test_no_key_to_an_account_comes_into_a_proxys_log() -> None:
    nginx = (DEPLOY / "proxy" / "nginx.conf").read_text()
    [[shown, pattern]] = re.findall(r"map \$uri (\$\w+) \{\s+~(\S+) /welcome/hidden;", nginx)
    [logged] = re.findall(r"log_format relance '(.+)';", nginx)
    assert re.match(pattern, "/welcome/a-token")
    assert shown in logged
    assert {"$uri", "$request", "$request_uri", "$args"} & set(re.findall(r"\$\w+", logged)) == set()
    caddy = (DEPLOY / "proxy" / "Caddyfile").read_text()
    [[hides, by]] = re.findall(r'request>uri regexp "(.+)" (\w+)', caddy)
    for address in ("/welcome/a-token", "/webhooks/wassenger/an-id?secret=a-token"):
        assert "a-token" not in re.sub(hides, by, address)
    assert set(re.findall(r"request>headers>(\w+) delete", caddy)) == {"Authorization", "Cookie", "Referer"}


def test_no_log_of_a_proxy_but_the_one_that_hides_keys_holds_an_address() -> None:
    nginx = (DEPLOY / "proxy" / "nginx.conf").read_text()
    servers = re.findall(r"^server \{\n(.+?)^\}", nginx, re.DOTALL | re.MULTILINE)
    assert len(servers) == 2
    for server in servers:
        [access] = re.findall(r"^    access_log (.+);", server, re.MULTILINE)  # without one nginx writes whole requests
        assert access == "off" or access.endswith(" relance")
        [level] = re.findall(r"^    error_log \S+ (\w+);", server, re.MULTILINE)
        assert level in {"crit", "alert", "emerg"}, "at `error` a request that meets no upstream is written as it came"
    caddy = (DEPLOY / "proxy" / "Caddyfile").read_text()
    [excluded] = re.findall(r"^\{\n[^{}]*\tlog default \{\s+exclude ([^\n]+)\n", caddy, re.MULTILINE)
    assert {"http.log.error", "http.log.access"} <= set(excluded.split())


def test_the_way_to_https_takes_no_line_end_from_an_address() -> None:
    nginx = (DEPLOY / "proxy" / "nginx.conf").read_text()
    [target] = re.findall(r"return 301 (\S+);", nginx)
    assert set(re.findall(r"\$\w+", target)) <= {"$server_name", "$host", "$request_uri"}, "$uri is decoded"


def test_every_stream_of_events_is_passed_on_as_it_comes() -> None:
    nginx = (DEPLOY / "proxy" / "nginx.conf").read_text()
    [[pattern, block]] = re.findall(r"location ~ (\S+) \{(.+?)\}", nginx, re.DOTALL)
    assert "proxy_buffering off;" in block
    streams = ("/api/campaigns/x/events", "/campaigns/live", "/campaigns/x/live", "/channels/x/live")
    for address in (*streams, "/campaigns/x/rehearsal/events"):
        assert re.search(pattern, address), address
    assert not re.search(pattern, "/api/campaigns/x")


def test_images_are_named_by_version_and_ours_runs_as_nobody_special() -> None:
    for service in compose()["services"].values():
        assert re.fullmatch(r"[\w/]+:\d[\w.]*|[\w/-]+:\d[\w.]*", service["image"]), service["image"]
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert compose()["services"]["worker"]["image"] == f"relance:{version}"
    assert "\nUSER relance\n" in (DEPLOY / "Containerfile").read_text()


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_holds_the_process_in(name: str) -> None:
    found = unit(name)
    wanted = {"NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "CapabilityBoundingSet": ""}
    assert {key: found[key][0] for key in wanted} == wanted
    assert found["User"] == ["relance"]


@pytest.mark.skipif(not SYSTEMD, reason="this machine has no systemd")
@pytest.mark.parametrize("name", UNITS)
def test_systemd_takes_a_unit_without_a_complaint(name: str, tmp_path: Path) -> None:
    # The program is not installed on this machine: another stands in for it, in all three.
    for each in UNITS:
        text = (DEPLOY / "systemd" / each).read_text()
        text = text.replace("/opt/relance/venv/bin/python", sys.executable).replace("=relance\n", "=daemon\n")
        (tmp_path / each).write_text(text.replace("Group=daemon\n", ""))
    unit_file = tmp_path / name.replace("@", "@8001")
    if "@" in name:
        unit_file.write_text((tmp_path / name).read_text())
    done = subprocess.run([SYSTEMD, "verify", "--man=no", str(unit_file)], capture_output=True, text=True, check=False)
    complaints = [line for line in done.stderr.splitlines() if "relance-" in line]
    assert complaints == []


# --- what is installed ----------------------------------------------------------------------------------------------


def locked(name: str) -> dict[str, str]:
    """Each pinned package of a lock with its version, marker and hashes, by canonical name."""
    blocks = re.split(r"\n(?=\S)", (ROOT / name).read_text().strip())
    return {canonicalize_name(block.split("==")[0]): block for block in blocks}


def test_the_runtime_lock_is_a_part_of_the_whole_lock() -> None:
    runtime, whole = locked("requirements.runtime.lock"), locked("requirements.lock")
    assert {name for name, block in runtime.items() if whole.get(name) != block} == set()
    assert all("--hash=sha256:" in block for block in runtime.values())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {canonicalize_name(Requirement(line).name) for line in project["dependencies"]}
    assert wanted <= runtime.keys()
    assert {"pytest", "mypy", "celery"} & runtime.keys() == set()


def test_nothing_that_runs_imports_a_package_of_the_developers() -> None:
    ours = {path.parent.name for path in ROOT.glob("*/__init__.py")} | {path.stem for path in ROOT.glob("*.py")}
    files = [path for room in ours - {"tests"} for path in (*ROOT.glob(f"{room}.py"), *ROOT.glob(f"{room}/**/*.py"))]
    assert len(files) > 150
    imported = {name for path in files for name in top_imports(path)} - ours - sys.stdlib_module_names
    owners = importlib.metadata.packages_distributions()
    runtime = locked("requirements.runtime.lock").keys()
    missing = {name for name in imported if not {canonicalize_name(owner) for owner in owners[name]} & runtime}
    assert missing == set()


def top_imports(path: Path) -> set[str]:
    names = set[str]()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names
