"""Puts the world together: shops, doors, mailbox, buyers, director; keys and secrets into files."""

import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import time_ns
from typing import Any

from connectors.practice import markets
from connectors.practice.buyers import Buyers
from connectors.practice.control import Control
from connectors.practice.faults import Faults
from connectors.practice.front import Front, Gate
from connectors.practice.hooks import Hooks
from connectors.practice.kills import Kills
from connectors.practice.ledger import Ledger
from connectors.practice.mailbox import Mailbox, MailServer
from connectors.practice.market import Place
from connectors.practice.mint import mint_keys, secret
from connectors.practice.plans import Plan
from connectors.practice.pushes import Pushes
from connectors.practice.stock import Supply
from connectors.practice.stripe_objects import Provider
from connectors.practice.wire import HttpServer
from connectors.practice.world import Shop, World

_CHUNK = 1000


def clock() -> int:
    """Real time, UTC microseconds: this world is never accelerated."""
    return time_ns() // 1000


@dataclass(slots=True)
class Setting:
    """A world that is ready to listen."""

    folder: Path
    world: World
    ledger: Ledger
    front: Front
    buyers: Buyers
    provider: Provider | None
    faults: Faults
    kills: Kills
    hooks: Hooks | None
    pushes: Pushes | None
    http: HttpServer
    mail: MailServer
    control_token: str

    async def start(self) -> tuple[int, int]:
        """Listens; returns the ports of HTTP and SMTP."""
        self.ledger.start()
        return await self.http.start(), await self.mail.start()

    async def stop(self) -> None:
        """Ends everything; the ledger last, whole and on disk."""
        await self.buyers.stop()
        if self.hooks is not None:
            await self.hooks.stop()
        if self.pushes is not None:
            await self.pushes.stop()
        await self.mail.stop()
        await self.http.stop()
        await self.ledger.close()


def build(
    *, folder: Path, seed: int, platforms: tuple[str, ...], faults: str, pdd_lag: float, source: Iterator[Plan],
    supply: Supply, rate: float, late: float,
) -> Setting:  # fmt: skip
    """The world of a seed in ``folder``. Raises OSError when the folder cannot be used, ValueError for a used one."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (folder / "ledger.jsonl").exists():
        raise ValueError(f"{folder} holds another world's ledger")
    rng = random.Random(f"world/{seed}")
    ledger = Ledger(folder / "ledger.jsonl", clock)
    world = World(ledger, clock, seed, supply.goods)
    _mint(world, supply, folder, seed)
    chosen = [markets.by_word()[word] for word in platforms]
    chaos = Faults(faults, seed, ledger, clock, tuple(market.platform for market in chosen))
    kills = Kills(ledger)
    provider = Provider(world) if any(market.cards for market in chosen) else None
    pushes = Pushes(chaos) if any(market.pushes for market in chosen) else None
    hooks: Hooks | None = None
    gates: dict[str, Gate] = {}
    for n, market in enumerate(chosen, 1):
        shop = world.shops[market.shop] = Shop(market, n, rng)
        gates[market.door] = market.gate(Place(world, shop, pdd_lag, provider, pushes))
        if market.cards and provider is not None:
            hooks = Hooks(world, provider, chaos, shop.app_secret)
    if pushes is not None:
        pushes.listen(world)
    front = Front(ledger, chaos, kills, gates)
    buyers = Buyers(world, provider, source, rate, late)
    token = secret(random.Random(f"control/{os.urandom(16).hex()}"), "", 40)
    control = Control(token, ledger, buyers, chaos, kills, hooks, lambda: front.failures, lambda: world.placed)
    front.control(control.handle)
    mail = MailServer(Mailbox(world, chaos, kills))
    return Setting(
        folder,
        world,
        ledger,
        front,
        buyers,
        provider,
        chaos,
        kills,
        hooks,
        pushes,
        HttpServer(front.handle),
        mail,
        token,
    )


def ready_line(setting: Setting, http: int, smtp: int) -> dict[str, Any]:
    """What the starter of this process needs to know; no secret is in it, only where each one lies."""
    base = f"http://127.0.0.1:{http}"
    shops = {shop.name: _settings(setting.folder, base, shop) for shop in setting.world.shops.values()}
    gateways = {
        name: way for shop in setting.world.shops.values() for name, way in _paid_by(setting, base, shop).items()
    }
    products = {
        product.code: {
            "title": product.title,
            "keys": str(setting.world.key_files[product.code]),
            "skus": [[shop.name, product.sku(shop.market.sku_prefix)] for shop in setting.world.shops.values()],
        }
        for product in setting.world.products
    }
    return {
        "http": base,
        # Where platforms that push expect the desk; 0 when there are none.
        "hook_port": setting.pushes.port if setting.pushes else 0,
        "smtp_port": smtp,
        "control": f"{base}/_control",
        "control_token": setting.control_token,
        "ledger": str(setting.ledger.path),
        "shops": shops,
        "channels": {
            "email": {"kind": "smtp", "host": "127.0.0.1", "port": smtp, "from": "shop@keydesk.example.com"},
            **{
                name: way
                for shop in setting.world.shops.values()
                for name, way in _sent_by(setting, base, shop).items()
            },
        },
        "payments": gateways,
        "products": products,
    }


def _settings(folder: Path, base: str, shop: Shop) -> dict[str, str]:
    return {"platform": shop.platform, **shop.market.settings(base, shop, _hider(folder, shop))}


def _paid_by(setting: Setting, base: str, shop: Shop) -> dict[str, dict[str, str]]:
    if shop.market.payments is None:
        return {}
    found = shop.market.payments(base, shop, _hider(setting.folder, shop))
    return {name: dict(way) for name, way in found.items()}


def _sent_by(setting: Setting, base: str, shop: Shop) -> dict[str, dict[str, str]]:
    if shop.market.channels is None:
        return {}
    found = shop.market.channels(base, shop, _hider(setting.folder, shop))
    return {name: dict(way) for name, way in found.items()}


def _hider(folder: Path, shop: Shop) -> Callable[[str, str], str]:
    def hidden(name: str, value: str) -> str:
        path = folder / "secrets" / f"{shop.name}.{name}"
        _write(path, value)
        return f"file:{path}"

    return hidden


def _mint(world: World, supply: Supply, folder: Path, seed: int) -> None:
    rng = random.Random(f"keys/{seed}")
    for number, (product, count) in enumerate(zip(supply.goods, supply.counts, strict=True)):
        keys = mint_keys(rng, count, world.keys, number)
        path = folder / "keys" / f"{product.code}.txt"
        _write(path, "\n".join(keys) + ("\n" if keys else ""))
        world.key_files[product.code] = path
        for start in range(0, len(keys), _CHUNK):
            world.ledger.add("mint", product=product.code, keys=keys[start : start + _CHUNK])


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(text)
