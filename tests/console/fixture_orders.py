"""The test core's shop floor: orders made from a seed, where they rank, which view holds them."""

import random
from collections.abc import Callable
from typing import Any

NOW = 1_780_000_000_000_000  # the tests' "now", UTC us
SECOND = 1_000_000
Row = dict[str, Any]

SHOPS = (("淘宝旗舰", "taobao"), ("拼多多店", "pdd"), ("Steamy", "stripe"))
PRODUCTS = (
    ("steam50", "Steam 充值卡 50元"),
    ("qq100", "QQ币 100个"),
    ("netflix", "Netflix 月卡"),
    ("win11", "Windows 11 Pro key"),
    ("ps500", "PSN 港服 500"),
)
BUYERS = ("张三丰", "alice", "王小明", "李雷", "bob_88", "韩梅梅", "tb_38291", "欧阳修文")
DECISIONS = {
    "no_stock": [("retry", {}), ("close", {})],
    "unknown_outcome": [("was_sent", {}), ("not_sent", {}), ("replace_key", {})],
    "late_payment": [("accept_late", {}), ("return_late", {})],
    "buyer_input_invalid": [("fix_contact", {}), ("close", {})],
}
NOT_UNDOABLE = {"resend", "retry", "was_sent", "not_sent", "replace_key", "close", "reveal", "accept_case"}


def make_order(n: int, rng: random.Random, now: int) -> Row:
    """The n-th order; a seed makes the same shop floor every time."""
    shop, platform = SHOPS[n % len(SHOPS)]
    product, title = PRODUCTS[rng.randrange(len(PRODUCTS))]
    amount = rng.choice((5000, 9900, 100, 29900, 129900, 1250))
    kind = rng.random()
    row: Row = {
        "id": 7_000_000 + n,
        "ext_id": f"{'TB' if platform == 'taobao' else 'P' if platform == 'pdd' else 'ord_'}{20260611000000 + n * 37}",
        "shop": shop, "platform": platform, "product": product, "title": title,
        "qty": 3 if n % 11 == 0 else 1, "amount": amount, "paid": amount, "refunded": 0, "currency": "CNY",
        "buyer": BUYERS[rng.randrange(len(BUYERS))], "stage": "open", "money": "paid", "why": "at_gate", "tag": "",
        "priority": 0, "created_at": now - rng.randrange(5, 90_000) * SECOND,
        "deadline": now + rng.randrange(-600, 40_000) * SECOND if n % 4 else None,
        "lateness": "none", "version": 1, "claim": None, "cases": [], "holds": [], "note": "",
    }  # fmt: skip
    if kind < 0.2:
        row.update(paid=0, money="unpaid", why="unpaid")
    elif kind < 0.3:
        case = rng.choice(tuple(DECISIONS))
        row.update(cases=[case], why=f"case:{case}")
    elif kind < 0.36:
        row.update(holds=["confirm"], why="hold:confirm")
    elif kind < 0.5:
        row.update(stage="delivering", why="sending")
    if amount >= 50000:
        row.update(tag="大额", priority=5)
    elif n % 17 == 0:
        row.update(tag="VIP", priority=3)
    if row["deadline"] is not None:
        left = row["deadline"] - now
        row["lateness"] = "late" if left < 0 else "warn" if left < 3600 * SECOND else "ok"
    return row


def rank(row: Row) -> tuple[int, int, int]:
    """Where a row stands in the work views: priority, then deadline, then age of the id."""
    return -row["priority"], row["deadline"] or 1 << 62, row["id"]


def in_view(view: str, row: Row) -> bool:
    """Whether a view of docs/socket.md holds a row."""
    done = row["stage"] in ("delivered", "closed", "cancelled")
    if view == "recent":
        return done
    tests: dict[str, Callable[[], bool]] = {
        "work": lambda: True,
        "open": lambda: row["stage"] == "open",
        "waiting_money": lambda: row["money"] in ("unpaid", "part_paid"),
        "delivering": lambda: row["stage"] in ("allocated", "delivering"),
        "exceptions": lambda: bool(row["cases"]),
        "held": lambda: bool(row["holds"]),
        "vip": lambda: row["tag"] == "VIP",
        "big": lambda: row["amount"] >= 50000,
        "stuck": lambda: bool({"underpaid", "overpaid", "late_payment", "price_mismatch"} & set(row["cases"])),
        "refunds": lambda: bool({"refund_before", "refund_after", "dispute"} & set(row["cases"])),
        "drift": lambda: bool({"poison_payload", "unit_suspect", "sku_unmapped"} & set(row["cases"])),
        "no_stock": lambda: "no_stock" in row["cases"],
        "unknown": lambda: "unknown_outcome" in row["cases"],
        "mine": lambda: bool(row["claim"]),
    }
    return not done and tests[view]()
