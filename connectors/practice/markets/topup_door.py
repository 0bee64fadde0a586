"""A supplier of phone top-ups and cards of Kashangwl's kind: signed JSON, purchases by the buyer's own order number.

How it words its refusals is this world's own invention, since the real one's codes are not documented.
"""

import hashlib
import hmac
import random
from typing import Any, NamedTuple

import msgspec

from connectors.practice.faults import Fate
from connectors.practice.gate import Call
from connectors.practice.wire import Answer, Request, as_json
from connectors.practice.world import SECOND, Order, Shop, State, World

PRODUCT, CUSTOMER, PRICE = 41553, 1192442, 98_000  # price in ten-thousandths of a yuan
CARDS, CARD_PRICE = 41560, 485_000
NO_ORDER = "order_not_found"
_BASE = "/topup/api/"
_KINDS = {"buy": "effect", "outer-order": "read", "product": "read"}
_WAITS, _CHARGES, _DONE, _FAILED = 100, 101, 200, 500


class Purchase(NamedTuple):
    """One purchase. ``done_at`` UTC us; ``state`` is what it comes to then."""

    number: int
    quantity: int
    account: str
    begun_at: int
    done_at: int
    state: int
    cards: tuple[tuple[str, str], ...] = ()  # number and password


class SupplierError(Exception):
    """A refusal in the envelope."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Supplier:
    """Top-ups for the orders of one shop: an account there belongs to exactly one order."""

    def __init__(self, world: World, shop: Shop) -> None:
        self.platform = shop.platform
        self._world, self._shop = world, shop
        self._rng = random.Random(f"topup/{world.seed}")
        self._bought: dict[str, Purchase] = {}

    def read(self, request: Request) -> Call | Answer:
        """Parses and checks one call; an Answer is the refusal."""
        name = request.path.removeprefix(_BASE)
        if request.method != "POST" or not request.path.startswith(_BASE) or name not in _KINDS:
            return as_json({"message": "Not Found"}, 404)
        try:
            body = msgspec.json.decode(request.body, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError):
            return _error(SupplierError("params_error", "参数错误"))
        if body.get("customer_id") != CUSTOMER or not self._signed(body):
            return _error(SupplierError("sign_error", "签名错误"))
        return Call(name, _KINDS[name], {"body": request.body.decode()})

    def act(self, call: Call, fate: Fate) -> Answer:
        """The call's answer; a purchase is in the ledger when this returns, though not yet on disk."""
        body = msgspec.json.decode(call.params["body"], type=dict[str, Any])
        lsn = 0
        try:
            if call.method == "product":
                data: dict[str, Any] = self._product(body)
            elif call.method == "outer-order":
                data = self._order(body)
            else:
                data, lsn = self._buy(body)
        except SupplierError as error:
            return _error(error)
        return as_json({"code": "ok", "message": "", "data": data}, lsn=lsn)

    def refusal(self, kind: str) -> Answer:
        """The answer to a request that chaos turns away."""
        return _error(SupplierError("too_many" if kind == "rate" else "busy", "系统繁忙"))

    def expire_token(self) -> None:
        """Every call is signed for itself."""

    def _product(self, body: dict[str, Any]) -> dict[str, Any]:
        if body.get("product_id") == CARDS:
            return {
                "id": CARDS, "product_name": "游戏点卡", "name": "50元", "price": _money(CARD_PRICE), "type": 2,
                "valid_purchasing_quantity": "1-1000", "superior_commissions_rate": 0, "supply_state": 1, "stock_state": 1,
            }  # fmt: skip
        if body.get("product_id") != PRODUCT:
            raise SupplierError("product_not_found", "商品不存在")
        return {
            "id": PRODUCT, "product_name": "话费直充", "name": "10元", "price": _money(PRICE), "type": 1,
            "valid_purchasing_quantity": "1-10", "superior_commissions_rate": 0, "supply_state": 1, "stock_state": 1,
        }  # fmt: skip

    def _sell(self, body: dict[str, Any]) -> tuple[dict[str, Any], int]:
        """Cards: they are in the answer, and in every later answer about this purchase."""
        ours, quantity = str(body.get("outer_order_id") or ""), body.get("quantity")
        if not ours or not isinstance(quantity, int) or not 1 <= quantity <= 1000:
            raise SupplierError("params_error", "参数错误")
        if float(str(body.get("safe_cost", "inf"))) * 10_000 < CARD_PRICE:
            raise SupplierError("safe_cost", "售价高于安全进价")
        if ours in self._bought:
            raise SupplierError("outer_order_id_exists", "外部订单号重复")
        now, serial = self._world.clock(), len(self._bought) + 1
        cards = tuple((f"KS{serial:05d}{n:04d}", f"{self._rng.getrandbits(64):016X}") for n in range(quantity))
        number = 827_669_582_000 + serial
        done = self._bought[ours] = Purchase(number, quantity, "", now, now, _DONE, cards)
        lsn = self._world.ledger.add("mint", product=str(CARDS), keys=[f"{no} {secret}" for no, secret in cards])
        price = {"product_price": _money(CARD_PRICE), "total_price": _money(CARD_PRICE * quantity)}
        told = [{"card_no": no, "card_password": secret} for no, secret in cards]
        return {"order_id": str(number), "state": done.state, "recharge_url": "", "cards": told, **price}, lsn

    def _buy(self, body: dict[str, Any]) -> tuple[dict[str, Any], int]:
        if body.get("product_id") == CARDS:
            return self._sell(body)
        ours, account, quantity = (body.get(name) for name in ("outer_order_id", "recharge_account", "quantity"))
        if (
            body.get("product_id") != PRODUCT
            or not isinstance(quantity, int)
            or quantity < 1
            or not account
            or not ours
        ):
            raise SupplierError("params_error", "参数错误")
        if float(str(body.get("safe_cost", "inf"))) * 10_000 < PRICE:
            raise SupplierError("safe_cost", "售价高于安全进价")
        if ours in self._bought:
            raise SupplierError("outer_order_id_exists", "外部订单号重复")
        order = self._order_of(str(account))
        if order is None or order.state is State.UNPAID:
            raise SupplierError("account_error", "充值账号错误")
        now = self._world.clock()
        state = _FAILED if self._rng.random() < 0.01 else _DONE
        lasts = int(self._rng.uniform(0.0, 2.5) * SECOND)
        number = 827_669_582_000 + len(self._bought) + 1
        done = self._bought[ours] = Purchase(number, quantity, str(account), now, now + lasts, state)
        lsn = self._topped_up(order, str(ours), quantity) if state == _DONE else 0
        price = {"product_price": _money(PRICE), "total_price": _money(PRICE * quantity)}
        return {"order_id": str(number), "state": self._state(done), "recharge_url": "", **price}, lsn

    def _topped_up(self, order: Order, ours: str, quantity: int) -> int:
        """What reaches the buyer is units on the account; each has a name in the ledger, as a key has."""
        units = [f"TOPUP/{ours}/{n}" for n in range(1, quantity + 1)]
        self._world.ledger.add("mint", product=order.product.code, keys=units)
        return self._world.send(self._shop.name, order.ext_id, units, "", "topup", ours)

    def _order(self, body: dict[str, Any]) -> dict[str, Any]:
        ours = str(body.get("outer_order_id", ""))
        found = self._bought.get(ours)
        if found is None:
            raise SupplierError(NO_ORDER, "订单不存在")
        if found.cards:
            return {
                "id": str(found.number), "product_id": CARDS, "product_name": "游戏点卡", "product_type": 2,
                "quantity": found.quantity, "total_price": _money(CARD_PRICE * found.quantity), "state": found.state,
                "recharge_account": "", "cards": [{"no": no, "password": secret} for no, secret in found.cards],
                "outer_order_id": ours,
            }  # fmt: skip
        return {
            "id": str(found.number), "product_id": PRODUCT, "product_name": "话费直充", "product_type": 1,
            "product_price": _money(PRICE), "quantity": found.quantity, "total_price": _money(PRICE * found.quantity),
            "refunded_amount": 0, "buyer_customer_id": CUSTOMER, "seller_customer_id": 1, "state": self._state(found),
            "created_at": "2026-01-01 00:00:00", "recharge_account": found.account, "progress_init": 0,
            "progress_now": 0, "progress_target": 0, "recharge_info": "", "recharge_url": "", "cards": [],
            "recharge_params": "", "outer_order_id": ours,
        }  # fmt: skip

    def _state(self, purchase: Purchase) -> int:
        now = self._world.clock()
        if now >= purchase.done_at:
            return purchase.state
        return _WAITS if now - purchase.begun_at < (purchase.done_at - purchase.begun_at) // 2 else _CHARGES

    def _order_of(self, account: str) -> Order | None:
        if len(account) != 11 or not account.startswith("138") or not account.isdigit():
            return None
        return self._shop.orders.get(self._shop.market.number(int(account[3:]), self._world.seed))

    def _signed(self, body: dict[str, Any]) -> bool:
        text = "".join(f"{name}{body[name]}" for name in sorted(body) if name != "sign")
        made = hashlib.md5(f"{self._shop.app_secret}{text}".encode()).hexdigest()  # noqa: S324 - the supplier's rule
        return hmac.compare_digest(made.encode(), str(body.get("sign", "")).encode())


def phone_of(order: Order) -> str:
    """The account of an order's buyer: each order has one of its own."""
    return f"138{order.n:08d}"


def _money(ten_thousandths: int) -> str:
    return f"{ten_thousandths // 10_000}.{ten_thousandths % 10_000:04d}"


def _error(error: SupplierError) -> Answer:
    return as_json({"code": error.code, "message": str(error), "data": None})
