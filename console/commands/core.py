"""``keydesk core``, ``core stop`` and ``migrate``."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import click
import structlog

from console import sockets
from console.commands.calls import Core
from console.commands.compose import VERSION, engine_of, settings_of, watchers
from console.commands.examine import RunningSettings
from core import faultpoints
from core.engine import Engine
from core.model.clock import HOUR, MINUTE, SECOND
from core.pipeline.paid_via import PaidVia
from core.ports import Alerting, Authorised, Guarded, Shop
from core.rules.book import RuleBook
from core.service.alerts import Alerts
from core.service.options import Options
from core.service.pickup import PickupPort
from core.service.server import CoreRefused, SocketServer, database_lock
from core.service.service import Service
from core.service.troubles import Troubles
from core.service.webhooks import Webhooks
from core.settings import Settings
from core.store.migrate import SchemaError, migrate
from core.tuning import tune

log = structlog.get_logger("core")


def _quiet_logs() -> None:
    """JSON lines on stderr; libraries that would log addresses with their tokens are kept to warnings."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    for name in ("httpx", "httpcore", "asyncio", "uvicorn"):
        logging.getLogger(name).setLevel(logging.WARNING)


@click.group(invoke_without_command=True)
@click.option("--settings", help="Settings file; default: found as usual.")
@click.option("--socket", help="Where consoles find this core.")
@click.option("--database", help="Database file; relative to the data directory.")
@click.pass_context
def core_command(ctx: click.Context, settings: str | None, socket: str | None, database: str | None) -> int:
    """Run the engine in the foreground: connectors, gate, effects, and the socket for consoles.

    It owns the database; a second core on it is refused. Stop it with SIGTERM, ctrl-c or `keydesk core stop`.
    """
    if ctx.invoked_subcommand is not None:
        ctx.obj = socket
        return 0
    _quiet_logs()
    loaded = settings_of(settings, core__database=database)
    try:
        path, _ = sockets.find(socket or loaded.core.socket or None)
        with database_lock(loaded.database):
            return _run(loaded, path)
    except (CoreRefused, SchemaError, sockets.SocketError) as error:
        raise click.ClickException(str(error)) from None


def _run(settings: Settings, path: Path) -> int:
    import uvloop

    tune()
    faultpoints.install()
    engine = engine_of(settings)
    return uvloop.run(_serve(settings, engine, path))


async def _serve(settings: Settings, engine: Engine, path: Path) -> int:
    epoch = await engine.start(f"{os.getpid()}")
    book = RuleBook(settings.companion("rules"), engine.setup, engine.clock, _report)
    service = Service(
        engine.writer,
        engine.readers,
        engine.setup,
        Options.from_settings(settings, VERSION),
        engine.vault,
        engine.intake,
        lambda: _shop_states(engine),
        engine.ask_stop,
        sends=engine,
        connectors={number: puller.shop for number, puller in engine.pullers.items()},
        rule_book=book,
        examine=RunningSettings(settings).examine,
    )
    server = SocketServer(service, path)
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, engine.ask_stop)
    extra: list[Coroutine[Any, Any, None]] = watchers(settings, engine, book, _report)
    if settings.core.webhook_port:
        extra.append(Webhooks(engine.doors, settings.core.webhook_port).serve())
    if engine.links is not None:
        extra.append(
            PickupPort(
                engine.links,
                engine.setup,
                engine.writer,
                engine.readers,
                engine.vault.open_key,
                engine.reread,
                engine.clock,
                settings.pickup.port,
                settings.core.language,
                settings.pickup.days * 24 * HOUR,
            ).serve()
        )
    if settings.alerts.via:
        extra.append(_alerts(settings, engine, service).run())
    tasks = [loop.create_task(work) for work in extra]
    serving = loop.create_task(server.serve(signals=False))
    log.info("core_started", epoch=epoch, shops=len(engine.shops), socket=path.name)
    await asyncio.wait({serving, loop.create_task(engine.wait())}, return_when=asyncio.FIRST_COMPLETED)
    server.ask_stop()
    for task in tasks:
        task.cancel()
    with contextlib.suppress(Exception):
        await serving
    await asyncio.gather(*tasks, return_exceptions=True)
    await engine.stop()
    if engine.failure is not None:
        click.echo(f"keydesk core: {engine.failure}", err=True)
        return 1
    log.info("core_stopped")
    return 0


