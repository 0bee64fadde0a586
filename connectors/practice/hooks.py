"""Webhooks: the provider posts each event to the desk, signed; under chaos doubled, late or out of order."""

import asyncio
from urllib.parse import urlsplit

import msgspec

from connectors.practice.faults import Fate, Faults
from connectors.practice.stripe import sign
from connectors.practice.stripe_objects import Provider
from connectors.practice.world import SECOND, World

_TRIES = 3
_DEADLINE = 5.0
_QUEUE = 20_000


class Hooks:
    """Posts to one loopback URL. A post that is not answered 2xx is tried again, then given up: the API has it all."""

    def __init__(self, world: World, provider: Provider, faults: Faults, secret: str) -> None:
        self._world, self._provider, self._faults, self._secret = world, provider, faults, secret
        self._queue: asyncio.Queue[int] = asyncio.Queue(_QUEUE)
        self._task: asyncio.Task[None] | None = None
        self._late: set[asyncio.Task[None]] = set()
        self._link: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._host, self._port, self._path = "", 0, ""
        self.delivered = self.lost = 0

    @property
    def on(self) -> bool:
        """Whether there is somewhere to post to."""
        return self._task is not None

    def configure(self, url: str) -> None:
        """Posts go there from now on. Raises ValueError unless it is an http URL of this machine."""
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname not in ("127.0.0.1", "localhost", "::1") or not parts.port:
            raise ValueError("url must be http on this machine, with a port")
        self._host, self._port, self._path = parts.hostname, parts.port, parts.path or "/"
        self._provider.webhook = self._heard
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Posts nothing more."""
        tasks = [task for task in (self._task, *self._late) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._hang_up()

    def _heard(self, number: int) -> None:
        if self._queue.full():
            self.lost += 1
            return
        self._queue.put_nowait(number)

    async def _run(self) -> None:
        while True:
            number = await self._queue.get()
            fate = self._faults.fate("stripe-shop", "webhook", "webhook")
            if fate.kind:
                self._faults.strike(fate, "stripe-shop", "webhook")
            if fate.kind == "hook_delayed":
                self._postpone(number, fate)
                continue
            if fate.kind == "hook_reordered":
                try:
                    async with asyncio.timeout(1.0):
                        await self._deliver(await self._queue.get())
                except TimeoutError:
                    pass
            await self._deliver(number)
            if fate.kind == "hook_doubled":
                await self._deliver(number)

    def _postpone(self, number: int, fate: Fate) -> None:
        async def later() -> None:
            await asyncio.sleep(fate.seconds)
            self._heard(number)

        task = asyncio.create_task(later())
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _deliver(self, number: int) -> None:
        body = msgspec.json.encode(self._provider.event(number))
        for attempt in range(_TRIES):
            try:
                async with asyncio.timeout(_DEADLINE):
                    if await self._post(body):
                        self.delivered += 1
                        return
            except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                self._hang_up()
            await asyncio.sleep(0.2 * 2**attempt)
        self.lost += 1

    async def _post(self, body: bytes) -> bool:
        if self._link is None:
            self._link = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._link
        signed = sign(body, self._secret, self._world.clock() // SECOND)
        writer.write(
            f"POST {self._path} HTTP/1.1\r\nhost: {self._host}:{self._port}\r\ncontent-type: application/json\r\n"
            f"stripe-signature: {signed}\r\ncontent-length: {len(body)}\r\n\r\n".encode()
            + body
        )
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = next((int(line.split(":")[1]) for line in head.split("\r\n") if line.startswith("content-length:")), 0)
        await reader.readexactly(length)
        if "connection: close" in head or "transfer-encoding" in head:
            self._hang_up()
        return head.split(" ")[1].startswith("2")

    def _hang_up(self) -> None:
        if self._link is not None:
            self._link[1].close()
            self._link = None
