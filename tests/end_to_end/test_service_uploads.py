"""Key files and order files over the socket, reveal, and the canary: no secret in answers, logs or the event log."""

import logging
from pathlib import Path
from typing import Any

import pytest

from core.desk.cases import CaseRow
from core.model.lifecycle import CaseKind, KeyState
from core.service.options import Options
from tests.end_to_end.servicekit import Desk, desk, lines
from tests.end_to_end.test_service_reads import cases
from tests.store.deskdata import Seed, query

_CANARY = "CANARY-KEY-91f3-7a2e-55d0"


async def _preview(d: Desk, data: bytes, product: str = "steam-50") -> dict[str, Any]:
    answer = await d.client.http.post("/v1/keys/preview", params={"product": product, "name": "a.txt"}, content=data)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_keys_are_previewed_imported_and_withdrawn(tmp_path: Path) -> None:
    async with desk(tmp_path, [Seed(1), Seed(2)]) as d:
        await d.writer.do(cases, [CaseRow(i, 1, CaseKind.NO_STOCK, "steam-50") for i in (1, 2)])
        data = "\n".join(f"KEY-{i:05}-ABCDE" for i in range(6000)).encode() + b"\n\nKEY-00001-ABCDE\n"
        seen = await _preview(d, data)
        assert (seen["new"], seen["duplicate_in_file"], seen["blank"]) == (6000, 1, 1)
        told = await lines(d.client, "POST", "/v1/keys/import", {"token": seen["token"]})
        assert told[-1]["imported"] == 6000
        assert told[-1]["orders_freed"] == 2
        assert [t["done"] for t in told[:-1]] == sorted(t["done"] for t in told[:-1])
        assert told[-2]["done"] == told[-2]["total"]
        assert query(d.writer.path, "SELECT count(*) FROM case_ WHERE closed_at IS NULL") == [(0,)]
        again = await _preview(d, data)
        assert (again["new"], again["duplicate_in_stock"]) == (0, 6000)
        told_again = await lines(d.client, "POST", "/v1/keys/import", {"token": again["token"]})
        assert told_again[-1]["error"]["code"] == "import_refused"
        assert (await d.client.fails("POST", "/v1/keys/import", {"token": seen["token"]}))[1]["code"] == "stale_preview"
        undone = await d.client.post("/v1/keys/undo", {"batch": told[-1]["batch"]})
        assert undone == {"withdrawn": 6000}
        status, error = await d.client.fails("POST", "/v1/keys/undo", {"batch": told[-1]["batch"]})
        assert (status, error["code"]) == (409, "import_refused")


async def test_keys_of_a_product_that_nobody_sells_are_refused(tmp_path: Path) -> None:
    """Such keys would lie where no order ever finds them; a slip of the pen is answered with what was meant."""
    async with desk(tmp_path) as d:
        query_of = {"product": "steam50", "name": "a.txt"}
        answer = await d.client.http.post("/v1/keys/preview", params=query_of, content=b"KEY-1-AAAA\n")
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (400, "unknown_product")
        assert "steam-50" in error["message"]
        assert "[products.steam50]" in error["hint"]
        far = (await d.client.http.post("/v1/keys/preview", params={"product": "网易一卡通"}, content=b"K\n")).json()[
            "error"
        ]
        assert "steam-50" not in far["message"]
        assert '[products."网易一卡通"]' in far["hint"]
        assert d.service.uploads._held == {}


async def test_reveal_is_recorded_before_it_is_answered_and_limited(tmp_path: Path) -> None:
    async with desk(tmp_path, [Seed(1), Seed(2)], reveals_per_hour=1) as d:
        told = await lines(
            d.client, "POST", "/v1/keys/import", {"token": (await _preview(d, _CANARY.encode()))["token"]}
        )
        assert told[-1]["imported"] == 1
        await d.writer.do(_bind, 1)
        assert (await d.client.fails("POST", "/v1/orders/1/reveal", {}))[0] == 400
        shown = await d.client.post("/v1/orders/1/reveal", {"reason": "the buyer lost it"})
        assert [k["key"] for k in shown["keys"]] == [_CANARY]
        log = query(d.writer.path, "SELECT body FROM event WHERE kind = 22 AND order_id = 1")
        assert len(log) == 1
        assert "the buyer lost it" in log[0][0]
        assert (await d.client.fails("POST", "/v1/orders/1/reveal", {"reason": "again"}))[0] == 429
        assert (await d.client.fails("POST", "/v1/preview", {"action": "reveal", "orders": [1]}))[0] == 400


