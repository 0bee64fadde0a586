"""Orders we already have: newer snapshots, new money and refund requests change axes, stages, holds and cases."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from core.desk.blocks import recount
from core.desk.cases import CaseRow, close_cases, open_cases
from core.desk.holds import HoldRow, lift_holds, open_holds
from core.model.lifecycle import CaseKind, EventKind, HoldReason, Stage
from core.model.order import OrderUpdate, PaymentKind, PlatformState
from core.pipeline.endings import Endings
from core.pipeline.judging import due_at_of
from core.pipeline.ledger import Ledger, Sums
from core.pipeline.lines import Lines
from core.pipeline.setup import Setup
from core.store.tx import Tx, as_json

_encode = msgspec.json.Encoder().encode
_SHIPPED = (PlatformState.SHIPPED, PlatformState.FINISHED)
_ENDED = (PlatformState.CANCELLED, PlatformState.REFUNDED)
_NOTHING = (0, 0, None, False)


class Row(NamedTuple):
    """The columns that decide; read in one statement for the whole batch."""

    id: int
    shop: int
    ext_id: str
    rev: int
    stage: int
    pstate: int
    due: int
    paid: int
    refunded: int
    refund_open: int
    currency: str
    contact: str
    qty: int
    created_at: int
    paid_at: int | None
    deadline: int | None
    message: str
    blocks: int


_COLUMNS = ", ".join(f"o.{name}" for name in Row._fields)

UPDATE_ORDER = (
    "UPDATE orders SET rev = ?, pstate = ?, due = ?, paid = ?, refunded = ?, refund_open = ?, contact = ?, "
    "qty = ?, message = ?, paid_at = ?, deadline = ?, due_at = ?, version = version + 1, changed_at = ? WHERE id = ?"
)


def _taken_back(old: Row, held: tuple[OrderUpdate, int] | None) -> bool:
    """Whether the platform no longer says "refunded": then the payments alone tell what was returned."""
    return old.pstate == PlatformState.REFUNDED and held is not None and held[0].state is not PlatformState.REFUNDED


class KnownOrders:
    """Applies updates to orders that are in the database."""

    def __init__(self, tx: Tx, setup: Setup) -> None:
        self._tx, self._setup = tx, setup

    @staticmethod
    def load(tx: Tx, wanted: Mapping[int, set[str]]) -> dict[tuple[int, str], Row]:
        """The rows of those (shop, ext_id) that exist."""
        found: dict[tuple[int, str], Row] = {}
        for shop, exts in wanted.items():
            for row in tx.all(
                f"SELECT {_COLUMNS} FROM json_each(?) j CROSS JOIN orders o ON o.shop = ? AND o.ext_id = j.value",
                (_encode(list(exts)).decode(), shop),
            ):
                found[(shop, str(row[2]))] = Row._make(row)
        return found

    def update(
        self,
        orders: Mapping[tuple[int, str], tuple[OrderUpdate, int]],
        known: Mapping[tuple[int, str], Row],
        sums: Sums,
    ) -> int:
        """Apply all that concerns known orders; returns how many changed."""
        keys = {key for key in orders if key in known}
        keys.update(key for key in sums.money if key in known)
        keys.update(key for key in sums.refunds if key in known)
        if not keys:
            return 0
        tx = self._tx
        money = self._money(
            [known[key].id for key in keys if key in sums.money or _taken_back(known[key], orders.get(key))]
        )
        refunds = Ledger(tx).open_refunds([known[key].id for key in keys if key in sums.refunds])
        changed: list[tuple[Row, Row]] = []
        seen: list[tuple[int, int]] = []
        raws: list[tuple[int, bytes]] = []
        editable: list[tuple[Row, OrderUpdate]] = []
        for key in keys:
            old = known[key]
            update, seen_at = orders.get(key, (None, 0))
            if update is not None and update.rev < old.rev:
                update = None  # an older word than the one we have; its payments and refunds still count
            new = self._merge(old, update, money.get(old.id), refunds.get(old.id, 0) if key in sums.refunds else None)
            if new == old:
                if update is not None:
                    seen.append((seen_at, old.id))
                continue
            changed.append((old, new))
            if update is not None:
                seen.append((seen_at, old.id))
                raws.append((old.id, update.raw))
                if old.stage <= Stage.OPEN:
                    editable.append((old, update))
        tx.many("UPDATE orders SET seen_at = max(seen_at, ?) WHERE id = ?", seen)
        strange = [known[key] for key in keys if key in sums.money and money.get(known[key].id, _NOTHING)[3]]
        open_cases(
            tx, [CaseRow(r.id, r.shop, CaseKind.PRICE_MISMATCH, "currency", {"due": r.currency}) for r in strange]
        )
        if changed:
            self._write(changed, raws)
        if editable:
            Lines(tx, self._setup).follow(editable)
        return len(changed)

    def _merge(
        self, old: Row, u: OrderUpdate | None, money: tuple[int, int, int | None, bool] | None, open_: int | None
    ) -> Row:
        paid, refunded, paid_at = old.paid, old.refunded, old.paid_at
        if money is not None:
            paid, refunded, paid_at = money[0], min(money[1], money[0]), money[2] or old.paid_at
        pstate = old.pstate if u is None else int(u.state)
        if pstate == PlatformState.REFUNDED:
            refunded = paid
        new = old._replace(
            paid=paid,
            refunded=refunded,
            paid_at=paid_at,
            pstate=pstate,
            refund_open=old.refund_open if open_ is None else open_,
        )
        if u is not None:
            new = new._replace(
                rev=u.rev,
                due=u.total if old.stage <= Stage.OPEN else old.due,
                qty=sum(line.qty for line in u.lines) if old.stage <= Stage.OPEN else old.qty,
                contact=u.contact or old.contact,
                message=u.message,
                deadline=u.deadline if u.deadline is not None else old.deadline,
            )
        return new

    def _money(self, ids: Sequence[int]) -> dict[int, tuple[int, int, int | None, bool]]:
        """Paid and refunded by order from its payment rows; only rows in the order's own currency count."""
        if not ids:
            return {}
        found: dict[int, tuple[int, int, int | None, bool]] = {}
        for order, kind, amount, at, same in self._tx.all(
            "SELECT p.order_id, p.kind, sum(p.amount), max(p.at), p.currency = o.currency FROM json_each(?) j "
            "CROSS JOIN payment p ON p.order_id = j.value AND p.order_id IS NOT NULL JOIN orders o ON o.id = p.order_id "
            "GROUP BY 1, 2, 5",
            (as_json(ids),),
        ):
            paid, refunded, paid_at, alien = found.get(int(order), (0, 0, None, False))
            if not same:
                alien = True
            elif kind == PaymentKind.CHARGE:
                paid, paid_at = int(amount), int(at)
            else:
                refunded = int(amount)
            found[int(order)] = (paid, refunded, paid_at, alien)
        return found

    def _write(self, changed: list[tuple[Row, Row]], raws: list[tuple[int, bytes]]) -> None:
        tx, setup = self._tx, self._setup
        tx.many(
            UPDATE_ORDER,
            [
                (n.rev, n.pstate, n.due, n.paid, n.refunded, n.refund_open, n.contact, n.qty, n.message, n.paid_at)
                + (n.deadline, due_at_of(setup, n.created_at, n.deadline), tx.now, n.id)
                for _, n in changed
            ],
        )
        tx.many(
            "INSERT INTO order_raw(order_id, raw) VALUES(?, ?) ON CONFLICT(order_id) DO UPDATE SET raw = excluded.raw",
            raws,
        )
        payments, updates = [], []
        cases: list[CaseRow] = []
        holds: list[HoldRow] = []
        lift: list[int] = []
        close: dict[CaseKind, list[int]] = {}
        gone: set[int] = set()
        unrefused: list[int] = []
        for old, new in changed:
            if (new.paid, new.refunded) != (old.paid, old.refunded):
                payments.append((new.id, f'{{"paid":{new.paid},"refunded":{new.refunded},"due":{new.due}}}'))
            if new.pstate != old.pstate:
                updates.append((new.id, f'{{"state":"{PlatformState(new.pstate).name}"}}'))
            if new.pstate in _ENDED and old.pstate not in _ENDED:
                gone.add(new.id)
            if old.refund_open and not new.refund_open:
                unrefused.append(new.id)
            self._money_cases(old, new, cases, close)
            if new.pstate == PlatformState.FORBIDDEN and old.pstate != PlatformState.FORBIDDEN:
                holds.append(HoldRow(new.id, HoldReason.FORBIDDEN, "platform", "the platform says: do not ship"))
            elif old.pstate == PlatformState.FORBIDDEN and new.pstate != PlatformState.FORBIDDEN:
                lift.append(new.id)
            if new.contact != old.contact and new.contact:
                close.setdefault(CaseKind.BUYER_INPUT_INVALID, []).append(new.id)
        tx.events(EventKind.PAYMENT, "intake", payments)
        tx.events(EventKind.UPDATED, "intake", updates)
        ended = Endings(tx).apply([new for _, new in changed], gone)
        for kind, ids in close.items():
            close_cases(tx, ids, {kind}, "resolved by the platform", "intake")
        open_cases(
            tx, [case for case in cases if case.order_id not in ended or case.kind is not CaseKind.REFUND_BEFORE]
        )
        open_holds(tx, [hold for hold in holds if hold.order_id not in ended])
        if lift:
            lift_holds(tx, lift, {HoldReason.FORBIDDEN}, "platform")
        # A refund that went away may have been all that stopped an intent, even when its case was closed before.
        recount(tx, unrefused)
        tx.touch(new.id for _, new in changed)
        tx.wake("gate")

    def _money_cases(self, old: Row, new: Row, cases: list[CaseRow], close: dict[CaseKind, list[int]]) -> None:
        net = new.paid - new.refunded
        fact = {"due": new.due, "paid": new.paid, "refunded": new.refunded}
        ending = new.stage <= Stage.ALLOCATED and new.pstate in _ENDED and old.pstate not in _ENDED
        if new.stage == Stage.CANCELLED or ending:
            if net > 0 and (ending or new.paid > old.paid):
                cases.append(CaseRow(new.id, new.shop, CaseKind.LATE_PAYMENT, "", fact))
            elif net == 0 and old.paid > old.refunded:
                close.setdefault(CaseKind.LATE_PAYMENT, []).append(new.id)
            return
        if new.due <= 0 < old.due:
            cases.append(CaseRow(new.id, new.shop, CaseKind.ZERO_AMOUNT, "", fact))
        elif old.due <= 0 < new.due:
            close.setdefault(CaseKind.ZERO_AMOUNT, []).append(new.id)
        if 0 < new.paid < new.due and not new.refunded:
            cases.append(CaseRow(new.id, new.shop, CaseKind.UNDERPAID, "", fact))
        elif net >= new.due and old.paid > 0 and old.paid - old.refunded < old.due:
            close.setdefault(CaseKind.UNDERPAID, []).append(new.id)
        if net > new.due and new.paid > old.paid:
            cases.append(CaseRow(new.id, new.shop, CaseKind.OVERPAID, "", fact))
        elif net <= new.due < old.paid - old.refunded:
            close.setdefault(CaseKind.OVERPAID, []).append(new.id)
        if new.refund_open and not old.refund_open:
            kind = CaseKind.REFUND_BEFORE if new.stage < Stage.DELIVERING else CaseKind.REFUND_AFTER
            cases.append(CaseRow(new.id, new.shop, kind, "", fact))
        elif old.refund_open and not new.refund_open:
            close.setdefault(CaseKind.REFUND_BEFORE, []).append(new.id)
            close.setdefault(CaseKind.REFUND_AFTER, []).append(new.id)
        if new.pstate in _SHIPPED and old.pstate not in _SHIPPED and new.stage <= Stage.ALLOCATED:
            cases.append(
                CaseRow(new.id, new.shop, CaseKind.ALREADY_SHIPPED, "", {"state": PlatformState(new.pstate).name})
            )
