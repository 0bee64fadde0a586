"""``keydesk audit``."""

import json
import os
from pathlib import Path

import click

from console.commands.compose import settings_of
from core.audit import AuditError, audit


@click.command()
@click.option("--settings", help="Settings file; default: found as usual.")
@click.option("--database", type=click.Path(dir_okay=False, path_type=Path), help="Audit this file instead.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")
def audit_command(settings: str | None, database: Path | None, as_json: bool) -> int:
    """Prove the six promises on the live database; it reads beside the running core and changes nothing.

    Exit code: 0 clean, 1 warnings, 2 violations, 3 the audit could not be run.
    """
    path = database or settings_of(settings).database
    try:
        report = audit(path)
    except AuditError as error:
        click.echo(f"keydesk audit: {error}", err=True)
        return 3
    if as_json:
        click.echo(json.dumps(report.as_dict(), ensure_ascii=False))
        return report.exit
    click.echo(f"{os.fspath(path)}: {report.orders} orders, {report.events} events in {report.seconds:.1f} s")
    for name, said in report.promises().items():
        click.echo(f"  {name}  {said}")
    for finding in report.findings:
        click.echo(
            f"  {finding.severity}: {finding.invariant}: {finding.count} x {finding.sentence} {list(finding.orders)}"
        )
    if not report.findings:
        click.echo("  nothing to report")
    click.echo(
        f"  log head: {report.head[0]} {report.head[1][:16]}... (keep a copy elsewhere: it proves that nothing was cut)"
    )
    return report.exit
