"""Alerts to the merchant: what is wrong, told by channels, at most once a kind in the quiet time, with counts.

A trouble is told when it is new or has grown since it was told; one that only lasts is told again after six quiet
times. What comes up during the quiet time is not lost: it stands in the next alert of its kind. Of an alert that no
channel took, nothing counts as told.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

import structlog

from core.model.clock import Clock
from core.model.effects import Outcome, Result
from core.ports import Alerting

log = structlog.get_logger("alerts")
LOOK_S: Final = 15.0
SEND_S: Final = 30.0
RETRY_US: Final = 60_000_000  # after an alert that no channel took
LASTING: Final = 6  # quiet times until what only lasts is told again
LINES_MAX: Final = 10


class TroubleKind(StrEnum):
    """What an alert is about."""

    SHOP = "shop"
    SILENT = "silent"
    STOCK = "stock"
    UNKNOWN = "unknown"
    DISK = "disk"
    DRIFT = "drift"


class Trouble(NamedTuple):
    """One thing that is wrong now. ``line`` is for a person and holds no key and no contact."""

    kind: TroubleKind
    subject: str  # the same thing has the same subject
    n: int
    line: str


TITLES: Final = {
    "zh_CN": {
        TroubleKind.SHOP: "卡台告警:{n} 个店铺连不上",
        TroubleKind.SILENT: "卡台告警:{n} 个店铺长时间没有已付款订单",
        TroubleKind.STOCK: "卡台告警:{n} 个商品库存不足一小时",
        TroubleKind.UNKNOWN: "卡台告警:{n} 个发货结果未知,等人判断",
        TroubleKind.DISK: "卡台告警:磁盘已满",
        TroubleKind.DRIFT: "卡台告警:{n} 条平台数据无法识别",
        "more": "……另有 {n} 项",
    },
    "en": {
        TroubleKind.SHOP: "Keydesk: {n} shop(s) cannot be reached",
        TroubleKind.SILENT: "Keydesk: {n} shop(s) without a paid order for long",
        TroubleKind.STOCK: "Keydesk: stock of {n} product(s) is below an hour's use",
        TroubleKind.UNKNOWN: "Keydesk: {n} delivery outcome(s) unknown, waiting for a person",
        TroubleKind.DISK: "Keydesk: the disk is full",
        TroubleKind.DRIFT: "Keydesk: {n} item(s) of platforms could not be understood",
        "more": "... and {n} more",
    },
}


class _Told:
    """What was told of one kind: when, and of which subjects how much."""

    def __init__(self) -> None:
        self.at: int | None = None
        self.tried_at: int | None = None
        self.counts: dict[str, int] = {}


class Alerts:
    """Looks every few seconds by ``look`` and tells by ``channels``. ``quiet_us``: between two alerts of one kind."""

    def __init__(
        self,
        channels: Mapping[str, Alerting],
        look: Callable[[], Awaitable[Sequence[Trouble]]],
        clock: Clock,
        quiet_us: int,
        language: str = "zh_CN",
    ) -> None:
        self._channels, self._look, self._clock = dict(channels), look, clock
        self._quiet_us, self._words = quiet_us, TITLES[language]
        self._told = {kind: _Told() for kind in TroubleKind}
        self._failing: set[str] = set()
        self._blind = False

    async def run(self) -> None:
        """Until cancelled. A look that fails is logged once and tried again."""
        while True:
            try:
                await self.turn()
                self._blind = False
            except Exception as error:
                if not self._blind:
                    log.error("alerts_look_failed", why=type(error).__name__)
                self._blind = True
            await asyncio.sleep(LOOK_S)

    async def turn(self) -> int:
        """One look, and whatever is to be told now. Answers how many alerts were taken by a channel."""
        by_kind: dict[TroubleKind, list[Trouble]] = {}
        for trouble in await self._look():
            by_kind.setdefault(trouble.kind, []).append(trouble)
        taken = 0
        for kind, told in self._told.items():
            found = by_kind.get(kind, [])
            # What is over, or has shrunk, may come anew.
            told.counts = {t.subject: min(t.n, told.counts[t.subject]) for t in found if t.subject in told.counts}
            if found and self._due(told, found):
                taken += await self._tell(kind, told, found)
        return taken

    def _due(self, told: _Told, found: Sequence[Trouble]) -> bool:
        now = self._clock()
        if told.tried_at is not None and now - told.tried_at < min(RETRY_US, self._quiet_us):
            return False
        if told.at is None:
            return True
        if now - told.at < self._quiet_us:
            return False
        news = any(trouble.n > told.counts.get(trouble.subject, 0) for trouble in found)
        return news or now - told.at >= LASTING * self._quiet_us

    async def _tell(self, kind: TroubleKind, told: _Told, found: Sequence[Trouble]) -> bool:
        title = self._words[kind].format(n=sum(trouble.n for trouble in found))
        lines = [trouble.line for trouble in found[:LINES_MAX]]
        if len(found) > LINES_MAX:
            lines.append(self._words["more"].format(n=len(found) - LINES_MAX))
        results = await asyncio.gather(*(self._by(name, title, "\n".join(lines)) for name in self._channels))
        now = self._clock()
        if not any(results):
            told.tried_at = now
            return False
        told.at, told.tried_at = now, None
        told.counts = {trouble.subject: trouble.n for trouble in found}
        return True

    async def _by(self, name: str, title: str, text: str) -> bool:
        """Whether this channel took it, or may have: an alert in doubt is not repeated."""
        try:
            async with asyncio.timeout(SEND_S):
                outcome = await self._channels[name].alert(title, text)
        except Exception as error:
            outcome = Outcome(result=Result.NOT_SENT, why=type(error).__name__)
        if outcome.result in (Result.CONFIRMED, Result.UNKNOWN):
            self._failing.discard(name)
            return True
        if name not in self._failing:
            self._failing.add(name)
            log.warning("alert_failed", channel=name, result=outcome.result.value, why=outcome.why)
        return False