def _alerts(settings: Settings, engine: Engine, service: Service) -> Alerts:
    """Who is told what; that these channels can alert was checked when the engine was put together."""
    wanted, language = settings.alerts, settings.core.language
    via = {name: channel for name in wanted.via if isinstance(channel := engine.channels[name], Alerting)}
    troubles = Troubles(
        service.reader,
        lambda: _shop_states(engine),
        service.stock.read,
        engine.writer,
        engine.clock,
        wanted.shop_minutes * MINUTE,
        wanted.unknown_minutes * MINUTE,
        language,
    )
    return Alerts(via, troubles.look, engine.clock, wanted.quiet_minutes * MINUTE, language)


def _shop_states(engine: Engine) -> list[dict[str, Any]]:
    """Shops, then payment gateways: theirs is the last question that was answered."""
    rows = [
        (p.shop.name, p.shop.platform, p.health, _token(p.shop), _breaker(p.shop), n) for n, p in engine.pullers.items()
    ]
    rows += [(c.gateway.name, c.gateway.account.partition(":")[0], c.health, None, None, 0) for c in engine.chasers]
    now, silent = engine.clock(), engine.setup.stopped
    return [
        {
            "name": name,
            "platform": platform,
            "last_pull_at": health.last_pull_at,
            "lag_s": None if health.last_pull_at is None else round((now - health.last_pull_at) / SECOND, 1),
            "state": "silent" if health.state == "ok" and number in silent else health.state,
            "error": health.error,
            "failures": health.failures,
            "token_since": token,
            "breaker": breaker,
        }
        for name, platform, health, token, breaker, number in rows
    ]


def _token(shop: Shop) -> int | None:
    inner = shop.shop if isinstance(shop, PaidVia) else shop
    return inner.token_since if isinstance(inner, Authorised) else None


def _breaker(shop: Shop) -> str | None:
    inner = shop.shop if isinstance(shop, PaidVia) else shop
    return inner.breaker if isinstance(inner, Guarded) else None


def _report(file: Path, error: Exception | None) -> None:
    if error is None:
        log.info("file_taken", file=file.name)
    else:
        log.warning("file_refused", file=file.name, why=str(error))


@core_command.command("stop")
@click.option("--socket", help="The core's socket; default: found as usual.")
@click.pass_obj
def stop_core(outer: str | None, socket: str | None) -> int:
    """Stop the running core; calls under way are finished and recorded first."""
    Core(socket or outer).post("/v1/shutdown")
    click.echo("the core is stopping")
    return 0


@core_command.command("go")
@click.option("--reason", required=True, help="What you compared; it is recorded with your name.")
@click.option("--socket", help="The core's socket; default: found as usual.")
@click.pass_obj
def go_on(outer: str | None, reason: str, socket: str | None) -> int:
    """After a restore: let the core bind keys and send again. See docs/operations.md for what to compare before."""
    Core(socket or outer).post("/v1/sends/go", reason=reason)
    click.echo("the core binds and sends again")
    return 0


@click.command()
@click.option("--settings", help="Settings file; default: found as usual.")
def migrate_command(settings: str | None) -> int:
    """Bring the database to this version's schema, after keeping a copy. The core does this by itself at start."""
    loaded = settings_of(settings)
    try:
        with database_lock(loaded.database):
            copy = migrate(loaded.database)
    except (CoreRefused, SchemaError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{loaded.database} is current" + (f"; the copy from before is {copy}" if copy else ""))
    return 0
