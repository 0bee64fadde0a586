"""The line to the core: health, the feed with reconnect, counts and stock, and our leases."""

import asyncio
import contextlib
from typing import TYPE_CHECKING

from console.client import ClientError
from console.i18n import t
from console.presenters.claims import lost_words
from console.state.standing import VIEWS
from core.model.text import clean

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen

FEED_HZ = 5
COUNTS_S = 2.0
STOCK_S = 10.0
BEAT_S = 15.0
URGENT = ("vip", "big", "stuck", "unknown")  # what the bell rings for
RETRY_S = (0.2, 0.5, 1.0, 2.0)


class Session:
    """Keeps the desk's standing true. All its loops end with the app's workers."""

    def __init__(self, desk: "DeskScreen") -> None:
        self._desk = desk
        self._client = desk.client
        self.standing = desk.standing
        self._turn = 0
        self._compared = ""  # the core's version that ours was compared with
        self._urgent: int | None = None
        self._claim_touched = asyncio.Event()  # an order of ours changed: perhaps it is ours no more

    async def greet(self) -> None:
        """Reads who answers and the figures. Raises ClientError when nobody does."""
        self.standing.health, self.standing.counters = await asyncio.gather(
            self._client.health(), self._client.counters()
        )
        self._set_link("live")

    async def run(self) -> None:
        """Follows the feed for ever; after a break it greets again and reads the list anew."""
        tries = 0
        while True:
            try:
                await asyncio.gather(self.greet(), self._desk.loader.start())  # the first rows need no greeting
                await self.read_side()
                self._desk.show_head()
                async for tick in self._client.feed(FEED_HZ):
                    tries = 0
                    self._set_link("live")
                    if "counters" in tick:
                        self.standing.counters = tick["counters"]
                        self._desk.show_head()
                    changed = tick.get("changed", [])
                    if changed != []:
                        self._desk.loader.touch()
                        if changed is None or not self.standing.claims.keys().isdisjoint(changed):
                            self._claim_touched.set()
            except ClientError as error:
                self._set_link("lost" if self.standing.health else "connecting")
                if not error.offline:
                    self._desk.say_error(error)
                with contextlib.suppress(ClientError):
                    await self._client.close()
            await asyncio.sleep(RETRY_S[min(tries, len(RETRY_S) - 1)])
            tries += 1

    def _set_link(self, link: str) -> None:
        if self.standing.link != link:
            if "lost" in (link, self.standing.link):
                text, kind = ("log.line_lost", "warn") if link == "lost" else ("log.line_back", "good")
                self._desk.messages.add(t(text), kind)
            self.standing.link = link
            self._desk.show_head()
            self._desk.show_list_state()

    async def read_side(self) -> None:
        """Counts of the views, stock, and the groups of the exceptions pane."""
        await self.read_counts()
        self.standing.stock = await self._client.stock()

    async def read_counts(self) -> None:
        """Counts of all views (kept counters in the core: cheap)."""
        for view in VIEWS:
            self.standing.counts[view] = (await self._client.count(view))["count"]
        self._ring()
        own = self.standing.saved
        self.standing.counts = {name: n for name, n in self.standing.counts.items() if name in VIEWS or name in own}
        # A filter is looked for, not kept: so one saved view a round, and the one that is shown.
        turn = list(own)[self._turn % len(own)] if own else ""
        self._turn += 1
        for name in {turn, self.standing.tab} & own.keys():
            with contextlib.suppress(ClientError):  # a filter that no longer compiles costs its count alone
                self.standing.counts[name] = (await self._client.count(*own[name]))["count"]

    def _ring(self) -> None:
        """The bell, when more urgent work waits than a moment ago; only for who asked for it."""
        urgent = sum(self.standing.counts.get(view, 0) for view in URGENT)
        if self._desk.bell_wanted and self._urgent is not None and urgent > self._urgent:
            self._desk.app.bell()
        self._urgent = urgent

    async def run_side(self) -> None:
        """Renews counts and stock at their own slow pace, only while something changes."""
        seen, since_stock = -1, 0.0
        while True:
            await asyncio.sleep(COUNTS_S)
            since_stock += COUNTS_S
            await self._compare_versions()
            counters = self.standing.counters
            if not self.standing.online or counters is None or counters["seq"] == seen:
                continue
            seen = counters["seq"]
            with contextlib.suppress(ClientError):
                await self.read_counts()
                if since_stock >= STOCK_S:
                    since_stock = 0.0
                    self.standing.stock = await self._client.stock()
                await self._desk.cases.renew()
                self._desk.show_head()

    async def _compare_versions(self) -> None:
        """Says once for each core that it is not of this console's version: an upgrade leaves a running core behind."""
        health = self.standing.health
        if health is None or health["version"] == self._compared:
            return
        self._compared = health["version"]
        own = await asyncio.to_thread(_own_version)
        if own != self._compared:
            self._desk.say(t("log.other_version", core=clean(self._compared, 30), own=own), "warn")

    async def run_beat(self) -> None:
        """Keeps our leases alive; a lease that ran out is said, not hidden."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._claim_touched.wait(), BEAT_S)
            self._claim_touched.clear()
            await self.beat()

    async def beat(self) -> None:
        """One heartbeat: our leases go on; what was lost is said with who took it and why."""
        held = list(self.standing.claims)
        if not held or not self.standing.online:
            return
        try:
            answer = await self._client.beat(held)
        except ClientError as error:
            if not error.offline:
                self.standing.claims.clear()
                self._desk.say(t("claim.ended"), "warn")
            return
        # What was given back while the core answered is no loss.
        gone = [one for one in answer.get("lost", []) if self.standing.claims.pop(int(one["order"]), None) is not None]
        for order in held:
            if order in self.standing.claims:
                self.standing.claims[order] = int(answer["until"])
        if gone:
            self._desk.say("  ".join(lost_words(one) for one in gone[:3]), "bad")
            self._desk.show_head()

    async def leave(self) -> None:
        """Gives our leases back on the way out, if the core still listens."""
        with contextlib.suppress(ClientError, TimeoutError):
            if self.standing.claims and self.standing.online:
                async with asyncio.timeout(1.0):
                    await self._client.drop(list(self.standing.claims))
        with contextlib.suppress(ClientError):
            await self._client.close()


def _own_version() -> str:
    from importlib import metadata  # slow to import, and nothing waits for it

    return metadata.version("keydesk")
