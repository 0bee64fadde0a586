"""The world's calls to the desk: tried until taken, given up where the platform does, repeated and delayed by chaos."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from connectors.practice.faults import Faults
from connectors.practice.ledger import Ledger
from connectors.practice.pushes import Message, Post, Pushes
from tests.connectors.server import Act, Answer, Request, Scripted


class At(Scripted):
    """A server on a port that was chosen before."""

    def __init__(self, handler: Callable[[Request], Answer], port: int) -> None:
        super().__init__(handler)
        self._at = port

    async def __aenter__(self) -> "At":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._at)
        return self


def made(folder: Path, faults: str = "none") -> Pushes:
    ledger = Ledger(folder / "ledger.jsonl", lambda: time.time_ns() // 1000)
    return Pushes(Faults(faults, 7, ledger, lambda: time.time_ns() // 1000, ("agiso",)))


def post(text: str, tries: int = 0, wanted: Callable[[], bool] = lambda: True) -> Post:
    def make() -> Message | None:
        return Message(f"tail?n={text}", text.encode(), "text/plain") if wanted() else None

    return Post("agiso", "shop-a", make, lambda status, body: (status, body) == (200, b"yes"), tries)


async def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not true():
        assert time.monotonic() < deadline, "the condition did not come"
        await asyncio.sleep(0.01)


async def test_tried_until_the_desk_takes_it(tmp_path: Path) -> None:
    pushes = made(tmp_path)
    answers: list[Answer] = [Act.CLOSE, Act.RESET, (503, {}), b"HTTP/1.1 200 X\r\ncontent-length: 2\r\n\r\nno"]

    def handler(request: Request) -> Answer:
        if answers:
            return answers.pop(0)
        return b"HTTP/1.1 200 X\r\ncontent-length: 3\r\n\r\nyes"

    pushes.put(post("one"))  # nobody listens yet
    await until(lambda: bool(pushes._tasks))
    async with At(handler, pushes.port) as server:
        await until(lambda: pushes.delivered == 1)
    assert len(server.requests) == 5
    last = server.requests[-1]
    assert (last.method, last.target, last.body) == ("POST", "/hook/shop-a/tail?n=one", b"one")
    assert last.headers["content-type"] == "text/plain"
    await pushes.stop()


async def test_given_up_and_no_longer_wanted(tmp_path: Path) -> None:
    pushes = made(tmp_path)
    wanted = [True]
    async with At(lambda _: (503, {}), pushes.port) as server:
        pushes.put(post("two", tries=2))
        await until(lambda: pushes.given_up == 1)
        assert len(server.requests) == 2
        pushes.put(post("off", wanted=lambda: wanted[0]))
        await until(lambda: any(request.body == b"off" for request in server.requests))
        wanted[0] = False
        pushes.put(post("on", tries=1))
        await until(lambda: pushes.given_up == 2)
    assert pushes.delivered == 0
    await pushes.stop()


async def test_chaos_doubles_and_delays_and_loses_nothing(tmp_path: Path) -> None:
    pushes = made(tmp_path, "chaos")
    count = 150
    async with At(lambda _: b"HTTP/1.1 200 X\r\ncontent-length: 3\r\n\r\nyes", pushes.port) as server:
        for n in range(count):
            pushes.put(post(str(n)))
        await until(lambda: len({request.body for request in server.requests}) == count)
        fired = pushes._faults.fired
        assert {"hook_doubled", "hook_delayed", "hook_reordered"} <= set(fired)
        await until(lambda: pushes.delivered == count + fired["hook_doubled"])
    await pushes.stop()
