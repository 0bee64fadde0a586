"""The canary of files: real keys, bound and sent and echoed wherever text can stand; none comes out in any export."""

import io
import json
import re
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from core.audit.evidence_check import alone
from core.model.effects import Result
from core.vault.pickup import PickupLinks
from core.vault.seal import KeyRow
from tests.end_to_end.servicekit import Desk, desk, lines
from tests.rig import Rig, order

SECRETS = {
    "token": "tok-9f8e7d6c5b4a",
    "sign": "0123456789ABCDEF0123456789ABCDEF",
    "client_secret": "pi_1_secret_QQwwEErrTTyy",
}


class Planted(NamedTuple):
    """A desk, its keys by order, and everything that must not come out."""

    desk: Desk
    rig: Rig
    ids: list[int]
    secrets: list[str]


@pytest.fixture
async def planted(tmp_path: Path) -> AsyncIterator[Planted]:
    """Two delivered orders. Their keys stand in notes, attempts' evidence, payloads and the buyer's message."""
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 4)
        await rig.pull(order("A1", paid=1000), order("A2", paid=1000, qty=2))
        for ext in ("A1", "A2"):
            await rig.deliver(await rig.intent(ext))
        rows = await rig.all(
            "SELECT order_id, id, product, batch, sealed FROM key WHERE order_id IS NOT NULL ORDER BY id"
        )
        deks = dict(await rig.all("SELECT id, dek FROM batch"))
        keys = [(row[0], rig.vault.open_key(KeyRow(row[1], row[2], row[3], row[4], deks[row[3]]))) for row in rows]
        assert len(keys) == 3
        links = PickupLinks(rig.vault.keyring, "https://pick.example/p")
        codes = [links.code(await rig.intent(ext)) for ext in ("A1", "A2")]
        for number, key in keys:
            await plant(rig, number, key, links.link(await rig.intent("A1")))
        async with desk(tmp_path, writer=rig.writer) as d:
            d.service.vault = rig.vault
            ids = sorted({number for number, _ in keys})
            for number, key in keys:
                await d.client.act("note", [number], note=f"buyer says {key} does not work")
            found = [key for _, key in keys] + codes + list(SECRETS.values())
            yield Planted(d, rig, ids, found)


async def plant(rig: Rig, number: int, key: str, link: str) -> None:
    """What a careless platform, provider or buyer would leave."""
    raw = {"order": number, "memo": f"卡密 {key}", "link": link, "buyer": "王**", **SECRETS}
    raw["push"] = json.dumps({"text": key, **SECRETS})

    def write(tx: Any, items: list[Any]) -> list[Any]:
        tx.run("UPDATE order_raw SET raw = ? WHERE order_id = ?", (json.dumps(raw).encode(), number))
        tx.run("UPDATE orders SET message = ? WHERE id = ?", (f"got {key.lower()}, {link}", number))
        evidence = json.dumps({"said": f"<memo>{key}</memo>", "link": link})
        tx.run("UPDATE attempt SET evidence = ?, why = ? WHERE order_id = ?", (evidence, f"echo {key}", number))
        return [None] * len(items)

    await rig.writer.do(write, None)


def leaks(told: bytes, secrets: list[str]) -> list[str]:
    """Which of the secrets stand in it, in any case of letters, with or without hyphens."""
    text = told.decode("utf-8", "replace").lower()
    flat = re.sub(r"[\s-]", "", text)
    return [one for one in secrets if one.lower() in text or re.sub(r"[\s-]", "", one.lower()) in flat]


async def test_the_canary_sings_in_the_database(planted: Planted) -> None:
    """The search can find: what was planted is there, and the reveal that exists for it shows the keys."""
    shown = await planted.desk.client.post(f"/v1/orders/{planted.ids[0]}/reveal", {"reason": "canary"})
    assert shown["keys"][0]["key"] in planted.secrets
    rows = await planted.rig.all("SELECT raw FROM order_raw")
    raw = b"".join(row[0] for row in rows)
    assert len(leaks(raw, planted.secrets)) >= 3 + len(SECRETS)


async def test_no_secret_in_the_orders(planted: Planted) -> None:
    answer = await planted.desk.client.http.post("/v1/export", json={"view": "work"})
    recent = await planted.desk.client.http.post("/v1/export", json={"view": "recent"})
    both = answer.content + recent.content
    assert leaks(both, planted.secrets) == []
    assert b"[removed] does not work" in both
    assert len(await lines(planted.desk.client, "POST", "/v1/export", {"orders": planted.ids})) == 2 + 2


async def test_no_secret_in_a_timeline(planted: Planted) -> None:
    for number in planted.ids:
        answer = await planted.desk.client.http.post(f"/v1/orders/{number}/timeline", json={})
        assert answer.status_code == 200
        assert leaks(answer.content, planted.secrets) == []
        assert "echo [removed]" in answer.json()["text"]


async def test_no_secret_in_a_pack_and_it_is_still_proven(planted: Planted) -> None:
    for number in planted.ids:
        answer = await planted.desk.client.http.post(f"/v1/orders/{number}/evidence", json={})
        assert leaks(answer.content, planted.secrets) == []
        with zipfile.ZipFile(io.BytesIO(answer.content)) as box:
            parts = {info.filename: box.read(info) for info in box.infolist()}
        for name, data in parts.items():
            assert leaks(data, planted.secrets) == [], name
        raw = json.loads(parts["raw.json"])
        assert raw["payload"]["buyer"] == "王**"
        assert {"$.token", "$.sign", "$.client_secret", "$.memo", "$.link", "$.push"} <= {
            at if at.startswith("$.push") is False else "$.push" for at in raw["removed"]
        }
        hidden = [e for e in json.loads(parts["events.json"])["events"] if "hidden" in e]
        assert {(e["name"], e["body"], e["body_sha256"]) for e in hidden} == {("note", None, "")}
        found = alone(answer.content)
        assert found.problems == []
        body = msgspec.json.encode(found.claim)
        log = (await planted.desk.client.http.post("/v1/evidence/check", content=body)).json()
        assert log["problems"] == []
        assert log["recorded"] is not None


async def test_no_secret_in_the_record_of_it(planted: Planted) -> None:
    await planted.desk.client.http.post("/v1/export", json={"view": "recent"})
    await planted.desk.client.http.post(f"/v1/orders/{planted.ids[0]}/evidence", json={"reason": "dispute"})
    told = await planted.desk.client.http.get("/v1/history", params={"kind": "exported"})
    assert len(told.json()["events"]) == 2
    assert leaks(told.content, planted.secrets) == []


async def test_a_key_that_was_replaced_is_kept_out_too(planted: Planted) -> None:
    """A suspect key stays a secret: it may still open something."""
    await planted.rig.come(await planted.rig.intent("A1"), 1, Result.CONFIRMED)
    job = await planted.desk.client.act("replace_key", [planted.ids[0]], reason="dead")
    assert (job["done"], job["failed"]) == (1, 0)
    answer = await planted.desk.client.http.post(f"/v1/orders/{planted.ids[0]}/evidence", json={})
    with zipfile.ZipFile(io.BytesIO(answer.content)) as box:
        told = b"".join(box.read(info) for info in box.infolist())
        keys = json.loads(box.read("keys.json"))
    assert {key["state"] for key in keys} == {"sold", "suspect"}
    assert leaks(told, planted.secrets) == []
