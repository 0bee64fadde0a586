"""The line to the core: health, the feed with reconnect, counts and stock, and our leases."""

import asyncio
import contextlib
from typing import TYPE_CHECKING

from console.client import ClientError
from console.i18n import t
from console.state.standing import VIEWS

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen

FEED_HZ = 5
COUNTS_S = 2.0
STOCK_S = 10.0
BEAT_S = 15.0
RETRY_S = (0.2, 0.5, 1.0, 2.0)


class Session:
    """Keeps the desk's standing true. All its loops end with the app's workers."""

    def __init__(self, desk: "DeskScreen") -> None:
        self._desk = desk
        self._client = desk.client
        self.standing = desk.standing

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
                    if tick.get("changed", []) != []:
                        self._desk.loader.touch()
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

    async def run_side(self) -> None:
        """Renews counts and stock at their own slow pace, only while something changes."""
        seen, since_stock = -1, 0.0
        while True:
            await asyncio.sleep(COUNTS_S)
            since_stock += COUNTS_S
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

    async def run_beat(self) -> None:
        """Keeps our leases alive; a lease that ran out is said, not hidden."""
        while True:
            await asyncio.sleep(BEAT_S)
            held = list(self.standing.claims)
            if not held or not self.standing.online:
                continue
            try:
                await self._client.beat(held)
            except ClientError as error:
                if not error.offline:
                    self.standing.claims.clear()
                    self._desk.say(t("claim.ended"), "warn")

    async def leave(self) -> None:
        """Gives our leases back on the way out, if the core still listens."""
        with contextlib.suppress(ClientError, TimeoutError):
            if self.standing.claims and self.standing.online:
                async with asyncio.timeout(1.0):
                    await self._client.drop(list(self.standing.claims))
        with contextlib.suppress(ClientError):
            await self._client.close()
