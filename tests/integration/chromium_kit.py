"""A real browser without a screen: Chromium, driven by its own debugging protocol over a websocket."""

import asyncio
import base64
import contextlib
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pyte

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--remote-debugging-port=0", "--window-size=1200,800",
)  # fmt: skip
SECONDS = 40


def found() -> str | None:
    """The browser of this machine, if it has one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Tab:
    """One page: what its address is, what its terminal was sent, how it looks. The terminal is read from the frames that
    the browser itself received."""

    def __init__(self, browser: "Browser", target: str, session: str) -> None:
        self._browser, self._target, self.session = browser, target, session
        self.screen = pyte.Screen(400, 120)
        self._stream = pyte.ByteStream(self.screen)
        self.status: int | None = None
        self.asked: list[str] = []

    def heard(self, method: str, params: Any) -> None:
        """An event of this page."""
        if method == "Network.webSocketFrameReceived" and params["response"]["opcode"] == 2:
            self._stream.feed(base64.b64decode(params["response"]["payloadData"]))
        elif method == "Network.responseReceived" and params["type"] == "Document":
            self.status = params["response"]["status"]
        elif method in ("Network.requestWillBeSent", "Network.webSocketCreated"):
            self.asked.append(params["request"]["url"] if "request" in params else params["url"])

    @property
    def text(self) -> str:
        """The terminal's lines."""
        return "\n".join(self.screen.display)

    async def until(self, *words: str) -> None:
        """Until the terminal shows all of them."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SECONDS):
                while not all(word in self.text for word in words):
                    await asyncio.sleep(0.05)
                return
        raise AssertionError(f"never {words}:\n{self.text}")

    async def call(self, method: str, **params: Any) -> Any:
        """A command to this page."""
        return await self._browser.call(method, self.session, **params)

    async def value(self, script: str) -> Any:
        """What a script in the page comes to."""
        answer = await self.call("Runtime.evaluate", expression=script, returnByValue=True)
        return answer["result"].get("value")

    async def key(self, key: str) -> None:
        """A key pressed in the page."""
        for kind in ("keyDown", "keyUp"):
            more = {"text": key} if kind == "keyDown" and len(key) == 1 else {}
            await self.call("Input.dispatchKeyEvent", type=kind, key=key, **more)

    async def picture(self) -> bytes:
        """A PNG of the page as it is drawn."""
        return base64.b64decode((await self.call("Page.captureScreenshot", format="png"))["data"])

    async def close(self) -> None:
        """Closes the tab, as its cross does."""
        await self._browser.call("Target.closeTarget", targetId=self._target)


class Browser:
    """One Chromium. ``call`` sends a command and waits for its answer."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._waits: dict[int, asyncio.Future[Any]] = {}
        self._tabs: dict[str, Tab] = {}
        self._number = 0
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self._socket:
            told = json.loads(message.data)
            if "id" in told:
                waits = self._waits.pop(told["id"])
                if "error" in told:
                    waits.set_exception(AssertionError(told["error"]))
                else:
                    waits.set_result(told["result"])
            elif (tab := self._tabs.get(told.get("sessionId", ""))) is not None:
                tab.heard(told["method"], told["params"])

    async def call(self, method: str, session: str = "", **params: Any) -> Any:
        """A command; raises AssertionError when the browser refuses it."""
        self._number += 1
        waits = self._waits[self._number] = asyncio.get_running_loop().create_future()
        sent = {"id": self._number, "method": method, "params": params}
        await self._socket.send_json({**sent, "sessionId": session} if session else sent)
        return await asyncio.wait_for(waits, SECONDS)

    async def open(self, url: str) -> Tab:
        """A new tab at an address."""
        target = (await self.call("Target.createTarget", url="about:blank"))["targetId"]
        session = (await self.call("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        tab = self._tabs[session] = Tab(self, target, session)
        for domain in ("Network", "Page", "Runtime"):
            await tab.call(f"{domain}.enable")
        await tab.call("Emulation.setFocusEmulationEnabled", enabled=True)  # several tabs, each with a hand on it
        await tab.call("Page.navigate", url=url)
        return tab

    async def end(self) -> None:
        """No more is read."""
        self._reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reader


@contextlib.asynccontextmanager
async def chromium(folder: Path) -> AsyncIterator[Browser]:
    """A browser with a profile of its own in ``folder``, and nothing left of it afterwards."""
    path = found()
    assert path is not None
    profile = folder / "profile"
    profile.mkdir()
    process = subprocess.Popen(
        [path, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        port = await _port(profile / "DevToolsActivePort", process)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/version") as answer:
                url = (await answer.json())["webSocketDebuggerUrl"]
            async with session.ws_connect(url, max_msg_size=0) as socket:
                browser = Browser(socket)
                yield browser
                await browser.end()
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def _port(told: Path, process: "subprocess.Popen[bytes]") -> int:
    async with asyncio.timeout(SECONDS):
        while process.poll() is None:
            with contextlib.suppress(OSError, ValueError, IndexError):
                return int(told.read_text().split()[0])
            await asyncio.sleep(0.05)
    raise AssertionError(f"the browser ended by itself with {process.returncode}")
