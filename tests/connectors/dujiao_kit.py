"""A scripted dujiao-next that buys from us, and requests in its name."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

from connectors.registry import build_shop
from connectors.shops.dujiao_next.shop import DujiaoNextShop
from core.ports import Inbound, Received, Standing
from tests.connectors.kit import NOW, Json, ManualClock, load
from tests.connectors.server import Answer, Request, Scripted

TOKEN, KEY, SECRET = "tok-sesame", "dj-key-001", "dj-secret-sesame"
GOODS = "1|STEAM50|4890|100|Steam 钱包充值码 50元;2|PSN100|9480|-1|PSN 港服点卡 100;3|NSO12|12900|5|会员;4|OFF|100|0|无"
ORDERS, UPSTREAM, WEBHOOK = (
    "api/v1/upstream/orders",
    "/api/v1/upstream/callback",
    "/api/v1/upstream/generic-webhook/callback",
)


class Buyer:
    """Answers callbacks with what ``answer`` says, the credentials checked."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.answer: Answer = (200, {"ok": True}) if answer is None else answer
        self.got: list[tuple[str, Json]] = []

    def __call__(self, request: Request) -> Answer:
        if request.path == WEBHOOK:
            assert request.headers["authorization"] == f"Bearer {TOKEN}"
        else:
            stamp = request.headers["dujiao-next-timestamp"]
            assert request.headers["dujiao-next-api-key"] == KEY
            assert request.headers["dujiao-next-signature"] == signed("POST", UPSTREAM, stamp, request.body)
        assert request.headers["content-type"] == "application/json"
        self.got.append((request.path, json.loads(request.body)))
        return self.answer


def signed(method: str, path: str, stamp: str | int, body: bytes) -> str:
    text = f"{method}\n{path}\n{stamp}\n{hashlib.md5(body).hexdigest()}"
    return hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()


def options(url: str, folder: Path, **more: str) -> dict[str, str]:
    made = {
        "platform": "dujiao-next", "url": url, "token": TOKEN, "api_key": KEY, "api_secret": SECRET, "goods": GOODS,
        "orders_file": str(folder / "orders.jsonl"), "credit": "100000", **more,
    }  # fmt: skip
    return {name: value for name, value in made.items() if value}


def shop_at(server: Scripted, folder: Path, clock: ManualClock | None = None, **more: str) -> DujiaoNextShop:
    shop = build_shop("dj", options(more.pop("url", server.url), folder, **more), clock or ManualClock())
    assert isinstance(shop, DujiaoNextShop)
    return shop


def created(server: Scripted, **change: Any) -> Json:
    """An order by the webhook."""
    return load("dujiao_next/order_created") | {"callback_url": server.url + WEBHOOK} | change


def posted(body: Json | bytes, token: str = TOKEN, key: str | None = None, method: str = "POST") -> Inbound:
    """The webhook's request."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    number = (
        key if key is not None else (str(body["order_no"]) if isinstance(body, dict) and "order_no" in body else "")
    )
    headers = {"authorization": f"Bearer {token}", "idempotency-key": number, "content-type": "application/json"}
    return Inbound(method=method, tail="", query="", headers=headers, body=raw)


def bought(server: Scripted, **change: Any) -> Json:
    """An order by the upstream API."""
    return load("dujiao_next/upstream_order") | {"callback_url": server.url + UPSTREAM} | change


def called(method: str, tail: str, body: Json | bytes = b"", query: str = "", **change: str) -> Inbound:
    """A signed call of the upstream API; ``change`` replaces headers."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    stamp = change.pop("stamp", str(NOW))
    headers = {
        "dujiao-next-api-key": KEY,
        "dujiao-next-timestamp": stamp,
        "dujiao-next-signature": signed(method, f"/{tail}", stamp, raw),
    }
    return Inbound(method=method, tail=tail, query=query, headers=headers | change, body=raw)


def said(received: Received, standing: Standing | None = None, status: int = 200) -> Json:
    """The answer's body; its status is checked."""
    reply = received.render(standing)
    assert reply.status == status, (reply.status, reply.body)
    answer: Json = json.loads(reply.body)
    return answer
