"""The engine: puts writer, readers, shops, channels and stages together, and runs them until told to stop."""

import asyncio
import contextlib
from collections.abc import Coroutine, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import structlog

from core.desk.reads import Reader
from core.model.clock import Clock, now_us
from core.model.restock import Restock
from core.pipeline import purchases, restored, upkeep
from core.pipeline.bound_keys import SealedKey
from core.pipeline.chasing import Chaser
from core.pipeline.gate import Gate
from core.pipeline.gatekeeper import Gatekeeper
from core.pipeline.inbound import Door, HintReceiver
from core.pipeline.intake import Intake
from core.pipeline.lanes import ROOM, Lane
from core.pipeline.outcomes import left_open
from core.pipeline.paid_via import paid_via
from core.pipeline.pull import Puller
from core.pipeline.restock import Buyer
from core.pipeline.setup import Setup
from core.pipeline.silence import Silence
from core.pipeline.ways import info_of, retired
from core.ports import Channel, Gateway, Receiver, Shop, Stocker
from core.store.engines import reader_engine
from core.store.migrate import migrate
from core.store.tx import Touched, Tx
from core.store.writer import StoreError, StoreFull, Writer
from core.vault.pickup import PickupLinks
from core.vault.seal import KeyRow, Vault

log = structlog.get_logger("engine")
DRAIN_S = 10.0
NEVER_FRESH = -(2**55)  # us; so long ago that even news of this moment is too old
BOOKED = (
    "SELECT coalesce(sum(p.amount), 0) FROM shop s JOIN orders o ON o.shop = s.id JOIN payment p ON p.order_id = o.id "
    "WHERE s.name = ? AND o.ext_id = ? AND p.account = ? AND p.kind = 0"
)


def refuse_shared(shops: Mapping[str, Shop], gateways: Mapping[str, Gateway]) -> None:
    """One gateway pays one shop, and one account of a provider is one gateway.

    Otherwise one payment could be told twice, to two shops whose order numbers happen to meet. Raises ValueError.
    """
    held: dict[str, str] = {}
    for shop, gateway in gateways.items():
        if gateway.name in shops:
            raise ValueError(f"a shop and a payment gateway are both called {gateway.name}; their addresses would meet")
        for word in (f"name {gateway.name}", f"account {gateway.account}"):
            if word in held:
                raise ValueError(
                    f"shops {held[word]} and {shop} would be paid by one payment account ({gateway.name}); "
                    "give each shop an application or merchant number of its own"
                )
            held[word] = shop