def _bind(tx: Any, items: list[int]) -> list[None]:
    for order in items:
        tx.run(
            f"UPDATE key SET state = {int(KeyState.SOLD)}, order_id = ?, line = '1', slot = 1 WHERE state = 0", (order,)
        )
    return [None for _ in items]


async def test_canary_stays_in_the_vault(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The key's text is in no answer, no log line, no event and no plain place of the database."""
    caplog.set_level(logging.DEBUG)
    async with desk(tmp_path, [Seed(1)]) as d:
        seen = await _preview(d, (_CANARY + "\nsecond-key-123\n").encode())
        told = await lines(d.client, "POST", "/v1/keys/import", {"token": seen["token"]})
        broken = await _preview(d, (_CANARY + "\x07\n").encode())
        await d.writer.do(_bind_first, 1)
        answers = [seen, told, broken, await d.client.get("/v1/orders/1"), await d.client.get("/v1/stock")]
        answers.append((await d.client.fails("POST", "/v1/keys/import", {"token": _CANARY}))[1])
        held = repr(d.service.uploads._held)
    for text in (str(answers), caplog.text, held):
        assert _CANARY not in text
    assert answers[3]["keys"][0]["mask"].startswith("CANA-****")
    for file in tmp_path.glob("keydesk.db*"):
        assert _CANARY.encode() not in file.read_bytes()


def _bind_first(tx: Any, items: list[int]) -> list[None]:
    for order in items:
        tx.run(
            f"UPDATE key SET state = {int(KeyState.SOLD)}, order_id = ?, line = '1', slot = 1 "
            "WHERE id = (SELECT min(id) FROM key)",
            (order,),
        )
    return [None for _ in items]


async def _orders(d: Desk, text: str) -> dict[str, Any]:
    answer = await d.client.http.post("/v1/import/orders/preview", content=text.encode())
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_orders_by_file_come_in_once(tmp_path: Path) -> None:
    text = (
        "shop,ext_id,sku,qty,amount,paid,contact\n"
        "taobao-main,F1,sku-1,1,12.30,24.60,a@example.org\n"
        "taobao-main,F1,sku-1,1,12.30,24.60,a@example.org\n"
        'pdd-main,F2,"sku-1",3,30,0,\n'
        "taobao-main,T1,sku-1,1,10,10,x@example.org\n"
    )
    async with desk(tmp_path, [Seed(1, ext_id="T1")]) as d:
        seen = await _orders(d, text)
        assert (seen["orders"], seen["new"], seen["known"], seen["errors"]) == (3, 2, 1, [])
        assert await d.client.post("/v1/import/orders", {"token": seen["token"]}) == {"imported": 2, "known": 1}
        rows = query(d.writer.path, "SELECT ext_id, due, paid, qty, stage FROM orders ORDER BY ext_id")
        assert [r[:4] for r in rows] == [("F1", 2460, 2460, 2), ("F2", 3000, 0, 3), ("T1", 1000, 1000, 1)]
        again = await _orders(d, text)
        assert (again["new"], again["known"]) == (0, 3)
        assert (await d.client.post("/v1/import/orders", {"token": again["token"]}))["imported"] == 0
        assert query(d.writer.path, "SELECT count(*) FROM payment WHERE ext_id LIKE 'F%'") == [(1,)]


async def test_a_file_with_a_bad_line_is_not_taken_in_part(tmp_path: Path) -> None:
    text = "shop,ext_id,sku,qty,amount\ntaobao-main,F1,sku-1,1,12.345\nnowhere,F2,sku-1,1,1\ntaobao-main,F3,sku-1,1,1\n"
    async with desk(tmp_path) as d:
        seen = await _orders(d, text)
        assert [e["line"] for e in seen["errors"]] == [2, 3]
        assert (await d.client.fails("POST", "/v1/import/orders", {"token": seen["token"]}))[1]["code"] == "bad_lines"
        assert query(d.writer.path, "SELECT count(*) FROM orders") == [(0,)]
        assert (await _orders(d, "shop,sku\n"))["errors"][0]["why"].startswith("the first line must name")


async def test_operators_do_not_import(tmp_path: Path) -> None:
    async with desk(tmp_path, options=Options("test", role_of=lambda user, owner: "operator")) as d:
        for path in ("/v1/keys/preview", "/v1/keys/import", "/v1/import/orders", "/v1/keys/undo"):
            assert (await d.client.fails("POST", path, {}))[0] == 403
