"""The calls of the back office: stock with its imports, rules, connections, what the doctor found."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from msgspec import to_builtins
from starlette.requests import Request
from starlette.routing import Route

from core.desk.batches import batches
from core.desk.refusals import Refused, bad_request
from core.desk.unread import unread
from core.model.checks import Check
from core.model.clock import SECOND
from core.model.text import clean
from core.rules.backtest import Stored, compare, difference, hits, newest
from core.rules.book import RuleBook
from core.rules.rulefile import check_text, compile_rules
from core.rules.ruleset import RuleSet
from core.service.ask import body, param, raw, whole
from core.service.calls import route
from core.settings_files import SettingsError, read_text

if TYPE_CHECKING:
    from core.service.service import Service

RULES_MAX = 1_000_000  # bytes of a rule file that is tried
_SAMPLE_US = 30 * SECOND  # how long one look at the newest orders serves everybody
# How a connector does that needs somebody, as the doctor's code.
_DOWN = {"failing": "shop_failing", "silent": "shop_silent", "unmatched": "shop_unmatched"}
_TELL = ("admin", "supervisor")  # who may see the merchant's settings, secrets apart


@runtime_checkable
class _Titled(Protocol):
    """A catalogue that can name all its products, as the merchant's own can."""

    @property
    def ids(self) -> tuple[str, ...]: ...

    def title_of(self, product: str) -> str: ...


class RuleDesk:
    """The rule file with a sample of the newest orders, which is read again after a while."""

    def __init__(self, service: "Service", book: RuleBook) -> None:
        self._service, self._book = service, book
        self._sample: tuple[int, Stored] | None = None
        self._counted: tuple[Stored, str, dict[str, Any]] | None = None
        self._lock = asyncio.Lock()

    async def standing(self) -> dict[str, Any]:
        """The rules in force, and how many of the newest orders each applies to."""
        return {**await asyncio.to_thread(self._book.standing), "recent": await self._recent()}

    async def _recent(self) -> dict[str, Any]:
        async with self._lock:
            sample, rules = await self._stored(), self._book.rules
            kept = self._counted
            if kept is None or kept[0] is not sample or kept[1] != rules.mark:
                kept = self._counted = (sample, rules.mark, await asyncio.to_thread(hits, rules, sample))
            return kept[2]

    async def _stored(self) -> Stored:
        now = self._service.clock()
        if self._sample is None or not 0 <= now - self._sample[0] < _SAMPLE_US:
            self._sample = (now, await newest(self._service.reader, self._service.setup))
        return self._sample[1]

    async def attempt(self, name: str, data: bytes) -> dict[str, Any]:
        """Check a file and hold it against what is in force; without data the core's own file. Changes nothing."""
        file = Path(name or "rules.toml") if data else self._book.file
        try:
            text = data.decode("utf-8-sig") if data else await asyncio.to_thread(read_text, file)
        except (SettingsError, UnicodeDecodeError) as error:
            why = str(error) if isinstance(error, SettingsError) else f"{file}: not UTF-8 (byte {error.start})"
            return {"ok": False, "errors": [clean(why, 500)], "warnings": []}
        report = await asyncio.to_thread(check_text, text, file)
        told = {"ok": report.ok, "errors": [clean(e, 500) for e in report.errors], "warnings": list(report.warnings)}
        if not report.ok:
            return told
        async with self._lock:
            sample = await self._stored()
        return {**told, **await asyncio.to_thread(self._against, text, file, self._book.rules, sample)}

    def _against(self, text: str, file: Path, force: RuleSet, sample: Stored) -> dict[str, Any]:
        tried = compile_rules(text, file)
        return {
            "version": tried.version,
            "mark": tried.mark,
            "same": tried.mark == force.mark,
            "diff": difference(force.rules, tried.rules),
            "backtest": compare(force, tried, sample),
        }

    def reload(self) -> dict[str, Any]:
        """Take the core's own file now. Raises Refused with what is wrong with it."""
        if not self._book.reload():
            refused = self._book.standing()["refused"] or {"why": ""}
            raise Refused(409, "bad_rules", refused["why"], "What was in force stays in force.")
        return {"mark": self._book.rules.mark}


def routes(service: "Service") -> list[Route]:
    """All of them."""
    return [
        route(service, "GET", "/v1/stock/products", _products),
        route(service, "GET", "/v1/stock/batches", _batches),
        route(service, "GET", "/v1/rules", _rules),
        route(service, "POST", "/v1/rules/try", _try),
        route(service, "POST", "/v1/rules/reload", _reload),
        route(service, "GET", "/v1/quarantine", _quarantine),
        route(service, "GET", "/v1/doctor", _doctor),
    ]


async def _products(service: "Service", _request: Request) -> Any:
    catalogue: object = service.setup.catalogue
    titles = {one: catalogue.title_of(one) for one in catalogue.ids} if isinstance(catalogue, _Titled) else {}
    return {"products": await service.stock.read_all(titles)}


async def _batches(service: "Service", request: Request) -> Any:
    product = param(request, "product", 64)
    if not product:
        raise bad_request("which product?", "Give product=ID.")
    after, limit = whole(request, "after", 0, 0, 2**63 - 1), whole(request, "limit", 50, 1, 200)
    return await batches(service.reader, product, after, limit)


def _desk_of_rules(service: "Service") -> RuleDesk:
    if service.rules is None:
        raise Refused(409, "no_rules", "this core follows no rule file")
    return service.rules


async def _rules(service: "Service", _request: Request) -> Any:
    return await _desk_of_rules(service).standing()


async def _try(service: "Service", request: Request) -> Any:
    service.person(request).need("operator")
    desk = _desk_of_rules(service)
    return await desk.attempt(clean(param(request, "name", 200), 100), await raw(request, RULES_MAX))


async def _reload(service: "Service", request: Request) -> Any:
    service.actor(request, "supervisor")
    await body(request)
    return _desk_of_rules(service).reload()


async def _quarantine(service: "Service", request: Request) -> Any:
    name = param(request, "shop", 64)
    number = next((n for n, (known, _) in service.shops.items() if known == name), None)
    if number is None and any(row["name"] == name for row in service.counters.shops()):
        return {"groups": [], "whole": True, "drift": []}  # a payment gateway: it sets nothing aside
    if number is None:
        raise bad_request(f"there is no shop {name!r}", f"Known: {', '.join(n for n, _ in service.shops.values())}.")
    return await unread(service.reader, number)


def _down(shops: Sequence[Mapping[str, Any]]) -> list[Check]:
    """What the connectors say now: a configuration that is right says nothing of a platform that does not answer."""
    return [
        Check(clean(str(shop["name"]), 64), "bad", _DOWN[shop["state"]], {"error": clean(shop["error"] or "", 200)})
        for shop in shops
        if shop["state"] in _DOWN
    ]


async def _doctor(service: "Service", request: Request) -> Any:
    person = service.person(request)
    if service.examine is None:
        raise Refused(409, "no_doctor", "this core was started without its settings at hand")
    found = await asyncio.to_thread(service.examine)
    settings = found.settings if person.role in _TELL else []
    return {
        "checks": to_builtins([*found.checks, *_down(service.counters.shops())]),
        "settings": [{"key": key, "value": value, "from": origin} for key, value, origin in settings],
    }
