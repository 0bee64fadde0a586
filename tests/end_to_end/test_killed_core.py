"""kill -9 between opening an attempt and recording it: what the effect's class permits, and not a key more.

``before_send``: an attempt is on disk and nothing went out. ``before_record``: the buyer has the key and the core
died before it could write that down. To the next core the two look the same; it may not guess.
"""

import json
import os
import shutil
import signal
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from core.store.migrations.versions.v0004_named import FILLS
from tests.end_to_end.practicekit import KILLED, Merchant, practice
from tests.end_to_end.processes import CoreProcess, environment, place, until

ARM = {"before_send": signal.SIGUSR1, "before_record": signal.SIGUSR2}
REASON = "the core stopped between sending and recording"


def struck(core: CoreProcess) -> None:
    """Until the armed core has killed itself."""
    until(lambda: core.process.poll() is not None, "the armed core dies", 40)
    assert core.process.returncode == KILLED, core.log.read_text()


def attempts(merchant: Merchant, ext_id: str) -> list[dict[str, Any]]:
    """All attempts to send an order's keys."""
    intents = [i for i in merchant.full(ext_id)["intents"] if str(i["effect"]).lower() == "send"]
    return [attempt for intent in intents for attempt in intent["attempts"]]


def named(database: Path) -> tuple[list[Any], list[Any]]:
    """What is kept of products and channels, and the same counted anew from orders, intents and events."""
    connection = sqlite3.connect(":memory:")
    with closing(sqlite3.connect(database)) as whole:
        whole.backup(connection)
    select = "SELECT kind, name, sum(received), sum(delivered), sum(failed) FROM quarter GROUP BY 1, 2 ORDER BY 1, 2"
    kept = connection.execute(select).fetchall()
    connection.execute("DELETE FROM quarter")
    for statement in (s for s in FILLS if "INTO quarter" in s):
        names = {n: 0 for n in ("id", "since", "seq") if f":{n}" in statement}
        connection.execute(statement, names)
    counted = connection.execute(select).fetchall()
    connection.close()
    return kept, counted


@pytest.mark.parametrize("point", list(ARM))
@pytest.mark.parametrize(("platform", "cls"), [("taobao", "A"), ("pinduoduo", "B")])
def test_what_may_be_repeated_is_repeated_with_the_same_key(platform: str, cls: str, point: str) -> None:
    with practice("--platforms", platform, "--orders", "60", "--rate", "20") as merchant:
        core = merchant.core(KEYDESK_FAULTPOINTS="1")
        merchant.stock_all()
        merchant.world.post("begin")
        until(lambda: merchant.rows("recent"), "a first delivery", 30)
        core.process.send_signal(ARM[point])
        struck(core)
        merchant.promises_hold()
        merchant.zeros()
        second = merchant.core()
        assert second.logged("attempts_left_open"), "the new core says that something was under way"
        report = merchant.settled()
        merchant.promises_hold()
        second.end()
        kept, counted = named(merchant.database)
        assert kept == counted, "what the wall tells is what there is, whatever was cut off"
        assert sum(row[3] for row in kept) > 60, "nearly all orders, by product and by channel"
        merchant.core()
        orders = [line["ext_id"] for line in merchant.settlement()]
        hit = [ext_id for ext_id in orders if reopened(merchant, ext_id, "send", cls)]
        told = [ext_id for ext_id in orders if reopened(merchant, ext_id, "ship", "A")]
        assert hit or told, "an order shows the attempt that the kill cut off, and the one after it"
        if point == "before_send":
            return
        # The keys of a repeat are those of the first sending, to the same buyer: the ledger counts no second key.
        bought = {order[1]: order[3:5] for order in report["by_order"]}
        assert all(bought[ext_id][0] == bought[ext_id][1] for ext_id in hit), "as many keys as were bought"
        assert report["repeats"] >= 1 or not hit or platform == "pinduoduo"


