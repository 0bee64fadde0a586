"""``keydesk orders export`` and ``keydesk orders timeline``: what leaves the core as a file, each time recorded."""

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from console.commands.calls import CallError, Core, order_of
from console.export.file import FileRefused, NewFile
from console.export.table import FORMATS, Look, Table

_SHOWN_EVERY = 5000  # rows
socket_option = click.option("--socket", help="The core's socket; default: found as usual.")
to_option = click.option("--to", "to", required=True, type=click.Path(path_type=Path), help="The file; - for output.")
force_option = click.option("--force", is_flag=True, help="Take the place of a file that stands there.")


@contextlib.contextmanager
def into(to: Path, force: bool) -> Iterator[Callable[[bytes], object]]:
    """Where to write; a file is kept only when all went well."""
    if str(to) == "-":
        yield sys.stdout.buffer.write
        sys.stdout.buffer.flush()
        return
    try:
        with NewFile(to, force) as out:
            yield out.write
            out.keep()
    except FileRefused as error:
        hint = " (--force)" if error.taken else ""
        raise click.ClickException(f"{error}{hint}") from None


@click.command("export")
@click.option("--view", default="work", show_default=True, help="work, open, exceptions, held, recent ...")
@click.option("--filter", "filter_", default="", help='For example: "amount>=500 @pdd age<7d".')
@click.option("--format", "form", type=click.Choice(FORMATS), help="Default: by the file's ending, else csv.")
@click.option("--excel", is_flag=True, help="CSV with a byte order mark; numbers over 15 digits as text.")
@click.option("--utc", is_flag=True, help="Times in UTC instead of this machine's zone.")
@to_option
@force_option
@socket_option
def export_orders(
    view: str, filter_: str, form: str | None, excel: bool, utc: bool, to: Path, force: bool, socket: str | None
) -> int:
    """All orders of a view that match, in its order, to a file of mode 0600. No keys, no addresses. It is recorded.

    Which orders is settled in one read; each is then told as it stands when its page of 500 is read.
    """
    form = form or ("json" if to.suffix.lower() == ".json" else "csv")
    core = Core(socket)
    table, rows = Table(form, Look(utc, excel)), 0
    with into(to, force) as write:
        end: int | None = None
        total = 0
        for line in core.lines("POST", "/v1/export", {"view": view, "filter": filter_, "format": form}):
            if "export" in line:
                total = line["export"]["total"]
                write(table.head(line["export"]).encode())
            elif "end" in line:
                end = line["end"]["rows"]
            else:
                write(table.row(line).encode())
                rows += 1
                if rows % _SHOWN_EVERY == 0:
                    click.echo(f"{rows:,} of {total:,}", err=True)
        if end != rows:
            raise CallError("offline", f"The core was cut off after {rows:,} orders; no file was kept.")
        write(table.foot().encode())
    click.echo(f"{rows} orders: {to}", err=True)
    return 0


@click.command("timeline")
@click.argument("number")
@click.option("--format", "form", type=click.Choice(("text", "json")), help="Default: by the file's ending, else text.")
@to_option
@force_option
@socket_option
def export_timeline(number: str, form: str | None, to: Path, force: bool, socket: str | None) -> int:
    """One order's story to a file: money, sendings with their evidence, holds, cases, every event. It is recorded."""
    core = Core(socket)
    form = form or ("json" if to.suffix.lower() == ".json" else "text")
    order = order_of(core, number)
    with into(to, force) as write:
        told = core.post(f"/v1/orders/{order['id']}/timeline")
        text = told.pop("text")
        write(text.encode() if form == "text" else json.dumps(told, ensure_ascii=False, indent=1).encode() + b"\n")
    click.echo(f"{order['ext_id']}, {told['export']['events']} events: {to}", err=True)
    return 0
