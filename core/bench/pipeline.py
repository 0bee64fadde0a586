"""``keydesk bench pipeline``: all five durable stages through the product's own writer, against the raw insert limit.

Included: rules, hash chain, key work, counters, events, intents and attempts. Excluded: HTTP and decoding. Stages run
in batches of a thousand, as they gather under load while the disk syncs. Either side ends each round by bringing its
write-ahead log home, so that no round pays for another's checkpoint.
"""

import os
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from core.bench.floor import RawInsert
from core.model.clock import now_us
from core.model.effects import Effect, EffectClass, EffectSpec, Outcome, Result
from core.model.order import Batch, Line, OrderUpdate, Payment, PaymentKind, PlatformState
from core.pipeline import upkeep
from core.pipeline.attempts import OpenAttempts, Opened
from core.pipeline.ends import Came
from core.pipeline.gate import Gate
from core.pipeline.intake import Intake, IntakeItem
from core.pipeline.outcomes import Record
from core.pipeline.setup import Rules, Setup, ShopInfo
from core.store.engines import writer_engine
from core.store.migrate import migrate
from core.store.writer import Writer
from core.tuning import tune
from core.vault import imports
from core.vault.keyring import Keyring
from core.vault.plan import plan
from core.vault.seal import Vault

BATCH = 1000
PRODUCTS = 20
OK = Outcome(result=Result.CONFIRMED, evidence={"status": 250, "message": "<20261124.1234567890@mail.example.com>"})


class _Codes:
    def product_of(self, shop: str, sku: str) -> str:
        return sku

    def title_of(self, product: str) -> str:
        return product

    def is_hot(self, product: str) -> bool:
        return product == "p0"


def setup(rules: Rules) -> Setup:
    """Two shops: one whose keys travel beside the platform and are written back, one that ships with the send."""
    made = Setup(_Codes(), rules=rules)
    mail = EffectSpec(Effect.SEND, EffectClass.A, "bench")
    voucher = EffectSpec(Effect.SEND, EffectClass.B, "bench", ships=True)
    ship = EffectSpec(Effect.SHIP, EffectClass.A, "bench")
    made.shops[1] = ShopInfo(1, "mail", "taobao", "email", mail, ship)
    made.shops[2] = ShopInfo(2, "voucher", "pinduoduo", "voucher", voucher, None)
    return made


def price_of(product: int) -> int:
    """Every product has its price, minor units: 10 to 675 yuan."""
    return 1000 + product * 3500


def batch_of(start: int, count: int, shop: int) -> Batch:
    """Paid orders with 600-byte payloads."""
    now = now_us()
    pad = b'{"pad":"' + b"x" * 580 + b'"}'
    updates = []
    for n in range(start, start + count):
        ext = f"{n:018d}"
        amount = price_of(n % PRODUCTS)
        line = Line(line="1", sku=f"p{n % PRODUCTS}", title="游戏点卡 100 点", qty=1, amount=amount)
        money = Payment(
            account="shop", txn_id=f"t{n}", ext_id=ext, kind=PaymentKind.CHARGE, amount=amount, currency="CNY", at=now
        )
        updates.append(
            OrderUpdate(
                ext_id=ext,
                rev=now,
                state=PlatformState.PAID,
                created_at=now,
                total=amount,
                currency="CNY",
                lines=(line,),
                buyer=f"u{n % 9973}" if shop == 1 else "",
                buyer_name="买家昵称",
                contact="buyer@example.com",
                paid_at=now,
                payments=(money,),
                raw=pad,
            )
        )
    return Batch(updates=tuple(updates), cursor=str(start), more=True)


