"""``keydesk status``, ``orders`` and ``cases``: what the screens show, for scripts and for reading aloud."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from console.commands.calls import Core, order_of
from console.commands.exports import export_orders, export_timeline
from core.model.clock import SECOND, now_us
from core.model.money import digits_of, format_minor

socket_option = click.option("--socket", help="The core's socket; default: found as usual.")
json_option = click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")


_QUARANTINE = (
    "These could not be read and nothing of it is delivered. Look at field and reason: correct the order in the shop; the\n"
    "next readable answer takes it from here. If it stays, the platform's interface has changed: see docs/operations.md."
)


def _age(us: int | None) -> str:
    if us is None:
        return "-"
    seconds = max((now_us() - us) // SECOND, 0)
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


@click.command()
@socket_option
@json_option
def status_command(socket: str | None, as_json: bool) -> int:
    """The core's health, throughput, backlog and lateness. Exit code 2 when no core answers."""
    core = Core(socket)
    health, counters = core.get("/v1/health"), core.get("/v1/counters")
    if as_json:
        click.echo(json.dumps({"health": health, "counters": counters}, ensure_ascii=False))
        return 0
    click.echo(
        f"core {health['version']} pid {health['pid']} epoch {health['epoch']}, you are {health['operator']} ({health['role']})"
    )
    if counters.get("sends_held_since"):
        click.echo(
            f"  NOTHING IS SENT since the restore {_age(counters['sends_held_since'])} ago. When you have compared what went out "
            "(docs/operations.md): keydesk core go --reason TEXT"
        )
    click.echo(
        f"in {counters['in_per_min']:.0f}/min, delivered {counters['delivered_per_min']:.0f}/min, backlog {counters['backlog']}, "
        f"oldest {_age(counters['oldest_at'])}, late {counters['late']}, errors {counters['error_rate']:.1%}"
    )
    for kind, count in sorted(counters["cases"].items()):
        click.echo(f"  {kind:<22}{count}")
    for shop in counters["shops"]:
        click.echo(
            f"  shop {shop['name']:<18}{shop['state']:<10}last good pull {_age(shop['last_pull_at'])} ago {shop['error']}"
        )
    return 0


def _rows(core: Core, view: str, filter_: str, limit: int) -> Iterator[dict[str, Any]]:
    after = None
    while limit > 0:
        window = core.get("/v1/queue", view=view, filter=filter_, after=after, limit=min(limit, 200))
        yield from window["rows"]
        limit -= len(window["rows"])
        after = window["next"] or (window["last"] if len(window["rows"]) == 200 else None)
        if after is None:
            return


@click.group(invoke_without_command=True)
@click.option(
    "--view",
    default="work",
    show_default=True,
    help="work, open, waiting_money, delivering, exceptions, held, recent ...",
)
@click.option("--filter", "filter_", default="", help='For example: "amount>=500 @pdd -stage:open".')
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True)
@socket_option
@json_option
@click.pass_context
def orders_command(ctx: click.Context, view: str, filter_: str, limit: int, socket: str | None, as_json: bool) -> int:
    """The queue, best first, one order a line (with --json one object a line)."""
    if ctx.invoked_subcommand is not None:
        return 0
    core = Core(socket)
    for row in _rows(core, view, filter_, limit):
        if as_json:
            click.echo(json.dumps(row, ensure_ascii=False))
            continue
        amount = format_minor(row["amount"], digits_of(row["currency"]))
        click.echo(
            f"{row['ext_id']:<26} {row['shop']:<14} {row['product']:<14} {amount:>10} {row['stage']:<10} "
            f"{row['why']:<22} {_age(row['created_at']):>4} {row['tag']}"
        )
    return 0


@orders_command.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--yes", is_flag=True, help="Do not ask after the preview.")
@socket_option
@json_option
def import_orders(file: Path, yes: bool, socket: str | None, as_json: bool) -> int:
    """Take orders from a CSV file when a platform's interface is down.

    Columns: shop, ext_id, sku, qty, amount, and if wanted paid, contact, buyer, title, message, txn. Importing the
    same file twice changes nothing: an order is known by its shop and number. A file with a bad line is refused whole.
    """
    core = Core(socket)
    preview = core.call("POST", "/v1/import/orders/preview", file.read_bytes(), name=file.name)
    for error in preview["errors"][:20]:
        click.echo(f"{file.name}:{error['line']}: {error['why']}", err=True)
    if preview["errors"]:
        raise click.ClickException(f"{preview['bad']} lines cannot be read; nothing was imported.")
    click.echo(f"{preview['orders']} orders: {preview['new']} new, {preview['known']} known already", err=True)
    if not yes and not click.confirm("import them?", default=True, err=True):
        return 130
    done = core.post("/v1/import/orders", token=preview["token"])
    click.echo(json.dumps(done) if as_json else f"imported {done['imported']} orders, {done['known']} were known")
    return 0


@orders_command.command("reveal")
@click.argument("number")
@click.option("--reason", required=True, help="Why; it is recorded with your name.")
@socket_option
@json_option
def reveal_keys(number: str, reason: str, socket: str | None, as_json: bool) -> int:
    """Show the keys bound to one order, to be typed in by hand where an interface is down. Each reveal is recorded."""
    core = Core(socket)
    shown = core.post(f"/v1/orders/{order_of(core, number)['id']}/reveal", reason=reason)
    if as_json:
        click.echo(json.dumps(shown, ensure_ascii=False))
        return 0
    for key in shown["keys"]:
        click.echo(f"{key['line']}/{key['slot']}  {key['key']}")
    return 0


orders_command.add_command(export_orders)
orders_command.add_command(export_timeline)


@click.command()
@click.option("--kind", default="", help="Only this kind, with its cases.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@socket_option
@json_option
def cases_command(kind: str, limit: int, socket: str | None, as_json: bool) -> int:
    """What waits for a person: by kind with count and oldest age, or the cases of one kind.

    The kind "quarantine" is what came in and could not be read, and of which there is no order.
    """
    core = Core(socket)
    if not kind:
        groups = core.get("/v1/cases/groups")["groups"]
        if as_json:
            click.echo(json.dumps(groups, ensure_ascii=False))
        for group in () if as_json else groups:
            click.echo(f"{group['kind']:<22} {group['count']:>6}  oldest {_age(group['oldest_at'])}")
        return 0
    for case in _cases(core, kind, limit):
        if as_json:
            click.echo(json.dumps(case, ensure_ascii=False))
        else:
            decisions = ", ".join(d["action"] for d in case["decisions"])
            click.echo(
                f"{case['ext_id']:<26} {case['shop']:<14} {_age(case['opened_at']):>4}  {case['fact']}  [{decisions}]"
            )
    if kind == "quarantine" and not as_json:
        click.echo(_QUARANTINE)
    return 0


def _cases(core: Core, kind: str, limit: int) -> Iterator[dict[str, Any]]:
    after = None
    while limit > 0:
        page = core.get("/v1/cases", kind=kind, limit=min(limit, 200), after=after)
        yield from page["cases"]
        limit -= len(page["cases"])
        after = page["next"]
        if after is None:
            return
