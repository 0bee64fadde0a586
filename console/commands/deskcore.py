"""The core of ``bench desk``: writer and socket service over a made database, and orders that keep changing."""

import asyncio
import random
import signal
import sys
from pathlib import Path
from typing import Any

import uvloop

from core.bench.merchant import PLATFORMS, SHOP, SHOPS
from core.model.effects import Effect, EffectClass, EffectSpec
from core.pipeline.setup import Setup, ShopInfo
from core.products import Catalogue
from core.service.options import Options
from core.service.server import SocketServer
from core.service.service import Service
from core.store.engines import reader_engine
from core.store.tx import Tx
from core.store.writer import Writer
from core.tuning import tune

HZ = 20
HEAD = 43  # orders at the head of the queue that change: those in view
TAGS = ("", "VIP", "加急", "大额")


def _change(tx: Tx, items: list[int]) -> list[bool]:
    tx.many(
        "UPDATE orders SET tag = ?, version = version + 1, changed_at = ? WHERE id = ?",
        [(random.choice(TAGS), tx.now, order_id) for order_id in items],
    )
    tx.touch(items)
    return [True] * len(items)


async def _keep_changing(writer: Writer, per_second: int) -> None:
    def _head(tx: Tx, items: list[Any]) -> list[list[int]]:
        sql = "SELECT id FROM orders WHERE stage < 4 ORDER BY nprio, due_at, id LIMIT ?"
        return [[int(row[0]) for row in tx.all(sql, (HEAD,))]]

    ids = await writer.do(_head, None)
    owed = 0.0
    while True:
        owed += per_second / HZ
        count, owed = int(owed), owed - int(owed)
        await writer.submit_many(_change, random.sample(ids, min(count, len(ids))))
        await asyncio.sleep(1 / HZ)


async def serve(database: Path, socket: Path, per_second: int) -> None:
    """Until SIGTERM."""
    writer = Writer(database)
    await writer.start("bench")
    setup = Setup(Catalogue())
    spec = EffectSpec(Effect.SEND, EffectClass.C, "bench")
    for number in range(1, SHOPS + 1):
        name = SHOP.format(number)
        setup.shops[number] = ShopInfo(number, name, PLATFORMS[number % len(PLATFORMS)], name, spec, None)
    service = Service(writer, reader_engine(database), setup, Options("bench"))
    server = SocketServer(service, socket)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, server.ask_stop)
    changing = loop.create_task(_keep_changing(writer, per_second)) if per_second else None
    await server.serve(signals=False)
    if changing is not None:
        changing.cancel()
    await writer.stop()


if __name__ == "__main__":
    tune()
    uvloop.run(serve(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
