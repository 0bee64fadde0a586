"""More waits than can be sent while news stays fresh: a lane must still get forward, and a platform that hangs holds up
only its own."""

import asyncio
import os
import time
from collections.abc import Mapping
from pathlib import Path

from core.engine import Engine
from core.model.clock import now_us
from core.model.effects import Call, Effect, EffectClass, EffectSpec, Outcome, Result
from core.model.order import Batch, OrderUpdate, Quarantined
from core.pipeline.setup import Setup
from core.ports import ConnectorError
from core.vault import imports
from core.vault.keyring import Keyring
from core.vault.plan import plan
from core.vault.seal import Vault
from tests.rig import Codes, order

SEND = EffectSpec(Effect.SEND, EffectClass.A, "test")
FRESH_US = 400_000


class Slow:
    """A shop that shows all its orders in its first list and needs a moment for each that is read again."""

    platform, poll_seconds = "slow", 3600.0
    send_via = "post"
    specs: Mapping[Effect, EffectSpec] = {}

    def __init__(self, name: str, count: int, hangs: bool = False, unreadable: str = "") -> None:
        self.name, self.hangs, self.unreadable = name, hangs, unreadable
        self.numbers = [f"{name}-{n}" for n in range(count)]

    def _shown(self, ext_id: str) -> OrderUpdate:
        at = now_us()
        return order(ext_id, paid=1000, rev=at, created_at=at)

    async def pull(self, cursor: str | None) -> Batch:
        numbers = self.numbers if cursor is None else []
        return Batch(updates=tuple(self._shown(number) for number in numbers), cursor="all", more=False)

    async def read(self, ext_id: str) -> OrderUpdate | Quarantined:
        if self.hangs:
            await asyncio.Event().wait()
        if ext_id == self.unreadable:
            raise ConnectorError("protocol", "an answer that nobody understands")
        await asyncio.sleep(0.02)
        return self._shown(ext_id)

    async def perform(self, call: Call) -> Outcome:
        return Outcome(result=Result.REJECTED, why="nothing goes this way")

    async def ask(self, call: Call) -> Outcome:
        return Outcome(result=Result.UNKNOWN)

    async def hint(self, headers: Mapping[str, str], body: bytes) -> bool:
        return False

    async def close(self) -> None:
        return None


class Post(Slow):
    """The one channel of all shops: four letters at a time, a tenth of a second each."""

    room = 4

    def __init__(self) -> None:
        super().__init__("post", 0)
        self.specs = {Effect.SEND: SEND}
        self.sent: list[str] = []

    async def perform(self, call: Call) -> Outcome:
        await asyncio.sleep(0.05)
        self.sent.append(call.ext_id)
        return Outcome(result=Result.CONFIRMED)


async def run(folder: Path, shops: list[Slow], post: Post, wanted: set[str], seconds: float) -> None:
    """A core on these shops until the wanted orders are sent."""
    vault = Vault(Keyring(os.urandom(32)))
    setup = Setup(Codes(), fresh_us=FRESH_US)
    engine = Engine(folder / "keydesk.db", setup, vault, {shop.name: shop for shop in shops}, {"post": post})

    def _stock(tx: object, items: list[int]) -> list[int]:
        text = "\n".join(f"K-{n:06d}-KEY" for n in range(items[0]))
        made = plan(tx, vault, "p1", "test", text.encode())  # type: ignore[arg-type]
        made.seal(tx.new_ids(made.ids_needed()))  # type: ignore[attr-defined]
        imports.write(tx, made, "test")  # type: ignore[arg-type]
        return items

    await engine.start("test")
    try:
        await engine.writer.do(_stock, 400)
        deadline = time.monotonic() + seconds
        while not wanted <= set(post.sent):
            assert time.monotonic() < deadline, f"{len(wanted & set(post.sent))} of {len(wanted)} sent in {seconds} s"
            assert engine.failure is None
            await asyncio.sleep(0.05)
    finally:
        await engine.stop()
    assert len(post.sent) == len(set(post.sent)), "a letter went twice"


async def test_a_backlog_longer_than_news_stays_fresh_is_worked_off(tmp_path: Path) -> None:
    """300 letters at 80 a second, and news that is old after 0.4 s: each is read again right before its letter."""
    shop, post = Slow("shop", 300), Post()
    await run(tmp_path, [shop], post, set(shop.numbers), 30)


async def test_one_order_that_cannot_be_read_does_not_hold_up_its_shop(tmp_path: Path) -> None:
    """It waits alone: a read that fails at once takes nobody's place, so the shop's other orders are still waited for."""
    shop, post = Slow("shop", 300, unreadable="shop-100"), Post()
    await run(tmp_path, [shop], post, set(shop.numbers) - {"shop-100"}, 30)
    assert "shop-100" not in post.sent


async def test_a_platform_that_hangs_when_asked_again_does_not_hold_up_the_others(tmp_path: Path) -> None:
    """Its orders wait; the channel that both share goes on with the other's."""
    good, bad, post = Slow("good", 60), Slow("bad", 120, hangs=True), Post()
    await run(tmp_path, [bad, good], post, set(good.numbers), 30)
