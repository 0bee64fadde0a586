"""A shop whose paid orders stop although orders come in: told, and no key is bound for it until that is looked at.

When a platform changes what it says of payment, or something between shows everything as unpaid, pulls succeed and
nothing looks wrong. So each shop is held against its own history. It is *silent* when all of this is so:

- its pulls (and its payment account) have worked through the last ``Setup.silence_minutes``;
- in that time it delivered nothing, no payment was booked for it, at least ``UNPAID`` orders of it came in, and every
  one of them is unpaid;
- in the same minutes of the day it delivered at least ``USUAL`` orders on at least ``DAYS_NEEDED`` of the last ``DAYS``.

Silent shops are kept in ``meta``, so a restart forgets none. Their orders get a hold at the gate. A person lifts the hold
of one order or of the shop; the shop goes on by itself when ``AGAIN`` payments came within the span. After a person's
word it is not stopped again before a payment came or a day went by.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
import structlog
from msgspec import Struct
from msgspec.structs import replace

from core.desk.holds import HoldRow, lift_holds, open_holds
from core.desk.reads import Reads
from core.model.clock import HOUR, MINUTE, Clock
from core.model.ids import first_id
from core.model.lifecycle import EventKind, HoldReason
from core.model.order import PlatformState
from core.pipeline.setup import Setup
from core.store.tx import Tx, as_json
from core.store.writer import StoreFull, Writer

log = structlog.get_logger("silence")
DAYS: Final = 7
DAYS_NEEDED: Final = 5
USUAL: Final = 10  # delivered orders in the span: by chance, such a shop is silent in one span of 20,000
UNPAID: Final = 10  # orders in the span
AGAIN: Final = 3  # payments in the span
LOOK_S: Final = 60.0
QUIET_US: Final = 24 * HOUR  # after a person's word
MARK: Final = "silent:"  # meta rows: silent:<shop>
NOTE: Final = "no paid order came from its shop for too long"

MARKS: Final = "SELECT name, value FROM meta WHERE name >= ? AND name < ?"
# Minutes by their key, orders and payments by ids, which are times: only rows of the span are read.
MINUTES: Final = "SELECT shop, sum(received), sum(delivered) FROM minute WHERE at >= ? AND at < ? GROUP BY shop"
CAME: Final = (
    f"SELECT count(*), sum(pstate = {int(PlatformState.UNPAID)} AND paid = 0) FROM orders WHERE id >= ? AND +shop = ?"
)
BOOKED: Final = f"SELECT 1 FROM payment WHERE id >= ? AND +shop = ? AND kind = 0 LIMIT {AGAIN}"
HELD: Final = "SELECT h.order_id, o.shop FROM hold h JOIN orders o ON o.id = h.order_id WHERE h.lifted_at IS NULL AND h.reason = ?"
LET_GO: Final = (
    "SELECT h.order_id, h.at FROM json_each(?) j CROSS JOIN hold h ON h.order_id = j.value "
    "WHERE h.reason = ? AND h.lifted_at IS NOT NULL"
)


class Stop(Struct, frozen=True):
    """One silent shop. ``since`` and ``released`` in UTC us; with ``released`` it only keeps it from being stopped anew."""

    since: int
    unpaid: int
    usual: int
    released: int = 0


class Word(Struct, frozen=True):
    """A change: ``stop`` to begin one, None to end it. ``quiet``: a person ended it, and is not asked again at once."""

    shop: int
    by: str
    stop: Stop | None = None
    reason: str = ""
    quiet: bool = False


def held_back(tx: Tx, stopped: Mapping[int, int], picked: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Of orders that the gate picked (id, shop, contact): those it may take.

    The others get a hold, but for those that a person has let go since their shop was stopped (UTC us by shop).
    """
    waits = {int(row[0]): int(row[1]) for row in picked if row[1] in stopped}
    if not waits:
        return list(picked)
    for order_id, at in tx.all(LET_GO, (as_json(waits), HoldReason.SILENT.value)):
        if order_id in waits and at >= stopped[waits[order_id]]:
            del waits[order_id]
    open_holds(tx, [HoldRow(order_id, HoldReason.SILENT, "core", NOTE) for order_id in waits])
    return [row for row in picked if row[0] not in waits]


