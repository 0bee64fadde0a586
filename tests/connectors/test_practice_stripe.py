"""The Stripe door: events in pages both ways, intents, idempotency, search, signed webhooks."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from connectors.practice.stripe import sign
from connectors.practice.stripe_objects import event_id, event_number
from tests.connectors.practice_client import Desk, plan, world

ONE = ("indie",)


async def events(desk: Desk, query: str = "") -> dict[str, Any]:
    answer = await desk.stripe(f"/v1/events?{query}")
    assert answer.status_code == 200
    return answer.json()


async def test_keys_and_paths(tmp_path: Path) -> None:
    async with world(tmp_path, platforms=ONE) as desk:
        url = desk.shops["indie"]["url"]
        assert (await desk.http.get(f"{url}/v1/events")).status_code == 401
        assert (await desk.http.get(f"{url}/v1/events", headers={"Authorization": "Bearer wrong"})).status_code == 401
        for path in ("/v1/nothing", "/v1/payment_intents/pi_none", "/v1/charges/ch_none", "/v1/events/evt_none"):
            assert (await desk.stripe(path)).status_code == 404
        for path in (
            "/v1/events?limit=101",
            "/v1/events?limit=0",
            "/v1/events?ending_before=evt_zzz",
            "/v1/payment_intents/search?query=x",
        ):
            assert (await desk.stripe(path)).status_code == 400


async def test_events_page_both_ways(tmp_path: Path) -> None:
    async with world(tmp_path, [plan(n, "stripe-shop") for n in range(1, 13)], platforms=ONE) as desk:
        await desk.begin()
        assert len((await events(desk))["data"]) == 10
        backwards: list[str] = []
        page = await events(desk, "limit=5")
        while True:
            backwards += [event["id"] for event in page["data"]]
            if not page["has_more"]:
                break
            page = await events(desk, f"limit=5&starting_after={backwards[-1]}")
        assert backwards == sorted(backwards, reverse=True)
        assert len(backwards) == 24
        forwards, seen = [backwards[-1]], backwards[-1]
        while True:
            page = await events(desk, f"limit=5&ending_before={seen}")
            ids = [event["id"] for event in page["data"]]
            assert ids == sorted(ids, reverse=True)
            forwards += ids[::-1]
            seen = forwards[-1]
            if not page["has_more"]:
                break
        assert forwards == backwards[::-1]
        only = await events(desk, "limit=100&types[]=payment_intent.succeeded")
        assert {event["type"] for event in only["data"]} == {"payment_intent.succeeded"}
        assert len(only["data"]) == 12
        single = await desk.stripe(f"/v1/events/{backwards[3]}")
        assert single.json()["id"] == backwards[3]


@pytest.mark.parametrize("number", [0, 1, 35, 36, 10**9])
def test_event_ids(number: int) -> None:
    assert event_number(event_id(number)) == number
    assert event_id(number + 1) > event_id(number)


async def test_an_order_and_its_payments(tmp_path: Path) -> None:
    plans = [
        plan(1, "stripe-shop", acts=[(0.0, "pay"), (0.01, "pay_again")], email="a@b.example.com"),
        plan(2, "stripe-shop", acts=[(0.0, "pay_short"), (0.01, "pay_rest")]),
        plan(3, "stripe-shop", acts=[(0.01, "close")]),
    ]
    async with world(tmp_path, plans, platforms=ONE) as desk:
        await desk.begin()
        numbers = list(desk.setting.world.shops["indie"].orders)

        async def intents(number: str) -> list[dict[str, Any]]:
            answer = await desk.stripe(
                f"/v1/payment_intents/search?query=metadata['order_no']:'{number}'&expand[]=data.latest_charge"
            )
            assert answer.json()["object"] == "search_result"
            return answer.json()["data"]

        twice = await intents(numbers[0])
        assert [(pi["amount"], pi["amount_received"], pi["status"]) for pi in twice] == [(4890, 4890, "succeeded")] * 2
        assert twice[0]["metadata"] == {"order_no": numbers[0], "sku": "IN-STEAM50", "qty": "1", "email": "a@b.example.com", "buyer": "u000001", "name": "张三**1"}  # fmt: skip
        assert twice[0]["latest_charge"]["amount_refunded"] == 0
        rest, short = await intents(numbers[1])
        assert (short["amount"], short["amount_received"], rest["amount_received"]) == (4890, 4401, 489)
        (gone,) = await intents(numbers[2])
        assert (gone["status"], gone["amount_received"], gone["latest_charge"]) == ("canceled", 0, None)
        assert not await intents("nothing")
        nets = {row[1]: (row[2], row[5]) for row in (await desk.control("GET", "report"))["by_order"]}
        assert nets == {numbers[0]: ("paid", 9780), numbers[1]: ("paid", 4890), numbers[2]: ("closed", 0)}


async def test_money_back_is_told(tmp_path: Path) -> None:
    acts = [(0.0, "pay"), (0.01, "refund")]
    plans = [
        plan(1, "stripe-shop", acts=[*acts, (0.02, "refund_agreed")]),
        plan(2, "stripe-shop", acts=[*acts, (0.02, "refund_withdrawn")]),
    ]
    async with world(tmp_path, plans, platforms=ONE) as desk:
        await desk.begin()
        told = (await events(desk, "limit=100"))["data"]
        shown = {(event["type"], event["data"]["object"].get("status")) for event in told if "charge" in event["type"]}
        assert shown == {
            ("charge.dispute.created", "needs_response"), ("charge.dispute.closed", "lost"), ("charge.dispute.closed", "won"),
            ("charge.refunded", "succeeded"),
        }  # fmt: skip
        (back,) = [event["data"]["object"] for event in told if event["type"] == "charge.refunded"]
        assert (back["amount_refunded"], back["refunded"]) == (4890, True)
        created = [event["data"]["object"] for event in told if event["type"] == "payment_intent.created"]
        assert {pi["amount_received"] for pi in created} == {0}  # an event shows what was then, not what is now
        intent = back["payment_intent"]
        refunds = (await desk.stripe(f"/v1/refunds?payment_intent={intent}")).json()["data"]
        assert [row["amount"] for row in refunds] == [4890]
        charge = intent.replace("pi_", "ch_")
        for asked in (f"payment_intent={intent}", f"charge={charge}"):  # Stripe takes either
            assert (await desk.stripe(f"/v1/disputes?{asked}")).json()["data"][0]["status"] == "lost"
        assert (await desk.stripe(f"/v1/charges/{back['id']}")).json()["amount_refunded"] == 4890


async def test_one_idempotency_key_acts_once(tmp_path: Path) -> None:
    async with world(tmp_path, [plan(1, "stripe-shop")], platforms=ONE) as desk:
        await desk.begin()
        path = f"/v1/payment_intents/{(await desk.stripe('/v1/payment_intents')).json()['data'][0]['id']}"
        data = {"metadata[keydesk_delivered]": "ref-1"}
        first = await desk.stripe(path, "POST", key="k1", **data)
        again = await desk.stripe(path, "POST", key="k1", **data)
        assert first.json()["metadata"]["keydesk_delivered"] == "ref-1"
        assert again.content == first.content
        assert again.headers["idempotent-replayed"] == "true"
        other = await desk.stripe(path, "POST", key="k1", **{"metadata[keydesk_delivered]": "ref-2"})
        assert (other.status_code, other.json()["error"]["type"]) == (400, "idempotency_error")
        assert [record["ref"] for record in desk.ledger("ship")] == ["ref-1"]
        assert (await desk.stripe(path)).json()["metadata"]["keydesk_delivered"] == "ref-1"


@asynccontextmanager
async def listener(refuse_first: bool) -> AsyncIterator[tuple[str, list[tuple[str, bytes]]]]:
    """A desk's webhook door: its URL, and what it has heard as (signature, body)."""
    got: list[tuple[str, bytes]] = []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
                got.append((headers["stripe-signature"], await reader.readexactly(int(headers["content-length"]))))
                status = "500 Oops" if refuse_first and len(got) == 1 else "200 OK"
                writer.write(f"HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\nok".encode())
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(hear, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook", got
    finally:
        server.close()


async def test_webhooks_are_signed_and_tried_again(tmp_path: Path) -> None:
    plans = [plan(n, "stripe-shop") for n in (1, 2)]
    async with listener(refuse_first=True) as (url, got), world(tmp_path, plans, platforms=ONE) as desk:
        assert "error" in await desk.control("POST", "hook", url="http://example.com:80/hook")
        await desk.control("POST", "hook", url=url)
        await desk.begin()
        hooks = desk.setting.hooks
        assert hooks is not None
        await desk.until(lambda: hooks.delivered == 4)
        assert got[0][1] == got[1][1]  # refused once, sent again
        for signature, body in got:
            at = int(signature.split(",")[0][2:])
            assert signature == sign(body, desk.shops["indie"]["webhook_secret"], at)


async def test_webhooks_under_chaos_come_twice_late_and_swapped(tmp_path: Path) -> None:
    plans = [plan(n, "stripe-shop") for n in range(1, 101)]
    async with (
        listener(refuse_first=False) as (url, got),
        world(tmp_path, plans, platforms=ONE, faults="chaos") as desk,
    ):
        await desk.control("POST", "hook", url=url)
        await desk.begin()
        await desk.until(lambda: len({body for _, body in got}) == 200)
        fired = desk.setting.faults.fired
        await desk.until(lambda: len(got) == 200 + fired["hook_doubled"])
        assert {"hook_doubled", "hook_delayed", "hook_reordered"} <= set(fired)
        ids = [json.loads(body)["id"] for _, body in got]
        assert ids != sorted(ids)
