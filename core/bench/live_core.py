"""A core of ``bench desk`` in a process of its own: a real service and writer on a made-up database, without shops.

``python -P -m core.bench.live_core DATABASE SOCKET RATE``. SIGUSR1 lets ``RATE`` orders a second change through the
writer, SIGUSR2 stops that again, SIGTERM ends the process. Two thirds of the changes meet the first orders of the
queue, which is where a console looks.
"""

import asyncio
import contextlib
import os
import random
import signal
import sys
from importlib import metadata
from pathlib import Path

import uvloop

from core.bench.merchant import PLATFORMS, SHOP, SHOPS
from core.model.effects import Effect, EffectClass, EffectSpec
from core.model.lifecycle import EventKind, Stage
from core.pipeline.setup import Setup, ShopInfo
from core.service.options import Options
from core.service.server import SocketServer, database_lock
from core.service.service import Service
from core.store.engines import reader_engine
from core.store.tx import Tx, as_json
from core.store.writer import Writer
from core.tuning import tune

TICK_S = 0.05
HEAD = 64  # orders at the top of the queue that most changes meet: what a console has loaded
MOVE_EVERY = 300  # changes after which one of these leaves and a most urgent order comes in: the list itself moves
TAGS = ("", "VIP", "加急", "大额")


class _NoProducts:
    def product_of(self, shop: str, sku: str) -> str:
        return sku

    def is_hot(self, product: str) -> bool:
        return False

    def title_of(self, product: str) -> str:
        return product


def setup() -> Setup:
    """The shops of the made-up merchant."""
    send = EffectSpec(Effect.SEND, EffectClass.A, "bench")
    info = [
        ShopInfo(n, SHOP.format(n), PLATFORMS[n % len(PLATFORMS)], "email", send, None) for n in range(1, SHOPS + 1)
    ]
    return Setup(_NoProducts(), {shop.id: shop for shop in info})


class Traffic:
    """A handler for the writer: each item is a number of changes. Of ten, eight change an order where it stands, one
    takes an order out of the queue and one brings a new order in, mostly where nobody looks."""

    def __init__(self, seed: int = 7) -> None:
        self._random = random.Random(seed)
        self._made = self._last = self._count = 0

    def apply(self, tx: Tx, items: list[int]) -> list[int]:
        """Make so many changes, with versions, counters, events and the touched ids that the feed tells."""
        if not self._last:
            self._last = int((tx.one("SELECT max(id) FROM orders") or (1,))[0])
        head = [
            int(row[0])
            for row in tx.all(f"SELECT id FROM orders WHERE stage < 4 ORDER BY nprio, due_at, id LIMIT {HEAD}")
        ]
        for count in items:
            drawn = [self._random.random() for _ in range(count)]
            alter = sum(lot < 0.8 for lot in drawn)
            near = [self._random.random() < 0.67 for _ in range(alter)]
            self._alter(tx, sorted({self._random.choice(head) if top else self._anywhere() for top in near}))
            self._leave(tx, [self._anywhere() for lot in drawn if 0.8 <= lot < 0.9])
            for lot in drawn:
                if lot >= 0.9:
                    self._arrive(tx, False)
            self._count += count
            if self._count >= MOVE_EVERY:
                self._count -= MOVE_EVERY
                self._leave(tx, [self._random.choice(head)])
                self._arrive(tx, True)
        return items

    def _anywhere(self) -> int:
        return self._random.randint(1, self._last)

    def _alter(self, tx: Tx, orders: list[int]) -> None:
        # Tag and money: two cells of a row change, and why it is not moving.
        for order in orders:
            tx.run(
                "UPDATE orders SET tag = ?, paid = CASE paid WHEN 0 THEN due ELSE 0 END, version = version + 1, "
                "changed_at = ? WHERE id = ?",
                (self._random.choice(TAGS), tx.now, order),
            )
        tx.events(EventKind.UPDATED, "bench", [(order, "{}") for order in orders])
        tx.touch(orders)

    def _leave(self, tx: Tx, orders: list[int]) -> None:
        rows = tx.all(
            "SELECT id, shop FROM orders WHERE stage = 1 AND id IN (SELECT value FROM json_each(?))", (as_json(orders),)
        )
        for order, shop in rows:
            tx.run(
                "UPDATE orders SET stage = ?, version = version + 1, changed_at = ? WHERE id = ?",
                (int(Stage.CANCELLED), tx.now, order),
            )
            tx.moved(int(shop), Stage.OPEN, Stage.CANCELLED)
        tx.events(EventKind.MOVED, "bench", [(int(row[0]), "{}") for row in rows])
        tx.touch(int(row[0]) for row in rows)

    def _arrive(self, tx: Tx, first: bool) -> None:
        self._made += 1
        order, shop = tx.new_id(), 1 + self._made % SHOPS
        nprio = -9 if first else 0
        tx.run(
            "INSERT INTO orders(id, shop, ext_id, rev, seen_at, version, stage, pstate, nprio, due_at, blocks, due, paid, "
            "refunded, refund_open, currency, qty, product, title, buyer, buyer_name, contact, message, tag, writeback, "
            "created_at, paid_at, deadline, received_at, delivered_at, changed_at) VALUES(?, ?, ?, ?, ?, 1, 1, 1, ?, ?, 0, "
            "?, ?, 0, 0, 'CNY', 1, 'p1', '游戏点卡 60 元', 'u1', '买家1', 'buyer@example.com', '', '', 0, ?, ?, NULL, ?, NULL, ?)",
            (order, shop, f"KN{self._made:010d}", tx.now, tx.now, nprio, tx.now, 6000, 6000, *[tx.now] * 4),
        )
        tx.moved(shop, None, Stage.RECEIVED)
        tx.moved(shop, Stage.RECEIVED, Stage.OPEN)
        tx.counted(shop, 0)
        tx.events(EventKind.RECEIVED, "bench", [(order, "{}")])
        tx.touch([order])


async def _play(writer: Writer, rate: int, on: asyncio.Event) -> None:
    traffic, loop = Traffic(), asyncio.get_running_loop()
    while True:
        await on.wait()
        begun, made = loop.time(), 0
        while on.is_set():
            await asyncio.sleep(TICK_S)
            due = int((loop.time() - begun) * rate) - made
            made += due
            if due:
                await writer.do(traffic.apply, due)


async def serve(database: Path, path: Path, rate: int) -> None:
    """Until SIGTERM."""
    writer = Writer(database)
    await writer.start("bench")
    engine = reader_engine(database)
    service = Service(
        writer, engine, setup(), Options(metadata.version("keydesk"), language="zh_CN", owner=os.getuid())
    )
    server = SocketServer(service, path)
    on, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, on.set)
    loop.add_signal_handler(signal.SIGUSR2, on.clear)
    traffic = loop.create_task(_play(writer, rate, on))
    serving = loop.create_task(server.serve())
    await asyncio.wait({serving, traffic}, return_when=asyncio.FIRST_COMPLETED)
    server.ask_stop()
    await serving
    traffic.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await traffic
    await engine.dispose()
    await writer.stop()


def main(argv: list[str]) -> int:
    """Exit code of the process."""
    database, path, rate = Path(argv[0]), Path(argv[1]), int(argv[2])
    tune()
    with database_lock(database):
        uvloop.run(serve(database, path, rate))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
