"""Platforms that call the desk: each post is tried until the desk takes it, or until it is no longer wanted.

The port is chosen before the desk starts, so that a desk that is killed and started again is found where it was.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import NamedTuple

from connectors.practice.faults import Fate, Faults
from connectors.practice.world import Order, World

_WORKERS = 8
_DEADLINE = 12.0  # seconds; the desk itself gives up after ten
_WAITS = (0.2, 0.4, 0.8, 1.5)


class Message(NamedTuple):
    """One request as it goes out: what follows /hook/SHOP, with its query."""

    tail: str
    body: bytes
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


class Post(NamedTuple):
    """``make`` writes the request anew for each try, as it is signed with the time; None: no longer wanted.

    ``took`` says whether an answer means that the desk has it. ``tries`` 0: until it has.
    """

    platform: str
    shop: str
    make: Callable[[], Message | None]
    took: Callable[[int, bytes], bool]
    tries: int = 0


class Pushes:
    """Posts to one port of this machine, in no certain order; under chaos doubled, late or out of order."""

    def __init__(self, faults: Faults) -> None:
        self.port = _free_port()
        self.delivered = self.given_up = 0
        self._faults = faults
        self._queue: asyncio.Queue[tuple[Post, int]] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._begun = False
        self._hearers: dict[str, Callable[[Order, str], None]] = {}

    def hear(self, shop: str, changed: Callable[[Order, str], None]) -> None:
        """``changed`` is told of every change of the shop's orders."""
        self._hearers[shop] = changed

    def listen(self, world: World) -> None:
        """From now on; whoever listened before goes on doing so."""
        before = world.on_change

        def both(order: Order, what: str) -> None:
            if before is not None:
                before(order, what)
            hearer = self._hearers.get(order.shop.name)
            if hearer is not None:
                hearer(order, what)

        world.on_change = both

    def put(self, post: Post) -> None:
        """Goes out as soon as somebody is free."""
        if not self._begun:
            self._begun = True
            for _ in range(_WORKERS):
                self._spawn(self._work())
        fate = self._faults.fate(post.platform, "webhook", "webhook")
        if fate.kind:
            self._faults.strike(fate, post.platform, "webhook")
        if fate.kind in ("hook_delayed", "hook_reordered"):
            self._spawn(self._later(post, 0, fate.seconds or 0.5))
            return
        self._queue.put_nowait((post, 0))
        if fate == Fate("hook_doubled"):
            self._queue.put_nowait((post, 0))

    async def stop(self) -> None:
        """Posts nothing more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self) -> None:
        while True:
            post, tried = await self._queue.get()
            message = post.make()
            if message is None:
                continue
            status, body = 0, b""
            with contextlib.suppress(OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
                async with asyncio.timeout(_DEADLINE):
                    status, body = await self._exchange(post.shop, message)
            if status and post.took(status, body):
                self.delivered += 1
            elif post.tries and tried + 1 >= post.tries:
                self.given_up += 1
            else:
                self._spawn(self._later(post, tried + 1, _WAITS[min(tried, len(_WAITS) - 1)]))

    async def _later(self, post: Post, tried: int, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._queue.put_nowait((post, tried))

    async def _exchange(self, shop: str, message: Message) -> tuple[int, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            tail = f"/{message.tail}" if message.tail and not message.tail.startswith("?") else message.tail
            extra = "".join(f"{name}: {value}\r\n" for name, value in message.headers)
            writer.write(
                f"POST /hook/{shop}{tail} HTTP/1.1\r\nhost: 127.0.0.1:{self.port}\r\nconnection: close\r\n"
                f"content-type: {message.content_type}\r\n{extra}content-length: {len(message.body)}\r\n\r\n".encode()
                + message.body
            )
            await writer.drain()
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            sizes = [line[15:] for line in head.split("\r\n") if line.startswith("content-length:")]
            body = await reader.readexactly(int(sizes[0])) if sizes else await reader.read(-1)
            return int(head.split(" ", 2)[1]), body
        except (IndexError, asyncio.LimitOverrunError):
            raise ValueError("no answer that can be read") from None
        finally:
            writer.close()

    def _spawn(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