class Engine:
    """One merchant's machine. ``start`` returns when it works; ``wait`` until it must stop; ``stop`` ends it cleanly."""

    def __init__(
        self,
        database: Path,
        setup: Setup,
        vault: Vault,
        shops: Mapping[str, Shop],
        channels: Mapping[str, Channel],
        language: str = "zh_CN",
        clock: Clock = now_us,
        version: str = "",
        gateways: Mapping[str, Gateway] = MappingProxyType({}),
        pickup_url: str = "",
        stockers: Mapping[str, Stocker] = MappingProxyType({}),
    ) -> None:
        """``gateways``: by the name of the shop that each pays. ``pickup_url``: the pick-up page as buyers reach it.
        ``stockers``: suppliers whom keys are bought from when they run short.

        Raises ValueError as ``refuse_shared`` does.
        """
        refuse_shared(shops, gateways)
        self.database, self.setup, self.vault = database, setup, vault
        self.gateways, self.channels, self.stockers = dict(gateways), dict(channels), dict(stockers)
        self.shops = {
            name: paid_via(shop, gateways[name], partial(self._booked, name)) if name in gateways else shop
            for name, shop in shops.items()
        }
        self.clock, self.language, self.version = clock, language, version
        self.links = PickupLinks(vault.keyring, pickup_url) if pickup_url else None
        self.writer = Writer(database, clock)
        self.pullers: dict[int, Puller] = {}
        self.doors: dict[str, Door] = {}
        self.chasers: list[Chaser] = []
        self.lanes: dict[str, Lane] = {}
        self.failure: StoreError | None = None
        self._fresh_us = setup.fresh_us
        self.held_since = 0  # UTC us of a restore after which nothing is bound or sent until a person says so
        self._stop = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []
        self._works: set[asyncio.Task[None]] = set()

    async def start(self, holder: str) -> int:
        """Migrate, take the lead, resolve what the last core left open, start all loops. Returns the epoch."""
        migrate(self.database)
        epoch = await self.writer.start(holder)
        self.writer.on_fatal = self._on_fatal
        self.readers = reader_engine(self.database)
        self.silence = Silence(self.setup, self.writer, Reader(self.readers), self.clock, self._well)
        await self.writer.do(upkeep.started, self.version)
        platforms: Mapping[str, str] = {s.name: s.platform for s in self.shops.values()}
        numbers = await self.writer.do(upkeep.register_shops, platforms)
        for shop in self.shops.values():
            self.setup.shops[numbers[shop.name]] = info_of(numbers[shop.name], shop, self.channels)
        await self._retire(numbers)
        await self.writer.do(upkeep.mark_master_key, self.vault.keyring.mark)
        await self.writer.do(upkeep.keep_shops, frozenset(numbers[name] for name in self.shops))
        reopened = await self.writer.do(self._reopen, None)
        if reopened:
            log.warning("restored_effects_in_question", count=reopened)
        self.held_since = await self.writer.do(restored.held, None)
        if self.held_since:
            # Neither intake, nor the gate, nor an attempt takes news that is not fresh: their own checks hold it all.
            self._fresh_us, self.setup.fresh_us = self.setup.fresh_us, NEVER_FRESH
            log.warning("sends_held", why="restored from a copy; they begin with: keydesk core go")
        await self.silence.load()
        await self.writer.do(purchases.left_open, None)
        left = await self.writer.do(self._left_open, None)
        if left:
            log.warning("attempts_left_open", count=left)
        self._wire(numbers)
        await self._run_loops()
        return epoch

    async def _retire(self, numbers: Mapping[str, int]) -> None:
        """Shops of the database that are not configured any more keep their orders; nothing is sent for them."""
        known = set(self.setup.shops)
        async with self.readers.connect() as connection:
            rows: Sequence[Any] = (await connection.exec_driver_sql("SELECT id, name, platform FROM shop")).all()
        for number, name, platform in rows:
            if int(number) not in known:
                self.setup.shops[int(number)] = retired(int(number), str(name), str(platform))

    def _left_open(self, tx: Tx, items: list[None]) -> list[int]:
        return [left_open(tx, self.setup)] * len(items)

    def _reopen(self, tx: Tx, items: list[None]) -> list[int]:
        return [restored.reopen(tx, self.setup)] * len(items)

    async def go(self, by: str, reason: str) -> bool:
        """Begin to bind and send after a restore; False when that was not waited for."""
        waited = await self.writer.do(restored.go, restored.Go(by, reason))
        if waited and self.held_since:
            self.held_since, self.setup.fresh_us = 0, self._fresh_us
            self._run_sends()
        return waited

    def _wire(self, numbers: Mapping[str, int]) -> None:
        intake = Intake(self.setup)
        self.intake = intake
        for shop in self.shops.values():
            number = numbers[shop.name]
            puller = self.pullers[number] = Puller(number, shop, self.writer, intake, self.clock)
            self._open_door(shop.name, shop if isinstance(shop, Receiver) else HintReceiver(shop), puller)
            if shop.name in self.gateways:
                self._open_door(self.gateways[shop.name].name, self.gateways[shop.name], puller)
        self.gatekeeper = Gatekeeper(Gate(self.setup), self.writer, self.pullers, self.spawn)
        self.lanes = {
            name: Lane(
                name,
                way,
                self.setup,
                self.writer,
                self.readers,
                self.open_key,
                self.clock,
                self.language,
                self.spawn,
                self.reread,
                lambda shop: self.lanes.get(shop),
                room=min(ROOM, getattr(way, "room", ROOM)),
                links=self.links,
            )
            for name, way in {**self.channels, **self.shops}.items()
        }
        for puller in self.pullers.values():
            puller.lane = self.lanes[self.setup.shops[puller.shop_id].send_lane]
        reader = Reader(self.readers)
        self.buyer = Buyer(self.stockers, self._wishes, self.vault, self.writer, reader, self.clock)
        self.writer.on_touched.append(self._on_touched)

    def _open_door(self, name: str, receiver: Receiver, puller: Puller) -> None:
        self.doors[name] = Door(name, receiver, puller, self.writer, self.intake, self.readers, self.clock)

    async def _run_loops(self) -> None:
        async with self.readers.connect() as connection:
            rows: Sequence[Any] = (await connection.exec_driver_sql("SELECT shop, value FROM cursor")).all()
        cursors = {int(shop): value for shop, value in rows}
        for number, puller in self.pullers.items():
            self._loop(puller.run(cursors.get(number)), f"pull:{puller.shop.name}")
        for shop, gateway in self.gateways.items():
            number = next(n for n, puller in self.pullers.items() if puller.shop.name == shop)
            chaser = Chaser(number, gateway, self.writer, self.intake, self.readers, self.clock)
            self.chasers.append(chaser)
            self._loop(chaser.run(), f"chase:{gateway.name}")
        if not self.held_since:
            self._run_sends()
        self._loop(self._upkeep(), "upkeep")
        self._loop(self.silence.run(), "silence")

    def _run_sends(self) -> None:
        self._loop(self.gatekeeper.run(), "gate")
        if self.stockers:
            self._loop(self.buyer.run(), "purchases")
        for lane in self.lanes.values():
            self._loop(lane.run(), f"lane:{lane.name}")

    async def release_shop(self, shop: int, by: str, reason: str) -> bool:
        """A person lets a silent shop go on; False when it was not stopped."""
        return await self.silence.release(shop, by, reason)

    def _well(self, shop: int) -> bool:
        """Whether this shop's pulls, and the account that pays it, work now."""
        chasers = [chaser.health for chaser in self.chasers if chaser.shop_id == shop]
        return shop in self.pullers and all(h.state == "ok" for h in (self.pullers[shop].health, *chasers))

    async def _booked(self, shop: str, ext_id: str) -> int:
        """What was booked as charged through the shop's gateway for this order, minor units."""
        if not self.writer.epoch:
            return 0  # not started, as when a shop is only tried out
        async with self.readers.connect() as connection:
            row = (await connection.exec_driver_sql(BOOKED, (shop, ext_id, self.gateways[shop].name))).one()
        return int(row[0])

    def _loop(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._on_loop_end)
        self._loops.append(task)

    def _on_loop_end(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or self._stop.is_set():
            return
        error = task.exception()
        log.error("loop_ended", loop=task.get_name(), error=repr(error))
        if self.failure is None:
            self.failure = (
                error if isinstance(error, StoreError) else StoreError(f"the {task.get_name()} loop ended: {error!r}")
            )
        self._stop.set()

    async def _upkeep(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            with contextlib.suppress(StoreFull):  # nothing is lost by doing it later
                await self.writer.do(upkeep.expire, None)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a piece of work that ``stop`` waits for."""
        task = asyncio.create_task(work)
        self._works.add(task)
        task.add_done_callback(self._on_work_end)
        return task

    def _on_work_end(self, task: asyncio.Task[None]) -> None:
        self._works.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not self._stop.is_set():
            log.error("work_failed", error=repr(error))

    def reread(self, shop: int, ext_id: str) -> "asyncio.Future[bool] | None":
        """Ask the shop how this order stands; nothing happens for a shop that is not configured (None). Else the answer
        comes true when news of it is stored."""
        return self.pullers[shop].refresh(ext_id, self.spawn) if shop in self.pullers else None

    def open_key(self, key: SealedKey) -> str:
        """The plain key; the only place where the machine opens one."""
        return self.vault.open_key(KeyRow(key.id, key.product, key.batch, key.sealed, key.dek))

    def _wishes(self) -> Sequence[Restock]:
        found: Sequence[Restock] = getattr(self.setup.catalogue, "restocks", ())
        return found

    def _on_touched(self, touched: Touched) -> None:
        if "stock" in touched.wake:
            self.buyer.wake()
        if "gate" in touched.wake:
            self.gatekeeper.wake()
        if "effects" in touched.wake:
            for lane in self.lanes.values():
                lane.wake()

    def _on_fatal(self, error: StoreError) -> None:
        self.failure = error
        self._stop.set()

    def ask_stop(self) -> None:
        """Begin the end; ``wait`` returns."""
        self._stop.set()

    async def wait(self) -> None:
        """Until asked to stop or unable to go on (then ``failure`` says why)."""
        await self._stop.wait()

    async def stop(self) -> None:
        """Stop taking work, let calls under way finish and be recorded, close everything."""
        self._stop.set()
        for lane in self.lanes.values():
            lane.shut()
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        with contextlib.suppress(StoreError):
            await self.writer.do(_nothing, None)  # what was under way is committed; its attempts are works by now
        if self._works:
            await asyncio.wait(self._works, timeout=DRAIN_S)
        for task in list(self._works):
            task.cancel()
        await asyncio.gather(*self._works, return_exceptions=True)
        for way in (*self.shops.values(), *self.channels.values()):
            await way.close()
        for stocker in self.stockers.values():
            await stocker.close()
        await self.writer.stop()
        await self.readers.dispose()


def _nothing(_tx: Tx, items: list[None]) -> list[None]:
    return items
