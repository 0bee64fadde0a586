"""The money ledger: payments and refund requests are rows, an order's sums follow from them in the same transaction."""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from core.model.order import Payment, PaymentKind, Refund, RefundState
from core.store.tx import Tx

_encode = msgspec.json.Encoder().encode
PAYMENT = "payment(id, account, txn_id, shop, ext_id, order_id, kind, amount, currency, at, seen_at)"
BOOKED = (
    "SELECT p.id, p.account, p.txn_id, p.shop, p.ext_id FROM json_each(?) j CROSS JOIN payment p "
    "ON p.account = j.value ->> 0 AND p.txn_id = j.value ->> 1"
)
LOOSE_MONEY = "SELECT shop, ext_id, kind, amount, at, currency FROM payment WHERE order_id IS NULL AND shop = ? AND ext_id IN (:ids)"
LOOSE_REFUNDS = (
    "SELECT shop, ext_id, refund_id, state, amount, reason, at FROM refund "
    "WHERE order_id IS NULL AND shop = ? AND ext_id IN (:ids)"
)
ADOPT_MONEY = "UPDATE payment SET order_id = ? WHERE shop = ? AND ext_id = ? AND order_id IS NULL"
ADOPT_REFUNDS = "UPDATE refund SET order_id = ? WHERE shop = ? AND ext_id = ? AND order_id IS NULL"
Owner = Mapping[tuple[int, str], int]  # order id by (shop, ext_id)


class Sum(Struct, frozen=True, gc=False):
    """What arrived for one order in this transaction, minor units by currency-matched rows only."""

    paid: int
    refunded: int
    paid_at: int | None
    currency: str
    txns: int


NO_MONEY = Sum(0, 0, None, "", 0)


class Sums:
    """New money by (shop, ext_id), and the refund requests that changed."""

    def __init__(self) -> None:
        self.money: dict[tuple[int, str], Sum] = {}
        self.refunds: dict[tuple[int, str], list[Refund]] = {}
        self.alien: dict[tuple[int, str], dict[str, Sum]] = {}  # money in a second currency
        self.replayed: list[tuple[int, Payment]] = []

    def add(self, key: tuple[int, str], kind: int, amount: int, at: int, currency: str) -> None:
        """Count one new payment row."""
        held = self.money.get(key)
        if held is not None and held.currency != currency:
            held = self.alien.setdefault(key, {}).get(currency)
        held = held or Sum(0, 0, None, currency, 0)
        paid, refunded, paid_at, n = held.paid, held.refunded, held.paid_at, held.txns
        if kind == PaymentKind.CHARGE:
            paid, paid_at = paid + amount, at if paid_at is None else max(paid_at, at)
        else:
            refunded += amount
        new = Sum(paid, refunded, paid_at, currency, n + 1)
        if key in self.alien and self.money[key].currency != currency:
            self.alien[key][currency] = new
        else:
            self.money[key] = new

    def of(self, key: tuple[int, str], currency: str) -> tuple[Sum, bool]:
        """The money of one order in its own currency, and whether some came in another."""
        first = self.money.get(key)
        if first is None:
            return NO_MONEY, False
        others = self.alien.get(key)
        if first.currency == currency:
            return first, others is not None
        return (others or {}).get(currency, NO_MONEY), True


