"""``keydesk history``: the event log for scripts and for reading aloud."""

import json
import re
from collections.abc import Iterator
from typing import Any

import click

from console.commands.calls import Core, order_of
from console.commands.exports import socket_option
from console.export.table import time_text
from core.model.clock import SECOND, now_us
from core.model.text import clean

_AGE = re.compile(r"(\d{1,6})([smhd])\Z")
_UNIT = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def _ago(_: click.Context, __: click.Parameter, text: str | None) -> int | None:
    if text is None:
        return None
    match = _AGE.match(text)
    if match is None:
        raise click.BadParameter("how long ago, as 90s 5m 2h or 3d")
    return now_us() - int(match[1]) * _UNIT[match[2]] * SECOND


@click.command()
@click.option("--by", default="", help="Whose: a name as the log has it; me is you.")
@click.option(
    "--kind", default="", help="Kinds between commas, as held,verdict; decision is all that a person decides."
)
@click.option("--order", "number", help="Only this order, by its number or id.")
@click.option("--since", callback=_ago, help="Not longer ago than 90s, 5m, 2h or 3d.")
@click.option("--until", callback=_ago, help="Longer ago than this.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True)
@socket_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line instead of text.")
def history_command(
    by: str, kind: str, number: str | None, since: int | None, until: int | None, limit: int, socket: str | None,
    as_json: bool,
) -> int:  # fmt: skip
    """What happened, newest first. Your own last decisions: --by me --kind decision."""
    core = Core(socket)
    order = order_of(core, number)["id"] if number else None
    for event in _events(core, limit, by=by, kind=kind, order=order, since=since, until=until):
        if as_json:
            click.echo(json.dumps(event, ensure_ascii=False))
            continue
        about = f"{event['ext_id'] or '-':<26} {facts_line(event['body'])}"
        click.echo(f"{time_text(event['at'])} {event['kind']:<16} {event['actor']:<12} {about}".rstrip())
    return 0


def _events(core: Core, limit: int, **wanted: Any) -> Iterator[dict[str, Any]]:
    before = None
    while limit > 0:
        page = core.get("/v1/history", before=before, limit=min(limit, 500), **wanted)
        yield from page["events"]
        limit -= len(page["events"])
        before = page["next"]
        if before is None:
            return


def facts_line(body: dict[str, Any]) -> str:
    """An event's body on one line."""
    return clean("  ".join(f"{k}={v}" for k, v in body.items() if v not in (None, "", {}, [])), 400)
