"""JD's general trade (VTP) as the facts describe it: it tells the desk of paid orders, asks after them, and takes cards.

State 1 brings the cards with it, 2 gives the buyer his money back at once, 3 is asked again a few times and then left to
the desk's own call, 4 pauses the order. No answer, or one that is not signed, is asked for again.
"""

import base64
import binascii
import hashlib
import hmac
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from connectors.practice.faults import Fate
from connectors.practice.gate import Call
from connectors.practice.pushes import Message, Post, Pushes
from connectors.practice.wire import Answer, Request, as_json
from connectors.practice.world import SECOND, Order, Shop, State, World

VENDOR = "1201"
NOTIFY = "https://vtpnotify.jd.com/vtp"  # what orders name; the desk is told to call this world instead
_BEIJING = timezone(timedelta(hours=8))
_FORM = "application/x-www-form-urlencoded"
_ASKS = 6
_RESULT = "/produce/result"


def sign(form: dict[str, str], key: str) -> str:
    """The signature of a form: pairs run together in order, then the key; signature, its type and blanks are left out."""
    text = "".join(name + form[name] for name in sorted(form) if name not in ("sign", "signType") and form[name])
    return hashlib.md5((text + key).encode()).hexdigest()  # noqa: S324 - the platform's rule


class JdTrade:
    """The platform's side of both directions."""

    platform = "jd-trade"

    def __init__(self, world: World, shop: Shop, pushes: Pushes | None) -> None:
        self._world, self._shop, self._pushes = world, shop, pushes
        self._aes = shop.refresh_token[:32].encode()
        self.paused: set[str] = set()
        if pushes is not None:
            pushes.hear(shop.name, self._changed)

    def read(self, request: Request) -> Call | Answer:
        """Parses and checks one call of the desk; an Answer is the refusal."""
        if not request.path.endswith(_RESULT) or request.method != "POST":
            return as_json({}, 404)
        form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        if form.get("vendorId") != VENDOR:
            return _said("19", "商家不存在")
        if not self._signed(form):
            return _said("10", "签名校验错误")
        return Call("produce/result", "effect", form)

    def act(self, call: Call, _fate: Fate) -> Answer:
        """Takes the cards of an order, once; they are in the ledger when this returns, though not yet on disk."""
        form = call.params
        order = self._shop.orders.get(form.get("jdOrderNo", ""))
        if order is None:
            return _said("3", "订单不存在")
        if form.get("produceStatus") == "2":
            self._world.cancel_paid(order)
            return _said("0", "成功")
        cards = self._cards(form.get("product", ""))
        if form.get("produceStatus") != "1" or not form.get("agentOrderNo") or not cards:
            return _said("2", "参数校验错误")
        # Whatever is handed to JD is out of the merchant's hands, taken or not.
        lsn = self._world.send(self._shop.name, order.ext_id, cards, "", "jd-trade", form["agentOrderNo"])
        if len(cards) != order.qty or form.get("quantity") != str(order.qty):
            return _said("12", "数量错误", lsn)
        if order.state is not State.PAID:
            # Not in the facts: code 13 for an order that waits for no cards (any more).
            return _said("13", "订单状态错误", lsn)
        return _said("0", "成功", self._world.ship(order, "produce/result", form["agentOrderNo"]))

    def refusal(self, kind: str) -> Answer:
        """The answer to a call that chaos turns away."""
        return as_json({}, 429) if kind == "rate" else _said("500", "系统异常")

    def expire_token(self) -> None:
        """There are no tokens: both sides sign with one key."""

    def _changed(self, order: Order, what: str) -> None:
        if self._pushes is None:
            return
        if what == "paid" and order.state is State.PAID:
            self._pushes.put(
                Post(self.platform, self._shop.name, lambda: self._begin(order), lambda *said: self._took(order, *said))
            )
        elif what == "shipped" and order.n % 5 == 0:
            # Told once more although it is settled, as when JD's own record of the answer is late.
            self._pushes.put(Post(self.platform, self._shop.name, lambda: self._told(order), _took_any, 1))

    def _begin(self, order: Order) -> Message | None:
        return self._told(order) if order.state is State.PAID else None

    def _find(self, order: Order) -> Message | None:
        if order.state is not State.PAID or order.ext_id in self.paused:
            return None
        return self._message("findDistill", {"jdOrderNo": order.ext_id})

    def _told(self, order: Order) -> Message:
        form = {
            "jdOrderNo": order.ext_id, "payTime": _stamp(order.paid_at), "notifyUrl": NOTIFY, "produceAccount": "",
            "quantity": str(order.qty), "wareNo": order.product.sku("JDT-"), "totalPrice": str(order.due),
            "vendorId": VENDOR, "version": "1.0",
        }  # fmt: skip
        if order.n % 2:
            expand = msgspec.json.encode({"orderPaymentAmount": order.due * 98 // 100, "system": 2})
            form["expand"] = self._sealed(expand)
        return self._message("beginDistill", form)

    def _message(self, tail: str, form: dict[str, str]) -> Message:
        form = {**form, "signType": "MD5", "timestamp": _stamp(self._world.clock())}
        form["sign"] = sign(form, self._shop.app_secret)
        return Message(tail, urlencode(form).encode(), _FORM)

    def _took(self, order: Order, status: int, body: bytes) -> bool:
        """The desk's answer to an order: a signed state; "in progress" is asked about from then on."""
        state = self._state(order, status, body)
        if state == 3 and self._pushes is not None:
            self._pushes.put(
                Post(
                    self.platform, self._shop.name, lambda: self._find(order),
                    lambda *said: self._state(order, *said) in (1, 2, 4), _ASKS,
                )
            )  # fmt: skip
        return state != 0

    def _state(self, order: Order, status: int, body: bytes) -> int:
        """What the desk says of an order, acted upon; 0 for what is no answer."""
        try:
            said = msgspec.json.decode(body, type=dict[str, Any]) if status == 200 else {}
        except (msgspec.DecodeError, UnicodeDecodeError):
            return 0
        fields = {name: str(value) for name, value in said.items()}
        if not self._signed(fields) or fields.get("jdOrderNo") != order.ext_id or not fields.get("agentOrderNo"):
            return 0
        state = said.get("produceStatus")
        if state == 1:
            cards = self._cards(fields.get("product", ""))
            if cards:
                self._world.send(self._shop.name, order.ext_id, cards, "", "jd-trade", fields["agentOrderNo"])
            if len(cards) != order.qty:
                return 0
            if order.state is State.PAID:
                self._world.ship(order, "answer", fields["agentOrderNo"])
        elif state == 2:
            self._world.cancel_paid(order)
        elif state == 4:
            self.paused.add(order.ext_id)
        return state if state in (1, 2, 3, 4) else 0

    def _signed(self, form: dict[str, str]) -> bool:
        made = sign(form, self._shop.app_secret)
        return hmac.compare_digest(made.encode(), form.get("sign", "").encode())

    def _cards(self, sealed: str) -> list[str]:
        """Passwords of the cards under AES; none when anything is missing or too long."""
        try:
            work = Cipher(algorithms.AES(self._aes), modes.ECB()).decryptor()  # noqa: S305 - the platform's rule
            data = work.update(base64.b64decode("".join(sealed.split()), validate=True)) + work.finalize()
            unpadder = padding.PKCS7(128).unpadder()
            cards = msgspec.json.decode(unpadder.update(data) + unpadder.finalize(), type=list[dict[str, Any]])
        except (ValueError, binascii.Error, msgspec.DecodeError):
            return []
        words = [[str(card.get(name, "")) for name in ("password", "cardNumber", "expiryDate")] for card in cards]
        return [one[0] for one in words] if all(all(one) and len(max(one, key=len)) <= 127 for one in words) else []

    def _sealed(self, data: bytes) -> str:
        """As JD's samples are: base64 in lines of 76 columns."""
        padder = padding.PKCS7(128).padder()
        work = Cipher(algorithms.AES(self._aes), modes.ECB()).encryptor()  # noqa: S305 - the platform's rule
        sealed = work.update(padder.update(data) + padder.finalize()) + work.finalize()
        return base64.encodebytes(sealed).decode().rstrip("\n")


def _took_any(status: int, _body: bytes) -> bool:
    return status == 200


def _stamp(us: int) -> str:
    return datetime.fromtimestamp(us // SECOND, tz=_BEIJING).strftime("%Y%m%d%H%M%S")


def _said(code: str, message: str, lsn: int = 0) -> Answer:
    return as_json({"code": code, "message": message}, lsn=lsn)
