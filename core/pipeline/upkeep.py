"""What must happen at start and every so often: shops get their numbers, open attempts of a dead core are resolved."""

from collections.abc import Mapping

from core.desk.cases import close_cases
from core.desk.holds import HoldRow, lift_holds, open_holds
from core.model.lifecycle import CaseKind, EventKind, HoldReason, Stage
from core.pipeline.named import products_of, recount
from core.store.tx import Tx, as_json


def register_shops(tx: Tx, items: list[Mapping[str, str]]) -> list[dict[str, int]]:
    """Give each shop (name -> platform) its number; numbers are for ever. Answers name -> id."""
    answers = []
    for wanted in items:
        for name, platform in wanted.items():
            tx.run(
                "INSERT INTO shop(id, name, platform) SELECT coalesce(max(id), 0) + 1, ?, ? FROM shop WHERE true "
                "ON CONFLICT(name) DO UPDATE SET platform = excluded.platform",
                (name, platform),
            )
        answers.append({str(name): int(number) for number, name in tx.all("SELECT id, name FROM shop")})
    return answers


def started(tx: Tx, items: list[str]) -> list[bool]:
    """Note in the log that a core took over."""
    for version in items:
        tx.event(EventKind.STARTED, 0, "core", {"epoch": tx.epoch, "version": version})
    return [True] * len(items)


def mark_master_key(tx: Tx, items: list[str]) -> list[bool]:
    """Remember which master key seals this database's stock, so that a wrong one is noticed at start."""
    for mark in items:
        tx.run("INSERT INTO meta(name, value) VALUES('master_key_mark', ?) ON CONFLICT(name) DO NOTHING", (mark,))
    return [True] * len(items)


def keep_shops(tx: Tx, items: list[frozenset[int]]) -> list[int]:
    """Hold unfinished orders of shops that are not configured, and lift such holds of shops that are.

    Without its connector nothing can be sent for an order; allocating a key to it would only tie the key up.
    """
    answers = []
    for live in items:
        rows = tx.all(
            "SELECT id, shop FROM orders WHERE stage < 2 AND +shop NOT IN (SELECT value FROM json_each(?))",
            (as_json(live),),
        )
        note = "its shop is not in the settings"
        answers.append(open_holds(tx, [HoldRow(int(i), HoldReason.SHOP_GONE, "core", note) for i, _ in rows]))
        back = tx.all(
            "SELECT h.order_id FROM hold h JOIN orders o ON o.id = h.order_id WHERE h.lifted_at IS NULL AND h.reason = ? "
            "AND o.shop IN (SELECT value FROM json_each(?))",
            (HoldReason.SHOP_GONE.value, as_json(live)),
        )
        lift_holds(tx, [int(row[0]) for row in back], {HoldReason.SHOP_GONE}, "core")
    return answers


def expire(tx: Tx, items: list[None]) -> list[int]:
    """Lift holds whose time is over and forget expired claims. Answers how many holds were lifted."""
    due = tx.all(
        "SELECT order_id, reason FROM hold WHERE lifted_at IS NULL AND until IS NOT NULL AND until <= ?", (tx.now,)
    )
    for order_id, reason in due:
        lift_holds(tx, [int(order_id)], {HoldReason(reason)}, "clock")
    tx.run("DELETE FROM claim WHERE until < ?", (tx.now,))
    return [len(due)] * len(items)


def restocked(tx: Tx, items: list[str]) -> list[int]:
    """Keys of these products arrived: orders that waited for them go back to the gate, best first."""
    answers = []
    for product in items:
        rows = tx.all(
            "SELECT order_id FROM case_ INDEXED BY ix_case_open WHERE kind = ? AND closed_at IS NULL AND subject = ?",
            (CaseKind.NO_STOCK.value, product),
        )
        ids = [int(row[0]) for row in rows]
        close_cases(tx, ids, {CaseKind.NO_STOCK}, "restocked", "stock")
        answers.append(len(ids))
    return answers


def remap(tx: Tx, items: list[Mapping[tuple[str, str], str]]) -> list[int]:
    """The catalogue changed: lines whose SKU is mapped now get their product; whole orders go on to OPEN."""
    touched: set[int] = set()
    for mapping in items:
        for order_id, line, sku, shop in tx.all(
            "SELECT l.order_id, l.line, l.sku, s.name FROM line l JOIN orders o ON o.id = l.order_id "
            "JOIN shop s ON s.id = o.shop WHERE l.product = '' AND o.stage <= 1"
        ):
            product = mapping.get((str(shop), str(sku))) or mapping.get(("", str(sku)))
            if product:
                tx.run("UPDATE line SET product = ? WHERE order_id = ? AND line = ?", (product, order_id, line))
                touched.add(int(order_id))
    if touched:
        whole = tx.all(
            "SELECT o.id, o.shop, o.stage FROM json_each(?) j CROSS JOIN orders o ON o.id = j.value WHERE NOT EXISTS "
            "(SELECT 1 FROM line l WHERE l.order_id = o.id AND l.product = '')",
            (as_json(touched),),
        )
        ids = [int(row[0]) for row in whole]
        before = products_of(tx, ids)
        tx.run(
            "UPDATE orders SET stage = 1, version = version + 1, changed_at = ?, product = "
            "(SELECT l.product FROM line l WHERE l.order_id = orders.id ORDER BY l.line LIMIT 1) "
            "WHERE id IN (SELECT value FROM json_each(?)) AND stage <= 1",
            (tx.now, as_json(ids)),
        )
        recount(tx, before)
        for _, shop, stage in whole:
            tx.moved(int(shop), Stage(stage), Stage.OPEN)
        close_cases(tx, ids, {CaseKind.SKU_UNMAPPED}, "mapped", "catalogue")
        tx.events(EventKind.MOVED, "catalogue", [(i, '{"from":"RECEIVED","to":"OPEN"}') for i in ids])
        tx.touch(ids)
        tx.wake("gate")
    return [len(touched)] * len(items)
