"""Ports for a stack that is only visiting: where a default one is taken and nobody asked for it, a free one."""

from cli.stack.errors import PortInUseError
from cli.stack.probes import ensure_free, free_port
from cli.words import say
from settings import Settings, local_url

PORTS = ("api_port", "temporal_port", "temporal_ui_port", "simulator_port")


def with_free_ports(settings: Settings) -> Settings:
    """The same settings; ports that the operator chose are left for the stack to complain about."""
    given = settings.model_fields_set
    taken = [name for name in PORTS if name not in given and not _is_free(settings, name)]
    if not taken:
        return settings
    chosen: dict[str, int | str] = {name: free_port() for name in taken}
    if "api_port" in chosen and "public_url" not in given:
        chosen["public_url"] = local_url(settings.api_host, int(chosen["api_port"]))
    say("; ".join(f"port {getattr(settings, name)} is taken, using {chosen[name]}" for name in taken))
    return settings.model_copy(update=chosen)


def _is_free(settings: Settings, name: str) -> bool:
    host = settings.api_host if name == "api_port" else "127.0.0.1"
    try:
        ensure_free(host, getattr(settings, name), f"RELANCE_{name.upper()}", "the demo")
    except PortInUseError:
        return False
    return True
