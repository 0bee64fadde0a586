"""The wall's answer for the console's tests: a busy afternoon with something wrong in it, and an empty morning."""

from typing import Any

from core.model.clock import HOUR, MINUTE, SECOND
from tests.console.fixture_orders import NOW

MS = SECOND // 1000


def spread(n: int, median: int = 0, p95: int = 0) -> dict[str, Any]:
    """``n`` times; none of them when ``n`` is 0."""
    return {"n": n, "median": median, "p95": p95} if n else {"n": 0, "median": None, "p95": None}


def waiting(n: int, median: int = 0, oldest: int = 0) -> dict[str, Any]:
    """``n`` that wait."""
    return {"n": n, "median": median, "oldest": oldest} if n else {"n": 0, "median": None, "oldest": None}


def group(name: str, came: int, went: int, waits: int = 0, late: int = 0, **more: Any) -> dict[str, Any]:
    """One name's figures; most went through by machine."""
    made = {
        "name": name, "in": came, "delivered": went, "backlog": waits, "late": late, "late_sent": went // 40,
        "due_sent": went, "sample": {"delivered": went}, "failed": 0, "error_rate": 0.0, "auto": went * 17 // 20,
        "handling": spread(went, 840 * MS, 12 * SECOND), "waiting": waiting(waits, 4 * MINUTE, 2 * HOUR),
    }  # fmt: skip
    return {**made, **more}


def busy(now: int = NOW) -> dict[str, Any]:
    """A day with a late shop, a failing connector, stock that ends, two people and one hidden from view."""
    shops = [
        group("taobao-main", 812, 790, 14),
        group("pdd-旗舰店", 1204, 1121, 71, 6, failed=52, error_rate=0.0443),
        group("indie", 97, 97),
    ]
    products = [
        group("steam-50", 1300, 1280, 20), group("qq-100", 600, 520, 60, 6, failed=30, error_rate=0.0545),
        group("psn-hk", 213, 208, 5),
    ]  # fmt: skip
    people = [
        group("amei", 88, 80, 8, 1, acts=301, holds=2, hands_on=spread(80, 72 * SECOND, 4 * MINUTE)),
        group("小林", 40, 40, acts=96, holds=0, hands_on=spread(40, 38 * SECOND, 2 * MINUTE)),
    ]
    channels = [group("email", 1110, 1050, 43, failed=4, error_rate=0.0038), group("pdd-旗舰店", 1003, 958, 42, 6)]
    stock = [
        {"id": "qq-100", "title": "QQ 100", "free": 0, "sold": 520, "per_hour": 41.0, "runs_out_at": now},
        {"id": "steam-50", "title": "Steam 50", "free": 118, "sold": 1280, "per_hour": 59.0, "runs_out_at": now + 2 * HOUR},
        {"id": "psn-hk", "title": "PSN", "free": 4100, "sold": 208, "per_hour": None, "runs_out_at": None},
    ]  # fmt: skip
    health = [
        {"name": "taobao-main", "platform": "taobao", "state": "ok", "lag_s": 2.0, "token_age_s": 7200, "set_aside": 0,
         "drift": 0, "error_kind": "", "silent_since": None},
        {"name": "pdd-旗舰店", "platform": "pinduoduo", "state": "failing", "lag_s": 190.0, "token_age_s": 86000,
         "set_aside": 3, "drift": 12, "error_kind": "timeout", "silent_since": None},
        {"name": "stripe", "platform": "stripe", "state": "ok", "lag_s": 1.0, "token_age_s": None, "set_aside": 0,
         "drift": 0, "error_kind": "", "silent_since": None},
    ]  # fmt: skip
    return {
        "at": now, "in": 2113, "delivered": 2008, "failed": 56, "backlog": 85, "late": 6,
        "queue_seen": {"orders": 85, "whole": True}, "error_rate": 0.0271, "auto": {"machine": 1707, "by_hand": 301},
        "sample": {"orders": 2113, "since": now - 24 * HOUR, "at": now},
        "finished": {"orders": 2008, "since": now - 24 * HOUR, "whole": True}, "waiting": waiting(71, 4 * MINUTE, 2 * HOUR),
        "shops": shops, "products": products, "operators": people,
        "operators_hidden": 0, "channels": channels,
        "measured": {
            "by_machine": spread(1707, 640 * MS, 2 * SECOND), "by_hand": spread(301, 190 * SECOND, 11 * MINUTE),
            "hands_on": spread(120, 61 * SECOND, 4 * MINUTE), "collection": spread(2113, 2100 * MS, 9 * SECOND),
            "notification": spread(2008, 3 * SECOND, 16 * SECOND),
        },
        "series": {"bucket_minutes": 15, "in": [(i * 7) % 40 for i in range(96)],
                   "delivered": [(i * 7) % 38 for i in range(96)], "failed": [int(i % 30 == 0) for i in range(96)]},
        "stock": stock, "health": health,
    }  # fmt: skip


