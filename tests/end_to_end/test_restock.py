"""Keys bought when they run short, by a real core from the practice world's supplier, with lines that break and kills."""

import json
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from connectors.practice.markets.topup_door import CARDS
from console.commands.demo.world import World
from core.audit.run import audit
from tests.end_to_end.processes import CoreProcess, environment, keydesk, place, until

pytestmark = pytest.mark.timeout(150)
BELOW, BUY = 20, 5


def _settings(folder: Path, ready: dict[str, Any], data: Path) -> Path:
    way = ready["channels"]["topups"]
    path = folder / "settings.toml"
    path.write_text(
        f'[core]\ndata_dir = "{data}"\nlanguage = "en"\n[suppliers.cards]\nkind = "kashangwl"\nurl = "{way["url"]}"\n'
        f'customer_id = "{way["customer_id"]}"\nsecret = "{way["secret"]}"\nask_seconds = 1\n'
        "patience_minutes = 0.1\n"
    )
    (folder / "products.toml").write_text(
        '[products.card50]\ntitle = "点卡 50 元"\nkind = "key"\nskus = ["C50"]\n'
        f'restock = {{ supplier = "cards", code = "{CARDS}", below = {BELOW}, buy = {BUY}, price = "50", most_a_day = 500 }}\n'
    )
    (folder / "rules.toml").write_text("version = 1\n")
    return path


def test_nothing_is_bought_twice_whenever_the_core_is_killed() -> None:
    with place() as folder, ExitStack() as stack:
        data = folder / "data"
        data.mkdir(mode=0o700)
        arguments = ["--platforms", "topup", "--orders", "50", "--seed", "3", "--faults", "chaos"]
        world = World(folder / "world", arguments, folder / "world.log")
        stack.callback(world.stop)
        settings, socket = _settings(folder, world.ready, data), folder / "core.sock"
        env = environment(folder)
        core = CoreProcess(folder, settings, socket, env)
        stack.callback(lambda: core.end())
        for after in (0.05, 0.15, 0.3):
            time.sleep(after)  # somewhere between planning, buying, answering and recording
            core.process.kill()
            core.process.wait()
            core = CoreProcess(folder, settings, socket, env)

        def enough() -> bool:
            # A purchase that never got there is never shown, and waits for a person: here for us, who look as they would.
            for one in core.call().get("/v1/purchases", limit=100)["purchases"]:
                if one["state"] == "waits":
                    ran = keydesk(
                        "keys",
                        "purchase",
                        one["id"],
                        "--not-bought",
                        "--reason",
                        "their site has no such order",
                        "--socket",
                        socket,
                        env=env,
                    )
                    assert ran.returncode == 0, ran.stderr
            found = core.call().get("/v1/purchases", limit=100)["purchases"]
            open_ = [one for one in found if one["state"] in ("planned", "buying", "unknown")]
            return not open_ and sum(one["got"] or 0 for one in found) >= BELOW

        until(enough, "stock is bought", 90)
        told = json.loads(keydesk("keys", "purchases", "--json", "--socket", socket, env=env).stdout)["purchases"]
        shown = keydesk("keys", "purchases", "--socket", socket, env=env).stdout
        assert "5 x card50 of cards, 5 came as batch" in shown
        core.end()
        minted = [
            key
            for line in (folder / "world" / "ledger.jsonl").read_text().splitlines()
            if (record := json.loads(line))["kind"] == "mint" and record["product"] == str(CARDS)
            for key in record["keys"]
        ]
        done = [one for one in told if one["state"] == "done"]
        assert {one["state"] for one in told} <= {"done", "refused"}
        # Whatever the supplier sold is stock, once; a purchase whose answer was lost was found again by our number.
        assert len(minted) == len(set(minted)) == sum(one["got"] for one in done) == len(done) * BUY
        assert not audit(data / "keydesk.db").violations
        for key in minted[:50]:
            assert key.split()[1] not in shown + json.dumps(told) + core.log.read_text()


def test_a_supplier_that_is_not_set_up_is_named(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(f'[core]\ndata_dir = "{tmp_path}"\n')
    (tmp_path / "rules.toml").write_text("version = 1\n")
    (tmp_path / "products.toml").write_text(
        '[products.a]\nskus = ["A"]\nrestock = { supplier = "x", code = "1", below = 1, buy = 1, price = "1", most_a_day = 1 }\n'
    )
    ran = keydesk(
        "core", "--settings", tmp_path / "settings.toml", "--socket", tmp_path / "s", env=environment(tmp_path)
    )
    assert ran.returncode != 0
    assert "there is no [suppliers.x]" in ran.stderr


def test_a_reload_that_names_an_unknown_supplier_changes_nothing() -> None:
    with place() as folder, ExitStack() as stack:
        (folder / "settings.toml").write_text(f'[core]\ndata_dir = "{folder}"\n')
        (folder / "rules.toml").write_text("version = 1\n")
        products = folder / "products.toml"
        products.write_text('[products.a]\nskus = ["A"]\n')
        core = CoreProcess(folder, folder / "settings.toml", folder / "core.sock", environment(folder))
        stack.callback(core.end)
        products.write_text(
            '[products.b]\nskus = ["B"]\nrestock = { supplier = "x", code = "1", below = 1, buy = 1, price = "1", most_a_day = 1 }\n'
        )
        told = until(lambda: core.logged("file_refused"), "it is refused")
        assert "there is no [suppliers.x]" in told[0]["why"]
        assert [one["id"] for one in core.call().get("/v1/stock/products")["products"]] == ["a"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ('"x"', "restock is a table"),
        ('{ suplier = "x" }', "no such field"),
        ('{ supplier = "x", code = "1", below = 1, buy = 1, price = "1" }', "restock lacks most_a_day"),
        ('{ supplier = "x", code = "1", below = 1, buy = 0, price = "1", most_a_day = 9 }', "restock.buy is a number"),
        ('{ supplier = "x", code = "1", below = 1, buy = 1, price = "-1", most_a_day = 9 }', "restock.price is"),
        ('{ supplier = "", code = "1", below = 1, buy = 1, price = "1", most_a_day = 9 }', "names a supplier"),
    ],
)
def test_a_wish_that_is_wrong_is_refused_with_its_place(tmp_path: Path, wrong: str, said: str) -> None:
    from core.products import ProductsError, load_products

    file = tmp_path / "products.toml"
    file.write_text(f'[products.a]\nskus = ["A"]\nrestock = {wrong}\n')
    with pytest.raises(ProductsError, match=r"products\.a") as caught:
        load_products(file)
    assert said in str(caught.value)
