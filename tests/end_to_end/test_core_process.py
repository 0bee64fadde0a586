"""``keydesk core`` as a process: one a database, a clean end, its socket's mode, refusals that name the remedy."""

import os
import signal
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from console import sockets
from console.commands.calls import Core
from tests.end_to_end.processes import CoreProcess, Pty, command_line, environment, gone, keydesk, place, until

RULES = 'version = 1\n[[rules]]\nname = "many"\nwhen = "{when}"\ntag = "{tag}"\n'
# A shop whose platform is not there: orders of it come by file.
SHOP = """
[shops.closed]
platform = "taobao"
url = "http://127.0.0.1:9/router/rest"
app_key = "1"
secret = "env:SHOP_SECRET"
session = "env:SHOP_SECRET"
deliver = "post"
[channels.post]
kind = "email"
host = "127.0.0.1"
port = 9
from = "shop@example.com"
"""


class Bench:
    """A folder with settings, rules and products, and the cores that a test starts there."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self._stack = folder, stack
        self.env = environment(folder, SHOP_SECRET="not-a-secret")
        self.settings, self.rules, self.socket = folder / "settings.toml", folder / "rules.toml", folder / "core.sock"
        self.write()
        self.rules.write_text(RULES.format(when="qty >= 2", tag="old"))
        (folder / "products.toml").write_text("")

    def write(self, more: str = "") -> None:
        """The settings: the least that keeps a core in this folder."""
        self.settings.write_text(f'[core]\ndata_dir = "{self.folder}"\nlanguage = "en"\n{more}')

    def core(self) -> CoreProcess:
        """A core that answers; ended with the test."""
        made = CoreProcess(self.folder, self.settings, self.socket, self.env)
        self._stack.callback(made.end)
        return made

    def refused(self, *more: object) -> str:
        """What a core says that must not start."""
        socket = [] if "--socket" in more else ["--socket", self.socket]
        ran = keydesk("core", "--settings", self.settings, *socket, *more, env=self.env)
        assert ran.returncode not in (0, -signal.SIGTERM), ran.stderr
        assert "Traceback" not in ran.stderr
        return " ".join(ran.stderr.split())

    def pty(self, *arguments: object) -> Pty:
        """The command in a terminal; ended with the test."""
        made = Pty(*arguments, env=self.env, cols=120, rows=36)
        self._stack.callback(made.end)
        return made

    def end_private_core(self) -> None:
        """A core that a console started outlives it, and must not outlive the test."""
        lock = self.folder / "d" / "keydesk" / "keydesk.db.lock"
        holder = lock.read_text().strip() if lock.is_file() else ""
        # The lock keeps the number of a core that is gone, and the number may be somebody else's by now.
        if holder and os.fspath(self.folder) in command_line(int(holder)):
            os.kill(int(holder), signal.SIGKILL)


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A place to work, emptied at the end."""
    with place() as folder, ExitStack() as stack:
        made = Bench(folder, stack)
        stack.callback(made.end_private_core)
        yield made


def test_a_second_core_on_the_same_database_is_refused(bench: Bench) -> None:
    first = bench.core()
    said = bench.refused("--socket", bench.folder / "other.sock")
    assert "another core" in said
    assert str(first.process.pid) in said
    assert "keydesk core stop" in said
    assert not (bench.folder / "other.sock").exists()
    assert first.call().get("/v1/health")["pid"] == first.process.pid


def test_a_core_that_was_killed_leaves_no_lock_and_no_dead_socket_in_the_way(bench: Bench) -> None:
    first = bench.core()
    epoch = first.call().get("/v1/health")["epoch"]
    first.process.kill()
    first.process.wait(10)
    assert bench.socket.exists()
    second = bench.core()
    assert second.call().get("/v1/health")["epoch"] > epoch


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(bench: Bench, number: signal.Signals) -> None:
    core = bench.core()
    core.process.send_signal(number)
    assert core.process.wait(15) == 0
    assert not bench.socket.exists()
    assert core.logged("core_stopped")


def test_core_stop_ends_it_cleanly(bench: Bench) -> None:
    core = bench.core()
    ran = keydesk("core", "stop", "--socket", bench.socket, env=bench.env)
    assert ran.returncode == 0, ran.stderr
    assert "stopping" in ran.stdout
    assert core.process.wait(15) == 0
    assert not bench.socket.exists()
    again = keydesk("core", "stop", "--socket", bench.socket, env=bench.env)
    assert again.returncode == 2
    assert "No core answers" in again.stderr


def test_the_socket_lets_owner_and_group_in_and_nobody_else(bench: Bench) -> None:
    bench.socket = bench.folder / "run" / "core.sock"
    before = os.umask(0)  # the widest that a careless login can have
    try:
        bench.core()
    finally:
        os.umask(before)
    assert stat.S_IMODE(bench.socket.lstat().st_mode) == 0o660
    assert stat.S_IMODE(bench.socket.parent.stat().st_mode) == 0o750