def reopened(merchant: Merchant, ext_id: str, effect: str, cls: str) -> bool:
    """Whether an order's sending, or its platform's being told, was cut off by the kill and done again."""
    whole = merchant.full(ext_id)
    for intent in whole["intents"]:
        results = [(a["result"], a["why"]) for a in intent["attempts"]]
        if str(intent["effect"]).lower() == effect and ("unknown", REASON) in results:
            assert intent["class"] == cls
            assert whole["row"]["stage"] in ("delivered", "closed")
            return len(results) > 1 or results[-1][0] == "confirmed"
    return False


class Till(Merchant):
    """A merchant whose only shop hands keys over the counter, on a platform that a package of its own brings."""

    def __init__(self, folder: Path, orders: int) -> None:
        self.hand = folder / "hand.jsonl"
        site = folder / "site"
        (site / "till_shop-1.0.dist-info").mkdir(parents=True)
        shutil.copy(Path(__file__).with_name("till_shop.py"), site / "till_shop.py")
        (site / "till_shop-1.0.dist-info" / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: till-shop\nVersion: 1.0\n"
        )
        (site / "till_shop-1.0.dist-info" / "entry_points.txt").write_text(
            "[keydesk.shops]\ntill = till_shop:PLATFORM\n"
        )
        settings = folder / "settings.toml"
        settings.write_text(
            f'[core]\ndata_dir = "{folder}"\nlanguage = "en"\n'
            f'[shops.counter]\nplatform = "till"\nhand = "{self.hand}"\norders = {orders}\n'
        )
        (folder / "products.toml").write_text('[products.card]\ntitle = "card"\nkind = "key"\nskus = ["CARD"]\n')
        (folder / "rules.toml").write_text("version = 1\n")
        super().__init__(folder, settings, environment(folder, PYTHONPATH=os.fspath(site)))

    def handed(self) -> list[dict[str, Any]]:
        """What buyers were given, in order."""
        return [json.loads(line) for line in self.hand.read_text().splitlines()] if self.hand.exists() else []

    def keys(self, count: int) -> None:
        """Put fresh keys into stock, at which waiting orders go on."""
        file = self.folder / "keys.txt"
        file.write_text("".join(f"TILL-{n:04d}-CARD\n" for n in range(count)))
        self.stock("card", file)


@pytest.fixture
def till() -> Iterator[Till]:
    """Six orders that wait for keys."""
    with place() as folder, ExitStack() as stack:
        made = Till(folder, 6)
        stack.callback(made.end)
        yield made


@pytest.mark.parametrize("point", list(ARM))
def test_what_may_not_be_repeated_waits_for_a_person(till: Till, point: str) -> None:
    first = till.core(KEYDESK_FAULTPOINTS="1")
    until(lambda: len(till.rows("exceptions")) == 6, "six orders wait for keys")
    first.process.send_signal(ARM[point])
    till.keys(6)
    struck(first)
    till.promises_hold()
    before = till.handed()
    assert (len(before) > 0) == (point == "before_record")

    till.core()
    until(lambda: till.settlement() and all(line["settled"] for line in till.settlement()), "all is settled")
    lines = {line["ext_id"]: line for line in till.settlement()}
    parked = [ext_id for ext_id, line in lines.items() if line["as"] == "parked"]
    assert parked, "the attempt that was cut off is not guessed"
    assert all(lines[ext_id]["kinds"] == ["unknown_outcome"] for ext_id in parked)
    for ext_id in parked:
        (attempt,) = attempts(till, ext_id)
        assert (attempt["result"], attempt["why"]) == ("unknown", REASON)
        assert "restart" in json.dumps(attempt["evidence"])
    # Whoever was given a key before the kill is not given one again, and nobody else was forgotten.
    given = Counter(entry["order"] for entry in till.handed())
    assert set(given.values()) == {1} or not given
    assert {entry["order"] for entry in before} <= set(parked) | {
        e for e, line in lines.items() if line["as"] == "delivered"
    }
    assert set(given) | set(parked) == set(lines)

    for ext_id in parked:
        till.act("was_sent" if given[ext_id] else "not_sent", ext_id, reason="asked the buyer")
    until(lambda: all(line["as"] == "delivered" for line in till.settlement()), "all is delivered")
    handed = till.handed()
    assert Counter(entry["order"] for entry in handed) == dict.fromkeys(lines, 1)
    assert len({key for entry in handed for key in entry["keys"]}) == 6
    till.promises_hold()
