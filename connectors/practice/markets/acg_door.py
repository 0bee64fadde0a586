"""acg-faka as its own sources describe it, as a buyer: a trade by signed form for each order that its buyer has paid."""

import hashlib
import json
from collections.abc import Callable
from urllib.parse import urlencode

from connectors.practice.faults import Fate
from connectors.practice.gate import Call
from connectors.practice.pushes import Message, Post, Pushes
from connectors.practice.wire import Answer, Request, as_json
from connectors.practice.world import Order, Shop, World

APP_ID = "1024"


class AcgFaka:
    """Orders go out by ``trade``; nothing is ever called here. ``contact``: what its buyer left for an order."""

    def __init__(
        self, world: World, shop: Shop, pushes: Pushes | None, contact: Callable[[Order], str], prefix: str
    ) -> None:
        self.platform = shop.platform
        self._world, self._shop, self._pushes, self._contact, self._prefix = world, shop, pushes, contact, prefix
        self._trades: dict[str, str] = {}
        self.renamed = 0
        if pushes is not None:
            pushes.hear(shop.name, self._changed)

    def read(self, request: Request) -> Call | Answer:
        """This shop takes no calls from those it buys from."""
        return as_json({"code": 0, "msg": "404"}, 404)

    def act(self, call: Call, fate: Fate) -> Answer:
        """There is no call."""
        return as_json({}, 404)

    def refusal(self, kind: str) -> Answer:
        """There is no call that could be turned away."""
        return as_json({}, 404)

    def expire_token(self) -> None:
        """The key stays the same until its owner changes it."""

    def _changed(self, order: Order, what: str) -> None:
        if self._pushes is not None and what == "paid":
            shop = self._shop.name
            self._pushes.put(
                Post(self.platform, shop, lambda: self._trade(order), lambda code, body: self._took(order, code, body))
            )

    def _trade(self, order: Order) -> Message:
        form = {
            "shared_code": order.product.sku(self._prefix), "contact": self._contact(order), "num": str(order.qty),
            "card_id": "0", "device": "0", "password": "", "race": "", "request_no": order.ext_id, "app_id": APP_ID,
            "app_key": self._shop.app_secret,
        }  # fmt: skip
        body = urlencode(form | {"sign": _signed(form, self._shop.app_secret)}).encode()
        return Message("shared/commodity/trade", body, "application/x-www-form-urlencoded")

    def _took(self, order: Order, status: int, body: bytes) -> bool:
        try:
            told = json.loads(body)
        except ValueError:
            return False
        if status != 200 or told.get("code") != 200 or not str(told["data"]["secret"]):
            return False
        trade = str(told["data"]["tradeNo"])
        if self._trades.setdefault(order.ext_id, trade) != trade:
            self.renamed += 1  # a repeat that became a second order
        return True


def _signed(form: dict[str, str], key: str) -> str:
    text = "&".join(f"{name}={form[name]}" for name in sorted(form) if form[name] != "")
    return hashlib.md5(f"{text}&key={key}".encode()).hexdigest()  # noqa: S324 - the platform's rule
