"""The demo as a command: every order settled, and the world's own ledger shows nothing but zeros."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.processes import environment, keydesk, place

SAMPLE = Path(__file__).parents[1] / "data" / "cdnow_sample.txt"


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder of the test's own."""
    with place() as made:
        yield made


def _run(home: Path, *arguments: object) -> tuple[int, dict[str, Any], str]:
    ran = keydesk(*arguments, env=environment(home), seconds=170)
    return ran.returncode, json.loads(ran.stdout.splitlines()[-1]), ran.stderr[-3000:]


def _demo(home: Path, *arguments: str) -> dict[str, Any]:
    code, result, said = _run(home, "demo", "--headless", "--json", "--dir", home / "d", *arguments)
    assert code == 0, (result, said)
    assert result["ok"] is True
    assert (result["settled"], result["lost"], result["stuck"]) == (result["orders"], 0, [])
    assert (result["keys_sent_twice"], result["sent_unpaid"], result["oversold"]) == (0, 0, 0)
    assert sum(shop["orders"] for shop in result["shops"].values()) == result["orders"]
    assert sum(shop["delivered"] for shop in result["shops"].values()) == result["delivered"]
    assert (result["audit_violations"], result["core_crashes"]) == (0, 0)
    ended = result["delivered"] + result["closed_unpaid"] + result["refunded"] + result["refused_zero"]
    assert ended + result["parked_orders"] == result["orders"], "each order is settled in exactly one way"
    return result


def test_a_quiet_day(home: Path) -> None:
    result = _demo(home, "--orders", "300", "--seed", "7", "--late", "3")
    assert result["orders"] == 300
    assert result["delivered"] > 250
    assert result["parked"]["buyer_input_invalid"] > 0
    assert result["parked"]["underpaid"] > 0
    assert "other" not in result["parked"]
    assert result["core_kills"] == 0
    # What the command reported is what an audit of the files that it left says too.
    assert _run(home, "audit", "--json", "--database", home / "d" / "keydesk.db")[0] == 0


@pytest.mark.timeout(200)
def test_a_bad_day(home: Path) -> None:
    """Broken networks, a silent platform, and the core killed at each of the four points around an effect."""
    given = ("--faults", "chaos", "--orders", "700", "--rate", "35", "--seed", "3", "--late", "4")
    result = _demo(home, *given)
    assert result["orders"] == 700
    assert result["core_kills"] == result["restarts"] >= 4
    assert set(result["kill_points"]) == {"before_send", "in_flight", "after_acted", "before_record"}
    fired = result["faults_fired"]
    assert {kind for kind in ("drop", "half", "token", "rate", "hang", "reset_after") if not fired[kind]} == set()
    assert result["parked"]["no_stock"] > 0, "a shortage is shown, not sold"
    assert "other" not in result["parked"]


def test_real_purchases(home: Path) -> None:
    """2,000 rows of the CDNOW table; what must come of them is counted here from the table alone."""
    bought: Counter[str] = Counter()
    zero = vip = cards = 0
    for line in SAMPLE.read_text("ascii").splitlines()[1:]:
        customer, _, items, dollars = line.split()
        bought[customer] += 1
        free = float(dollars) == 0
        zero += free
        vip += bought[customer] >= 10
        cards += 0 if free else int(items)
    result = _demo(home, "--replay", str(SAMPLE))
    assert (result["orders"], sum(bought.values())) == (2000, 2000)
    assert (result["refused_zero"], result["vip_ranked"]) == (zero, vip)
    assert zero > 0
    assert vip > 0
    assert (result["delivered"], result["parked_orders"]) == (2000 - zero, 0)
    # The judge counts sends by order; the ledger itself says how many cards went out.
    ledger = (home / "d" / "world" / "ledger.jsonl").read_text("utf-8").splitlines()
    sent = [key for entry in map(json.loads, ledger) if entry["kind"] == "send" for key in entry["keys"]]
    assert len(sent) == len(set(sent)) == cards
