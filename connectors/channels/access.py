"""Access tokens that a provider lends for an hour or two: fetched once for all callers, dropped when refused."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from core.model.clock import SECOND, Clock
from core.model.effects import Outcome


class Lent(NamedTuple):
    """What a fetch brought: the token, and for how many seconds it is good."""

    token: str
    seconds: int


class NoToken(Exception):
    """No token could be had. ``outcome`` is what the message came to: never unknown, for nothing of it was sent."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.why)
        self.outcome = outcome


class AccessToken:
    """One account's token. ``fetch`` is told the token that was refused ("" otherwise) and raises NoToken.

    ``margin``: seconds before its end at which a token counts as spent.
    """

    def __init__(self, fetch: Callable[[str], Awaitable[Lent]], clock: Clock, margin: int = 300) -> None:
        self._fetch, self._clock, self._margin = fetch, clock, margin
        self._token, self._refused, self._until = "", "", 0
        self._flight: asyncio.Task[str] | None = None

    def __repr__(self) -> str:
        return "AccessToken(***)"

    async def get(self) -> str:
        """The token of now. All callers share one fetch and its failure. Raises NoToken."""
        if self._token and self._clock() < self._until:
            return self._token
        if self._flight is None:
            self._flight = asyncio.create_task(self._renew())
            self._flight.add_done_callback(self._landed)
        # A caller that is cancelled must not take the others' fetch with it.
        return await asyncio.shield(self._flight)

    def drop(self, used: str) -> None:
        """``used`` was refused: the next ``get`` fetches, unless another caller has done so already."""
        if self._token == used:
            self._token, self._refused = "", used

    async def close(self) -> None:
        """Give up a fetch under way."""
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.gather(self._flight, return_exceptions=True)

    def _landed(self, flight: asyncio.Task[str]) -> None:
        self._flight = None
        if not flight.cancelled():
            flight.exception()  # whoever still waits hears of it; nobody waiting is no error

    async def _renew(self) -> str:
        lent = await self._fetch(self._refused)
        life = max(lent.seconds - self._margin, lent.seconds // 2, 1)
        self._token, self._until, self._refused = lent.token, self._clock() + life * SECOND, ""
        return self._token
