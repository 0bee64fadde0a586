"""Replay: what was set aside as unreadable is read again by the shop's present mapping, and taken in where that succeeds.

Nothing of it counts as news: it is taken in as of the time at which it was set aside, so the gate reads the order anew
before a key moves, and a newer snapshot that is known already stays. What still cannot be read stays where it is, as it
was.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import structlog
from msgspec import Struct
from msgspec.structs import replace

from core.desk.cases import close_cases
from core.desk.reads import Reads
from core.model.clock import HOUR, Clock
from core.model.lifecycle import CaseKind, EventKind
from core.model.order import Batch, OrderUpdate, Quarantined, Update
from core.pipeline.intake import Intake, IntakeItem
from core.pipeline.known import KnownOrders
from core.pipeline.paid_via import PaidVia, without_money
from core.pipeline.setup import Setup
from core.ports import ConnectorError, Remapper, Shop
from core.store.tx import Tx
from core.store.writer import StoreError, Writer

log = structlog.get_logger("replay")
OLD_US: Final = 25 * HOUR  # older than ``core.fresh_seconds`` can be
PAGE_MAX: Final = 50  # items a page: each may ask a platform
OPEN: Final = (
    "SELECT id, shop, ext_id, field, why, raw, at FROM quarantine WHERE resolved_at IS NULL AND id > ? "
    "AND (? IS NULL OR shop = ?) ORDER BY id LIMIT ?"
)
CLOSES: Final = frozenset({CaseKind.POISON_PAYLOAD, CaseKind.UNIT_SUSPECT, CaseKind.PRICE_MISMATCH})


class Came(StrEnum):
    """What became of one item."""

    TAKEN = "taken"  # readable; taken in, or would be (dry run)
    STILL = "still"  # not understood by the present mapping either
    GONE = "gone"  # somebody, or a newer reading, resolved it meanwhile
    NO_WAY = "no_way"  # this connector cannot read again, or the shop is not set up
    FAILED = "failed"  # its shop or the store did not do its part; try again


class Told(Struct, frozen=True):
    """One item of the report. ``why`` names fields and never quotes the payload."""

    id: int
    shop: str
    ext_id: str
    field: str
    at: int
    came: Came
    why: str = ""
    took: int = 0  # updates


class Page(Struct, frozen=True):
    """Up to ``PAGE_MAX`` items, oldest first, and where to go on; ``after`` None at the end."""

    items: list[Told]
    after: int | None


class _Replayed(Struct, frozen=True):
    row: int
    shop: int
    ext_id: str
    field: str
    updates: tuple[Update, ...]
    seen_at: int
    by: str


class _AsOfThen(Intake):
    """Intake of the past: it answers for the replayed item alone, not for all that was ever set aside of its order."""

    def _heal(self, tx: Tx, orders: dict[tuple[int, str], Any]) -> None:
        pass


class Replayer:
    """``page`` after page through what is set aside."""

    def __init__(self, shops: Mapping[int, Shop], setup: Setup, writer: Writer, reads: Reads, clock: Clock) -> None:
        self._shops, self._setup, self._writer, self._reads, self._clock = shops, setup, writer, reads, clock
        self._intake = _AsOfThen(setup)

    async def page(self, by: str, shop: int | None, after: int, limit: int, dry: bool) -> Page:
        """Read the next items again; with ``dry`` nothing is taken in. Raises StoreError."""
        limit = min(limit, PAGE_MAX)
        rows = await self._reads.all(OPEN, (after, shop, shop, limit))
        told = [await self._one(by, row, dry) for row in rows]
        return Page(told, int(rows[-1][0]) if len(rows) == limit else None)

    async def _one(self, by: str, row: Sequence[Any], dry: bool) -> Told:
        number, shop, ext_id, field, why, raw, at = row
        info = self._setup.shops.get(shop)
        told = Told(number, info.name if info else f"shop {shop}", ext_id, field, at, Came.STILL)
        kept = Quarantined(ext_id=ext_id, field=field, why=why, raw=bytes(raw))
        try:
            made = await self._mapped(shop, kept, at)
        except ConnectorError as error:
            return replace(told, came=Came.FAILED, why=f"the shop was asked: {error.kind}")
        except Exception as error:  # a connector's own mistake: the others are read all the same
            log.error("remap_raised", shop=told.shop, why=type(error).__name__)
            return replace(told, came=Came.FAILED, why=f"the connector failed: {type(error).__name__}")
        if isinstance(made, str):
            return replace(told, came=Came.NO_WAY, why=made)
        why = _hindrance(kept, made)
        if why:
            return replace(told, why=why)
        if not dry:
            try:
                item = _Replayed(number, shop, ext_id, field, made, self._seen_at(at), by)
                if not await self._writer.do(self.apply, item):
                    return replace(told, came=Came.GONE)
            except StoreError:
                raise
            except Exception as error:  # rolled back whole, by itself
                log.error("replay_failed", shop=told.shop, why=type(error).__name__)
                return replace(told, came=Came.FAILED, why=f"intake failed: {type(error).__name__}")
        return replace(told, came=Came.TAKEN, took=len(made))

    async def _mapped(self, number: int, kept: Quarantined, at: int) -> tuple[Update, ...] | str:
        """The updates, or why there is no way to any."""
        shop = self._shops.get(number)
        if shop is None:
            return "its shop is not in the settings"
        inner = shop.shop if isinstance(shop, PaidVia) else shop
        if not isinstance(inner, Remapper):
            return f"the {inner.platform} connector cannot read again what was set aside"
        if not kept.raw:
            return "no payload was kept"
        if inner is shop:
            return await inner.remap(kept, at)
        if kept.field == "payments":
            return "shop and payment account contradict each other: a person's to settle"
        return without_money(await inner.remap(kept, at))

    def _seen_at(self, at: int) -> int:
        """Never fresh enough for the gate, however short ago it was set aside."""
        return min(at, self._clock() - OLD_US)

    def apply(self, tx: Tx, items: list[_Replayed]) -> list[bool]:
        """Writer handler: take each in and resolve its row; False where that was resolved already."""
        return [self._apply(tx, item) for item in items]

    def _apply(self, tx: Tx, item: _Replayed) -> bool:
        if not tx.run("UPDATE quarantine SET resolved_at = ? WHERE id = ? AND resolved_at IS NULL", (tx.now, item.row)):
            return False
        batch = Batch(updates=item.updates, cursor=None, more=False)
        self._intake.apply(tx, [IntakeItem(item.shop, batch, item.seen_at, keep_cursor=False)])
        named = item.ext_id or item.updates[0].ext_id if item.updates else item.ext_id
        known = KnownOrders.load(tx, {item.shop: {named}})
        ids = [int(row.id) for row in known.values()]
        waits = tx.one(
            "SELECT 1 FROM quarantine WHERE shop = ? AND ext_id = ? AND resolved_at IS NULL LIMIT 1",
            (item.shop, named),
        )
        if waits is None:
            close_cases(tx, ids, CLOSES, "readable again", item.by, subject="")
        body = {"id": item.row, "ext_id": named, "field": item.field, "took": len(item.updates)}
        tx.event(EventKind.REPLAYED, ids[0] if ids else 0, item.by, body)
        tx.wake("cases")
        return True


def _hindrance(kept: Quarantined, made: Sequence[Update]) -> str:
    """Why this is not taken in, "" when it may be."""
    broken = next((one for one in made if isinstance(one, Quarantined)), None)
    if broken is not None:
        return f"{broken.field}: {broken.why}"
    if kept.ext_id and any(one.ext_id != kept.ext_id for one in made):
        return "it is about another order than the one it was set aside for"
    if any(isinstance(one, OrderUpdate) and not one.ext_id for one in made):
        return "it names no order"
    return ""
