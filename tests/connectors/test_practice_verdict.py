"""The judge finds each kind of violation that is put into a ledger, and no other."""

from pathlib import Path
from typing import Any

import pytest

from connectors.practice.verdict import judge, read

KEYS = ["AAAA-AAAA-AAAA-AAA2", "AAAA-AAAA-AAAA-AAA3", "AAAA-AAAA-AAAA-AAA4", "AAAA-AAAA-AAAA-AAA5"]
NONE = {"keys_sent_twice": 0, "oversold": 0, "sent_unpaid": 0, "wrong_recipient": 0, "wrong_product": 0}


def mint(*keys: str, product: str = "cd") -> dict[str, Any]:
    return {"kind": "mint", "product": product, "keys": list(keys)}


def order(ext_id: str, qty: int = 1, due: int = 100) -> dict[str, Any]:
    return {
        "kind": "order",
        "shop": "s",
        "ext_id": ext_id,
        "qty": qty,
        "due": due,
        "product": "cd",
        "contact": f"{ext_id}@x",
    }


def pay(ext_id: str, amount: int = 100) -> dict[str, Any]:
    return {"kind": "pay", "shop": "s", "ext_id": ext_id, "amount": amount}


def refund(ext_id: str, amount: int = 100) -> dict[str, Any]:
    return {"kind": "refund_done", "shop": "s", "ext_id": ext_id, "amount": amount}


def send(ext_id: str, *keys: str, to: str | None = None) -> dict[str, Any]:
    to = f"{ext_id}@x" if to is None else to
    return {"kind": "send", "shop": "s", "ext_id": ext_id, "keys": list(keys), "recipient": to, "via": "email"}


CLEAN = [mint(*KEYS), order("1"), pay("1"), send("1", KEYS[0]), {"kind": "ship", "shop": "s", "ext_id": "1"}]


def figures(records: list[dict[str, Any]]) -> dict[str, int]:
    report = judge(records)
    return {name: report[name] for name in NONE}


def test_clean_ledger() -> None:
    report = judge(CLEAN)
    assert {name: report[name] for name in NONE} == NONE
    assert (report["orders"], report["sends"], report["keys_sent"]) == (1, 1, 1)
    assert report["by_order"] == [["s", "1", "shipped", 1, 1, 100, 100, 0]]


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ([order("2"), pay("2"), send("2", KEYS[0])], {"keys_sent_twice": 1}),
        ([send("1", KEYS[0]), send("1", KEYS[0])], {}),
        ([order("2", qty=2), pay("2"), send("2", KEYS[1], KEYS[1])], {"keys_sent_twice": 1}),
        ([send("1", KEYS[1])], {"oversold": 1}),
        ([order("2"), pay("2"), send("2", "ZZZZ-ZZZZ-ZZZZ-ZZZZ")], {"oversold": 1}),
        ([send("ghost", KEYS[1])], {"oversold": 1}),
        ([order("2"), send("2", KEYS[1])], {"sent_unpaid": 1}),
        ([order("2"), pay("2", 99), send("2", KEYS[1])], {"sent_unpaid": 1}),
        ([order("2"), pay("2"), refund("2"), send("2", KEYS[1])], {"sent_unpaid": 1}),
        ([order("2"), pay("2", 60), pay("2", 40), send("2", KEYS[1])], {}),
        ([refund("1"), send("1", KEYS[0])], {}),
        ([order("2", due=0), pay("2", 0), send("2", KEYS[1])], {}),
        ([order("2"), pay("2"), send("2", KEYS[1], to="1@x")], {"wrong_recipient": 1}),
        ([mint("BBBB-BBBB-BBBB-BBB2", product="dvd"), order("2"), pay("2"), send("2", "BBBB-BBBB-BBBB-BBB2")], {"wrong_product": 1}),
    ],
)  # fmt: skip
def test_each_violation_is_found(more: list[dict[str, Any]], found: dict[str, int]) -> None:
    assert figures(CLEAN + more) == NONE | found


def test_an_unpaid_first_send_counts_once() -> None:
    assert figures([*CLEAN, order("2"), send("2", KEYS[1]), send("2", KEYS[1])])["sent_unpaid"] == 1


def test_faults_kills_and_states() -> None:
    records = [
        *CLEAN, order("2"), {"kind": "close", "shop": "s", "ext_id": "2"}, order("3"), pay("3"), refund("3"),
        {"kind": "fault", "fault": "drop"}, {"kind": "fault", "fault": "drop"}, {"kind": "kill", "point": "in_flight"},
        {"kind": "finish", "shop": "s", "ext_id": "1"}, {"kind": "repeat", "shop": "s", "ext_id": "1", "ref": "r"},
    ]  # fmt: skip
    report = judge(records)
    assert [row[2] for row in report["by_order"]] == ["finished", "closed", "refunded"]
    assert report["by_order"][2][5:] == [0, 100, 100]
    assert report["faults_fired"] == {"drop": 2}
    assert report["kills"] == {"in_flight": 1}
    assert report["repeats"] == 1


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(b'{"n":1,"t":1,"kind":"order"}\n{"n":2,"t":2,"ki')
    assert [record["n"] for record in read(path)] == [1]
