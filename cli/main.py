"""The `relance` command: one function per family of commands adds itself here."""

from collections.abc import Callable

import typer

from cli import campaigns, channels, rehearse, up, watch
from cli.backup import command as backup
from cli.demo import command as demo
from cli.doctor import command as doctor
from cli.drill import command as drill
from cli.people import command as people
from cli.secrets import command as secrets
from cli.sends import command as sends

app = typer.Typer(
    name="relance",
    help="Durable outreach on Temporal: no reply lost, nothing sent twice.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # locals hold keys and phone numbers
)

FAMILIES: list[Callable[[typer.Typer], None]] = [
    up.register,
    demo.register,
    drill.register,
    campaigns.register,
    channels.register,
    watch.register,
    rehearse.register,
    doctor.register,
    sends.register,
    people.register,
    secrets.register,
    backup.register,
]

for register in FAMILIES:
    register(app)


@app.callback()
def relance() -> None:
    """Keep `relance` a group of commands, however many there are."""


if __name__ == "__main__":
    app()
