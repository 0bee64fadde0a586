"""``keydesk connect replay``: what was set aside as unreadable is read again by the shops' present mappings."""

import json
from collections import Counter
from typing import Any

import click

from console.commands.calls import Core
from console.commands.look import json_option, socket_option
from core.model.text import clean

_WORDS = {
    "taken": "taken in",
    "still": "still not understood",
    "gone": "resolved meanwhile",
    "no_way": "cannot be read again",
    "failed": "failed, try again",
}


@click.command("replay")
@click.argument("shop", required=False, default="")
@click.option("--dry-run", is_flag=True, help="Read, and take nothing in.")
@socket_option
@json_option
def replay_command(shop: str, dry_run: bool, socket: str | None, as_json: bool) -> int:
    """Read again what was set aside as unreadable, of SHOP or of all, and take in what is understood now.

    For after an update, when a platform's interface had changed. It is taken in as of the time it was set aside: no key
    moves before the order was read anew. What is understood now leaves the list; the rest stays as it was. Exit code 1
    when something failed. Needs the role supervisor, and a running core.
    """
    core, after, counts = Core(socket), 0, Counter[str]()
    while True:
        page = core.post("/v1/quarantine/replay", shop=shop, dry=dry_run, after=after)
        for item in page["items"]:
            counts[item["came"]] += 1
            click.echo(json.dumps(item, ensure_ascii=False) if as_json else _line(item, dry_run))
        if page["after"] is None:
            break
        after = page["after"]
    if as_json:
        click.echo(json.dumps({"counts": dict(counts), "dry_run": dry_run}))
    else:
        said = ", ".join(f"{n} {_said(came, dry_run)}" for came, n in counts.items())
        click.echo(said or "nothing is set aside" + (f" of {shop}" if shop else ""))
    return 1 if counts["failed"] else 0


def _said(came: str, dry: bool) -> str:
    return "would be taken in" if dry and came == "taken" else _WORDS.get(came, came)


def _line(item: dict[str, Any], dry: bool) -> str:
    order = clean(item["ext_id"], 64) or "(no number)"
    why = f": {clean(item['why'], 200)}" if item["why"] else ""
    return f"{item['shop']:<20}{order:<26}{item['field']:<28}{_said(item['came'], dry)}{why}"
