"""An acg-faka shop that sells our goods on: it buys by the shared API what its own buyer has just paid for (facts: A10).

It shows the buyer whatever text it gets at once, and never asks again. A key does not leave by an answer, so that text is
a notice, and the keys go by the channel named in ``deliver`` to the contact that the buyer left.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from connectors.http import Http
from connectors.shops.acg_faka.form import Form, Refusal, answer, good, read, text
from connectors.shops.base import Refused, ShopBase
from connectors.sold import Book, Sale, kept, may_buy, update_of
from connectors.wares import Ware, Wares
from core.model import contact
from core.model.clock import Clock
from core.model.effects import Call, Effect, EffectClass, EffectSpec, Outcome, Result
from core.model.lifecycle import Stage
from core.model.money import format_minor
from core.model.order import Batch, OrderUpdate, Quarantined
from core.model.text import clean
from core.ports import ConnectorError, Inbound, Received, Reply, Standing

_PAGE: Final = 200
_PLENTY: Final = 999_999  # it knows no "as many as you like", and compares with the number wanted
_MANUAL: Final = 1  # delivery_way there: what is answered at once is not the goods
_QUESTIONS: Final = ("items", "item", "inventory", "inventoryState", "stock", "valuation", "draftCard", "draft")
NOTICE: Final = "您购买的内容将发送到您下单时填写的联系方式，请注意查收。"


class AcgFakaShop(ShopBase):
    """Implements core.ports.Shop and Receiver. ``contact_field``: the form's field that holds the buyer's contact."""

    platform = "acg-faka"
    specs: Mapping[Effect, EffectSpec] = {
        Effect.SEND: EffectSpec(
            effect=Effect.SEND,
            cls=EffectClass.C,
            source="acg-faka's shared API has no call for keys that come later; they go by a channel",
        )
    }

    def __init__(
        self,
        name: str,
        app: tuple[str, str],
        wares: Wares,
        book: Book,
        notice: str,
        clock: Clock,
        http: Http,
        deliver: str = "email",
        contact_field: str = "contact",
        poll_seconds: float = 1.0,
    ) -> None:
        super().__init__(name, clock, http, poll_seconds)
        self._id, self._key = app
        self._wares, self._book, self._notice, self._contact = wares, book, notice, contact_field
        self.send_via = deliver
        if not self._id or not self._key.strip():
            raise ValueError("app_id or app_key is empty")

    async def pull(self, cursor: str | None) -> Batch:
        """What changed in the file of orders: it finds what was taken down but not committed. Raises ConnectorError."""
        if cursor is not None and not (cursor.isascii() and cursor.isdigit()):
            raise ConnectorError("protocol", "cursor is not one of ours")
        sales, reached = self._book.after(int(cursor or 0), _PAGE)
        more = len(sales) > 0 and bool(self._book.after(reached, 1)[0])
        return Batch(updates=tuple(update_of(sale, self.name) for sale in sales), cursor=str(reached), more=more)

    async def read(self, ext_id: str) -> OrderUpdate | Quarantined:
        """The order as it was taken down. Raises ConnectorError."""
        sale = self._book.of(ext_id)
        if sale is None:
            raise Refused("no such order in the file of orders")
        return update_of(sale, self.name)

    async def receive(self, request: Inbound) -> Received:
        """An order, or a question about goods, balance or an order. Raises ConnectorError."""
        try:
            form = read(request, self._id, self._key)
            if request.tail == "shared/authentication/connect":
                return _said(good({"shopName": self.name, "balance": self._yuan(self._book.balance)}))
            what = request.tail.removeprefix("shared/commodity/")
            if what == request.tail:
                raise Refusal("接口不存在")
            if what in _QUESTIONS:
                return _said(self._told(what, form))
            if what == "query":
                sale = self._asked_after(text(form, "tradeNo"))
                return Received(render=lambda standing: self._state(sale, standing), look=sale.ext_id)
            if what != "trade":
                raise Refusal("接口不存在")
            return self._trade(form)
        except Refusal as refusal:
            return _said(refusal.reply())

    async def perform(self, call: Call) -> Outcome:
        """Keys never go through this protocol."""
        return self._unsupported(call)

    async def ask(self, call: Call) -> Outcome:
        """There is nothing to ask."""
        return Outcome(result=Result.UNKNOWN, why="not askable")

    def _trade(self, form: Form) -> Received:
        number, code = text(form, "request_no"), text(form, "shared_code")
        if not number or clean(number, 64) != number or number != number.strip():
            raise Refusal("request_no 不能为空")
        qty = _count(text(form, "num"))
        ware = self._wares.by_sku.get(code)
        held = self._book.of(number)
        if held is not None:
            # Its own servers refuse a repeat; the first order is worth more to a caller whose line broke.
            if held.sku != code or held.qty != qty:
                raise Refusal("The request ID already exists")
            sale = held
        else:
            sale = self._new(form, number, ware, qty)
        update = update_of(sale, self.name)
        return Received(batch=(update,), render=lambda _: self._bought(sale))

    def _new(self, form: Form, number: str, ware: Ware | None, qty: int) -> Sale:
        if ware is None:
            raise Refusal("商品不存在")
        if not may_buy(qty) or (text(form, "card_id") or "0") != "0":
            raise Refusal("数量错误, 或该商品不支持预选")
        if text(form, "race") or (isinstance(form.get("sku"), dict) and form["sku"]):
            raise Refusal("该商品没有种类")
        if 0 <= ware.stock < qty:
            raise Refusal("库存不足")
        try:
            reach = contact.many(text(form, self._contact))
        except ValueError:
            raise Refusal("联系方式无效, 卡密无法送达") from None
        amount = ware.price * qty
        if amount > self._book.balance:
            raise Refusal("余额不足")
        sale = Sale(
            ext_id=number,
            number=0,
            sku=ware.sku,
            title=ware.name,
            qty=qty,
            amount=amount,
            currency="CNY",
            at=self._clock(),
            contact=reach,
        )
        return kept(self._book.place, sale)

    def _bought(self, sale: Sale) -> Reply:
        ware = self._wares.by_sku.get(sale.sku)
        return good(
            {
                "url": "", "amount": format_minor(sale.amount), "tradeNo": f"KD{sale.number}", "secret": self._notice,
                "leave_message": None, "stock": str(_stock(ware) if ware else 0),
            }
        )  # fmt: skip

    def _state(self, sale: Sale, standing: Standing | None) -> Reply:
        """``status`` there is about money alone; a person is helped by the words."""
        words = self._notice
        if standing is not None and standing.delivered:
            words = "已发送到您的联系方式。"
        elif standing is not None and standing.stage is Stage.CANCELLED:
            words = "订单已取消。"
        return good({"secret": words, "widget": None, "status": 1})

    def _asked_after(self, trade: str) -> Sale:
        digits = trade.removeprefix("KD")
        sale = self._book.numbered(int(digits)) if digits.isascii() and digits.isdigit() and len(digits) < 12 else None
        if sale is None or f"KD{sale.number}" != trade:
            raise Refusal("订单不存在")
        return sale

    def _told(self, what: str, form: Form) -> Reply:
        if what == "items":
            rows = [self._row(ware) | {"config": "", "widget": "[]"} for ware in self._wares.all]
            return good([{"id": 1, "name": self.name, "sort": 0, "icon": "", "status": 1, "pid": 0, "children": rows}])
        if what == "draftCard":
            return good({"list": [], "total": 0})
        if what == "draft":
            raise Refusal("该商品不支持预选")
        ware = self._wares.by_sku.get(text(form, "code", "sharedCode", "shared_code"))
        if ware is None:
            raise Refusal("商品不存在")
        qty = _count(text(form, "num") or "1")
        if what == "stock":
            return good({"stock": str(_stock(ware))})
        if what == "valuation":
            if not may_buy(qty):
                raise Refusal("数量错误")
            return good({"price": format_minor(ware.price * qty), "currency_code": "CNY"})
        if what == "inventoryState":
            if not may_buy(qty) or _stock(ware) < qty:
                raise Refusal("库存不足")
            return answer(200, "success", [])
        if what == "inventory":
            price = self._yuan(ware.price)
            return good(
                {
                    "count": _stock(ware), "delivery_way": _MANUAL, "draft_status": 0, "price": price,
                    "user_price": price, "config": "", "factory_price": price, "is_category": False,
                }
            )  # fmt: skip
        return good(self._row(ware) | {"config": {}, "widget": [], "factory_price": self._yuan(ware.price)})

    def _row(self, ware: Ware) -> dict[str, Any]:
        price = self._yuan(ware.price)
        return {
            "id": ware.id, "category_id": 1, "name": ware.name, "description": "", "cover": "", "price": price,
            "user_price": price, "status": 1, "code": ware.sku, "sort": 0, "delivery_way": _MANUAL, "contact_type": 0,
            "password_status": 0, "coupon": 0, "seckill_status": 0, "draft_status": 0, "draft_premium": 0,
            "inventory_hidden": 0, "only_user": 0, "purchase_count": 0, "minimum": 0, "maximum": 0, "stock": _stock(ware),
            "tags": [],
        }  # fmt: skip

    @staticmethod
    def _yuan(minor: int) -> msgspec.Raw:
        """A JSON number with two decimals, as its own servers write money."""
        return msgspec.Raw(format_minor(minor).encode())


def _stock(ware: Ware) -> int:
    return _PLENTY if ware.stock < 0 else ware.stock


def _count(digits: str) -> int:
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 7 else -1


def _said(reply: Reply) -> Received:
    return Received(render=lambda _: reply)
