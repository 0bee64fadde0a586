"""Envelopes of JD's game-card platform (facts: JD 4.2): base64 of JSON inside a signed form, both ways."""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE, Drift
from connectors.jd_called import digits, split
from connectors.jd_wire import sign_gamecard, verify_gamecard
from connectors.signing import key_of
from core.model.clock import to_text
from core.model.effects import Slot
from core.model.text import clean
from core.ports import Inbound, Reply

OK, NO_ORDER, DUPLICATE, SIGN, BUSY, BROKEN = "100", "101", "102", "106", "108", "999"
# Of the codes JD marks as "try again", those that say that nothing was done: address, signature, busy.
TURNED_AWAY: Final = frozenset({"105", SIGN, BUSY})
REFUSED: Final = frozenset({NO_ORDER, "103", "104", "107", *(str(n) for n in range(109, 125))})
DONE, PROCESSING, FAILED = 0, 1, 2
_STAMP: Final = "%Y%m%d%H%M%S"
_FIELDS: Final = 32
_CARD_NO: Final = re.compile(r"[A-Za-z0-9_-]{1,200}")
_CARD_PASS: Final = re.compile(r"[!-~]{1,5000}")


class _Answer(Struct):
    retCode: str | int
    retMessage: str | None = None


class _Question(Struct):
    orderId: str | int


class GameCard:
    """Opens JD's calls and writes ours. Holds the private key; its repr does not show it."""

    def __init__(self, customer: str, key: str, separator: str = "") -> None:
        self._customer, self._key, self._separator = customer, key_of(key, "key"), separator

    def __repr__(self) -> str:
        return f"GameCard({self._customer!r})"

    def opened(self, request: Inbound, now: int) -> bytes | Reply:
        """The JSON inside a call that JD signed for this merchant, as UTF-8, or the refusal. ``now``: UTC seconds."""
        try:
            form = dict(parse_qsl(request.body.decode(), keep_blank_values=True, max_num_fields=_FIELDS))
        except ValueError:
            return answer(SIGN, "not a form")
        # Whoever forgets to escape a plus sign sends a blank, which base64 does not have.
        form["data"] = form.get("data", "").replace(" ", "+")
        if form.get("customerId") != self._customer or not verify_gamecard(form, self._key, now):
            return answer(SIGN, "sign")
        try:
            data = base64.b64decode(form["data"], validate=True)
            return _text(data).encode()
        except (ValueError, binascii.Error):
            return b""

    def cards(self, number: str, slots: Sequence[Slot], now: int) -> bytes | None:
        """The form that hands over all keys of an order, or None when JD's rules do not allow one of them."""
        found = []
        for slot in slots:
            card, password = split(slot, self._separator)
            if not _CARD_NO.fullmatch(card) or not _CARD_PASS.fullmatch(password):
                return None
            found.append({"cardno": card, "cardpass": password, "expiretime": ""})
        data = {"orderId": number, "orderStatus": str(DONE), "cardinfos": found}
        form = {
            "customerId": self._customer,
            "data": base64.b64encode(msgspec.json.encode(data)).decode(),
            "timestamp": to_text(now * 1_000_000, fmt=_STAMP),
        }
        form["sign"] = sign_gamecard(form, self._key)
        return urlencode(form).encode()


def code_of(body: bytes) -> tuple[str, str]:
    """Code and words of JD's answer to a call of ours, ("", why) when it cannot be read."""
    try:
        said = msgspec.json.decode(body, type=_Answer)
    except UNREADABLE:
        return "", "answer not understood"
    return clean(str(said.retCode), 20), clean(said.retMessage or "", 200)


def number_of(data: bytes) -> str:
    """The order that a question is about, "" when it cannot be read."""
    try:
        return digits(msgspec.json.decode(data, type=_Question).orderId, "orderId")
    except (Drift, *UNREADABLE):
        return ""


def answer(code: str, message: str, data: Mapping[str, Any] | None = None) -> Reply:
    """In the platform's envelope, always HTTP 200."""
    body: dict[str, Any] = {"retCode": code, "retMessage": message}
    if data is not None:
        body["data"] = base64.b64encode(msgspec.json.encode(data)).decode()
    return Reply(body=msgspec.json.encode(body), content_type="application/json; charset=utf-8")


def _text(data: bytes) -> str:
    """JD writes GBK for historical reasons, and UTF-8 in newer documents; what is valid UTF-8 is hardly ever GBK."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("gbk")
