"""Effects: one lane a shop or channel, each with its own room, so that a hanging one fills only itself."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from core.faultpoints import point
from core.model.clock import SECOND, Clock
from core.model.contact import address
from core.model.effects import Call, Effect, Outcome, Result, Slot
from core.pipeline.attempts import NotOpened, OpenAttempts, Opened
from core.pipeline.bound_keys import SealedKey
from core.pipeline.ends import Came
from core.pipeline.message import render
from core.pipeline.outcomes import Record
from core.pipeline.setup import Setup
from core.ports import Carrier, Channel
from core.store.writer import StoreFull, Writer
from core.vault.pickup import PickupLinks

log = structlog.get_logger("lanes")
DUE = "SELECT id, state, tries FROM intent WHERE via = ? AND state IN (0, 4) AND next_at <= ? ORDER BY next_at, id LIMIT ?"
NEXT = "SELECT next_at FROM intent WHERE via = ? AND state IN (0, 4) ORDER BY next_at, id LIMIT 1"
ROOM = 48  # attempts open at once in one lane; a way that does fewer at a time says so by its ``room``
REREAD_WAIT_S, MUTE_S = 2.0, 10.0
CALL_DEADLINE_S = 30.0
NO_PAGE = "it sends a pick-up link and no pick-up page is configured: set [pickup] port and public_url"
Spawn = Callable[[Coroutine[Any, Any, None]], object]
OpenKey = Callable[[SealedKey], str]


class Lane:
    """Takes due intents of one shop or channel, opens attempts, makes the calls, records what they came to."""

    def __init__(
        self,
        name: str,
        channel: Channel,
        setup: Setup,
        writer: Writer,
        readers: AsyncEngine,
        open_key: OpenKey,
        clock: Clock,
        language: str,
        spawn: Spawn,
        reread: Callable[[int, str], "asyncio.Future[bool] | None"],
        lane_of: Callable[[str], "Lane | None"] = lambda _: None,
        room: int = ROOM,
        links: PickupLinks | None = None,
    ) -> None:
        self.name, self.channel, self.room = name, channel, room
        self._links = links
        self._sends_link = isinstance(channel, Carrier) and channel.needs_pickup
        self._reaches = channel.reaches if isinstance(channel, Carrier) else frozenset()
        self._setup, self._writer, self._readers, self._clock = setup, writer, readers, clock
        self._open_key, self._language, self._spawn = open_key, language, spawn
        self._reread, self._lane_of = reread, lane_of
        self._opener, self._recorder = OpenAttempts(setup), Record(setup)
        self._busy: set[int] = set()
        self._lent = 0  # places that a transaction under way may fill by itself
        self._idle = False  # whether nothing that was due is still waiting for a place
        self._told = False  # whether something came due since the last look
        self._open = True
        self._mute: dict[int, float] = {}  # shops that were slow to answer: not waited for until then
        self._news = asyncio.Event()

    def wake(self) -> None:
        """There may be due intents."""
        self._idle, self._told = False, True
        self._news.set()

    def shut(self) -> None:
        """The end is near: no place is lent any more, so that nothing opens that would not be made."""
        self._open = False

    async def run(self) -> None:
        """Work for ever."""
        while True:
            self._news.clear()
            free = self.room - len(self._busy) - self._lent
            self._told = self._idle = False  # while it looks, nothing is lent: it counts on every place it saw free
            taken = await self._take(free) if free > 0 else 0
            self._idle = taken < free and not self._told
            if taken < free or free <= 0:
                await self._rest()

    # ---- places for attempts that open together with what makes them due

    def lend(self, most: int) -> int:
        """Take up to ``most`` free places aside; none while others wait for one, for they came first."""
        lent = max(0, min(most, self.room - len(self._busy) - self._lent)) if self._idle and self._open else 0
        self._lent += lent
        return lent

    def give_back(self, lent: int, opened: Iterable[Opened] = ()) -> None:
        """``lent`` places come back, some of them filled with attempts that are opened already: make these now."""
        self._lent -= lent
        for one in opened:
            self._busy.add(one.intent)
            self._spawn(self._make_now(one))
        self._news.set()

    async def _take(self, free: int) -> int:
        async with self._readers.connect() as connection:
            rows: Iterable[Any] = await connection.exec_driver_sql(
                DUE, (self.name, self._clock(), free + len(self._busy))
            )
            due = [(int(r[0]), int(r[1]), int(r[2])) for r in rows if int(r[0]) not in self._busy][:free]
        for intent, state, tries in due:
            self._busy.add(intent)
            self._spawn(self._work(intent) if state == 0 else self._ask(intent, tries))
        return len(due)

    async def _rest(self) -> None:
        """Until news, or until the next intent is due; at most a second, so that nothing depends on a signal."""
        pause = 1.0
        if len(self._busy) < self.room:
            async with self._readers.connect() as connection:
                row = (await connection.exec_driver_sql(NEXT, (self.name,))).first()
            if row is not None:
                pause = min(max((int(row[0]) - self._clock()) / SECOND, 0.02), 1.0)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._news.wait()

    async def _work(self, intent: int) -> None:
        try:
            opened = await self._writer.do(self._opener.apply, intent)
            if isinstance(opened, NotOpened) and opened.why == "stale" and await self._news_of(opened):
                opened = await self._writer.do(self._opener.apply, intent)
            if isinstance(opened, Opened):
                await self._make(opened)
        except StoreFull:
            await asyncio.sleep(1.0)  # nothing was opened, so nothing was sent; it is due again when there is space
        finally:
            self._done(intent)

    async def _news_of(self, stale: NotOpened) -> bool:
        """Read the order again and wait for it, in this attempt's place: were it only asked for, a backlog that takes
        longer than news stays fresh would be read round and round and never sent. A shop that does not answer soon is
        not waited for again for a while, so that it holds up no other."""
        asked = self._reread(stale.shop, stale.ext_id)
        now = time.monotonic()
        if asked is None or now < self._mute.get(stale.shop, 0.0):
            return False
        try:
            async with asyncio.timeout(REREAD_WAIT_S):
                return await asyncio.shield(asked)
        except TimeoutError:
            self._mute[stale.shop] = time.monotonic() + MUTE_S
            return False

    async def _make_now(self, opened: Opened) -> None:
        try:
            await self._make(opened)
        finally:
            self._done(opened.intent)

    async def _make(self, opened: Opened) -> None:
        point("before_send")
        outcome = await self._perform(opened)
        point("before_record")
        await self._end(opened, outcome)

    def _done(self, intent: int) -> None:
        self._busy.discard(intent)
        self._news.set()

    async def _perform(self, opened: Opened) -> Outcome:
        if self._sends_link and self._links is None and opened.effect is Effect.SEND:
            return Outcome(result=Result.REJECTED, why=NO_PAGE)
        try:
            call = self._call(opened)
        except Exception as error:  # a key that does not open must reach a person, never a buyer
            log.error("message_failed", intent=opened.intent, why=type(error).__name__)
            return Outcome(
                result=Result.REJECTED, why="the message could not be made", evidence={"error": type(error).__name__}
            )
        try:
            async with asyncio.timeout(CALL_DEADLINE_S):
                return await self.channel.perform(call)
        except TimeoutError:
            return Outcome(
                result=Result.UNKNOWN, why=f"no answer within {CALL_DEADLINE_S:.0f} s", evidence={"timeout": True}
            )
        except Exception as error:
            log.error("connector_raised", lane=self.name, why=type(error).__name__)
            return Outcome(result=Result.UNKNOWN, why="the connector failed", evidence={"error": type(error).__name__})

    async def _end(self, opened: Opened, outcome: Outcome) -> None:
        """Write the outcome down; if the buyer has the keys and the shop's lane is free, the platform is told at once."""
        lane = None
        if opened.effect is Effect.SEND and outcome.result is Result.CONFIRMED:
            lane = self._lane_of(self._setup.shops[opened.shop].name)
        lent = lane.lend(1) if lane is not None else 0
        answer: bool | Opened = False
        try:
            answer = await self._record(Came(opened.intent, opened.attempt, outcome, place=lent > 0, opened=opened))
        finally:
            if lane is not None and lent:
                lane.give_back(lent, [answer] if isinstance(answer, Opened) else ())

    async def _record(self, came: Came) -> bool | Opened:
        """An outcome is written whatever it takes: until then its attempt stays open and nothing repeats it."""
        while True:
            try:
                return await self._writer.do(self._recorder.apply, came)
            except StoreFull:
                await asyncio.sleep(1.0)
                # The engine may have begun to stop meanwhile: what would open now might not be made any more.
                came = msgspec.structs.replace(came, place=False)

    async def _ask(self, intent: int, tries: int) -> None:
        try:
            async with self._readers.connect() as connection:
                row: Any = (
                    await connection.exec_driver_sql(
                        "SELECT i.shop, i.effect, i.recipient, o.ext_id FROM intent i JOIN orders o ON o.id = i.order_id "
                        "WHERE i.id = ?",
                        (intent,),
                    )
                ).one()
            shop = self._setup.shops[int(row[0])]
            call = Call(
                reference=f"{shop.name}:{intent}",
                effect=Effect(int(row[1])),
                attempt=tries,
                ext_id=str(row[3]),
                recipient=address(str(row[2]), self._reaches),
            )
            async with asyncio.timeout(CALL_DEADLINE_S):
                outcome = await self.channel.ask(call)
            await self._record(Came(intent, tries, outcome, asked=True))
        except TimeoutError:
            await asyncio.sleep(1.0)
        finally:
            self._done(intent)

    def _call(self, opened: Opened) -> Call:
        shop = self._setup.shops[opened.shop]
        slots = tuple(Slot(key.line, key.slot, key.title, self._open_key(key)) for key in opened.keys)
        subject, text = ("", "")
        if opened.effect is Effect.SEND:
            if not slots:
                raise ValueError("no keys are bound to this order")
            subject, text = render(self._language, shop.name, opened.ext_id, slots)
        return Call(
            reference=f"{shop.name}:{opened.intent}",
            effect=opened.effect,
            attempt=opened.attempt,
            ext_id=opened.ext_id,
            recipient=address(opened.recipient, self._reaches),
            subject=subject,
            text=text,
            slots=slots,
            lines=opened.lines,
            pickup=self._links.link(opened.intent) if self._sends_link and self._links is not None else "",
        )