def many(now: int = NOW) -> dict[str, Any]:
    """A house of twelve shops with long names and large numbers, of which only a part could be looked at."""
    names = (
        "淘宝旗舰店·游戏点卡专营", "拼多多-数字权益专卖店（官方授权）", "抖音小店-会员充值中心", "微信小店", "京东游戏点卡自营合作店铺",
        "闲鱼-个人号01", "小红书-软件激活码", "有赞微商城", "indie-shop-with-a-very-long-name", "快手小店-直播间专用", "微店", "taobao-main",
    )  # fmt: skip
    rates = [0.031 if n % 4 == 0 else 0.001 for n in range(12)]
    states = ("ok", "failing", "silent", "unmatched")
    made = busy(now)
    made.update({"in": 123_456, "delivered": 112_345, "backlog": 12_345, "late": 1234, "error_rate": 0.0345})
    made["finished"] = {"orders": 5000, "since": now - HOUR, "whole": False}
    made["queue_seen"] = {"orders": 20_000, "whole": False}
    made["shops"] = [
        group(name, 98_765 - n * 7000, 90_000 - n * 7100, n * 1100, n % 3 * 4, error_rate=rates[n])
        for n, name in enumerate(names)
    ]
    made["channels"] = [group(name, 500 - n, 480 - n, n) for n, name in enumerate(("email", *names[:9]))]
    made["products"] = [group(f"steam-wallet-cn-游戏点卡-{n:03}", 100 - n, 90 - n, n % 5) for n in range(30)]
    made["operators"] = [
        group(name, 88 - n, 80 - n, n, acts=10_000 + n, holds=n, hands_on=spread(80, 72 * SECOND, 4 * MINUTE))
        for n, name in enumerate(("amei", "小林", "客服-夜班-王小明-一组", "bo"))
    ]
    made["health"] = [
        {"name": name, "platform": "x", "state": states[n % 4], "lag_s": 2.0 + n * 100, "token_age_s": 7200 * n,
         "set_aside": n % 3, "drift": n * 5, "error_kind": ("", "timeout", "token_expired")[n % 3], "silent_since": None}
        for n, name in enumerate(names)
    ]  # fmt: skip
    return made


def empty(now: int = NOW) -> dict[str, Any]:
    """A core that has seen nothing yet, as a viewer is shown it."""
    none = {name: [0] * n for name, n in (("in", 96), ("delivered", 96), ("failed", 96))}
    return {
        "at": now, "in": 0, "delivered": 0, "failed": 0, "backlog": 0, "late": 0,
        "queue_seen": {"orders": 0, "whole": True}, "error_rate": 0.0, "auto": {"machine": 0, "by_hand": 0},
        "sample": {"orders": 0, "since": None, "at": now},
        "finished": {"orders": 0, "since": None, "whole": True}, "waiting": waiting(0), "shops": [], "products": [], "operators": [], "operators_hidden": 3,
        "channels": [], "stock": [], "health": [],
        "measured": dict.fromkeys(("by_machine", "by_hand", "hands_on", "collection", "notification"), spread(0)),
        "series": {"bucket_minutes": 15, **none},
    }  # fmt: skip


def history(span: str = "hour", shop: str = "", now: int = NOW) -> dict[str, Any]:
    """More and more came, of which ever less went; nobody looked at the backlog in the first third."""
    minutes, buckets = {"hour": (1, 60), "day": (15, 96), "week": (60, 168)}[span]
    last = now // MINUTE // minutes
    part = 1 if shop else 3
    return {
        "at": now, "span": span, "shop": shop, "bucket_minutes": minutes, "first": (last - buckets + 1) * minutes * MINUTE,
        "in": [part * (4 + i // 9) for i in range(buckets)], "delivered": [part * (i * i % 7 + 2) for i in range(buckets)],
        "failed": [int(i % 9 == 0) for i in range(buckets)],
        "backlog": [None if i < buckets // 3 else part * (i - buckets // 3) for i in range(buckets)],
        "late": [None if i < buckets // 3 else max(part * i // 8 - 4, 0) for i in range(buckets)],
    }  # fmt: skip
