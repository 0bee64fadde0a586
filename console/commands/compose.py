"""Puts an engine together from settings: vault, catalogue, rules, shops, channels. The one place that knows all rooms."""

import asyncio
from collections.abc import Collection, Coroutine, Mapping
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import click

from connectors.registry import build_channel, build_shop
from connectors.stocker_kinds import build_stocker
from console.commands.gateways import gateways_of, refused_gateways, shop_options
from core.engine import Engine
from core.model.clock import now_us
from core.pipeline.setup import Setup
from core.pipeline.upkeep import remap
from core.ports import Alerting, Carrier, Channel, Shop, ways_of
from core.products import Catalogue, ProductsError, load_products, split_sku
from core.rules.book import RuleBook
from core.rules.rulefile import load_rules
from core.rules.watcher import Watcher
from core.settings import Settings, load
from core.store.engines import writer_engine
from core.store.migrate import schema_of
from core.vault.keyring import load_keyring
from core.vault.seal import Vault

VERSION = metadata.version("keydesk")


def settings_of(path: str | None, **flags: Any) -> Settings:
    """Load settings; a mistake ends the command with the message that names file, key and remedy."""
    try:
        settings = load({key.replace("__", "."): value for key, value in flags.items()}, Path(path) if path else None)
    except Exception as error:
        raise click.ClickException(str(error)) from None
    for warning in settings.warnings:
        click.echo(f"warning: {warning}", err=True)
    return settings


def vault_of(settings: Settings) -> Vault:
    """The vault; a master key is made only while the database holds no batch that an older one sealed."""
    try:
        fresh = not _has_batches(settings.database)
        keyring = load_keyring(settings.core.data_dir, settings.core.master_key, settings.file.parent, may_create=fresh)
        keyring.require(_mark(settings.database))
    except Exception as error:
        raise click.ClickException(str(error)) from None
    return Vault(keyring)


def query(database: Path, sql: str) -> Any:
    """The first row of a read-only question to a database that no core owns at the moment; None without one."""
    if schema_of(database) is None:
        return None
    engine = writer_engine(database)
    try:
        with engine.connect() as connection:
            return connection.exec_driver_sql(sql).first()
    finally:
        engine.dispose()


def _has_batches(database: Path) -> bool:
    return query(database, "SELECT 1 FROM batch LIMIT 1") is not None


def _mark(database: Path) -> str | None:
    row = query(database, "SELECT value FROM meta WHERE name = 'master_key_mark'")
    return str(row[0]) if row is not None else None


def engine_of(settings: Settings, vault: Vault | None = None) -> Engine:
    """An engine that is not started yet. ``vault``: for one that never will be, so that no master key is made for it."""
    vault = vault or vault_of(settings)
    try:
        catalogue = supplied(settings.companion("products"), settings.suppliers)
        rules = load_rules(settings.companion("rules"))
        channels = {name: build_channel(name, _options(end, "kind"), now_us) for name, end in settings.channels.items()}
        shops = {name: build_shop(name, shop_options(end), now_us) for name, end in settings.shops.items()}
        gateways = gateways_of(settings, shops)
        stockers = {
            name: build_stocker(name, {"kind": end.kind, **end.plain()}, now_us)
            for name, end in settings.suppliers.items()
        }
    except Exception as error:
        raise click.ClickException(str(error)) from None
    for shop in shops.values():
        if lacking := _lacking(shop, settings):
            raise click.ClickException(f"{settings.file}: {lacking}")
    for name in settings.alerts.via:
        if not isinstance(channels.get(name), Alerting):
            raise click.ClickException(f"{settings.file}: alerts.via: {_no_alerts(name, settings)}")
    setup = Setup(
        catalogue,
        rules=rules,
        fresh_us=settings.core.fresh_seconds * 1_000_000,
        tries_max=settings.core.attempts_max,
        silence_minutes=settings.core.silence_minutes,
    )
    return Engine(
        settings.database,
        setup,
        vault,
        shops,
        channels,
        settings.core.language,
        version=VERSION,
        gateways=gateways,
        pickup_url=settings.pickup.public_url,
        stockers=stockers,
    )


