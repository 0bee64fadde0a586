"""The back office of the test core: fixed answers of docs/socket.md, one of each kind of trouble."""

import json
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.console.fixture_orders import NOW, PRODUCTS, SECOND

MINUTE, HOUR = 60 * SECOND, 3600 * SECOND


def _stock() -> list[dict[str, Any]]:
    figures = (
        (0, 512, 2, 1, 0, 11.0, None, 7),
        (14, 260, 0, 0, 0, 6.0, NOW + 2 * HOUR + 20 * MINUTE, 0),
        (260, 41, 0, 3, 0, 0.4, NOW + 600 * HOUR, 0),
        (1200, 9000, 1, 0, 300, None, None, 0),
        (0, 0, 0, 0, 0, None, None, 0),
    )
    names = ("free", "sold", "suspect", "burnt", "withdrawn", "per_hour", "runs_out_at", "waiting")
    return [
        {"id": product, "title": title, **dict(zip(names, row, strict=True))}
        for (product, title), row in zip(PRODUCTS, figures, strict=True)
    ]


BATCHES = [
    {"id": 21, "source": "june-2.txt", "by": "amei", "at": NOW - HOUR, "size": 500, "undone_at": None, "free": 500},
    {"id": 17, "source": "june.txt", "by": "amei", "at": NOW - 30 * HOUR, "size": 900, "undone_at": None, "free": 12},
    {"id": 9, "source": "错发.txt", "by": "wang", "at": NOW - 60 * HOUR, "size": 80, "undone_at": NOW - 59 * HOUR, "free": 0},
]  # fmt: skip
PREVIEW = {
    "token": "t", "lines": 1204, "new": 1180, "duplicate_in_file": 4, "duplicate_in_stock": 12, "already_sold": 1,
    "blank": 3, "encoding": "gb18030", "padded": 2, "padded_lines": [17, 90], "bad": 4,
    "errors": [{"line": n, "why": "control character U+0009; a tab between number and password becomes a space or ----"}
               for n in (8, 9, 340, 1001)],
    "sample": [{"line": 1, "mask": "AB12-****-78M"}],
}  # fmt: skip
_RULE = {"priority": None, "tag": "", "hold": "", "automation": "auto"}
RULES = [
    {**_RULE, "name": "VIP 买家", "when": "buyer_orders >= 10", "priority": 4, "tag": "VIP", "line": 7},
    {**_RULE, "name": "夜间大额", "when": "amount >= 50000 && (hour >= 23 || hour < 6)", "priority": 5,
     "hold": "call the buyer first", "automation": "confirm", "line": 13},
    {**_RULE, "name": "加急", "when": "message.contains('急') || message.contains('催')", "priority": 6, "tag": "加急",
     "line": 21},
]  # fmt: skip
RECENT = {
    "sample": 2000, "since": NOW - 50 * HOUR,
    "rules": {"VIP 买家": {"hits": 88, "failed": 0}, "夜间大额": {"hits": 0, "failed": 3}, "加急": {"hits": 140, "failed": 0}},
}  # fmt: skip
IN_FORCE = {
    "file": "/etc/keydesk/rules.toml", "version": 3, "mark": "183d45ed3f2a", "on_disk": "77aa01bc9e10",
    "loaded_at": NOW - 40 * HOUR, "rules": RULES, "recent": RECENT,
    "refused": {"at": NOW - HOUR, "why": "/etc/keydesk/rules.toml:13: rule '夜间大额': there is no field 'amuont'; did you mean 'amount'?"},
}  # fmt: skip
TRIED = {
    "ok": True, "errors": [], "warnings": ["rule '加急' was due for review on 2026-05-31"], "version": 4,
    "mark": "77aa01bc9e10", "same": False,
    "diff": {"added": ["回头客"], "removed": ["加急"], "moved": True,
             "changed": [{"name": "VIP 买家", "parts": [{"part": "priority", "was": 4, "now": 5}]}]},
    "backtest": {
        **RECENT, "rules": {"VIP 买家": {"hits": 88, "failed": 0}, "回头客": {"hits": 31, "failed": 0}},
        "changed": {"orders": 128, "held": 31, "let_go": 0, "priority": 97, "tag": 0, "failed": 0},
        "orders": [{"shop": "taobao-main", "ext_id": "TB20260601000123", "was": {"priority": 4, "tag": "VIP", "held": []},
                    "now": {"priority": 5, "tag": "VIP", "held": ["confirm"]}}],
    },
}  # fmt: skip
_SHOP = {"state": "ok", "error": "", "failures": 0, "error_kind": "", "breaker": "closed", "token_age_s": None,
         "set_aside": 0, "drift": 0, "drift_at": None, "silent_since": None, "lag_s": 2.0, "last_pull_at": NOW - 2 * SECOND}  # fmt: skip
