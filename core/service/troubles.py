"""What is worth an alert, read from what the core knows. Names, titles and counts alone: no order, buyer or key."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

from core.desk.reads import Reads
from core.model.clock import MINUTE, Clock
from core.model.lifecycle import CaseKind
from core.model.text import clean
from core.service.alerts import Trouble, TroubleKind
from core.service.counters import ShopStates
from core.store.writer import Writer

FREE_LEAST: Final = 64 * 1024 * 1024  # bytes on the database's disk, below which writes will soon fail
FULL_FOR: Final = 2 * MINUTE  # how long after a refused write the disk counts as full
_KINDS: Final = frozenset({"network", "timeout", "auth", "rate", "platform", "protocol", "disk"})
WAITING: Final = "SELECT count(*), min(opened_at) FROM case_ INDEXED BY ix_case_open WHERE kind = ? AND closed_at IS NULL AND opened_at <= ?"
PURCHASES: Final = (
    "SELECT id, product, supplier FROM purchase INDEXED BY ux_purchase_open "
    "WHERE closed_at IS NULL AND state = 3 ORDER BY id"
)
DRIFT: Final = (
    "SELECT s.name, q.field, count(*) FROM quarantine q INDEXED BY ix_quarantine_open JOIN shop s ON s.id = q.shop "
    "WHERE q.resolved_at IS NULL GROUP BY q.shop, q.field ORDER BY q.shop, q.field"
)
WORDS: Final = {
    "zh_CN": {
        "shop": "{name}:{minutes} 分钟未拉取成功({error})",
        "silent": "{name}:订单都未付款,与往日不符;该店订单暂停发货,请核对后放行",
        "stock": "{title}:剩 {free} 个,每小时约售 {hour} 个",
        "unknown": "{n} 个结果未知,最久已等 {minutes} 分钟",
        "purchase": "{supplier} 的采购(商品 {product})结果不明,需人工核对:keydesk keys purchases",
        "full": "写入被拒绝:磁盘已满,在腾出空间前不会发货",
        "low": "数据库所在磁盘只剩 {mb} MB",
        "drift": "{name}:字段 {field},{n} 条待处理",
    },
    "en": {
        "shop": "{name}: no successful pull for {minutes} min ({error})",
        "silent": "{name}: orders come, none is paid, unlike other days; its orders wait until you release them",
        "stock": "{title}: {free} left, about {hour} sold an hour",
        "unknown": "{n} outcome(s) unknown, the oldest waits for {minutes} min",
        "purchase": "a purchase of {product} at {supplier} waits for a person: keydesk keys purchases",
        "full": "writes are refused: the disk is full; nothing is sent until there is space",
        "low": "only {mb} MB are left on the database's disk",
        "drift": "{name}: field {field}, {n} waiting",
    },
}


class Troubles:
    """``look`` gives all that is wrong now. ``shop_us``, ``unknown_us``: how long that must have lasted."""

    def __init__(
        self,
        reads: Reads,
        shops: ShopStates,
        stock: Callable[[], Awaitable[Sequence[dict[str, Any]]]],
        writer: Writer,
        clock: Clock,
        shop_us: int,
        unknown_us: int,
        language: str = "zh_CN",
    ) -> None:
        self._reads, self._shops, self._stock, self._writer = reads, shops, stock, writer
        self._clock, self._shop_us, self._unknown_us = clock, shop_us, unknown_us
        self._words, self._since = WORDS[language], clock()

    async def look(self) -> list[Trouble]:
        """Everything at this moment."""
        return [
            *self._failing(),
            *self._silent(),
            *await self._running_out(),
            *await self._waiting(),
            *await self._purchases(),
            *await self._disk(),
            *await self._drift(),
        ]

    def _failing(self) -> list[Trouble]:
        now, found = self._clock(), []
        for shop in self._shops():
            lasts = now - (shop["last_pull_at"] or self._since)
            if shop["state"] == "failing" and lasts >= self._shop_us:
                error = str(shop["error"]).partition(":")[0]  # the rest may be a platform's words
                name = clean(str(shop["name"]), 64)
                line = self._words["shop"].format(
                    name=name, minutes=lasts // MINUTE, error=error if error in _KINDS else "?"
                )
                found.append(Trouble(TroubleKind.SHOP, name, 1, line))
        return found

    def _silent(self) -> list[Trouble]:
        names = [clean(str(shop["name"]), 64) for shop in self._shops() if shop["state"] == "silent"]
        return [Trouble(TroubleKind.SILENT, name, 1, self._words["silent"].format(name=name)) for name in names]

    async def _running_out(self) -> list[Trouble]:
        found = []
        for product in await self._stock():
            pace = product["per_hour"]
            if pace and product["free"] < pace:
                title = clean(str(product["title"]), 60)
                line = self._words["stock"].format(title=title, free=product["free"], hour=round(pace))
                found.append(Trouble(TroubleKind.STOCK, str(product["id"]), 1, line))
        return found

    async def _waiting(self) -> list[Trouble]:
        now = self._clock()
        ((n, oldest),) = await self._reads.all(WAITING, (CaseKind.UNKNOWN_OUTCOME.value, now - self._unknown_us))
        if not n:
            return []
        line = self._words["unknown"].format(n=n, minutes=(now - oldest) // MINUTE)
        return [Trouble(TroubleKind.UNKNOWN, "unknown", n, line)]

    async def _purchases(self) -> list[Trouble]:
        found = []
        for number, product, supplier in await self._reads.all(PURCHASES):
            words = {"product": clean(str(product), 64), "supplier": clean(str(supplier), 64)}
            found.append(Trouble(TroubleKind.UNKNOWN, f"purchase|{number}", 1, self._words["purchase"].format(**words)))
        return found

    async def _disk(self) -> list[Trouble]:
        refused = self._writer.full_at
        if refused is not None and self._clock() - refused <= FULL_FOR:
            return [Trouble(TroubleKind.DISK, "disk", 1, self._words["full"])]
        free = await asyncio.to_thread(_free, self._writer.path)
        if free >= FREE_LEAST:
            return []
        return [Trouble(TroubleKind.DISK, "disk", 1, self._words["low"].format(mb=free // 1_000_000))]

    async def _drift(self) -> list[Trouble]:
        found = []
        for name, field, n in await self._reads.all(DRIFT):
            line = self._words["drift"].format(name=clean(name, 64), field=clean(field, 60), n=n)
            found.append(Trouble(TroubleKind.DRIFT, f"{name}|{field}", n, line))
        return found


def _free(path: Path) -> int:
    return shutil.disk_usage(path.parent).free
