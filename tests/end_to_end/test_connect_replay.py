"""``keydesk connect replay`` through a running core: a real connector's mapping, roles, and what people see."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from console.commands.calls import Core
from core.service.options import Options
from core.store.engines import writer_engine
from core.store.migrate import migrate
from tests.end_to_end.processes import CoreProcess, environment, keydesk, place
from tests.end_to_end.servicekit import desk
from tests.store.deskdata import query

ORDER = (Path(__file__).parent.parent / "data" / "woocommerce" / "order.json").read_bytes()
NUMBER = str(json.loads(ORDER)["id"])
SETTINGS = """
[core]
data_dir = "{folder}"
language = "en"
[shops.woo]
platform = "woocommerce"
url = "http://127.0.0.1:9"
consumer_key = "env:SHOP_SECRET"
consumer_secret = "env:SHOP_SECRET"
deliver = "post"
[channels.post]
kind = "email"
host = "127.0.0.1"
port = 9
from = "shop@example.com"
"""


def set_aside(database: Path, rows: list[tuple[str, str, bytes]]) -> None:
    """What a former version of the connector left: ext_id, field, payload."""
    migrate(database)
    engine = writer_engine(database)
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO shop(id, name, platform) VALUES(1, 'woo', 'woocommerce')")
        for n, (ext_id, field, raw) in enumerate(rows, 1):
            connection.exec_driver_sql(
                "INSERT INTO quarantine(id, shop, ext_id, field, why, raw, print, at, seen) VALUES(?, 1, ?, ?, 'missing', ?, ?, 1, 1)",
                (n, ext_id, field, raw, str(n).encode()),
            )
    engine.dispose()


@pytest.fixture
def folder() -> Iterator[Path]:
    with place() as made:
        yield made


def test_a_core_reads_again_what_its_shop_set_aside(folder: Path) -> None:
    (folder / "settings.toml").write_text(SETTINGS.format(folder=folder))
    (folder / "products.toml").write_text("")
    (folder / "rules.toml").write_text("version = 1\n")
    set_aside(folder / "keydesk.db", [(NUMBER, "line_items[].price", ORDER), ("", "$", b"{}")])
    env, socket = environment(folder, SHOP_SECRET="not-a-secret"), folder / "core.sock"
    with ExitStack() as stack:
        core = CoreProcess(folder, folder / "settings.toml", socket, env)
        stack.callback(core.end)

        def run(*more: str) -> str:
            ran = keydesk("connect", "replay", *more, "--socket", socket, env=env)
            assert ran.returncode == 0, ran.stderr
            return ran.stdout

        tried = run("woo", "--dry-run")
        assert "1 would be taken in, 1 still not understood" in tried
        assert NUMBER in tried
        assert query(folder / "keydesk.db", "SELECT count(*) FROM orders") == [(0,)]

        told = [json.loads(line) for line in run("--json").splitlines()]
        assert [item.get("came") for item in told[:-1]] == ["taken", "still"]
        assert told[-1] == {"counts": {"taken": 1, "still": 1}, "dry_run": False}
        assert query(folder / "keydesk.db", "SELECT ext_id, stage FROM orders") == [(NUMBER, 0)]
        assert "1 still not understood" in run("woo")

        listed = keydesk("connect", "list", "--json", "--socket", socket, env=env)
        (shop,) = json.loads(listed.stdout)
        assert (shop["name"], shop["set_aside"], shop["token_age_s"]) == ("woo", 1, None)
        assert shop["state"] in ("starting", "failing")

        ran = keydesk("connect", "replay", "who", "--socket", socket, env=env)
        assert ran.returncode != 0
        assert "there is no shop 'who'" in ran.stderr
        assert "woo" in ran.stderr


def test_without_a_core_it_says_how_to_start_one(folder: Path) -> None:
    ran = keydesk("connect", "replay", "--socket", folder / "none.sock", env=environment(folder))
    assert ran.returncode == 2
    assert "keydesk core" in ran.stderr


def _aside(tx: Any, items: list[str]) -> list[None]:
    for ext_id in items:
        tx.run(
            "INSERT INTO quarantine(id, shop, ext_id, field, why, raw, print, at, seen) VALUES(?, 1, ?, 'f', 'w', x'7b7d', x'00', 1, 1)",
            (tx.new_id(), ext_id),
        )
    return [None for _ in items]


@pytest.mark.parametrize(("role", "may"), [("viewer", False), ("operator", False), ("supervisor", True)])
async def test_it_takes_a_supervisor(tmp_path: Path, role: str, may: bool) -> None:
    async with desk(tmp_path, options=Options("test", role_of=lambda user, owner: role)) as d:
        await d.writer.do(_aside, "Q1")
        if may:
            told = await d.client.post("/v1/quarantine/replay", {"dry": True})
            assert [(one["ext_id"], one["came"]) for one in told["items"]] == [("Q1", "no_way")]
            assert told["after"] is None
            assert (await d.client.fails("POST", "/v1/quarantine/replay", {"dry": "no"}))[0] == 400
            assert (await d.client.fails("POST", "/v1/quarantine/replay", {"wet": True}))[0] == 400
        else:
            assert (await d.client.fails("POST", "/v1/quarantine/replay", {"dry": True}))[1]["code"] == "forbidden"


def test_the_command_pages_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pages from the core are one report."""
    from click.testing import CliRunner

    from console.commands.replay import replay_command

    item = {"id": 1, "shop": "woo", "ext_id": "1", "field": "f", "at": 1, "came": "failed", "why": "network", "took": 0}
    pages = {0: {"items": [item], "after": 7}, 7: {"items": [item | {"came": "taken", "why": ""}], "after": None}}
    monkeypatch.setattr(Core, "__init__", lambda self, path: None)
    monkeypatch.setattr(Core, "post", lambda self, path, **body: pages[body["after"]])
    ran = CliRunner().invoke(replay_command, [], standalone_mode=False)
    assert ran.exception is None, ran.exception
    assert ran.return_value == 1, "something failed"
    assert "1 failed, try again, 1 taken in" in ran.output