class Pipeline:
    """The product's stages on one database."""

    def __init__(self, folder: Path, rules: Rules) -> None:
        self.path = folder / "pipeline.db"
        self.setup = setup(rules)
        self.writer = Writer(self.path)
        self.intake, self.gate = Intake(self.setup), Gate(self.setup)
        self.opener, self.recorder = OpenAttempts(self.setup), Record(self.setup)
        self.next = 1
        self.stage_cpu: dict[str, float] = {}

    async def start(self, keys: int) -> None:
        """Migrate, register, stock up."""
        migrate(self.path)
        await self.writer.start("bench")
        engine = writer_engine(self.path)
        self._settler: Any = engine.connect().connection.driver_connection
        shops: Mapping[str, str] = {"mail": "taobao", "voucher": "pinduoduo"}
        await self.writer.do(upkeep.register_shops, shops)
        vault = Vault(Keyring(os.urandom(32)))

        def _stock(tx: Any, items: list[int]) -> list[int]:
            for p in range(PRODUCTS):
                text = "\n".join(f"{p}-{i:012d}" for i in range(keys // PRODUCTS))
                made = plan(tx, vault, f"p{p}", "bench", text.encode())
                made.seal(tx.new_ids(made.ids_needed()))
                imports.write(tx, made, "bench")
            return items

        await self.writer.do(_stock, 0)

    async def _stage(self, name: str, work: Callable[[], Any]) -> Any:
        before = time.process_time()
        result = await work()
        self.stage_cpu[name] = self.stage_cpu.get(name, 0.0) + time.process_time() - before
        return result

    def make(self) -> list[IntakeItem]:
        """The next thousand orders, as pages of a hundred; made outside the measured time."""
        now = now_us()
        places = (("email", BATCH), ("voucher", BATCH))  # lanes with room, as they are until a platform is slow
        pages = [
            IntakeItem(1 + i % 2, batch_of(self.next + i * 100, 100, 1 + i % 2), now, places=places)
            for i in range(BATCH // 100)
        ]
        self.next += BATCH
        return pages

    async def run(self, pages: list[IntakeItem], orders: int = BATCH) -> int:
        """So many orders from page to written back; returns how many were delivered."""
        done = await self._stage("intake", lambda: self.writer.submit_many(self.intake.apply, pages))
        opened = [one for page in done for one in page.opened]
        if len(opened) < orders:
            await self._stage("gate", lambda: self.writer.submit(self.gate.apply, BATCH))
            opened += await self._stage("open", lambda: self._open(("email", "voucher")))
        ships = await self._stage("deliver", lambda: self._record(opened))
        if len(ships) < orders // 2:
            ships += await self._stage("open", lambda: self._open(("mail",)))
        await self._stage("write_back", lambda: self._record(ships))
        return len(opened)

    async def _open(self, lanes: tuple[str, ...]) -> list[Opened]:
        """Attempts for whatever did not open together with what made it due."""
        due = await self._due(lanes)
        answers = await self.writer.submit_many(self.opener.apply, due) if due else []
        return [one for one in answers if isinstance(one, Opened)]

    async def _record(self, opened: list[Opened]) -> list[Opened]:
        """All of them reached the other side; returns the write-backs that opened along with it."""
        came = [Came(one.intent, one.attempt, OK, place=True, opened=one) for one in opened]
        answers = await self.writer.submit_many(self.recorder.apply, came)
        if any(answer is False or isinstance(answer, Exception) for answer in answers):
            raise RuntimeError("an outcome was not taken")
        return [one for one in answers if isinstance(one, Opened)]

    def settle(self) -> None:
        """As the floor's: bring the write-ahead log home."""
        self._settler.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    async def _due(self, via: tuple[str, ...]) -> list[int]:
        def _read(tx: Any, items: list[Any]) -> list[list[int]]:
            found: list[int] = []
            for name in via:
                sql = "SELECT id FROM intent WHERE via = ? AND state IN (0, 4) AND next_at <= ? ORDER BY next_at, id LIMIT ?"
                found += [int(r[0]) for r in tx.all(sql, (name, tx.now, BATCH))]
            return [found]

        return await self.writer.do(_read, None)


async def measure(folder: Path, rules: Rules, rounds: int = 5, batches: int = 6) -> dict[str, Any]:
    """Interleaved rounds; medians. Figures are per second of this process' own CPU."""
    tune()  # as the core does
    raw, pipe = RawInsert(folder / "raw.db"), Pipeline(folder, rules)
    await pipe.start((rounds * batches + 2) * BATCH)
    await pipe.run(pipe.make())  # warm: statements prepared, pages cached
    raw.insert(raw.rows(BATCH))
    pipe.stage_cpu.clear()
    raw_rates, pipe_rates = [], []
    for _ in range(rounds):
        pages = [raw.rows(BATCH) for _ in range(batches * 2)]
        before = time.process_time()
        for rows in pages:
            raw.insert(rows)
        raw.settle()
        raw_rates.append(len(pages) * BATCH / (time.process_time() - before))
        work = [pipe.make() for _ in range(batches)]
        before = time.process_time()
        for page in work:
            done = await pipe.run(page)
            if done != BATCH:
                raise RuntimeError(f"{done} of {BATCH} orders were delivered")
        pipe.settle()
        pipe_rates.append(batches * BATCH / (time.process_time() - before))
    raw.close()
    await pipe.writer.stop()
    orders = rounds * batches * BATCH
    return {
        "rounds": rounds,
        "raw_rows_per_cpu_s": round(statistics.median(raw_rates)),
        "pipeline_orders_per_cpu_s": round(statistics.median(pipe_rates)),
        "pipeline_ratio": round(statistics.median(p / r for p, r in zip(pipe_rates, raw_rates, strict=True)), 3),
        "stage_us_per_order": {name: round(cpu / orders * 1e6, 1) for name, cpu in pipe.stage_cpu.items()},
    }