def supplied(file: Path, suppliers: Collection[str]) -> Catalogue:
    """The products of a file, each of whose suppliers is set up. Raises ProductsError, SettingsError."""
    catalogue = load_products(file)
    for wish in catalogue.restocks:
        if wish.supplier not in suppliers:
            known, place = ", ".join(suppliers) or "none", f"products.{wish.product}: restock.supplier"
            lacks = f"there is no [suppliers.{wish.supplier}] in the settings (there are: {known})"
            raise ProductsError(f"{file}: {place} is {wish.supplier!r}, but {lacks}")
    return catalogue


def _lacking(shop: Shop, settings: Settings) -> str:
    """What is wrong with the channels that a shop names, "" for nothing."""
    names = ways_of(shop.send_via)
    for name in names:
        if name not in settings.channels:
            return f"shop {shop.name} delivers by {name!r}, but there is no [channels.{name}]."
    if shop.send_via != "shop" and (not names or len(set(names)) < len(names)):
        return f"shop {shop.name}: deliver names one channel, or several different ones with commas."
    return ""


def _pageless(shop: Shop, channels: Mapping[str, Channel], settings: Settings) -> str:
    """Which channel of a shop would have no pick-up page to send its buyers to, in a sentence; "" for none."""
    for name in ways_of(shop.send_via) if not settings.pickup.public_url else ():
        channel: object = channels.get(name)
        if isinstance(channel, Carrier) and channel.needs_pickup:
            return f"channel {name} sends buyers a pick-up link: set [pickup] port and public_url"
    return ""


def _no_alerts(name: str, settings: Settings) -> str:
    there = name in settings.channels
    return f"channel {name} cannot alert the merchant" if there else f"there is no [channels.{name}]"


def _options(end: Any, word: str) -> dict[str, str]:
    return {word: end.kind, **end.plain()}


def refused(settings: Settings) -> dict[str, str]:
    """Why shops, channels and gateways are not taken by their connectors: ``shops.NAME``, ... -> reason."""
    found: dict[str, str] = {}
    channels: dict[str, Channel] = {}
    for name in settings.alerts.via:
        if name not in settings.channels:
            found["alerts.via"] = _no_alerts(name, settings)
    for name, end in settings.channels.items():
        try:
            channel = channels[name] = build_channel(name, _options(end, "kind"), now_us)
            if name in settings.alerts.via and not isinstance(channel, Alerting):
                found["alerts.via"] = _no_alerts(name, settings)
        except Exception as error:
            found[f"channels.{name}"] = str(error)
    shops = {}
    for name, end in settings.shops.items():
        try:
            shops[name] = build_shop(name, shop_options(end), now_us)
            if lacking := _lacking(shops[name], settings) or _pageless(shops[name], channels, settings):
                found[f"shops.{name}"] = lacking
        except Exception as error:
            found[f"shops.{name}"] = str(error)
    return found | refused_gateways(settings, shops)


def watchers(settings: Settings, engine: Engine, book: RuleBook, report: Any) -> list[Coroutine[Any, Any, None]]:
    """Hot reload of rules and products: checked first, swapped whole, a broken file changes nothing."""
    setup, stop = engine.setup, asyncio.Event()
    load_supplied = partial(supplied, suppliers=settings.suppliers)

    def _swap_products(catalogue: Catalogue) -> None:
        setup.catalogue = catalogue
        mapping = {split_sku(name): product.id for product in catalogue.products for name in product.skus}
        engine.spawn(_remap(engine, mapping))

    return [
        book.watcher.run(stop),
        Watcher(settings.companion("products"), load_supplied, _swap_products, report).run(stop),
    ]


async def _remap(engine: Engine, mapping: Any) -> None:
    await engine.writer.do(remap, mapping)
