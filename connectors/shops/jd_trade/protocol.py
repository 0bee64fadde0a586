"""Envelopes of JD's general trade (facts: JD 4.3): flat signed forms and answers, cards under AES, both ways."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qsl, urlencode

import msgspec
from msgspec import Struct

from connectors.aes import Unopened
from connectors.fields import UNREADABLE
from connectors.jd_called import split
from connectors.jd_wire import seal, sign_trade, unseal, verify_trade
from connectors.signing import key_of
from core.model.clock import to_text
from core.model.effects import Slot
from core.model.text import clean
from core.ports import Inbound, Reply

# Codes and states of our answers.
GOING, NOT_SOLD, SIGN, BROKEN = "JDO_201", "JDO_305", "JDO_304", "JDO_500"
DONE, FAILED, RUNNING = 1, 2, 3
# Codes of JD's answers to our call.
OK, WRONG_STATE = "0", "13"
TURNED_AWAY: Final = frozenset({"10", "11", "19"})  # signature, address, unknown merchant: nothing was done
REFUSED: Final = frozenset({"2", "3", "12"})
_STAMP: Final = "%Y%m%d%H%M%S"
_FIELDS: Final = 48
_LONGEST: Final = 127  # characters of a card's number or password
_JSON: Final = "application/json; charset=utf-8"


class _Answer(Struct):
    code: str | int
    message: str | None = None


class Trade:
    """Opens JD's calls and writes ours. Holds both keys; its repr shows neither. Raises ValueError for an unusable key."""

    def __init__(self, vendor: str, key: str, aes_key: str, separator: str = "") -> None:
        if len(aes_key.encode()) != 32:
            raise ValueError("aes_key must have 32 bytes")
        self._vendor, self._key, self._aes, self._separator = vendor, key_of(key, "key"), aes_key, separator

    def __repr__(self) -> str:
        return f"Trade({self._vendor!r})"

    def opened(self, request: Inbound, now: int) -> dict[str, str] | None:
        """The fields of a call that JD signed for this merchant, None for any other. ``now``: UTC seconds."""
        try:
            form = dict(parse_qsl(request.body.decode(), keep_blank_values=True, max_num_fields=_FIELDS))
        except ValueError:
            return None
        if form.get("vendorId", self._vendor) != self._vendor or not verify_trade(form, self._key, now):
            return None
        return form

    def unsealed(self, text: str) -> bytes | None:
        """A value under AES, None when it does not open."""
        try:
            return unseal(text, self._aes).encode()
        except Unopened:
            return None

    def answer(self, number: str, code: str, state: int, now: int) -> Reply:
        """How far an order is, signed."""
        fields = {
            "code": code,
            "jdOrderNo": number,
            "agentOrderNo": ours(number),
            "produceStatus": str(state),
            "signType": "MD5",
            "timestamp": to_text(now * 1_000_000, fmt=_STAMP),
        }
        signed = sign_trade(fields, self._key)
        body = {**fields, "jdOrderNo": int(number), "produceStatus": state, "sign": signed}
        return Reply(body=msgspec.json.encode(body), content_type=_JSON)

    def cards(self, number: str, slots: Sequence[Slot], now: int) -> bytes | None:
        """The form that hands over all keys of an order, or None when one is longer than JD allows."""
        found = []
        for slot in slots:
            card, password = split(slot, self._separator)
            if not card or not password or max(len(card), len(password)) > _LONGEST:
                return None
            found.append({"cardNumber": card, "password": password, "expiryDate": "-"})
        form = {
            "vendorId": self._vendor,
            "jdOrderNo": number,
            "agentOrderNo": ours(number),
            "produceStatus": str(DONE),
            "quantity": str(len(found)),
            "product": seal(msgspec.json.encode(found).decode(), self._aes),
            "timestamp": to_text(now * 1_000_000, fmt=_STAMP),
        }
        form["sign"] = sign_trade(form, self._key)
        return urlencode(form).encode()


def refusal() -> Reply:
    """For a call that was not signed. It has no state: whoever made it must not learn or change one."""
    return Reply(status=403, body=msgspec.json.encode({"code": SIGN, "message": "sign"}), content_type=_JSON)


def later() -> Reply:
    """No answer that JD could act on, so that it asks again."""
    return Reply(status=503, body=msgspec.json.encode({"code": BROKEN, "message": "later"}), content_type=_JSON)


def ours(number: str) -> str:
    """Our number of an order: one order always has the same."""
    return f"KD{number}"


def code_of(body: bytes) -> tuple[str, str]:
    """Code and words of JD's answer to a call of ours, ("", why) when it cannot be read."""
    try:
        said = msgspec.json.decode(body, type=_Answer)
    except UNREADABLE:
        return "", "answer not understood"
    return clean(str(said.code), 20), clean(said.message or "", 200)
