"""A merchant in a temporary database, worked stage by stage through the real writer: what store tests stand on."""

import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.desk.cases import close_cases
from core.model.effects import Effect, EffectClass, EffectSpec, Outcome, Result
from core.model.lifecycle import CaseKind
from core.model.order import Batch, Line, OrderUpdate, Payment, PaymentKind, PlatformState, Refund, RefundState, Update
from core.pipeline import upkeep
from core.pipeline.attempts import NotOpened, OpenAttempts, Opened
from core.pipeline.ends import Came
from core.pipeline.gate import Gate, GatePass
from core.pipeline.intake import Intake, IntakeDone, IntakeItem
from core.pipeline.outcomes import Record
from core.pipeline.setup import Setup, ShopInfo
from core.store.engines import writer_engine
from core.store.migrate import migrate
from core.store.writer import Writer
from core.vault import imports
from core.vault.keyring import Keyring
from core.vault.plan import plan
from core.vault.seal import Vault

T0 = 1_790_000_000_000_000  # 2026-09-21, UTC microseconds


class ManualClock:
    """Time that moves only when told."""

    def __init__(self, now: int = T0) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def step(self, seconds: float) -> None:
        """Let time pass."""
        self.now += int(seconds * 1_000_000)


class Codes:
    """A catalogue in which the SKU is the product, except those that begin with ``?``."""

    hot: frozenset[str] = frozenset({"hot"})

    def product_of(self, shop: str, sku: str) -> str:
        return "" if sku.startswith("?") else sku

    def title_of(self, product: str) -> str:
        return product

    def is_hot(self, product: str) -> bool:
        return product in self.hot


MAIL = EffectSpec(Effect.SEND, EffectClass.A, "test")
DUMMY = EffectSpec(Effect.SHIP, EffectClass.A, "test")
VOUCHER = EffectSpec(Effect.SEND, EffectClass.B, "test", ships=True)
TOPUP = EffectSpec(Effect.SEND, EffectClass.C, "test")


def order(ext_id: str = "A1", *, paid: int | None = None, **changes: Any) -> OrderUpdate:
    """A snapshot of a one-line order of 10.00; ``paid`` adds one payment of that many minor units."""
    qty, total, sku = changes.pop("qty", 1), changes.pop("total", 1000), changes.pop("sku", "p1")
    fields: dict[str, Any] = {
        "rev": T0,
        "state": PlatformState.PAID if paid else PlatformState.UNPAID,
        "created_at": T0,
        "currency": "CNY",
        "lines": (Line(line="1", sku=sku, title="点卡 100", qty=qty, amount=total),),
        "contact": "buyer@example.com",
        "buyer": "b1",
        "raw": b"{}",
    }
    if paid:
        fields["payments"] = (pay(ext_id, paid),)
    fields.update(changes)
    return OrderUpdate(ext_id=ext_id, total=total, **fields)


def pay(ext_id: str, amount: int, txn: str = "", kind: PaymentKind = PaymentKind.CHARGE, **more: Any) -> Payment:
    """One fact about money."""
    txn = txn or f"txn-{ext_id}-{int(kind)}"
    fields = {"account": "acc", "currency": "CNY", "at": T0} | more
    return Payment(txn_id=txn, ext_id=ext_id, kind=kind, amount=amount, **fields)


def refund(ext_id: str, state: RefundState, amount: int = 1000, at: int = T0) -> Refund:
    """A refund request."""
    return Refund(refund_id=f"r-{ext_id}", ext_id=ext_id, state=state, amount=amount, reason="不想要了", at=at)


