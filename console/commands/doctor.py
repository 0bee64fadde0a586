"""``keydesk doctor``: what this terminal, database and configuration can and cannot do."""

import json
import os
import shutil
import sys
from collections.abc import Container
from typing import Any

import click

from console import sockets
from console.commands.compose import refused, settings_of
from core.store import driver
from core.store.migrate import HEAD, schema_of


@click.command()
@click.option("--settings", help="Settings file; default: found as usual.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")
def doctor_command(settings: str | None, as_json: bool) -> int:
    """Check terminal, database, socket and settings; shows where each value comes from, never a secret. Exit code 1: something is wrong."""
    checks: list[tuple[str, bool, str]] = []
    loaded = settings_of(settings)
    version = str(driver.swap().sqlite_version)
    checks.append(("sqlite", driver.is_fixed(version), f"{version}, free of the WAL-reset bug from 3.51.3 on"))
    schema = schema_of(loaded.database)
    said = "new, will be made at first start" if schema is None else f"schema {schema}, this Keydesk has {HEAD}"
    checks.append(("database", schema in (None, HEAD), f"{loaded.database}: {said}"))
    place = loaded.database.parent if loaded.database.parent.exists() else loaded.database.parent.parent
    free = shutil.disk_usage(place if place.exists() else "/").free // 2**20
    checks.append(("disk", free > 500, f"{free} MB free"))
    path, private = sockets.find(loaded.core.socket or None)
    running = sockets.answers(path)
    checks.append(
        ("core", True, f"{'answers' if running else 'does not run'} at {path}{' (your own)' if private else ''}")
    )
    bad = refused(loaded)
    checks.append(("shops", True, ", ".join(loaded.shops) or "none configured; try: keydesk demo"))
    checks += [(name, False, f"{loaded.file}: {why}") for name, why in bad.items()]
    origins = [(key, _shown(key, value, bad), origin) for key, value, origin in loaded.origins()]
    checks += _terminal()
    if as_json:
        rows = [{"check": name, "ok": ok, "said": text} for name, ok, text in checks]
        settings_rows = [{"key": k, "value": v, "from": o} for k, v, o in origins]
        click.echo(json.dumps({"checks": rows, "settings": settings_rows}, ensure_ascii=False))
    else:
        for name, ok, text in checks:
            click.echo(f"{'ok  ' if ok else 'BAD '} {name:<10} {text}")
        click.echo("\nsettings (value, and where it comes from):")
        for key, value, origin in origins:
            click.echo(f"  {key:<28} {value:<40} {origin}")
    return 0 if all(ok for _, ok, _ in checks) else 1


def _shown(key: str, value: str, bad: Container[str]) -> str:
    """The value, unless its shop or channel was refused: under a misspelt name a secret does not look like one."""
    return "***" if key.rpartition(".")[0] in bad else value


def _terminal() -> list[tuple[str, bool, str]]:
    size: Any = shutil.get_terminal_size((0, 0))
    term = os.environ.get("TERM", "")
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    colours = "truecolor" if os.environ.get("COLORTERM") in ("truecolor", "24bit") else "256" if "256" in term else "16"
    if "NO_COLOR" in os.environ:
        colours = "none (NO_COLOR)"
    found = [("terminal", True, f"TERM={term or '-'}, {size.columns}x{size.lines}, colours {colours}")]
    found.append(("encoding", utf8, f"{sys.stdout.encoding}" + ("" if utf8 else "; set LANG=C.UTF-8, or use --ascii")))
    if sys.stdout.isatty():
        found.append(("size", size.columns >= 80 and size.lines >= 24, "80x24 is the smallest that shows everything"))
        # Ambiguous-width signs shift columns on terminals that draw them wide; the second bar shows it.
        found.append(("ruler", True, "these two bars should end at the same column: |────…●| |0000000|"))
    return found
