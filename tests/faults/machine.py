"""A whole core with Taobao shops on scripted routers and a real mailbox: what fault tests break on purpose."""

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from connectors.registry import build_channel, build_shop
from core.engine import Engine
from core.model.clock import SECOND, now_us, to_text
from core.model.effects import Effect
from core.pipeline.pull import Health
from core.pipeline.setup import Setup
from core.vault import imports
from core.vault.keyring import Keyring
from core.vault.plan import plan
from core.vault.seal import Vault
from tests.connectors.kit import Json, load
from tests.connectors.server import Answer, Scripted
from tests.connectors.test_email import Mailbox
from tests.connectors.test_taobao_shop import SECRET, SHIPPED, Router
from tests.rig import Codes

LIST = "taobao.trades.sold.increment.get"
PRODUCT = "STEAM-50"  # the SKU of the sample trade


class TradeRouter(Router):
    """A router whose trades live: shown alone by number, and shipped when the desk says so."""

    def __init__(self) -> None:
        super().__init__()
        self.override["taobao.trade.fullinfo.get"] = self._detail
        self.override["taobao.logistics.dummy.send"] = self._ship

    def _find(self, tid: str) -> Json:
        return next(row for row in self.trades if str(row["tid"]) == tid)

    def _detail(self, form: dict[str, str]) -> Answer | Json:
        return {"trade_fullinfo_get_response": {"trade": self._find(form["tid"]), "request_id": "r"}}

    def _ship(self, form: dict[str, str]) -> Answer | Json:
        row = self._find(form["tid"])
        row["status"] = row["orders"]["order"][0]["status"] = "WAIT_BUYER_CONFIRM_GOODS"
        row["modified"] = stamp()
        return SHIPPED


def stamp(ago: float = 0) -> str:
    """Beijing text of so many seconds ago."""
    return to_text(now_us() - int(ago * SECOND))


def trade(tid: int, **changes: Any) -> Json:
    """A paid trade of one piece, changed a moment ago."""
    row = load("taobao_trade")
    row |= {"tid": tid, "tid_str": str(tid), "created": stamp(60), "pay_time": stamp(30), "modified": stamp(1)}
    row |= {"payment": "21.00", "buyer_message": f"buyer{tid}@example.com", "buyer_open_uid": f"uid{tid}"}
    piece = {"oid": tid * 10, "num": 1, "total_fee": "21.00", "payment": "21.00", "divide_order_fee": "21.00"}
    row["orders"]["order"][0] |= piece | {"timeout_action_time": stamp(-86_400)}
    return row | changes


def page(*rows: Json | bytes, count: bool = True) -> bytes:
    """The body of one list page, of rows as they are or as raw bytes."""
    raw = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    end = b'"total_results":%d' % len(raw) if count else b'"has_next":false'
    return b'{"trades_sold_increment_get_response":{"trades":{"trade":[' + b",".join(raw) + b"]}," + end + b"}}"


class Machine:
    """``async with Machine(folder, "good", "bad") as m``: routers by shop name, one mailbox, one engine at work."""

    def __init__(self, folder: Path, *names: str, stock: int = 10) -> None:
        self.database, self.names, self._stock = folder / "keydesk.db", names, stock
        self.routers = {name: TradeRouter() for name in names}
        self.box = Mailbox()
        self.vault = Vault(Keyring(os.urandom(32)))

    async def __aenter__(self) -> "Machine":
        async with AsyncExitStack() as stack:
            self.servers = {name: await stack.enter_async_context(Scripted(self.routers[name])) for name in self.names}
            mail = await asyncio.get_running_loop().create_server(self.box.factory, "127.0.0.1", 0)
            stack.callback(mail.close)
            port = str(mail.sockets[0].getsockname()[1])
            way = {"kind": "smtp", "host": "127.0.0.1", "port": port, "from": "keys@shop.example.com"}
            shops = {name: build_shop(name, self._options(name), now_us) for name in self.names}
            channels = {"email": build_channel("email", way, now_us)}
            self.engine = Engine(self.database, Setup(Codes()), self.vault, shops, channels)
            stack.push_async_callback(self.engine.stop)
            await self.engine.start("test")
            await self.engine.writer.do(self._import, self._stock)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()
        assert self.engine.failure is None, "the core must outlive every bad input"

    def _options(self, name: str) -> dict[str, str]:
        return {
            "platform": "taobao",
            "url": f"{self.servers[name].url}/router/rest",
            "app_key": "12345678",
            "secret": SECRET,
            "session": "6100test",
            "start_days": "0.01",
            "poll_seconds": "0.05",
        }

    def _import(self, tx: Any, items: list[int]) -> list[int]:
        for count in items:
            text = "\n".join(f"STEAM-{n:08d}-KEY" for n in range(count))
            made = plan(tx, self.vault, PRODUCT, "test.txt", text.encode())
            made.seal(tx.new_ids(made.ids_needed()))
            imports.write(tx, made, "test")
        return [0] * len(items)

    async def all(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        """Rows as last committed; a full disk does not stop readers."""
        async with self.engine.readers.connect() as connection:
            return [tuple(row) for row in await connection.exec_driver_sql(sql, params)]

    async def one(self, sql: str, *params: Any) -> Any:
        """The first column of the first row."""
        rows = await self.all(sql, *params)
        return rows[0][0] if rows else None

    def health(self, shop: str) -> Health:
        """How a shop's intake is doing."""
        return next(p.health for p in self.engine.pullers.values() if p.shop.name == shop)

    async def until(self, done: Callable[[], Awaitable[bool] | bool], seconds: float = 20) -> None:
        """Poll until it holds; fails the test after the deadline."""
        deadline = time.monotonic() + seconds
        while True:
            held = done()
            if held is True or (not isinstance(held, bool) and await held):
                return
            assert time.monotonic() < deadline, f"not within {seconds} s: {done}"
            assert self.engine.failure is None, self.engine.failure
            await asyncio.sleep(0.02)

    async def delivered(self) -> set[str]:
        """Orders whose keys went out and were recorded."""
        rows = await self.all(
            "SELECT o.ext_id FROM orders o JOIN intent i ON i.order_id = o.id JOIN attempt a ON a.intent_id = i.id "
            "WHERE i.effect = ? AND a.result = 'confirmed'",
            int(Effect.SEND),
        )
        return {str(row[0]) for row in rows}

    async def reach(self, *ext_ids: str, seconds: float = 20) -> None:
        """Until exactly these orders are delivered."""

        async def _all() -> bool:
            return set(ext_ids) <= await self.delivered()

        await self.until(_all, seconds)
        assert await self.delivered() == set(ext_ids)

    async def quarantined(self) -> list[tuple[Any, ...]]:
        """(order, field, why) of what waits in quarantine."""
        return await self.all("SELECT ext_id, field, why FROM quarantine WHERE resolved_at IS NULL ORDER BY ext_id")

    def mailed(self) -> list[str]:
        """Orders of all mails that the mailbox took, in order of arrival."""
        return [str(mail["x-order-ref"]).partition("/")[2] for mail in self.box.mails]
