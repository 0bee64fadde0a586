"""``keydesk connect``: shops and channels, their health, and a step-by-step test."""

import asyncio
import json
import os
from typing import Any

import click

from connectors.tokens import no_renewal
from console import i18n
from console.commands.calls import Core
from console.commands.compose import engine_of, settings_of
from console.commands.connect_selftest import selftest_command
from console.commands.look import json_option, socket_option
from console.commands.replay import replay_command
from console.presenters.connections import advice
from core.model.order import Quarantined
from core.model.text import clean
from core.ports import ConnectorError
from core.vault.keyring import Keyring
from core.vault.seal import Vault

_NO_RENEWAL = " This test renews no token, since a refresh token may serve only once: what a running core has, `connect list` shows."


@click.group()
def connect_command() -> None:
    """Shops and channels: health, a test of each step, reading again, and signatures against known answers."""


connect_command.add_command(selftest_command)
connect_command.add_command(replay_command)


@connect_command.command("list")
@socket_option
@json_option
def list_shops(socket: str | None, as_json: bool) -> int:
    """Each shop's state, last good pull, token, error, and what of it could not be read.

    aside: items that wait unread (see `connect replay`); drift: how often a field was not understood, ever.
    """
    shops = Core(socket).get("/v1/shops")["shops"]
    if as_json:
        click.echo(json.dumps(shops, ensure_ascii=False))
        return 0
    click.echo(f"{'shop':<20}{'platform':<14}{'state':<10}{'last pull':<12}{'token':<8}{'aside':>6}{'drift':>7}  error")
    for shop in shops:
        pull = "never" if shop["lag_s"] is None else f"{age(shop['lag_s'])} ago"
        token = "-" if shop["token_age_s"] is None else age(shop["token_age_s"])
        failed = f" ({shop['failures']} in a row)" if shop["failures"] else ""
        click.echo(
            f"{clean(shop['name'], 64):<20}{shop['platform']:<14}{shop['state']:<10}{pull:<12}{token:<8}"
            f"{shop['set_aside']:>6}{shop['drift']:>7}  {clean(str(shop['error'] or ''), 200)}{failed}".rstrip()
        )
        if shop["silent_since"]:
            click.echo(f"{'':<20}no paid order for long: its orders wait (docs/operations.md, a silent shop)")
    return 0


def age(seconds: float) -> str:
    """A span in its largest unit."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f}{unit}"
    return f"{max(seconds, 0):.0f}s"


@connect_command.command("release")
@click.argument("shop")
@click.option("--reason", required=True, help="What you saw in the shop; it is recorded with your name.")
@socket_option
def release_shop(shop: str, reason: str, socket: str | None) -> int:
    """Let a shop go on whose paid orders had stopped (state "silent"); its waiting orders go back to the gate."""
    Core(socket).post("/v1/shops/release", shop=shop, reason=reason)
    click.echo(f"{shop} goes on")
    return 0


@connect_command.command("test")
@click.argument("name")
@click.option("--settings", help="Settings file; default: found as usual.")
@json_option
def test_shop(name: str, settings: str | None, as_json: bool) -> int:
    """Walk one shop: settings, first pull, reading an order again. It reads, and changes no order anywhere.

    It renews no access token: where one has ended, the running core renews it (`connect list`).
    """
    steps = asyncio.run(_walk(name, settings))
    if as_json:
        click.echo(json.dumps({"shop": name, "steps": steps}, ensure_ascii=False))
    for step in () if as_json else steps:
        click.echo(f"{'ok  ' if step['ok'] else 'FAIL'} {step['step']}: {step['said']}")
    return 0 if all(step["ok"] for step in steps) else 1


def _advice(kind: str) -> str:
    i18n.use("en")
    return advice(kind) + (_NO_RENEWAL if kind == "auth" else "")


async def _walk(name: str, settings: str | None) -> list[dict[str, Any]]:
    # A core may run on these settings: no master key is made, and no refresh token spent that it will need.
    with no_renewal():
        engine = engine_of(settings_of(settings), Vault(Keyring(os.urandom(32))))
    if name not in engine.shops:
        known = ", ".join(engine.shops) or "none is configured"
        raise click.ClickException(f"there is no shop {name!r} in the settings; known: {known}")
    shop = engine.shops[name]
    steps: list[dict[str, Any]] = [
        {"step": "settings", "ok": True, "said": f"{shop.platform}, sends by {shop.send_via}"}
    ]
    try:
        batch = await shop.pull(None)
        bad = sum(isinstance(update, Quarantined) for update in batch.updates)
        said = f"{len(batch.updates)} updates, {bad} not understood"
        steps.append({"step": "pull", "ok": True, "said": said})
        found = next((u for u in batch.updates if not isinstance(u, Quarantined)), None)
        if found is not None:
            update = await shop.read(found.ext_id)
            ok = not isinstance(update, Quarantined)
            steps.append(
                {"step": "read", "ok": ok, "said": "one order read again" if ok else "that order is not understood"}
            )
    except ConnectorError as error:
        steps.append({"step": "pull", "ok": False, "said": f"{error.kind}: {error}. {_advice(error.kind)}"})
    finally:
        for way in (*engine.shops.values(), *engine.channels.values()):
            await way.close()
    return steps