class Silence:
    """``load`` before the gate runs, then ``run``. ``well``: whether a shop's pulls and payment account work now."""

    def __init__(self, setup: Setup, writer: Writer, reads: Reads, clock: Clock, well: Callable[[int], bool]) -> None:
        self._setup, self._writer, self._reads, self._clock, self._well = setup, writer, reads, clock, well
        self._kept: dict[int, Stop] = {}
        self._well_since: dict[int, int] = {}

    async def load(self) -> None:
        """Take up what an earlier core stopped; with the setting at 0, end it."""
        await self._writer.do(self._load, None)

    async def run(self) -> None:
        """Look once a minute, for ever; not at all with the setting at 0."""
        while True:
            if self._setup.silence_minutes:
                with contextlib.suppress(StoreFull):  # the next look finds the same
                    await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """One look at every shop."""
        now, span = self._clock(), self._setup.silence_minutes * MINUTE
        for shop in self._setup.shops:
            if self._well(shop):
                self._well_since.setdefault(shop, now)
            else:
                self._well_since.pop(shop, None)
        for shop, stop in list(self._kept.items()):
            if not stop.released and await self._booked(shop, max(stop.since, now - span)) >= AGAIN:
                await self._say(Word(shop, "core", reason="paid orders come again"))
            elif stop.released and (
                now - stop.released >= QUIET_US or await self._booked(shop, max(stop.released, now - span))
            ):
                await self._say(Word(shop, "core"))
        recent = await self._minutes(now - span, now + MINUTE)
        for shop, since in list(self._well_since.items()):
            received, delivered = recent.get(shop, (0, 0))
            if shop not in self._kept and now - since >= span and received >= UNPAID and not delivered:
                await self._judge(shop, now, span)

    async def _judge(self, shop: int, now: int, span: int) -> None:
        if await self._booked(shop, now - span):
            return
        ((came, unpaid),) = await self._reads.all(CAME, (first_id(now - span), shop))
        if came < UNPAID or came != unpaid:
            return
        days = [(await self._minutes(now - day - span, now - day)).get(shop, (0, 0))[1] for day in _LAST_DAYS]
        usual = sorted(days)[-DAYS_NEEDED]
        if usual >= USUAL:
            await self._say(Word(shop, "core", Stop(now, int(unpaid), usual)))
            log.warning("shop_silent", shop=self._name(shop), unpaid=int(unpaid), usual=usual)

    async def release(self, shop: int, by: str, reason: str) -> bool:
        """A person lets the shop go on; False when it was not stopped. Raises StoreError."""
        return await self._say(Word(shop, by, reason=reason, quiet=True))

    async def _booked(self, shop: int, since: int) -> int:
        """Payments of the shop since then, ``AGAIN`` at most."""
        return len(await self._reads.all(BOOKED, (first_id(since), shop)))

    async def _minutes(self, since: int, until: int) -> dict[int, tuple[int, int]]:
        """Received and delivered by shop."""
        rows = await self._reads.all(MINUTES, (since // MINUTE, until // MINUTE))
        return {int(shop): (int(received), int(delivered)) for shop, received, delivered in rows}

    async def _say(self, word: Word) -> bool:
        try:
            return await self._writer.do(self.apply, word)
        except Exception:
            # It was rolled back: the gate must go by what is stored, not by what was tried.
            self._take(await self._reads.all(MARKS, (MARK, MARK + "~")))
            raise

    def _take(self, rows: Sequence[tuple[Any, ...]]) -> None:
        self._kept = {int(str(n).removeprefix(MARK)): msgspec.json.decode(value, type=Stop) for n, value in rows}
        self._setup.stopped = {shop: stop.since for shop, stop in self._kept.items() if not stop.released}

    # ---- in the writer's thread, where the gate runs too: what it goes by is changed before it runs next

    def _load(self, tx: Tx, items: list[None]) -> list[None]:
        if not self._setup.silence_minutes:
            tx.run("DELETE FROM meta WHERE name >= ? AND name < ?", (MARK, MARK + "~"))
        self._take(tx.all(MARKS, (MARK, MARK + "~")))
        _lift(tx, lambda shop: shop not in self._setup.stopped, "core")
        return items

    def apply(self, tx: Tx, items: list[Word]) -> list[bool]:
        """Writer handler: begin or end stops; False where nothing was to be ended."""
        return [self._apply(tx, word) for word in items]

    def _apply(self, tx: Tx, word: Word) -> bool:
        name = f"{MARK}{word.shop}"
        row = tx.one("SELECT value FROM meta WHERE name = ?", (name,))
        old = msgspec.json.decode(row[0], type=Stop) if row is not None else None
        stopped = old is not None and not old.released
        if word.stop is None and (old is None or (word.quiet and not stopped)):
            return False
        about = {"reason": HoldReason.SILENT.value, "shop": self._name(word.shop)}
        if word.stop is not None:
            _put(tx, name, word.stop)
            tx.event(EventKind.HELD, 0, word.by, {**about, "unpaid": word.stop.unpaid, "usual": word.stop.usual})
        elif old is not None and word.quiet:
            _put(tx, name, replace(old, released=tx.now))
        else:
            tx.run("DELETE FROM meta WHERE name = ?", (name,))
        if word.stop is None and stopped:
            count = _lift(tx, lambda shop: shop == word.shop, word.by)
            tx.event(EventKind.HOLD_LIFTED, 0, word.by, {**about, "why": word.reason, "orders": count})
        self._take(tx.all(MARKS, (MARK, MARK + "~")))
        return True

    def _name(self, shop: int) -> str:
        info = self._setup.shops.get(shop)
        return info.name if info is not None else str(shop)


_LAST_DAYS: Final = [day * 24 * HOUR for day in range(1, DAYS + 1)]


def _lift(tx: Tx, whose: Callable[[int], bool], by: str) -> int:
    ids = [int(order) for order, shop in tx.all(HELD, (HoldReason.SILENT.value,)) if whose(int(shop))]
    return len(lift_holds(tx, ids, {HoldReason.SILENT}, by))


def _put(tx: Tx, name: str, stop: Stop) -> None:
    tx.run(
        "INSERT INTO meta(name, value) VALUES(?, ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value",
        (name, msgspec.json.encode(stop).decode()),
    )
