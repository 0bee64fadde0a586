"""``keydesk doctor``: what this terminal, database and configuration can and cannot do."""

import json
import shutil
import sys

import click

from console import i18n, sockets
from console.commands.compose import settings_of
from console.commands.examine import examined
from console.presenters.checks import said, todo
from console.terminal import terminal_checks
from core.model.checks import Check

_SIGN = {"ok": "ok  ", "warn": "look", "bad": "BAD "}


@click.command()
@click.option("--settings", help="Settings file; default: found as usual.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")
def doctor_command(settings: str | None, as_json: bool) -> int:
    """Check terminal, database, socket and settings; shows where each value comes from, never a secret. Exit code 1: something is wrong."""
    i18n.use("en")
    loaded = settings_of(settings)
    found = examined(loaded)
    path, private = sockets.find(loaded.core.socket or None)
    code = ("core_answers" if sockets.answers(path) else "core_silent") + ("_own" if private else "")
    checks = [*found.checks, Check("core", "ok", code, {"path": str(path)}), *_terminal()]
    if as_json:
        rows = [
            {"check": one.subject, "ok": one.state != "bad", "state": one.state, "said": said(one), "todo": todo(one)}
            for one in checks
        ]
        settings_rows = [{"key": key, "value": value, "from": origin} for key, value, origin in found.settings]
        click.echo(json.dumps({"checks": rows, "settings": settings_rows}, ensure_ascii=False))
    else:
        for one in checks:
            click.echo(f"{_SIGN[one.state]} {one.subject:<10} {said(one)}")
            if todo(one):
                click.echo(f"{'':<16}{todo(one)}")
        click.echo("\nsettings (value, and where it comes from):")
        for key, value, origin in found.settings:
            click.echo(f"  {key:<28} {value:<40} {origin}")
    return 1 if any(one.state == "bad" for one in checks) else 0


def _terminal() -> list[Check]:
    size = shutil.get_terminal_size((0, 0))
    at_terminal = sys.stdout.isatty()
    return terminal_checks((size.columns, size.lines) if at_terminal else None, sys.stdout.encoding or "")
