"""Orders seen for the first time: written once, already at the stage that the same transaction can decide."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from core.desk.cases import CaseRow, open_cases
from core.desk.holds import HoldRow, open_holds
from core.model.effects import Effect
from core.model.lifecycle import BLOCKING, CaseKind, EventKind, Stage
from core.model.order import OrderUpdate, PlatformState
from core.pipeline.attempts import Opened
from core.pipeline.bound_keys import SealedKey, in_slots
from core.pipeline.doubts import holds_of, trouble_of
from core.pipeline.gate import ANYONE, plan_sends, take_keys
from core.pipeline.judging import judge
from core.pipeline.ledger import Ledger, Sums
from core.pipeline.lines import map_lines
from core.pipeline.setup import Judgement, Setup, Way
from core.store.tx import PRODUCT, RECEIVED, Tx

_SHIPPED = (PlatformState.SHIPPED, PlatformState.FINISHED)
_ENDED = (PlatformState.CANCELLED, PlatformState.REFUNDED)

ORDER = (
    "orders(id, shop, ext_id, rev, seen_at, stage, pstate, nprio, due_at, due, paid, refunded, refund_open, currency, qty, "
    "product, title, buyer, buyer_name, contact, message, tag, created_at, paid_at, deadline, received_at, changed_at)"
)
RAW = "order_raw(order_id, raw)"

_STATE = {state: state.name for state in PlatformState}
Fresh = tuple[int, OrderUpdate, int]  # shop, snapshot, seen at
Standing = tuple[int, int, int, int | None, Stage]  # paid, refunded, open refund requests, paid at, stage
Taken = dict[int, tuple[int, list[SealedKey]]]  # by order: its intent and its keys


def first_stage(update: OrderUpdate, mapped: bool, paid: int, refunded: int) -> Stage:
    """Where a new order stands at once."""
    # Ended by the platform is ended, whatever became of the money: money that is still there is a case, not a sale.
    if update.total <= 0 or update.state in _ENDED or 0 < paid <= refunded:
        return Stage.CANCELLED
    return Stage.OPEN if mapped else Stage.RECEIVED


class Newcomers:
    """Inserts new orders with their lines, raw payloads, holds, cases and events."""

    def __init__(self, tx: Tx, setup: Setup) -> None:
        self._tx, self._setup = tx, setup
        self._open_refunds: dict[int, int] = {}
        self._cases: list[CaseRow] = []
        self._holds: list[HoldRow] = []
        self._ways: dict[int, tuple[Way, str]] = {}

    def insert(
        self, fresh: Sequence[Fresh], ids: Sequence[int], sums: Sums, places: Counter[str] | None = None
    ) -> list[Opened]:
        """Insert all of ``fresh`` under ``ids``. ``sums`` holds what is paid for them already.

        An order that is ready at once passes the gate in this same transaction, written once at ALLOCATED, unless
        others wait at the gate: then it queues behind them. Where its lane has lent one of ``places`` (free places by
        lane), its first attempt opens here too, for nothing has waited that could be checked again: the caller must
        make the attempts that are returned at once.
        """
        if not fresh:
            return []
        tx = self._tx
        if sums.refunds:
            asked = [
                number for (shop, u, _), number in zip(fresh, ids, strict=True) if (shop, u.ext_id) in sums.refunds
            ]
            self._open_refunds = Ledger(tx).open_refunds(asked)
        mapped = map_lines(tx, self._setup, fresh, ids)
        judged = judge(tx, self._setup, fresh, mapped, sums)
        standings, ready = self._look(fresh, ids, mapped, judged, sums)
        taken, opened = self._pass_gate(ready, fresh, mapped, places or Counter())
        tx.insert(ORDER, self._rows(fresh, ids, mapped, judged, standings, taken, opened))
        tx.insert(RAW, [(order_id, u.raw) for (_, u, _), order_id in zip(fresh, ids, strict=True)])
        self._count(fresh, ids, standings, taken, opened)
        tx.counted_by(PRODUCT, RECEIVED, [products[0] for products in mapped])
        open_cases(tx, self._cases)
        open_holds(tx, self._holds)
        tx.touch(ids)
        if any(
            standing[4] is Stage.OPEN and standing[0] - standing[1] >= u.total and number not in taken
            for (_, u, _), standing, number in zip(fresh, standings, ids, strict=True)
        ):
            tx.wake("gate")
        return list(opened.values())

    def _look(
        self,
        fresh: Sequence[Fresh],
        ids: Sequence[int],
        mapped: Sequence[Sequence[str]],
        judged: Sequence[Judgement],
        sums: Sums,
    ) -> tuple[list[Standing], list[tuple[int, int, int, int]]]:
        """How each stands, and which are ready for the gate as (-priority, sort time, id, position)."""
        setup = self._setup
        since, patience = self._tx.now - setup.fresh_us, setup.default_patience_us
        shops, stopped = setup.shops, setup.stopped
        money_of, paid_state, opened = sums.money.get, PlatformState.PAID, Stage.OPEN
        simple = not sums.alien and not self._open_refunds
        standings: list[Standing] = []
        ready: list[tuple[int, int, int, int]] = []
        for at, ((shop, u, seen_at), order_id, products, verdict) in enumerate(
            zip(fresh, ids, mapped, judged, strict=True)
        ):
            money = money_of((shop, u.ext_id))
            if (
                simple
                and money is not None
                and money.paid == u.total > 0
                and not money.refunded
                and money.currency == u.currency
                and u.state is paid_state
                and "" not in products
            ):
                standings.append((u.total, 0, 0, money.paid_at if money.paid_at is not None else u.paid_at, opened))
                if verdict.holds:
                    self._holds += holds_of(order_id, u, verdict)
                    continue
            elif not self._odd(shop, u, order_id, products, verdict, sums, standings):
                continue
            # Those of a stopped shop go by the gate, which holds them.
            way = shops[shop].way_for(u.contact) if seen_at >= since and shop not in stopped else None
            if way is not None:
                self._ways[order_id] = way
                due_at = u.deadline if u.deadline is not None else u.created_at + patience
                ready.append((-verdict.priority, due_at, order_id, at))
        return standings, ready

    def _odd(
        self,
        shop: int,
        u: OrderUpdate,
        order_id: int,
        products: Sequence[str],
        verdict: Judgement,
        sums: Sums,
        standings: list[Standing],
    ) -> bool:
        """An order that is not simply paid in full; says whether it is ready for the gate all the same."""
        money, alien = sums.of((shop, u.ext_id), u.currency)
        paid, refunded = money.paid, min(money.refunded, money.paid)
        if u.state is PlatformState.REFUNDED:
            refunded = paid
        refund_open = self._open_refunds.get(order_id, 0)
        stage = first_stage(u, all(products), paid, refunded)
        paid_at = money.paid_at if money.paid_at is not None else u.paid_at
        standings.append((paid, refunded, refund_open, paid_at, stage))
        if stage is Stage.CANCELLED:
            if paid > refunded:
                fact = {"paid": paid, "refunded": refunded}
                self._cases.append(CaseRow(order_id, shop, CaseKind.LATE_PAYMENT, "", fact))
            return False
        trouble = trouble_of(shop, u, order_id, products, (paid, refunded, refund_open), alien)
        held = holds_of(order_id, u, verdict)
        self._cases += trouble
        self._holds += held
        return (
            stage is Stage.OPEN
            and paid - refunded >= u.total
            and not refund_open
            and not held
            and not any(case.kind in BLOCKING for case in trouble)
        )

    def _pass_gate(
        self,
        ready: list[tuple[int, int, int, int]],
        fresh: Sequence[Fresh],
        mapped: Sequence[Sequence[str]],
        places: Counter[str],
    ) -> tuple[Taken, dict[int, Opened]]:
        """The gate for orders that were never in the table: its checks were made above, on what is written below."""
        if not ready or self._tx.one(ANYONE) is not None:
            return {}, {}
        ready.sort()
        shop_of: dict[int, int] = {}
        wanted: dict[int, list[tuple[str, str, int, str]]] = {}
        for _, _, order_id, at in ready:
            shop, u, _ = fresh[at]
            shop_of[order_id] = shop
            products, line = mapped[at], u.lines[0]
            wanted[order_id] = (
                [(line.line, products[0], line.qty, line.title)]
                if len(products) == 1
                else [(x.line, p, x.qty, x.title) for x, p in zip(u.lines, products, strict=True)]
            )
        taken = take_keys(self._tx, wanted, shop_of, self._cases)
        if not taken:
            return {}, {}
        opens: dict[int, tuple[str, str]] = {}  # lane and recipient of those whose first attempt opens here
        if places:
            for order_id in taken:
                way, recipient = self._ways[order_id]
                if places[way.lane] > 0:
                    places[way.lane] -= 1
                    opens[order_id] = (way.lane, recipient)
        intents = plan_sends(self._tx, taken, shop_of, self._ways, opened=opens)
        opened = {}
        for _, _, order_id, at in ready if opens else ():
            if order_id in opens:
                shop, u, _ = fresh[at]
                lane, recipient = opens[order_id]
                opened[order_id] = Opened(
                    intents[order_id], order_id, shop, Effect.SEND, lane, 1, u.ext_id, recipient, in_slots(taken[order_id]),
                    (), 1, self._tx.epoch, self._tx.now, mapped[at][0],
                )  # fmt: skip
        return {order_id: (intents[order_id], keys) for order_id, keys in taken.items()}, opened

    def _rows(
        self,
        fresh: Sequence[Fresh],
        ids: Sequence[int],
        mapped: Sequence[Sequence[str]],
        judged: Sequence[Judgement],
        standings: Sequence[Standing],
        taken: Taken,
        opened: Mapping[int, Opened],
    ) -> list[tuple[Any, ...]]:
        now, patience = self._tx.now, self._setup.default_patience_us
        return [
            (
                order_id, shop, u.ext_id, u.rev, seen_at, 
                (3 if order_id in opened else 2) if order_id in taken else int(stage), int(u.state),
                -verdict.priority, u.deadline if u.deadline is not None else u.created_at + patience,
                u.total, paid, refunded, refund_open, u.currency,
                u.lines[0].qty if len(u.lines) == 1 else sum([line.qty for line in u.lines]),
                products[0], u.lines[0].title, u.buyer, u.buyer_name, u.contact, u.message, verdict.tag,
                u.created_at, paid_at, u.deadline, now, now,
            )
            for (shop, u, seen_at), order_id, products, verdict, (paid, refunded, refund_open, paid_at, stage) in zip(
                fresh, ids, mapped, judged, standings, strict=True
            )
        ]  # fmt: skip

    def _count(
        self,
        fresh: Sequence[Fresh],
        ids: Sequence[int],
        standings: Sequence[Standing],
        taken: Taken,
        opened: Mapping[int, Opened],
    ) -> None:
        tx = self._tx
        stages = Counter([(one[0], standing[4]) for one, standing in zip(fresh, standings, strict=True)])
        for (shop, stage), count in stages.items():
            tx.moved(shop, None, Stage.RECEIVED, count)
            tx.moved(shop, Stage.RECEIVED, stage, count)
            tx.counted(shop, 0, count)
        for shop, count in Counter([one[0] for one, n in zip(fresh, ids, strict=True) if n in taken]).items():
            tx.moved(shop, Stage.OPEN, Stage.ALLOCATED, count)
        for shop, count in Counter([one.shop for one in opened.values()]).items():
            tx.moved(shop, Stage.ALLOCATED, Stage.DELIVERING, count)
        bodies = []
        for (_, u, _), order_id, standing in zip(fresh, ids, standings, strict=True):
            body = f'{{"state":"{_STATE[u.state]}","due":{u.total},"paid":{standing[0]}'
            passed = taken.get(order_id)
            if passed is not None:
                # Received and allocated in one transaction are one event, which then names the intent and the keys.
                intent, keys = passed
                named = f"[{keys[0].id}]" if len(keys) == 1 else [key.id for key in keys]
                body = f'{body},"intent":{intent},"keys":{named}'
            bodies.append((order_id, body + "}"))
        tx.events(EventKind.RECEIVED, "intake", bodies)
