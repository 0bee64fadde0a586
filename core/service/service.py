"""The service: everything that a call needs, held together without global state; and its application."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol
from urllib.parse import unquote

from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request

from core.desk.deeds import Deed
from core.desk.filter import Context
from core.desk.jobs import Jobs, Person
from core.desk.reads import Reader
from core.desk.refusals import Refused
from core.desk.rows import Frame
from core.desk.skips import Skips
from core.desk.views import Selection, select
from core.desk.wall import Wall
from core.desk.wall_history import History, Levels
from core.model.checks import Examined
from core.model.clock import MINUTE, SECOND
from core.pipeline.intake import Intake
from core.pipeline.replay import Replayer
from core.pipeline.setup import Setup
from core.ports import Shop
from core.rules.book import RuleBook
from core.service.counters import Counters, ShopStates
from core.service.errors import refused
from core.service.feed import Feed
from core.service.office import RuleDesk
from core.service.options import Options
from core.service.peer import SCOPE_KEY
from core.service.roles import Roles
from core.service.shops import shops
from core.service.stock import StockBook
from core.service.uploads import Uploads
from core.store.writer import Writer
from core.tuning import give_back
from core.vault.seal import Vault


class Sends(Protocol):
    """The wait after a restore: since when nothing is bound or sent (UTC us, 0: it is not so), and its end; and that
    of single shops."""

    @property
    def held_since(self) -> int: ...

    async def go(self, by: str, reason: str) -> bool:
        """End it; False when there was none."""
        ...

    async def release_shop(self, shop: int, by: str, reason: str) -> bool:
        """Let a shop go on that was found silent; False when it was not."""
        ...


class Service:
    """``start`` inside the running loop before serving ``app``, ``close`` after it.

    ``shop_states`` gives the connectors' health as docs/socket.md has it under ``counters.shops``;
    ``sends`` tells of, and ends, the wait after a restore; ``on_shutdown`` is called when somebody who may asks the core to stop;
    ``connectors`` are the shops by number, to read again what was set aside; ``rule_book`` follows the rule file;
    ``examine`` looks at database and configuration, in a thread. ``read_only`` may be set at any time.
    """

    def __init__(
        self,
        writer: Writer,
        engine: AsyncEngine,
        setup: Setup,
        options: Options,
        vault: Vault | None = None,
        intake: Intake | None = None,
        shop_states: ShopStates | None = None,
        on_shutdown: Callable[[], None] | None = None,
        sends: Sends | None = None,
        connectors: Mapping[int, Shop] = MappingProxyType({}),
        rule_book: RuleBook | None = None,
        examine: Callable[[], Examined] | None = None,
    ) -> None:
        self.writer, self.setup, self.options, self.vault = writer, setup, options, vault
        self.clock = writer.clock
        self.reader = Reader(engine)
        self.roles = Roles(options.role_of, options.owner, self.clock, options.shared)
        self.counters = Counters(self.reader, self.clock, shop_states or self._configured, self._held_since)
        self.feed = Feed(self.counters)
        self.jobs = Jobs(writer, self.reader, setup, options.limits)
        self.stock = StockBook(self.reader, self.clock, setup.catalogue.title_of)
        self.wall = Wall(self.reader, self.clock, self.stock.read, lambda: shops(self))
        self.history, self.levels = History(self.reader, self.clock), Levels(self.reader, writer, self.clock)
        self.uploads = Uploads(writer, self.reader, setup, vault, intake or Intake(setup), options.keys_per_import)
        self.on_shutdown, self.sends = on_shutdown, sends
        self.replayer = Replayer(connectors, setup, writer, self.reader, self.clock)
        self.skips = Skips(self.clock)
        self.rules = RuleDesk(self, rule_book) if rule_book is not None else None
        self.examine = examine
        self.read_only = False
        self.exporting = 0  # files of orders that are being told now
        self.started_at = self.clock()
        self.pid = os.getpid()
        self._reveals: dict[str, list[int]] = {}
        self._sampler: asyncio.Task[None] | None = None
        self.app = self._application()

    def _application(self) -> Starlette:
        from core.service import calls, changes, claim_calls, exports, office

        looks = [*calls.routes(self), *office.routes(self), *exports.routes(self)]
        app = Starlette(routes=[*looks, *changes.routes(self), *claim_calls.routes(self)])
        app.add_exception_handler(HTTPException, refused)  # unknown paths and methods
        return app

    async def start(self) -> None:
        """Watch the writer, go on with unfinished jobs, begin to note each minute how stock and queue stand."""
        self.writer.on_touched.append(self.feed.on_touched)
        await self.jobs.resume()
        self._sampler = asyncio.get_running_loop().create_task(self._sample(), name="minutes")

    async def close(self) -> None:
        """End streams and jobs; what was running goes on at the next start."""
        self.feed.close()
        if self.feed.on_touched in self.writer.on_touched:
            self.writer.on_touched.remove(self.feed.on_touched)
        if self._sampler is not None:
            self._sampler.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sampler
        await self.jobs.close()
        await self.uploads.close()

    async def _sample(self) -> None:
        while True:
            # Figures of convenience: a busy or a full database must not end it.
            with contextlib.suppress(Exception):
                await self.stock.sample()
            with contextlib.suppress(Exception):
                await self.levels.sample()
            with contextlib.suppress(Exception):
                await asyncio.to_thread(give_back)
            await asyncio.sleep((MINUTE - self.clock() % MINUTE) / SECOND)  # at the beginning of the next

    def _configured(self) -> Sequence[dict[str, Any]]:
        return [
            {
                "name": s.name,
                "platform": s.platform,
                "last_pull_at": None,
                "lag_s": None,
                "state": "",
                "error": None,
                "failures": 0,
                "token_since": None,
                "breaker": None,
            }
            for s in self.setup.shops.values()
        ]

    def _held_since(self) -> int:
        return self.sends.held_since if self.sends is not None else 0

    # ---- what calls ask for

    def person(self, request: Request) -> Person:
        """Who asks. The headers matter only where several people share an OS user."""
        headers = request.headers
        # Quoted on the way: a name may be Chinese, and nothing in them ends a header's line.
        name, pin = (unquote(headers.get(field, "")) for field in ("x-keydesk-person", "x-keydesk-pin"))
        person = self.roles.of(request.scope.get(SCOPE_KEY), name, pin)
        # Nobody gains by saying so: a screen for others to look at gives up what its owner may do.
        return person._replace(role="viewer") if "x-keydesk-look-only" in headers else person

    def people(self, request: Request, person: Person) -> list[str]:
        """The names among which ``person`` must still say which is theirs, with its PIN."""
        names = self.roles.people(request.scope.get(SCOPE_KEY))
        return names if person.name not in names else []

    def actor(self, request: Request, role: str) -> Person:
        """Who asks for a change. Raises Refused unless the role reaches and the core takes changes."""
        person = self.person(request)
        person.need(role)
        if self.read_only:
            raise Refused(403, "read_only", "this core takes no changes now", "Its log and keydesk doctor say why.")
        return person

    @property
    def shops(self) -> Mapping[int, tuple[str, str]]:
        """Number -> (name, platform)."""
        return {number: (info.name, info.platform) for number, info in self.setup.shops.items()}

    def frame(self) -> Frame:
        """What rows are shown against, now."""
        return Frame(self.shops, self.clock(), self.setup.fresh_us)

    def context(self, person: Person) -> Context:
        """What filters may refer to, now."""
        return Context(self.clock(), person.name, self.setup.fresh_us)

    def selection(self, view: str, filter_text: str, person: Person) -> Selection:
        """A view with a filter. Raises Refused or FilterError."""
        return select(view or "work", filter_text, self.context(person), self.options.big_from)

    def deed(self, person: Person, reason: str = "") -> Deed:
        """An action's frame without arguments."""
        return Deed({}, person.name, person.role, reason, self.setup)

    def count_reveal(self, person: Person) -> None:
        """One more look at plain keys. Raises Refused above the hourly limit."""
        now = self.clock()
        recent = [at for at in self._reveals.get(person.name, []) if now - at < 3_600_000_000]
        if len(recent) >= self.options.reveals_per_hour:
            raise Refused(429, "too_many_reveals", f"{len(recent)} orders were revealed in the last hour", "Wait.")
        self._reveals[person.name] = [*recent, now]
