"""``keydesk pin``: the line of the settings for one of several people behind an OS user."""

import re
import sys

import click

from core.service.roles import pin_hash

SHORTEST = 6


@click.command()
@click.argument("user")
@click.argument("name")
@click.option(
    "--role", type=click.Choice(("viewer", "operator", "supervisor", "admin")), default="operator", show_default=True
)
def pin_command(user: str, name: str, role: str) -> int:
    """Ask for NAME's PIN and print the settings for NAME, who works under the OS user USER.

    The PIN is typed unseen, twice; what is printed is a salted scrypt hash of it.
    """
    for word in (user, name):
        if not re.fullmatch(r"[\w][\w.-]{0,63}", word):
            raise click.ClickException(f"{word!r} is no name: letters, digits, dots, dashes and underscores")
    if not sys.stdin.isatty():
        raise click.ClickException("a PIN is typed at a terminal: it must stand in no script and no pipe")
    pin = click.prompt("PIN", hide_input=True, confirmation_prompt=True, err=True)
    if len(pin) < SHORTEST:
        raise click.ClickException(f"a PIN has at least {SHORTEST} characters: who reads the hash can try short ones")
    section = ".".join(word if re.fullmatch(r"[A-Za-z0-9_-]+", word) else f'"{word}"' for word in (user, name))
    click.echo(f'[operators.{section}]\nrole = "{role}"\npin = "{pin_hash(pin)}"')
    return 0