class Ledger:
    """Books facts about money exactly once: (account, txn_id) is unique for ever."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    def book(self, payments: Mapping[tuple[str, str], tuple[int, Payment]], owner: Owner, sums: Sums) -> None:
        """Insert what is new and add it to ``sums``."""
        if not payments:
            return
        tx = self._tx
        now = tx.now
        ids = tx.new_ids(len(payments))
        keys = [(shop, p.ext_id) for shop, p in payments.values()]
        rows = [
            (n, p.account, p.txn_id, shop, p.ext_id, owner.get(key), int(p.kind), p.amount, p.currency, p.at, now)
            for n, key, (shop, p) in zip(ids, keys, payments.values(), strict=True)
        ]
        booked = tx.insert(PAYMENT, rows, "ON CONFLICT(account, txn_id) DO NOTHING")
        have = self._booked_before(tx, payments, ids) if booked < len(rows) else {}
        money, charge = sums.money, PaymentKind.CHARGE
        for key, (txn, (shop, p)) in zip(keys, payments.items(), strict=True):
            before = have.get(txn) if have else None
            if before is not None:
                if before != key:
                    sums.replayed.append((shop, p))
            elif key not in money and p.kind is charge:
                money[key] = Sum(p.amount, 0, p.at, p.currency, 1)
            else:
                sums.add(key, p.kind, p.amount, p.at, p.currency)

    @staticmethod
    def _booked_before(
        tx: Tx, payments: Mapping[tuple[str, str], tuple[int, Payment]], ids: Sequence[int]
    ) -> dict[tuple[str, str], tuple[int, str]]:
        """Those that an earlier transaction booked, with the order that each one named then."""
        ours = set(ids)
        return {
            (str(account), str(txn)): (int(shop), str(ext))
            for number, account, txn, shop, ext in tx.all(BOOKED, (_encode(list(payments)).decode(),))
            if number not in ours
        }

    def book_refunds(self, refunds: Mapping[tuple[int, str], tuple[int, Refund]], owner: Owner, sums: Sums) -> None:
        """Insert or advance refund requests. A finished one never opens again on an older word."""
        rows = []
        for shop, r in refunds.values():
            rows.append(
                (
                    shop,
                    r.refund_id,
                    r.ext_id,
                    owner.get((shop, r.ext_id)),
                    int(r.state),
                    r.amount,
                    r.reason,
                    r.at,
                    r.deadline,
                )
            )
            sums.refunds.setdefault((shop, r.ext_id), []).append(r)
        self._tx.many(
            "INSERT INTO refund(shop, refund_id, ext_id, order_id, state, amount, reason, at, deadline) "
            "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(shop, refund_id) DO UPDATE SET state = excluded.state, "
            "amount = excluded.amount, reason = excluded.reason, at = excluded.at, "
            "order_id = coalesce(excluded.order_id, order_id) WHERE excluded.at >= refund.at "
            "AND NOT (refund.state != 0 AND excluded.state = 0 AND excluded.at = refund.at)",
            rows,
        )

    def adopt(self, ids: Owner, sums: Sums) -> None:
        """Money and refund requests that arrived before their orders: bind them to these new ids, add them to ``sums``.

        Call it before ``book``, so that each row is counted once.
        """
        tx = self._tx
        by_shop: dict[int, list[str]] = {}
        for shop, ext in ids:
            by_shop.setdefault(shop, []).append(ext)
        if tx.one("SELECT 1 FROM payment WHERE order_id IS NULL LIMIT 1") is not None:
            waited: set[tuple[int, str]] = set()
            for at_shop, exts in by_shop.items():
                for shop, ext, kind, amount, at, currency in tx.all_in(LOOSE_MONEY, (at_shop,), exts):
                    waited.add((shop, ext))
                    sums.add((shop, ext), int(kind), int(amount), int(at), str(currency))
            tx.many(ADOPT_MONEY, [(ids[key], *key) for key in waited])
        if tx.one("SELECT 1 FROM refund WHERE order_id IS NULL LIMIT 1") is not None:
            asked: dict[tuple[int, str], list[Refund]] = {}
            for at_shop, exts in by_shop.items():
                for shop, ext, refund_id, state, amount, reason, at in tx.all_in(LOOSE_REFUNDS, (at_shop,), exts):
                    old = Refund(
                        refund_id=refund_id, ext_id=ext, state=RefundState(state), amount=amount, reason=reason, at=at
                    )
                    asked.setdefault((shop, ext), []).append(old)
            tx.many(ADOPT_REFUNDS, [(ids[key], *key) for key in asked])
            sums.refunds.update(asked)

    def open_refunds(self, ids: list[int]) -> dict[int, int]:
        """How many open refund requests each of these orders has (absent = none)."""
        if not ids:
            return {}
        rows = self._tx.all(
            "SELECT r.order_id, count(*) FROM json_each(?) j CROSS JOIN refund r ON r.order_id = j.value "
            "WHERE r.order_id IS NOT NULL AND r.state = ? GROUP BY r.order_id",
            (_encode(ids).decode(), int(RefundState.OPEN)),
        )
        return {int(order): int(n) for order, n in rows}
