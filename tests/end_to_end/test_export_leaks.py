"""Real keys bound to real orders, written wherever a person or a platform may write them: no file that leaves has one."""

import gc
import io
import json
import logging
import zipfile
from pathlib import Path
from typing import Any

import pytest

from core.model.lifecycle import EventKind, KeyState
from core.store.tx import Tx
from tests.end_to_end.servicekit import Desk, desk, lines
from tests.store.deskdata import Seed

KEYS = ("CANARY-WXYZ-1111-QRST", "CANARYCARD2222----PW-CANARY-XQZ3")
TOLD = ("canary", "wxyz", "qrst", "card2222", "xqz3")  # no letters of a hash in hex
ORDERS = (1, 2)


async def _bound(d: Desk) -> None:
    """Imports the keys, binds one to each order, and lets everybody blab."""
    answer = await d.client.http.post(
        "/v1/keys/preview", params={"product": "steam-50", "name": "a.txt"}, content="\n".join(KEYS).encode()
    )
    token = answer.json()["token"]
    assert (await lines(d.client, "POST", "/v1/keys/import", {"token": token}))[-1]["imported"] == 2

    def bind(tx: Tx, items: list[None]) -> list[None]:
        ids = [row[0] for row in tx.all("SELECT id FROM key WHERE state = 0 ORDER BY id")]
        for order, key, plain in zip(ORDERS, ids, KEYS, strict=True):
            tx.run(
                "UPDATE key SET state = ?, order_id = ?, line = '1', slot = 1, taken_at = ? WHERE id = ?",
                (int(KeyState.SOLD), order, tx.now, key),
            )
            tx.run(
                "UPDATE orders SET note = ?, tag = ?, message = ? WHERE id = ?",
                (f"gave {plain.lower()}", plain, f"I got {plain.replace('-', ' ')}!", order),
            )
            raw = {"echo": plain, "ext": [{"name": "card_no", "value": plain}], "memo": f"code={plain}"}
            tx.run("INSERT INTO order_raw(order_id, raw) VALUES(?, ?)", (order, json.dumps(raw).encode()))
            tx.event(EventKind.NOTE, order, "wang", {"note": f"told him {plain}"})
        return items

    await d.writer.do(bind, None)


def _sings(text: str) -> bool:
    return any(piece in text.lower() for piece in TOLD)


async def test_no_key_in_any_file(tmp_path: Path) -> None:
    seeds = [Seed(i) for i in range(1, 6)]
    async with desk(tmp_path, seeds) as d:
        await _bound(d)
        shown = await d.client.post("/v1/orders/1/reveal", {"reason": "the search can find"})
        assert _sings(json.dumps(shown))

        orders = await lines(d.client, "POST", "/v1/export", {"view": "open", "format": "json"})
        assert len(orders) == 5 + 2
        assert not _sings(json.dumps(orders))
        assert "[removed]" in json.dumps(orders)
        for number in ORDERS:
            told = await d.client.post(f"/v1/orders/{number}/timeline", {})
            assert len(told["timeline"]) >= 3
            assert not _sings(json.dumps(told))
            answer = await d.client.http.post(f"/v1/orders/{number}/evidence", json={"reason": "a dispute"})
            with zipfile.ZipFile(io.BytesIO(answer.content)) as box:
                parts = {name: box.read(name).decode() for name in box.namelist()}
            assert [name for name, text in parts.items() if _sings(text)] == []
            assert json.loads(parts["keys.json"])[0]["state"] == "sold"
            assert [e["body"] for e in json.loads(parts["events.json"])["events"] if e["name"] == "note"] == [None]


async def test_whoever_leaves_an_export_leaves_nothing_behind(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with desk(tmp_path, [Seed(i) for i in range(1, 6001)]) as d:
        for _ in range(8):
            async with d.client.http.stream("POST", "/v1/export", json={"view": "work"}) as answer:
                await anext(answer.aiter_lines())
        # The export after them is told to its end, and nobody's place is taken.
        told: list[dict[str, Any]] = await lines(d.client, "POST", "/v1/export", {"view": "work"})
        assert told[-1] == {"end": {"rows": 6000}}
        assert d.service.exporting == 0
        gc.collect()
        assert [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR and r.name == "asyncio"] == []
