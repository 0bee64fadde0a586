"""Keys that reached their buyers: orders are delivered, and telling the platform is planned or opened."""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from core.desk.cases import close_cases
from core.model.effects import Effect
from core.model.lifecycle import CaseKind, EventKind, IntentState, Stage, WriteBack
from core.pipeline.attempts import Opened
from core.pipeline.gate import INTENT, UNOPENED
from core.pipeline.setup import Setup
from core.store.tx import CHANNEL, DELIVERED, PRODUCT, Tx, as_json

S = TypeVar("S", bound="Sent")


class IntentRow(Struct, frozen=True, gc=False):
    """An intent as its outcome finds it, with what its order decides."""

    intent: int
    order: int
    shop: int
    effect: int
    cls: str
    state: int
    attempt: int
    gen: int
    epoch: int
    opened_at: int
    stage: int
    writeback: int
    ext_id: str
    via: str
    product: str


class Sent(Protocol):
    """An attempt that ended: as its outcome finds it, or as it was opened."""

    @property
    def intent(self) -> int: ...
    @property
    def order(self) -> int: ...
    @property
    def shop(self) -> int: ...
    @property
    def attempt(self) -> int: ...
    @property
    def gen(self) -> int: ...
    @property
    def epoch(self) -> int: ...
    @property
    def opened_at(self) -> int: ...
    @property
    def ext_id(self) -> str: ...
    @property
    def via(self) -> str: ...
    @property
    def product(self) -> str: ...


INTENTS = (
    "SELECT i.id, i.order_id, i.shop, i.effect, i.cls, i.state, i.tries, i.gen, i.epoch, i.opened_at, o.stage, o.writeback, o.ext_id, "
    "i.via, o.product "
    "FROM intent i CROSS JOIN orders o ON o.id = i.order_id WHERE i.id IN (:ids)"
)
ARRIVED = (
    "UPDATE orders SET stage = 4, delivered_at = coalesce(delivered_at, ?), writeback = ?, version = version + 1, changed_at = ? "
    f"WHERE stage = 3 AND writeback = {int(WriteBack.NONE)} AND id IN (:ids)"
)
DELIVERED_LATE = (
    "UPDATE orders SET stage = CASE stage WHEN 3 THEN 4 ELSE stage END, delivered_at = coalesce(delivered_at, ?), "
    "writeback = max(writeback, ?), version = version + 1, changed_at = ? WHERE id IN (SELECT value FROM json_each(?))"
)


def confirm_sent(
    tx: Tx, setup: Setup, rows: Sequence[IntentRow], actor: str, places: Collection[int] = ()
) -> dict[int, Opened]:
    """These SEND intents, confirmed already, reached their buyers: move their orders on and plan the write-back.

    ``places``: intents for which the shop's own lane has lent a free place. Their write-backs open here, by intent to
    send; the caller must make them at once.
    """
    plain, shipped = by_way(setup, rows)
    moved: Counter[int] = Counter()
    for group, writeback in ((plain, WriteBack.DUE), (shipped, WriteBack.DONE)):
        if group:
            _delivered(tx, group, int(writeback), moved)
    for shop, count in moved.items():
        tx.moved(shop, Stage.DELIVERING, Stage.DELIVERED, count)
    due = [r for r in plain if r.stage == Stage.DELIVERING and r.writeback in (WriteBack.NONE, WriteBack.FAILED)]
    for r in rows:
        if r.attempt > 1:  # its own case only: another effect of the order may be unknown too
            close_cases(tx, [r.order], {CaseKind.UNKNOWN_OUTCOME}, "confirmed", actor, f"send:{r.intent}")
    return tell(tx, setup, rows, due, actor, places)


def by_way(setup: Setup, rows: Sequence[S]) -> tuple[list[S], list[S]]:
    """Those whose platform is still to be told, and those whose sending told it or that tell nobody."""
    plain: list[S] = []
    shipped: list[S] = []
    tells = {number: not info.send.ships and info.ship is not None for number, info in setup.shops.items()}
    for r in rows:
        (plain if tells[r.shop] else shipped).append(r)
    return plain, shipped


def tell(
    tx: Tx, setup: Setup, rows: Sequence[Sent], due: Sequence[Sent], actor: str, places: Collection[int]
) -> dict[int, Opened]:
    """Counters and events of what was sent, and the write-backs of ``due``; see ``confirm_sent``."""
    now, epoch, shops = tx.now, tx.epoch, setup.shops
    for shop, count in Counter([r.shop for r in rows]).items():
        tx.counted(shop, DELIVERED, count)
    tx.counted_by(PRODUCT, DELIVERED, [r.product for r in rows])
    tx.counted_by(CHANNEL, DELIVERED, [r.via for r in rows])
    tx.events(EventKind.SENT, actor, [(r.order, f'{{"intent":{r.intent},"attempt":{r.attempt}}}') for r in rows])
    intents: list[tuple[Any, ...]] = []
    opened: dict[int, Opened] = {}
    effect = int(Effect.SHIP)
    waits, opens = (int(IntentState.PENDING), UNOPENED), (int(IntentState.SENDING), (1, now))
    for r, number in zip(due, tx.new_ids(len(due)), strict=True):
        info = shops[r.shop]
        assert info.ship is not None
        state, attempt = waits
        if r.intent in places:
            state, attempt = opens
            opened[r.intent] = Opened(
                number, r.order, r.shop, Effect.SHIP, info.name, 1, r.ext_id, "", (), (), r.gen, epoch, now
            )
        intents.append(
            (number, r.order, r.shop, effect, info.name, info.ship.cls._value_, state, r.gen, "", now, epoch, now, now)
            + attempt
        )
    tx.insert(INTENT, intents)
    tx.touch([r.order for r in rows])
    if len(opened) < len(intents):
        tx.wake("effects")
    return opened


def _delivered(tx: Tx, group: Sequence[IntentRow], writeback: int, moved: Counter[int]) -> None:
    """Orders on their way are delivered; those that a person or a refund moved meanwhile keep their stage."""
    now = tx.now
    usual = [r for r in group if r.stage == Stage.DELIVERING and r.writeback == WriteBack.NONE]
    if usual and tx.run_in(ARRIVED, (now, writeback, now), [r.order for r in usual]) != len(usual):
        raise RuntimeError("an order changed between being looked at and being delivered")
    if len(usual) < len(group):
        late = [r for r in group if r.stage != Stage.DELIVERING or r.writeback != WriteBack.NONE]
        tx.run(DELIVERED_LATE, (now, writeback, now, as_json(r.order for r in late)))
        usual = usual + [r for r in late if r.stage == Stage.DELIVERING]
    moved.update([r.shop for r in usual])
