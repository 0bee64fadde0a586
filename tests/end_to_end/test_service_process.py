"""The service as a process: its socket's modes, one core at a time, who is let in, and how it ends."""

import asyncio
import json
import os
import pwd
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.service.server import CoreRefused, bind_socket, database_lock
from tests.end_to_end.servicekit import Client, desk

_NOBODY = 65534


def _ask(path: Path, call: str, body: str = "", uid: int | None = None) -> str:
    """The body of an answer, asked from a child process that has become another user, or the error's name."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if uid is not None:
                os.setgroups([])
                os.setgid(uid)
                os.setuid(uid)
            said = _talk(path, call, body)
        except OSError as error:
            said = type(error).__name__
        finally:
            os.write(write, said.encode())
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return text


def _talk(path: Path, call: str, body: str) -> str:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(path))
        head = f"{call} HTTP/1.1\r\nhost: k\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
        connection.sendall((head + body).encode())
        data = b""
        while part := connection.recv(65536):
            data += part
    return data.split(b"\r\n\r\n", 1)[1].decode()


def _start(folder: Path, database: Path | None = None) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.end_to_end.service_process", str(folder), str(database or folder / "k.db")]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    line = process.stdout.readline()
    if line != "ready\n":
        raise AssertionError(process.communicate()[1])


def _end(process: subprocess.Popen[str]) -> tuple[str, str]:
    process.terminate()
    return process.communicate(timeout=10)


def test_modes_second_core_and_clean_end(tmp_path: Path) -> None:
    first = _start(tmp_path)
    try:
        _ready(first)
        path = tmp_path / "run" / "core.sock"
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o750
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert stat.S_ISSOCK(path.stat().st_mode)
        same = _start(tmp_path)
        assert same.wait(30) == 3
        assert f"another core (process {first.pid}) is working" in same.communicate()[1]
        other = _start(tmp_path, tmp_path / "other.db")
        assert other.wait(30) == 3
        assert "another core answers at" in other.communicate()[1]
        assert first.poll() is None
        assert path.exists()
    finally:
        out, errors = _end(first)
    assert (first.returncode, out, errors) == (0, "ended\n", "")
    assert not path.exists()


def test_a_killed_core_leaves_nothing_that_stops_the_next(tmp_path: Path) -> None:
    first = _start(tmp_path)
    _ready(first)
    first.kill()
    first.communicate()
    assert (tmp_path / "run" / "core.sock").exists()
    second = _start(tmp_path)
    _ready(second)
    assert _end(second)[0] == "ended\n"


async def test_sigterm_with_an_open_feed_ends_within_five_seconds(tmp_path: Path) -> None:
    process = _start(tmp_path)
    await asyncio.to_thread(_ready, process)
    client = Client(tmp_path / "run" / "core.sock")
    try:
        async with client.http.stream("GET", "/v1/feed") as answer:
            read = answer.aiter_lines()
            assert json.loads(await anext(read))["changed"] is None
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait, 10) == 0
            assert time.monotonic() - began < 5
    finally:
        await client.http.aclose()
        process.kill()
        out, errors = process.communicate()
    assert (out, errors) == ("ended\n", "")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can ask as another user")
def test_another_uid_is_refused_by_the_directory_and_known_by_the_kernel(tmp_path: Path) -> None:
    process = _start(tmp_path)
    try:
        _ready(process)
        path = tmp_path / "run" / "core.sock"
        assert json.loads(_ask(path, "GET /v1/health"))["role"] == "operator"
        assert _ask(path, "GET /v1/health", uid=_NOBODY) == "PermissionError"
        # Let in by the file system (its group, say), the kernel still tells who it is: a viewer, whatever it claims.
        for folder in path.parents[: len(path.parents) - 2]:
            folder.chmod(0o755)
        path.chmod(0o666)
        seen = json.loads(_ask(path, "GET /v1/health", uid=_NOBODY))
        assert (seen["operator"], seen["role"]) == (pwd.getpwuid(_NOBODY).pw_name, "viewer")
        body = json.dumps({"action": "hold", "orders": [1]})
        refused = json.loads(_ask(path, "POST /v1/preview", body, _NOBODY))
        assert refused["error"]["code"] == "forbidden"
        assert "token" in json.loads(_ask(path, "POST /v1/preview", body))
    finally:
        _end(process)


def test_an_over_long_path_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(CoreRefused, match="KEYDESK_SOCKET"):
        bind_socket(tmp_path / ("x" * 108) / "core.sock")


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "core.sock"
    path.write_text("precious")
    with pytest.raises(CoreRefused, match="no socket"):
        bind_socket(path)
    assert path.read_text() == "precious"


def test_a_directory_that_exists_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    listener = bind_socket(tmp_path / "core.sock")
    assert isinstance(listener, socket.socket)
    listener.close()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_the_lock_goes_with_its_holder(tmp_path: Path) -> None:
    database = tmp_path / "a" / "k.db"
    with database_lock(database), pytest.raises(CoreRefused, match=str(os.getpid())), database_lock(database):
        pass
    with database_lock(database):
        pass


async def test_shutdown_asks_whoever_runs_the_core(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        asked: list[int] = []
        assert (await d.client.fails("POST", "/v1/shutdown"))[1]["code"] == "system_core"
        d.service.on_shutdown = lambda: asked.append(1)
        await d.client.post("/v1/shutdown")
        assert asked == [1]
