"""Calls that Douyin makes to the merchant: pushes, and the top-up interface (facts: Douyin 3.3, 3.5).

A top-up is carried out by the channel named in ``deliver``; Douyin is told how it stands whenever it asks. A wrong "failed"
refunds a key that is out, a wrong "success" takes money for nothing: what is not known for certain is "in process".
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Final
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from connectors.shops.douyin.sign import verify_push, verify_spi
from core.model.clock import from_text
from core.model.lifecycle import Stage
from core.model.text import clean
from core.ports import Inbound, Received, Reply, Standing

ORDER, QUERY, CANCEL = "topup/order", "topup/query", "topup/cancel"  # the tails of the three addresses
_JSON: Final = "application/json; charset=utf-8"
_TAKEN: Final = Reply(body=b'{"code":0,"msg":"success"}', content_type=_JSON)
_REFUSED: Final = Reply(status=403, body=b'{"code":100001,"message":"sign"}', content_type=_JSON)
_NOT_UNDERSTOOD: Final = Reply(body=b'{"code":100002,"message":"param"}', content_type=_JSON)
NOWHERE: Final = Reply(status=404, body=b"not here")


class Asked(Struct, frozen=True):
    """What a top-up call says. ``limit``: until when it has to be done, UTC us, None where it does not say."""

    what: str
    number: str  # trade_order_no
    business: str  # topup_biz, given back as it came
    limit: int | None


class _Params(Struct):
    trade_order_no: str
    topup_biz: str
    time_start: str | None = None
    time_limit: str | int | None = None


def push(request: Inbound, app_key: str, secret: str) -> Received:
    """A notification: a hint to pull when it is signed; its content is not used."""
    if request.method != "POST" or not verify_push(request.headers, request.body, app_key, secret):
        return refused(_REFUSED)
    return Received(render=lambda _: _TAKEN, pull=True)


def asked(request: Inbound, app_key: str, secret: str, now: int) -> Asked | Reply:
    """What Douyin asks, or the refusal. ``now``: UTC seconds. Parameters are the body of a POST, or ``param_json``."""
    query = dict(parse_qsl(request.query, keep_blank_values=True))
    try:
        text = query.get("param_json", "") if request.method == "GET" else request.body.decode()
    except UnicodeDecodeError:
        return _REFUSED
    if query.get("app_key") != app_key or not verify_spi(query, text, secret, now):
        return _REFUSED
    try:
        params = msgspec.json.decode(text, type=_Params)
        limit = _limit(params)
    except (ValueError, *UNREADABLE):
        return _NOT_UNDERSTOOD
    number = clean(params.trade_order_no, 64)
    if not number or number != params.trade_order_no:
        return _NOT_UNDERSTOOD
    return Asked(request.tail, number, params.topup_biz, limit)


def _limit(params: _Params) -> int | None:
    """Raises ValueError for a time or a span that is not one."""
    if not params.time_start or params.time_limit in (None, ""):
        return None
    span = int(params.time_limit or 0)
    if not 0 < span <= timedelta(days=30).total_seconds():
        raise ValueError("time_limit")
    return from_text(params.time_start, fmt="%Y%m%d%H%M%S") + span * 1_000_000


def answer(question: Asked) -> Callable[[Standing | None], Reply]:
    """How the order stands, in Douyin's words; our number is its own, so that the two always belong together."""

    def render(standing: Standing | None) -> Reply:
        data = {
            "trade_order_no": question.number,
            "topup_biz": question.business,
            "seller_order_no": question.number,
            "seller_order_status": _status(question.what, standing),
        }
        return Reply(body=msgspec.json.encode({"code": 0, "message": "success", "data": data}), content_type=_JSON)

    return render


def _status(what: str, standing: Standing | None) -> str:
    if standing is not None and standing.delivered:
        return "SUCCESS"
    if what == CANCEL and standing is not None and standing.stage is Stage.CANCELLED:
        return "CANCEL"  # it ended before any key went out
    return "IN_PROCESS"


def refused(reply: Reply) -> Received:
    """Nothing is stated, and this is the answer."""
    return Received(render=lambda _: reply)