SHOPS = [
    {**_SHOP, "name": "taobao-main", "platform": "taobao", "state": "failing", "error": "auth: session 27 expired",
     "error_kind": "auth", "failures": 9, "breaker": "open", "token_age_s": 2_600_000, "last_pull_at": NOW - 3 * HOUR},
    {**_SHOP, "name": "pdd-main", "platform": "pinduoduo", "token_age_s": 7200, "set_aside": 41, "drift": 120,
     "drift_at": NOW - MINUTE},
    {**_SHOP, "name": "微店", "platform": "weidian", "state": "silent", "silent_since": NOW - 2 * HOUR, "drift": 3,
     "drift_at": NOW - 90 * HOUR},
    {**_SHOP, "name": "alipay", "platform": "alipay", "breaker": None},
]  # fmt: skip
UNREAD = {
    "whole": True, "drift": [{"field": "order.total", "n": 118, "at": NOW}],
    "groups": [
        {"field": "order.total", "why": "a text where a number stood", "n": 40, "seen": 97, "first_at": NOW - 5 * HOUR,
         "last_at": NOW - MINUTE, "orders": ["260601-111", "260601-112"]},
        {"field": "order.state", "why": "unknown value", "n": 1, "seen": 1, "first_at": NOW - HOUR, "last_at": NOW - HOUR,
         "orders": []},
    ],
}  # fmt: skip
DOCTOR = {
    "checks": [
        {"subject": "sqlite", "state": "ok", "code": "sqlite", "facts": {"version": "3.53.4"}},
        {"subject": "database", "state": "ok", "code": "database",
         "facts": {"path": "/var/lib/keydesk/keydesk.db", "schema": "0001", "head": "0001"}},
        {"subject": "disk", "state": "warn", "code": "disk_low", "facts": {"mb": 210}},
        {"subject": "shops", "state": "ok", "code": "shops", "facts": {"names": "taobao-main, pdd-main, 微店"}},
        {"subject": "settings", "state": "bad", "code": "settings_refused",
         "facts": {"file": "/etc/keydesk/settings.toml", "why": "shops.x: no such platform 'taobaoo'; did you mean 'taobao'?"}},
    ],
    "settings": [
        {"key": "core.language", "value": "zh_CN", "from": "/etc/keydesk/settings.toml"},
        {"key": "shops.taobao-main.secret", "value": "***", "from": "/etc/keydesk/settings.toml"},
        {"key": "desk.claim_seconds", "value": "90", "from": "default"},
    ],
}  # fmt: skip


def routes() -> list[Route]:
    """All of them; an import takes three steps."""

    def fixed(path: str, body: Any, method: str = "GET") -> Route:
        async def answer(_: Request) -> Response:
            return JSONResponse(body)

        return Route(path, answer, methods=[method])

    async def take(_: Request) -> Response:
        async def lines() -> AsyncIterator[bytes]:
            for step in ({"done": 1180, "total": 2360}, {"done": 2360, "total": 2360}):
                yield json.dumps(step).encode() + b"\n"
            yield json.dumps({"batch": 22, "imported": 1180, "orders_freed": 7}).encode() + b"\n"

        return StreamingResponse(lines())

    return [
        fixed("/v1/stock/products", {"products": _stock()}),
        fixed("/v1/stock/batches", {"batches": BATCHES, "next": None}),
        fixed("/v1/keys/preview", PREVIEW, "POST"),
        fixed("/v1/rules", IN_FORCE),
        fixed("/v1/rules/try", TRIED, "POST"),
        fixed("/v1/shops", {"shops": SHOPS}),
        fixed("/v1/quarantine", UNREAD),
        fixed("/v1/doctor", DOCTOR),
        Route("/v1/keys/import", take, methods=["POST"]),
    ]