class Rig:
    """Shops 1 (keys by mail), 2 (keys through the platform, class B), 3 (a class C way)."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "keydesk.db"
        self.clock = ManualClock()
        self.vault = Vault(Keyring(os.urandom(32)))
        self.setup = Setup(Codes())
        for info in (
            ShopInfo(1, "mailshop", "taobao", "email", MAIL, DUMMY),
            ShopInfo(2, "pddshop", "pinduoduo", "pddshop", VOUCHER, None),
            ShopInfo(3, "topup", "other", "topup", TOPUP, DUMMY),
        ):
            self.setup.shops[info.id] = info
        self.intake, self.gate = Intake(self.setup), Gate(self.setup)
        self.opener, self.recorder = OpenAttempts(self.setup), Record(self.setup)
        self._names = itertools.count(1)

    async def __aenter__(self) -> "Rig":
        migrate(self.path)
        self.writer = Writer(self.path, self.clock)
        await self.writer.start("test")
        await self.writer.do(upkeep.register_shops, {"mailshop": "taobao", "pddshop": "pinduoduo", "topup": "other"})
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.writer.stop()

    async def stock(self, product: str, count: int) -> None:
        """Import fresh keys."""
        text = "\n".join(f"{product}-{next(self._names):08d}-KEY" for _ in range(count))
        await self.writer.do(self._import, (product, text.encode()))

    def _import(self, tx: Any, items: list[tuple[str, bytes]]) -> list[int]:
        for product, data in items:
            made = plan(tx, self.vault, product, "test.txt", data)
            made.seal(tx.new_ids(made.ids_needed()))
            imports.write(tx, made, "test")
        return [0] * len(items)

    async def pull(
        self, *updates: Update, shop: int = 1, cursor: str | None = "c", more: bool = False, places: int = 0
    ) -> IntakeDone:
        """Intake of one batch; ``places``: free places lent by the lane of the shop's keys."""
        lent = ((self.setup.shops[shop].send_lane, places),) if places else ()
        item = IntakeItem(shop, Batch(updates=updates, cursor=cursor, more=more), self.clock(), places=lent)
        return await self.writer.do(self.intake.apply, item)

    async def pass_gate(self, limit: int = 500) -> GatePass:
        """One gate pass."""
        return await self.writer.do(self.gate.apply, limit)

    async def open(self, intent: int) -> Opened | NotOpened:
        """Open an attempt."""
        return await self.writer.do(self.opener.apply, intent)

    async def come(
        self,
        intent: int,
        attempt: int,
        result: Result,
        asked: bool = False,
        place: bool = False,
        opened: Opened | None = None,
        **more: Any,
    ) -> bool | Opened:
        """Record an outcome; ``place``: the shop's own lane has lent one; ``opened``: the attempt is still at hand."""
        came = Came(intent, attempt, Outcome(result=result, why=more.pop("why", "test"), **more), asked, place, opened)
        return await self.writer.do(self.recorder.apply, came)

    async def deliver(self, intent: int) -> None:
        """One good attempt."""
        opened = await self.open(intent)
        assert isinstance(opened, Opened), opened
        assert await self.come(intent, opened.attempt, Result.CONFIRMED)

    async def all(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        """Read through the writer, so that it sees every commit."""

        def _read(tx: Any, items: list[Any]) -> list[Any]:
            return [tx.all(sql, params)] * len(items)

        return await self.writer.do(_read, None)

    async def one(self, sql: str, *params: Any) -> Any:
        """The first column of the first row."""
        rows = await self.all(sql, *params)
        return rows[0][0] if rows else None

    async def stage(self, ext_id: str = "A1") -> int:
        """The order's stage."""
        return int(await self.one("SELECT stage FROM orders WHERE ext_id = ?", ext_id))

    async def cases(self, ext_id: str = "A1") -> list[str]:
        """Kinds of the order's open cases."""
        rows = await self.all(
            "SELECT c.kind FROM case_ c JOIN orders o ON o.id = c.order_id WHERE o.ext_id = ? AND c.closed_at IS NULL "
            "ORDER BY c.kind",
            ext_id,
        )
        return [str(row[0]) for row in rows]

    async def intent(self, ext_id: str = "A1", effect: Effect = Effect.SEND) -> int:
        """The order's newest intent of this effect."""
        return int(
            await self.one(
                "SELECT i.id FROM intent i JOIN orders o ON o.id = i.order_id WHERE o.ext_id = ? AND i.effect = ? "
                "ORDER BY i.gen DESC",
                ext_id,
                int(effect),
            )
        )

    async def close(self, ext_id: str, kinds: Sequence[CaseKind]) -> None:
        """A person closes cases."""
        order_id = int(await self.one("SELECT id FROM orders WHERE ext_id = ?", ext_id))

        def _close(tx: Any, items: list[Any]) -> list[Any]:
            return [close_cases(tx, [order_id], set(kinds), "accepted", "me")] * len(items)

        await self.writer.do(_close, None)


def raw_connection(path: Path) -> Any:
    """A second connection, for tests that damage a database on purpose."""
    return writer_engine(path).connect()
