"""The canary: after a practice in chaos, no secret and no key stands anywhere but where it belongs."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.end_to_end.processes import KEYDESK, children, command_line, environment, keydesk, place

ALLOWED = ("world/secrets", "world/keys", "world/ledger.jsonl", "master.key")
SAMPLE = 12  # keys of each product: the first are those that were sent


@dataclass
class Practice:
    """A practice that is over: its folder, what it said, and what could be seen while it ran."""

    folder: Path
    env: dict[str, str]
    said: dict[str, bytes]
    secrets: list[bytes]
    write_ahead: int = 0  # the largest write-ahead log that was searched while the core wrote it
    arguments: set[str] = field(default_factory=set)
    found: list[str] = field(default_factory=list)

    def search(self, where: str, data: bytes) -> None:
        """Note every secret in ``data`` by its place, never by itself."""
        self.found += [f"secret {n} in {where}" for n, secret in enumerate(self.secrets) if secret in data]


def secrets_of(folder: Path) -> list[bytes]:
    """What must not leak: the secrets of shops, the master key, a sample of the keys."""
    made = [path.read_bytes().strip() for path in sorted((folder / "world/secrets").iterdir())]
    made.append((folder / "master.key").read_bytes().strip())
    for file in sorted((folder / "world/keys").glob("*.txt")):
        made += file.read_bytes().split()[:SAMPLE]
    assert all(len(secret) >= 12 for secret in made), "too short to be told from chance"
    return made


@pytest.fixture(scope="module")
def practice() -> Iterator[Practice]:
    """One run, watched: its write-ahead log and the command lines of its processes are searched while it lasts."""
    with place() as home:
        env, folder = environment(home), home / "d"
        command = [*KEYDESK, "demo", "--headless", "--orders", "120", "--faults", "chaos", "--late", "4"]
        with (home / "out").open("wb") as out, (home / "err").open("wb") as err:
            demo = subprocess.Popen(
                [*command, "--dir", os.fspath(folder), "--json"],
                stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=env,
            )  # fmt: skip
        made = Practice(folder, env, {}, [])
        try:
            _watch(demo, made)
        finally:
            if demo.poll() is None:
                demo.terminate()
                demo.wait(40)
        made.said = {"stdout": (home / "out").read_bytes(), "stderr": (home / "err").read_bytes()}
        assert demo.returncode == 0, made.said["stderr"][-2000:]
        yield made


def _watch(demo: "subprocess.Popen[bytes]", made: Practice) -> None:
    deadline = time.monotonic() + 200
    wal, keys = made.folder / "keydesk.db-wal", made.folder / "master.key"
    while demo.poll() is None:
        assert time.monotonic() < deadline, "the practice does not end"
        family = [demo.pid, *children(demo.pid)]
        made.arguments |= {line for line in map(command_line, family) if line}
        if keys.exists() and wal.exists():
            made.secrets = made.secrets or secrets_of(made.folder)
            try:
                data = wal.read_bytes()
            except FileNotFoundError:  # closed between the two looks
                continue
            made.search("keydesk.db-wal", data)
            made.write_ahead = max(made.write_ahead, len(data))
        time.sleep(0.2)


def test_the_canary_sings_where_secrets_are(practice: Practice) -> None:
    """The search is able to find: each secret stands in its own file, and keys did go out."""
    told = json.loads(practice.said["stdout"].splitlines()[-1])
    assert told["ok"] is True
    assert told["delivered"] > 60
    places = [path for path in practice.folder.rglob("*") if path.is_file() and _allowed(practice.folder, path)]
    text = b"\n".join(path.read_bytes() for path in places)
    assert all(secret in text for secret in practice.secrets)
    assert len(practice.secrets) >= 8 + 40


def _allowed(folder: Path, path: Path) -> bool:
    return path.relative_to(folder).as_posix().startswith(ALLOWED)


def test_no_secret_in_any_other_file(practice: Practice) -> None:
    seen = set()
    for path in practice.folder.rglob("*"):
        if path.is_file() and not _allowed(practice.folder, path):
            practice.search(path.name, path.read_bytes())
            seen.add(path.name)
    assert {"keydesk.db", "core.log", "settings.toml", "products.toml", "rules.toml", "world.log"} <= seen
    assert (practice.folder / "keydesk.db").stat().st_size > 100_000
    assert (practice.folder / "core.log").stat().st_size > 500
    assert practice.found == []


def test_no_secret_in_the_write_ahead_log_or_on_a_command_line(practice: Practice) -> None:
    assert practice.write_ahead > 50_000
    assert any("console.cli core" in line for line in practice.arguments)
    assert any("connectors.practice" in line for line in practice.arguments)
    practice.search("a command line", "\n".join(practice.arguments).encode())
    assert practice.found == []


def test_no_secret_in_what_the_commands_say(practice: Practice) -> None:
    settings = practice.folder / "settings.toml"
    for name, said in practice.said.items():
        practice.search(name, said)
    for words in (["doctor", "--json"], ["doctor"], ["audit", "--json"], ["audit"]):
        ran = keydesk(*words, "--settings", settings, env=practice.env)
        assert ran.returncode == 0, ran.stderr
        assert "taobao-main" in ran.stdout or words[0] == "audit"
        practice.search(" ".join(words), (ran.stdout + ran.stderr).encode())
    assert practice.found == []


# What goes wrong in settings files with a secret in them: a line to add, and what the message must name.
BROKEN = {
    "pasted in place of a reference": ('[shops.x]\nplatform = "taobao"\nsecret = "{}"\n', "shops.x.secret"),
    "a quote forgotten": ('[shops.x]\nplatform = "taobao"\nsecret = "{}\n', "settings.toml"),
    "under an unknown key": ('[shops.x]\nplatform = "taobao"\nsecrte = "{}"\n', "secrte"),
    "where a number belongs": ('[core]\nwebhook_port = "{}"\n', "webhook_port"),
    "where a table belongs": ('shops = "{}"\n', "shops"),
    "in a list": ('[shops.x]\nplatform = "taobao"\nsecret = ["{}"]\n', "shops.x.secret"),
}


@pytest.mark.parametrize("mistake", list(BROKEN))
def test_a_broken_settings_file_is_named_without_its_secret(practice: Practice, tmp_path: Path, mistake: str) -> None:
    lines, named = BROKEN[mistake]
    secret = practice.secrets[0].decode()
    (tmp_path / "settings.toml").write_text(lines.format(secret), "utf-8")
    for word in ("doctor", "core"):
        ran = keydesk(word, "--settings", tmp_path / "settings.toml", env=practice.env)
        assert ran.returncode != 0
        assert named in ran.stdout + ran.stderr
        assert "Traceback" not in ran.stderr
        assert secret[:12] not in ran.stdout + ran.stderr
