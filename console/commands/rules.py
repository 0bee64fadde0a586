"""``keydesk rules``: check before it goes live."""

import json
from pathlib import Path

import click
import msgspec

from console.commands.compose import settings_of
from core.rules.rulefile import check_file


@click.group()
def rules_command() -> None:
    """The rules that rank, tag and hold orders."""


@rules_command.command("check")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--settings", help="Settings file; default: found as usual.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")
def check(file: Path | None, settings: str | None, as_json: bool) -> int:
    """Parse, check and try a rules file (default: the live one). Exit code 1 when it would not be taken."""
    path = file or settings_of(settings).companion("rules")
    report = check_file(path)
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(report), ensure_ascii=False))
        return 0 if report.ok else 1
    for error in report.errors:
        click.echo(error, err=True)
    for warning in report.warnings:
        click.echo(f"warning: {warning}", err=True)
    if report.ok:
        click.echo(f"{path}: {report.rules} rules, good; hits on {report.samples} sample orders:")
        for name, hits in report.hits.items():
            click.echo(f"  {name:<24}{hits:>6}")
    return 0 if report.ok else 1
