"""``keydesk serve`` as a real process: its page, its token, a screen through the websocket, and an end without remains."""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pyte
import pytest

from tests.console.fixture_server import Served
from tests.end_to_end.processes import KEYDESK, children, command_line, environment, gone, keydesk, place, until

Start = Callable[..., "Serving"]


class Serving:
    """The command, running."""

    def __init__(self, folder: Path, served: Served, *options: str) -> None:
        self.process = subprocess.Popen(
            [*KEYDESK, "serve", "--socket", str(served.path), "--port", "0", "--language", "en", *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment(folder),
        )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "The wall is at http://127.0.0.1:" in line
        self.url = line.rpartition(" ")[2].strip()
        self.base = self.url.partition("/?")[0]

    def consoles(self) -> list[int]:
        """The consoles of its browsers."""
        return [pid for pid, line in children(self.process.pid).items() if "--kiosk" in line]

    def end(self) -> None:
        """Whatever happened: it is not left behind."""
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(15)
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def start(serve: Callable[..., Served]) -> Iterator[Start]:
    with place() as folder, contextlib.ExitStack() as stack:

        def made(*options: str) -> Serving:
            serving = Serving(folder, serve(), *options)
            stack.callback(serving.end)
            return serving

        yield made


def browser() -> aiohttp.ClientSession:
    """One that keeps cookies of an address without a name."""
    return aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))


class Watched:
    """A browser's terminal: what came through the websocket, as a screen."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket, self.screen = socket, pyte.Screen(160, 48)
        self._stream = pyte.ByteStream(self.screen)

    async def until(self, *words: str) -> None:
        """Until the screen shows all of them."""
        try:
            async with asyncio.timeout(40):
                async for message in self.socket:
                    if isinstance(message.data, bytes):
                        self._stream.feed(message.data)
                    if all(word in "\n".join(self.screen.display) for word in words):
                        return
        except TimeoutError:
            pass
        raise AssertionError(f"never {words}:\n" + "\n".join(self.screen.display))


async def screen_of(session: aiohttp.ClientSession, serving: Serving, *words: str) -> Watched:
    """A screen, once it shows the words."""
    url = f"{serving.base}/ws?width=160&height=48"
    watched = Watched(await session.ws_connect(url, headers={"Origin": serving.base}))
    await watched.until(*words)
    return watched


async def test_the_page_and_the_screen(start: Start) -> None:
    serving = start()
    async with browser() as session, session.get(serving.url) as page:
        text = await page.text()
        assert (page.status, str(page.url)) == (200, f"{serving.base}/"), "the token has left the address line"
        assert f'data-session-websocket-url="ws{serving.base[4:]}/ws"' in text
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "http" not in policy, "the page talks to nobody else"
        assert "https://" not in text, "and does not even try"
        async with session.get(f"{serving.base}/static/js/textual.js") as script:
            assert script.status == 200
        watched = await screen_of(session, serving, "taobao-main", "[READ ONLY]", "24 hours")
        (console,) = serving.consoles()
        assert "--read-only --wall --kiosk --no-direct --no-names" in command_line(console)
        await watched.socket.close()
        until(lambda: gone(console), "the browser's console went with it")


async def test_keys_reach_it_and_it_only_looks(start: Start) -> None:
    serving = start("--names")
    async with browser() as session, session.get(serving.url):
        watched = await screen_of(session, serving, "taobao-main", "amei")
        await watched.socket.send_json(["stdin", "W"])
        await watched.until("take next")
        await watched.socket.send_json(["stdin", "h"])
        await watched.until("only looks")


async def test_without_the_token_there_is_nothing(start: Start) -> None:
    serving = start()
    paths = ("/", "/?token=wrong", "/ws", "/static/js/textual.js", "/download/x")
    async with browser() as session:
        for path in paths:
            async with session.get(serving.base + path) as answer:
                assert answer.status == 403, path
                assert "Set-Cookie" not in answer.headers
        async with session.get(serving.url), session.get(f"{serving.base}/download/x") as answer:
            assert answer.status == 404, "a kiosk hands out no file"
        for origin in ({}, {"Origin": "http://evil.example"}, {"Origin": f"{serving.base}0"}):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect(f"{serving.base}/ws", headers=origin)
            assert refused.value.status == 403
    assert serving.consoles() == []


async def test_only_so_many_browsers_at_once(start: Start) -> None:
    serving = start("--viewers", "1")
    async with browser() as session, session.get(serving.url):
        first = await screen_of(session, serving, "taobao-main")
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(f"{serving.base}/ws", headers={"Origin": serving.base})
        assert refused.value.status == 503
        await first.socket.close()
        until(lambda: not serving.consoles(), "its console is gone")
        end = time.monotonic() + 20
        while time.monotonic() < end:  # the server hears of that end a moment later
            with contextlib.suppress(aiohttp.WSServerHandshakeError):
                await screen_of(session, serving, "taobao-main")
                return
            await asyncio.sleep(0.05)
        raise AssertionError("the place never became free")


@pytest.mark.parametrize("kill", [signal.SIGTERM, signal.SIGKILL])
async def test_however_it_ends_no_console_stays(start: Start, kill: signal.Signals) -> None:
    serving = start()
    async with browser() as session, session.get(serving.url):
        await screen_of(session, serving, "taobao-main")
        (console,) = serving.consoles()
        serving.process.send_signal(kill)
        code = until(lambda: serving.process.poll() is not None and [serving.process.returncode], "it ended")[0]
        assert code == (0 if kill == signal.SIGTERM else -kill)
        until(lambda: gone(console), "its browser's console ended")


def _told(folder: Path, *options: object) -> "subprocess.CompletedProcess[str]":
    return keydesk("serve", *options, env=environment(folder))


def test_what_it_refuses_is_said_with_the_way_out(served: Served) -> None:
    with place() as folder:
        nobody = _told(folder, "--socket", folder / "none.sock")
        assert nobody.returncode == 1
        assert "No core answers" in nobody.stderr
        away = _told(folder, "--socket", served.path, "--host", "0.0.0.0")
        assert away.returncode == 1
        assert "--beyond-loopback" in away.stderr
        token = folder / "token"
        token.write_text("0123456789abcdef0123\n")
        token.chmod(0o644)
        assert "chmod 600" in _told(folder, "--socket", served.path, "--token-file", token).stderr
        token.chmod(0o600)
        token.write_text("short\n")
        assert "16 or more" in _told(folder, "--socket", served.path, "--token-file", token).stderr


async def test_a_token_of_ones_own_and_a_port_that_is_taken(start: Start, served: Served, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.touch(0o600)
    token.write_text("0123456789abcdef0123\n")
    serving = start("--token-file", str(token))
    assert serving.url.endswith("/?token=0123456789abcdef0123")
    port = serving.base.rpartition(":")[2]
    with place() as folder:
        again = _told(folder, "--socket", served.path, "--port", port)
    assert again.returncode == 1
    assert f"127.0.0.1:{port} cannot be used" in again.stderr
    async with browser() as session, session.get(serving.url) as page:
        assert page.status == 200


def test_its_help_names_the_tunnel() -> None:
    made: Any = subprocess.run(
        [*KEYDESK, "serve", "--help"], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert "ssh -L 8712:127.0.0.1:8712" in made.stdout
