"""``keydesk keys``: import with preview, undo, stock."""

import json
import sys
from pathlib import Path

import click

from console.commands.calls import Core
from console.commands.look import json_option, socket_option

COUNTS = ("lines", "new", "duplicate_in_file", "duplicate_in_stock", "already_sold", "blank")


@click.group()
def keys_command() -> None:
    """Card keys: import a file, undo an import while it is unused, show the stock."""


@keys_command.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--product", required=True, help="Product id of products.toml.")
@click.option("--yes", is_flag=True, help="Do not ask after the preview.")
@socket_option
@json_option
def import_keys(file: Path, product: str, yes: bool, socket: str | None, as_json: bool) -> int:
    """Import one key a line, byte for byte (UTF-8 or GB18030); duplicates are counted and left out.

    A file with a bad line is refused whole, with the line's number. Waiting orders of the product go on at once.
    A product that products.toml does not have is refused: add its entry there first.
    """
    core = Core(socket, timeout=300)
    preview = core.call("POST", "/v1/keys/preview", file.read_bytes(), product=product, name=file.name)
    for error in preview["errors"][:20]:
        click.echo(f"{file.name}:{error['line']}: {error['why']}", err=True)
    if preview["errors"]:
        raise click.ClickException("the file was refused; nothing was imported")
    if not as_json:
        click.echo(f"{file.name} ({preview['encoding']}) for {product}:")
        for name in COUNTS:
            click.echo(f"  {name.replace('_', ' '):<20}{preview[name]:>9}")
    if not preview["new"]:
        click.echo("nothing new in it", err=True)
        return 0
    if not yes and not click.confirm(f"import {preview['new']} keys?", default=True, err=True):
        return 130
    last: dict[str, int] = {}
    for last in core.lines("POST", "/v1/keys/import", {"token": preview["token"]}):
        if "error" in last:
            raise click.ClickException(str(last["error"]))
        if "total" in last and sys.stderr.isatty():
            width = 30 * last["done"] // max(last["total"], 1)
            click.echo(f"\r[{'#' * width}{'.' * (30 - width)}] {last['done']}/{last['total']}", nl=False, err=True)
    if sys.stderr.isatty():
        click.echo("", err=True)
    if as_json:
        click.echo(json.dumps({**{name: preview[name] for name in COUNTS}, **last}))
    else:
        click.echo(
            f"imported {last['imported']} keys as batch {last['batch']} (undo while unused: keydesk keys undo {last['batch']})"
        )
    return 0


@keys_command.command("undo")
@click.argument("batch", type=int)
@socket_option
@json_option
def undo_import(batch: int, socket: str | None, as_json: bool) -> int:
    """Withdraw a batch whose keys are all still free."""
    done = Core(socket, timeout=120).post("/v1/keys/undo", batch=batch)
    click.echo(json.dumps(done) if as_json else f"withdrew {done['withdrawn']} keys of batch {batch}")
    return 0


@keys_command.command("stock")
@socket_option
@json_option
def show_stock(socket: str | None, as_json: bool) -> int:
    """Free, sold and set-aside keys by product."""
    products = Core(socket).get("/v1/stock")["products"]
    if as_json:
        click.echo(json.dumps(products, ensure_ascii=False))
        return 0
    for p in products:
        click.echo(
            f"{p['id']:<20} free {p['free']:>8}  sold {p['sold']:>8}  suspect {p['suspect']:>4}  burnt {p['burnt']:>4}  {p['title']}"
        )
    return 0


@keys_command.command("purchases")
@click.option("--limit", type=click.IntRange(1, 500), default=20, help="How many, newest first.")
@socket_option
@json_option
def show_purchases(limit: int, socket: str | None, as_json: bool) -> int:
    """Keys bought from suppliers (restock in products.toml): what is under way, what came, what waits for a person."""
    found = Core(socket).get("/v1/purchases", limit=limit)["purchases"]
    if as_json:
        click.echo(json.dumps({"purchases": found}))
        return 0
    for one in found:
        got = "" if one["got"] is None else f", {one['got']} came as batch {one['batch']}"
        click.echo(f"{one['id']}  {one['state']:<8} {one['qty']} x {one['product']} of {one['supplier']}{got}")
        if one["why"]:
            click.echo(f"    {one['why']}")
        if one["state"] in ("waits", "unknown"):
            click.echo(f"    the supplier knows it as {one['reference']}; once you know what became of it:")
            click.echo(f"    keydesk keys purchase {one['id']} --bought | --not-bought --reason WHY")
    if not found:
        click.echo("nothing was bought yet")
    return 0


@keys_command.command("purchase")
@click.argument("purchase", type=int)
@click.option("--bought/--not-bought", default=None, required=True, help="Whether the supplier sold it.")
@click.option("--reason", required=True, help="How you know; it is kept.")
@socket_option
@json_option
def end_purchase(purchase: int, bought: bool, reason: str, socket: str | None, as_json: bool) -> int:
    """Say what became of a purchase that waits for a person.

    Look at the supplier's site for our number of it (keydesk keys purchases). When it was sold, import its keys by
    `keydesk keys import` first. A product is bought again only when its last purchase has ended.
    """
    done = Core(socket).post(f"/v1/purchases/{purchase}", bought=bought, reason=reason)
    click.echo(json.dumps(done) if as_json else f"purchase {purchase} ended as {'bought' if bought else 'not bought'}")
    return 0
