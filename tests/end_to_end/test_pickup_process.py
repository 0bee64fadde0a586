"""The pick-up page of a core process, from an imported order to the buyer's click; and settings that are refused."""

import html
import json
import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.end_to_end.processes import CoreProcess, environment, keydesk, place, until

PRODUCTS = '[products.p1]\ntitle = "点卡"\nkind = "key"\nskus = ["S1"]\n'
SETTINGS = """
[core]
data_dir = "{folder}"
language = "en"
[shops.closed]
platform = "taobao"
url = "http://127.0.0.1:9/router/rest"
app_key = "1"
secret = "env:A_SECRET"
session = "env:A_SECRET"
deliver = "{deliver}"
[channels.hook]
kind = "webhook"
url = "http://127.0.0.1:{hook}/in"
secret = "env:A_SECRET"
[channels.post]
kind = "email"
host = "127.0.0.1"
port = 9
from = "shop@example.com"
{more}
"""


class Hook(BaseHTTPRequestHandler):
    """The merchant's system: takes whatever comes and keeps it."""

    taken: list[dict[str, Any]]

    def do_POST(self) -> None:
        """One delivery or alert."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.taken.append(body)
        answer = json.dumps({"id": body.get("id", "")}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Quiet."""


class Site:
    """A folder with settings, and a receiver for its channel."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self._stack = folder, stack
        self.env = environment(folder, A_SECRET="sesame-sesame-sesame")
        self.taken: list[dict[str, Any]] = []
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("_Hook", (Hook,), {"taken": self.taken}))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        stack.callback(thread.join)
        stack.callback(server.server_close)
        stack.callback(server.shutdown)
        self.hook = server.server_address[1]
        (folder / "products.toml").write_text(PRODUCTS)
        (folder / "rules.toml").write_text("version = 1\n")

    def write(self, more: str, deliver: str = "hook") -> None:
        """The settings."""
        text = SETTINGS.format(folder=self.folder, hook=self.hook, more=more, deliver=deliver)
        (self.folder / "settings.toml").write_text(text)

    def core(self) -> CoreProcess:
        """A core that answers."""
        made = CoreProcess(self.folder, self.folder / "settings.toml", self.folder / "core.sock", self.env)
        self._stack.callback(made.end)
        return made

    def run(self, *words: object) -> str:
        """A command that must work."""
        ran = keydesk(*words, "--socket", self.folder / "core.sock", env=self.env)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def said(self, *words: object) -> str:
        """A command that must not."""
        ran = keydesk(*words, "--settings", self.folder / "settings.toml", env=self.env)
        assert ran.returncode != 0
        assert "Traceback" not in ran.stderr
        return " ".join((ran.stdout + ran.stderr).split())


@pytest.fixture
def site() -> Iterator[Site]:
    with place() as folder, ExitStack() as stack:
        yield Site(folder, stack)


def free_port() -> int:
    """A port that nobody has just now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_from_an_imported_order_to_the_buyers_click(site: Site) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/p"
    site.write(f'[pickup]\nport = {port}\npublic_url = "{url}"\n[alerts]\nvia = ["hook"]\n')
    core = site.core()
    (site.folder / "keys.txt").write_text("CANARY-<1>-KEY\nCANARY-<2>-KEY\n")
    site.run("keys", "import", site.folder / "keys.txt", "--product", "p1", "--yes")
    orders = site.folder / "orders.csv"
    orders.write_text("shop,ext_id,sku,qty,amount,paid,contact\nclosed,Z1,S1,2,10.00,10.00,138-0013-8000\n")
    site.run("orders", "import", orders, "--yes")
    until(lambda: [one for one in site.taken if one["event"] == "delivery"], "the link arrives")
    (delivery,) = [one for one in site.taken if one["event"] == "delivery"]
    assert delivery["recipient"] == "+8613800138000"
    link = delivery["pickup"]
    assert link.startswith(f"{url}/")
    with httpx.Client(trust_env=False, headers={"accept-language": "en"}) as browser:
        assert "Show the keys" in browser.get(link).text
        shown = browser.post(link)
        assert shown.status_code == 200
        found = [html.unescape(key) for key in re.findall(r"<pre dir=\"ltr\">\n(.*?)</pre>", shown.text)]
        assert sorted(found) == ["CANARY-<1>-KEY", "CANARY-<2>-KEY"]
        assert browser.post(f"{url}/nothing").status_code == 404
    log = core.log.read_text()
    assert "picked_up" in log
    assert "CANARY" not in log
    assert link.rsplit("/", 1)[-1] not in log
    assert "CANARY" not in json.dumps(site.taken)
    audit = keydesk("audit", "--settings", site.folder / "settings.toml", env=site.env)
    assert "violation" not in audit.stdout.lower() or audit.returncode == 0, audit.stdout


@pytest.mark.parametrize(
    ("more", "deliver", "words"),
    [
        ("[pickup]\nport = 8080\n", "hook", "needs both port and public_url"),
        ('[pickup]\nport = 8080\npublic_url = "http://keys.example.com"\n', "hook", "an https address"),
        ('[pickup]\nport = 8080\npublic_url = "https://keys.example.com/?a=1"\n', "hook", "an https address"),
        ('[pickup]\nport = 8080\npublic_url = "https://u:p@keys.example.com/"\n', "hook", "an https address"),
        ('[alerts]\nvia = ["post"]\n', "hook", "channel post cannot alert the merchant"),
        ('[alerts]\nvia = ["nobody"]\n', "hook", "no [channels.nobody]"),
        ("", "hook, nobody", "delivers by 'nobody'"),
        ("", "hook,hook", "several different ones"),
        ("", ",", "names one channel"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(site: Site, more: str, deliver: str, words: str) -> None:
    site.write(more, deliver)
    assert words in site.said("core", "--socket", os.fspath(site.folder / "c.sock"))


def test_doctor_says_that_the_page_is_missing_and_the_order_says_so_too(site: Site) -> None:
    site.write("")
    assert "set [pickup] port and public_url" in site.said("doctor")
    site.core()
    (site.folder / "keys.txt").write_text("CANARY-1-KEY\n")
    site.run("keys", "import", site.folder / "keys.txt", "--product", "p1", "--yes")
    orders = site.folder / "orders.csv"
    orders.write_text("shop,ext_id,sku,qty,amount,paid,contact\nclosed,Z1,S1,1,10.00,10.00,a@example.com\n")
    site.run("orders", "import", orders, "--yes")
    cases = until(lambda: "delivery_rejected" in site.run("cases") and site.run("cases"), "a case")
    assert "delivery_rejected" in str(cases)
    assert not site.taken