def test_a_socket_path_that_is_too_long_is_refused_with_the_remedy(bench: Bench) -> None:
    said = bench.refused("--socket", bench.folder / ("s" * 110))
    assert "bytes" in said
    assert "--socket" in said
    assert "KEYDESK_SOCKET" in said


def test_a_broken_settings_file_names_file_key_and_nearest_key(bench: Bench) -> None:
    bench.write('fresh_second = "canary-value"\n')
    said = bench.refused()
    assert str(bench.settings) in said
    assert "fresh_second" in said
    assert "did you mean 'fresh_seconds'" in said
    assert "canary-value" not in said
    assert not bench.socket.exists()


def test_settings_that_are_no_toml_name_file_and_line(bench: Bench) -> None:
    bench.write('database = "canary-value\n')
    said = bench.refused()
    assert str(bench.settings) in said
    assert "line 4" in said
    assert "canary-value" not in said


def test_a_broken_rules_file_at_start_names_file_and_rule(bench: Bench) -> None:
    bench.rules.write_text(RULES.format(when="qty >>> 2", tag="old"))
    said = bench.refused()
    assert str(bench.rules) in said
    assert "'many'" in said
    assert not bench.socket.exists()


def test_a_broken_rules_file_while_it_runs_keeps_the_old_one(bench: Bench) -> None:
    bench.write(SHOP)
    core = bench.core()
    assert tag_of_a_new_order(bench, core, "first") == "old"
    bench.rules.write_text(RULES.format(when="quantity_of >= 2", tag="new"))
    refused = until(lambda: core.logged("file_refused"), "the broken file is refused")[-1]
    assert refused["file"] == "rules.toml"
    assert "many" in refused["why"]
    assert tag_of_a_new_order(bench, core, "second") == "old"
    # An editor that replaces the file: what is whole again goes live.
    fresh = bench.folder / "rules.toml.new"
    fresh.write_text(RULES.format(when="qty >= 3", tag="new"))
    fresh.rename(bench.rules)
    until(lambda: [e for e in core.logged("file_taken") if e["file"] == "rules.toml"], "the good file goes live")
    assert tag_of_a_new_order(bench, core, "third") == "new"


def tag_of_a_new_order(bench: Bench, core: CoreProcess, ext_id: str) -> str:
    """The tag that the rules in force give to an order of three, which comes by file."""
    file = bench.folder / f"{ext_id}.csv"
    file.write_text(f"shop,ext_id,sku,qty,amount\nclosed,{ext_id},NONE,3,30.00\n")
    ran = keydesk("orders", "import", file, "--yes", "--socket", bench.socket, env=bench.env)
    assert ran.returncode == 0, ran.stderr
    rows: list[dict[str, Any]] = core.call().get("/v1/queue", view="work", filter=f"ext={ext_id}")["rows"]
    assert [row["qty"] for row in rows] == [3]
    return str(rows[0]["tag"])


@pytest.mark.skipif(
    sockets.SYSTEM.parent.is_dir(), reason="a system core is configured here: none is started beside it"
)
def test_the_plain_command_starts_a_core_that_outlives_its_console(bench: Bench) -> None:
    socket = bench.folder / "r" / "keydesk" / "core.sock"
    terminal = bench.pty("--language", "en")
    terminal.until("backlog", 30)
    ran = keydesk("status", "--json", env=bench.env)
    assert ran.returncode == 0, ran.stderr
    pid = Core(os.fspath(socket)).get("/v1/health")["pid"]
    assert stat.S_IMODE(socket.parent.stat().st_mode) & 0o027 == 0, "a private core's folder is its user's alone"
    assert (bench.folder / "d" / "keydesk" / "keydesk.db").is_file()
    terminal.press("q")
    assert terminal.ended(10)
    terminal.child.close()
    assert terminal.child.exitstatus == 0
    assert not gone(pid)
    assert Core(os.fspath(socket)).get("/v1/health")["pid"] == pid

    second = bench.pty("--language", "en")
    second.until("backlog", 30)
    assert Core(os.fspath(socket)).get("/v1/health")["pid"] == pid, "the core that runs is used again"
    second.press("q")
    assert second.ended(10)

    ran = keydesk("core", "stop", env=bench.env)
    assert ran.returncode == 0, ran.stderr
    until(lambda: gone(pid), "the private core is gone")
    assert not socket.exists()


def test_a_core_that_was_named_and_is_down_is_not_replaced(bench: Bench) -> None:
    terminal = bench.pty("--socket", bench.socket)
    assert terminal.ended(20)
    said = " ".join(terminal.raw.decode().split())
    terminal.child.close()
    assert terminal.child.exitstatus == 2
    assert "No core answers at" in said
    assert "keydesk core --socket" in said
    assert not bench.socket.exists()
    assert not (bench.folder / "d" / "keydesk").exists(), "no other database was opened instead"
