"""``keydesk evidence ORDER`` makes an evidence pack; ``keydesk evidence verify FILE`` proves one."""

import json
from pathlib import Path
from typing import Any

import click
import msgspec

from console import sockets
from console.commands.calls import Core, order_of
from console.commands.exports import force_option, into, socket_option
from console.export.file import safe_name
from core.audit import AuditError
from core.audit.evidence_check import PACK_MAX, Alone, PackError, against_log, alone
from core.model.text import clean


class _Group(click.Group):
    """What follows is an order's number, unless it names a command."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Puts the command in that a bare number means."""
        if args and args[0] not in (*self.commands, "--help", "-h"):
            args = ["make", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Group)
def evidence_command() -> None:
    """All that Keydesk knows of one order, in a zip that can be proven unaltered. No key is in it. It is recorded.

    keydesk evidence NUMBER [--to FILE.zip] [--reason TEXT]     (role supervisor)

    keydesk evidence verify FILE.zip
    """


@evidence_command.command("make")
@click.argument("number")
@click.option("--to", "to", type=click.Path(path_type=Path), help="Default: evidence-NUMBER.zip; - for output.")
@click.option("--reason", default="", help="What it is for; recorded with your name.")
@force_option
@socket_option
def make(number: str, to: Path | None, reason: str, force: bool, socket: str | None) -> int:
    """Make the pack of the order with this number."""
    core = Core(socket)
    order = order_of(core, number)
    file = to or Path(f"evidence-{safe_name(order['ext_id'])}.zip")
    with into(file, force) as write:
        write(core.file(f"/v1/orders/{order['id']}/evidence", reason=reason))
    click.echo(
        f"{order['ext_id']}: {file}\nIt holds the buyer's data as the platform sent it: give it to whom it concerns.",
        err=True,
    )
    return 0


@evidence_command.command("verify")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--database", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Ask this file, not a core."
)
@click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")
@socket_option
def verify(file: Path, database: Path | None, as_json: bool, socket: str | None) -> int:
    """Prove that a pack is as it was made: against its manifest, and against the log of the running core or a database.

    Exit code: 0 unaltered and known to the log, 1 unaltered as far as the pack itself can tell (nothing to ask), 2 altered.
    """
    if file.stat().st_size > PACK_MAX:
        raise click.ClickException(f"{file} is larger than any pack.")
    try:
        found = alone(file.read_bytes())
        log = _log(found, database, socket)
    except PackError as error:
        raise click.ClickException(f"{file} is not an evidence pack: {error}.") from None
    except AuditError as error:
        raise click.ClickException(str(error)) from None
    problems = found.problems + (log["problems"] if log is not None else [])
    code = 2 if problems else 1 if log is None else 0
    if as_json:
        told = {"unaltered": not problems, "problems": problems, "order": found.manifest["order"], "log": log}
        click.echo(json.dumps({**told, "blocks_computed": found.computed}, ensure_ascii=False))
        return code
    order = found.manifest["order"]
    # What stands in a pack was written by whoever had it last: no control characters of it reach the terminal.
    click.echo(clean(f"{file}: order {order['ext_id']} ({order['shop']}), made {found.manifest['made_at']}"))
    for problem in problems:
        click.echo(f"  ALTERED: {problem}")
    if not found.problems:
        click.echo(
            f"  all parts are as the manifest says; {found.computed} of {len(found.claim.blocks)} blocks follow from "
            "events of this order alone"
        )
    if log is None:
        click.echo("  no core answers: the log was not asked. Run this beside the core, or give --database FILE.")
    elif not problems:
        said = log["recorded"]
        click.echo(
            f"  the log knows it: event {said['seq']}, {said['at']}, by {said['by']}; "
            f"{log['events']} events and {log['blocks']} blocks stand there as they do here"
        )
    return code


def _log(found: Alone, database: Path | None, socket: str | None) -> dict[str, Any] | None:
    if database is not None:
        return against_log(database, found.claim)
    try:
        path, _ = sockets.find(socket)
    except sockets.SocketError as error:
        raise click.ClickException(str(error)) from None
    if socket is None and not sockets.answers(path):
        return None
    answer: dict[str, Any] = Core(socket).call("POST", "/v1/evidence/check", msgspec.json.encode(found.claim))
    return answer
