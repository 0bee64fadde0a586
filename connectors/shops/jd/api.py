"""What a JD shop asks the open platform, each answer checked as far as its envelope (facts: JD 4.1)."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from connectors.http import Http, HttpFailure, Reply
from connectors.shops.base import Refused, error_of, with_renewal
from connectors.shops.jd.client import HEADERS, Jos, JosFailure
from connectors.shops.jd.mapping import FIELDS, STATES
from connectors.shops.windows import PAGE, SPAN, Page
from core.model.clock import SECOND, to_text
from core.model.text import clean
from core.ports import ConnectorError

T = TypeVar("T")
Fetch = Callable[[str, str, Mapping[str, str], bytes], Awaitable[Reply]]
SEARCH: Final = "jingdong.pop.order.search"
GET: Final = "jingdong.pop.order.get"
SHIPMENT: Final = "jingdong.pop.order.shipment"
REFUNDS: Final = "jingdong.pop.afs.soa.refundapply.queryPageList"
_REFUND_PAGE, _REFUND_PAGES = 50, 100  # the most that JD gives
_LATE: Final = 60  # seconds by which a request may show up late in its list


class _Result(Struct):
    success: bool | str
    chineseErrCode: str | None = None
    englishErrCode: str | None = None
    numberCode: str | int | None = None
    errorCode: str | int | None = None


class _Found(Struct):
    apiResult: _Result
    orderInfoList: list[msgspec.Raw] | None = None
    orderTotal: int | None = None


class _Search(Struct):
    searchorderinfo_result: _Found


class _Detail(Struct):
    apiResult: _Result | None = None
    orderInfo: msgspec.Raw = msgspec.Raw(b"null")


class _Order(Struct):
    orderDetailInfo: _Detail


class _Applied(Struct):
    success: bool | str
    totalCount: int | None = None
    result: list[msgspec.Raw] | None = None


class _Refunds(Struct):
    queryResult: _Applied


class _Shipment(Struct):
    sopjosshipment_result: _Result


class Api:
    """The calls of one shop. ``fetch`` makes an exchange that changes nothing; ``http`` one that is made once."""

    def __init__(self, jos: Jos, http: Http, fetch: Fetch) -> None:
        self._jos, self._http, self._fetch = jos, http, fetch

    async def order(self, ext_id: str) -> msgspec.Raw:
        """One order, as it stands now. Raises ConnectorError, Refused when JD does not show it."""
        answer = await self._query(GET, {"order_id": ext_id, "optional_fields": FIELDS}, _Order)
        detail = answer.orderDetailInfo
        if detail.apiResult is not None:
            _insist(detail.apiResult)
        if bytes(detail.orderInfo) == b"null":
            raise Refused(f"order {clean(ext_id, 40)} is not shown")
        return detail.orderInfo

    async def ship(self, ext_id: str, carrier: str) -> JosFailure | None:
        """One shipment without a waybill, made once; None when it is done. Raises JosFailure, HttpFailure."""
        answer = await self._authorised(SHIPMENT, {"orderId": ext_id, "logiCoprId": carrier}, _Shipment, once=True)
        result = answer.sopjosshipment_result
        return None if _true(result.success) else _refusal(result)

    async def orders(self, start: int, end: int, page: int, count: bool) -> Page:
        """Orders changed from ``start`` to ``end`` (UTC seconds), newest change first. Raises ConnectorError."""
        params = {
            "start_date": to_text(start * SECOND),
            "end_date": to_text(end * SECOND),
            "order_state": STATES,
            "optional_fields": FIELDS,
            "page": str(page),
            "page_size": str(PAGE),
            "sortType": "1",
            "dateType": "0",
        }
        found = (await self._query(SEARCH, params, _Search)).searchorderinfo_result
        _insist(found.apiResult)
        rows = found.orderInfoList or []
        if count and found.orderTotal is None:
            raise ConnectorError("protocol", "orderTotal is missing")
        if count and found.orderTotal and not rows:
            raise ConnectorError("protocol", f"{found.orderTotal} rows were counted and none came")
        return Page(rows, found.orderTotal if count else None)

    async def requests(self, high: int, now: int) -> tuple[list[msgspec.Raw], int]:
        """Requests since ``high``, and up to when they are listed now: at most six hours a pull, half an hour a call."""
        rows: list[msgspec.Raw] = []
        for _ in range(12):
            start = min(high, now) - _LATE
            end = min(start + SPAN, now)
            times = {"applyTimeStart": to_text(start * SECOND), "applyTimeEnd": to_text(end * SECOND)}
            found, whole = await self._pages(times)
            if not whole:
                raise ConnectorError("protocol", "more requests in half an hour than JD lists")
            rows += found
            high = max(high, end)
            if high >= now:
                break
        return rows, high

    async def of_order(self, ext_id: str) -> list[msgspec.Raw]:
        """All requests about one order. Raises ConnectorError."""
        rows, _ = await self._pages({"orderId": ext_id})
        return rows

    async def _pages(self, about: Mapping[str, str]) -> tuple[list[msgspec.Raw], bool]:
        """All rows, and whether they are all. The list is by time of applying, so that nothing moves up a page."""
        rows: list[msgspec.Raw] = []
        for page in range(1, _REFUND_PAGES + 1):
            params = {**about, "pageIndex": page, "pageSize": _REFUND_PAGE}
            found = (await self._query(REFUNDS, params, _Refunds)).queryResult
            if not _true(found.success):
                raise ConnectorError("platform", "the list of requests is refused")
            piece = found.result or []
            rows += piece
            if found.totalCount is None:
                raise ConnectorError("protocol", "totalCount is missing")
            if found.totalCount <= page * _REFUND_PAGE:
                if found.totalCount and not rows:
                    raise ConnectorError("protocol", f"{found.totalCount} requests were counted and none came")
                return rows, True
        return rows, False

    async def _query(self, method: str, params: Mapping[str, Any], kind: type[T]) -> T:
        """Raises ConnectorError."""
        try:
            return await self._authorised(method, params, kind, once=False)
        except (HttpFailure, JosFailure) as failure:
            raise error_of(failure) from None

    async def _authorised(self, method: str, params: Mapping[str, Any], kind: type[T], once: bool) -> T:
        """Call; when the token has ended renew it and call again, as an ended token stops a call at the door."""

        async def attempt() -> T:
            body = self._jos.body(method, params)
            if once:
                reply = await self._http.post(self._jos.url, body, HEADERS)
            else:
                reply = await self._fetch("POST", self._jos.url, HEADERS, body)
            try:
                return msgspec.json.decode(self._jos.open(reply, method), type=kind)
            except UNREADABLE as exc:
                raise JosFailure("garbled", message=f"{method}: {exc}") from None

        return await with_renewal(self._jos, self._http, JosFailure, attempt)


def _true(value: bool | str) -> bool:
    return value is True or value == "true"


def _refusal(result: _Result) -> JosFailure:
    code = result.numberCode if result.numberCode is not None else result.errorCode
    words = result.chineseErrCode or result.englishErrCode or ""
    return JosFailure("refused", clean(str(code if code is not None else ""), 40), clean(words, 200))


def _insist(result: _Result) -> None:
    """Raise Refused unless the business behind the gateway says that it succeeded."""
    if not _true(result.success):
        raise Refused(str(_refusal(result)))
