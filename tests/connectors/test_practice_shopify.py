"""The Shopify door, and the connector against it over real HTTP."""

from pathlib import Path
from typing import Any

import pytest

from connectors.practice.graphql import GraphError, Scalar, parse, run
from connectors.registry import build_shop
from core.model.clock import now_us
from core.model.effects import Result
from core.model.order import OrderUpdate, PlatformState
from core.ports import Shop
from tests.connectors.kit import ship
from tests.connectors.practice_client import Desk, plan, world

WORD = ("shopify",)


def connect(desk: Desk) -> Shop:
    return build_shop("shopify-main", desk.shops["shopify-main"], now_us)


async def asked(desk: Desk, document: str, token: str = "", **variables: Any) -> dict[str, Any]:
    shop = desk.shops["shopify-main"]
    headers = {"X-Shopify-Access-Token": token or desk.setting.world.shops["shopify-main"].token}
    body = {"query": document, "variables": variables}
    got = await desk.http.post(f"{shop['url']}/admin/api/2026-07/graphql.json", json=body, headers=headers)
    return {"status": got.status_code, **got.json()}


def code(answer: dict[str, Any]) -> str:
    return str(answer["errors"][0]["extensions"]["code"])


LIST = "query L($q: String!) { orders(first: 250, query: $q, sortKey: UPDATED_AT) { nodes { id } pageInfo { hasNextPage } } }"


def test_documents_are_parsed_and_answers_cut() -> None:
    order = {
        "id": 1,
        "lines": [{"n": 1, "x": 2}],
        "made": {"__typename": "Made", "ok": True},
        "some": lambda args: [args["first"]],
        "json": Scalar(a=1),
    }
    document = """# a comment
      query Q($a: Int!, $b: [String!] = ["x"]) {
        it: order(id: $a, how: {in: [1, -2.5, "q\\"q", BIG, true, null]}) {
          id lines { n } json some(first: 3) made { ... on Made { ok } ... on ErrorResult { message } }
        }
      }"""
    seen: list[dict[str, Any]] = []

    def resolve(args: dict[str, Any]) -> dict[str, Any]:
        seen.append(args)
        return order

    got = run(parse(document), {"a": 7}, {"order": resolve})
    assert got == {"it": {"id": 1, "lines": [{"n": 1}], "json": {"a": 1}, "some": [3], "made": {"ok": True}}}
    assert seen == [{"id": 7, "how": {"in": [1, -2.5, 'q"q', "BIG", True, None]}}]
    for wrong in ("{ order { nothing } }", "{ order }", "{ order { id { x } } }", "{ other { id } }", "{ order { id }", "query { }", "{ order(id: ) { id } }"):  # fmt: skip
        with pytest.raises(GraphError):
            run(parse(wrong), {}, {"order": lambda args: order})
    with pytest.raises(GraphError):
        run(parse(document), {}, {"order": lambda args: order})
    with pytest.raises(GraphError):
        run(parse(document), {"a": 1, "c": 2}, {"order": lambda args: order})


async def test_gateway_checks(tmp_path: Path) -> None:
    async with world(tmp_path, [plan(1, "shopify")], platforms=WORD) as desk:
        await desk.begin()
        since = "updated_at:>='2026-01-01T00:00:00Z'"
        assert len((await asked(desk, LIST, q=since))["data"]["orders"]["nodes"]) == 1
        assert (await asked(desk, LIST, token="other", q=since))["status"] == 401
        assert code(await asked(desk, LIST)) == "INVALID_VARIABLE"
        assert code(await asked(desk, LIST, q="name:1")) == "BAD_REQUEST"
        assert code(await asked(desk, LIST.replace("250", "251"), q=since)) == "BAD_REQUEST"
        assert code(await asked(desk, LIST.replace("{ id }", "{ nme }"), q=since)) == "undefinedField"
        deep = "query { orders(first: 250) { nodes { lineItems(first: 50) { nodes { id } } } } }"
        assert code(await asked(desk, deep)) == "MAX_COST_EXCEEDED"
        shop = desk.shops["shopify-main"]
        form = {"grant_type": "client_credentials", "client_id": shop["client_id"], "client_secret": "wrong"}
        assert (await desk.http.post(f"{shop['url']}/admin/oauth/access_token", data=form)).status_code == 400


async def test_the_cost_bucket_empties(tmp_path: Path) -> None:
    async with world(tmp_path, [plan(1, "shopify")], platforms=WORD) as desk:
        await desk.begin()
        gate: Any = desk.setting.front._gates["shopify"]
        gate._left = -5000.0
        answer = await asked(desk, LIST, q="updated_at:>='2026-01-01T00:00:00Z'")
        assert (answer["status"], code(answer)) == (200, "THROTTLED")
        assert answer["extensions"]["cost"]["throttleStatus"]["restoreRate"] == 1000


async def test_pulling_reading_and_fulfilling(tmp_path: Path) -> None:
    plans = [
        plan(1, "shopify", email="buyer1@mail.example.com", qty=3), plan(2, "shopify", acts=()), plan(3, "shopify", flag=3),
        plan(4, "shopify", acts=[(0.0, "pay"), (0.01, "refund"), (0.02, "refund_agreed")]),
        plan(5, "shopify", acts=[(0.0, "close")]), plan(6, "shopify", flag=2),
    ]  # fmt: skip
    async with world(tmp_path, plans, platforms=WORD) as desk:
        await desk.begin()
        shop = connect(desk)
        batch = await shop.pull(None)
        orders = desk.setting.world.shops["shopify-main"].orders
        wanted = [
            PlatformState.PAID, PlatformState.UNPAID, PlatformState.FORBIDDEN, PlatformState.REFUNDED,
            PlatformState.CANCELLED, PlatformState.FORBIDDEN,
        ]  # fmt: skip
        found = {one.ext_id: one for one in batch.updates if isinstance(one, OrderUpdate)}
        assert {number: one.state for number, one in found.items()} == dict(zip(orders, wanted, strict=True))
        paid, unpaid, held, refunded, closed, risky = orders
        assert (found[paid].total, found[paid].lines[0].sku, found[paid].contact) == (
            14670,
            "SF-STEAM50",
            "buyer1@mail.example.com",
        )
        assert [p.amount for p in found[refunded].payments] == [4890, 4890]
        desk.setting.front._gates["shopify"].expire_token()
        assert (await shop.perform(ship(paid))).result is Result.CONFIRMED
        assert (await shop.perform(ship(paid, attempt=2))).why == "already fulfilled"
        for number in (unpaid, refunded, closed, "404"):
            assert (await shop.perform(ship(number))).result is Result.REJECTED
        assert (await shop.perform(ship(held))).result is Result.LATER
        assert [record["ext_id"] for record in desk.ledger("ship")] == [paid]
        now = await shop.read(paid)
        assert isinstance(now, OrderUpdate)
        assert now.state is PlatformState.SHIPPED
        assert (found[risky].forbid, found[held].forbid) == ("risk: investigate", "on hold")
        await shop.close()


async def test_rows_that_move_while_they_are_read_are_not_lost(tmp_path: Path) -> None:
    plans = [plan(n, "shopify", email="a@b.example.com") for n in range(1, 231)]
    async with world(tmp_path, plans, platforms=WORD) as desk:
        await desk.begin()
        orders = desk.setting.world.shops["shopify-main"].orders
        shop = connect(desk)
        seen: dict[str, PlatformState] = {}
        cursor: str | None = None
        for turn in range(20):
            batch = await shop.pull(cursor)
            seen |= {one.ext_id: one.state for one in batch.updates if isinstance(one, OrderUpdate)}
            cursor = batch.cursor
            if turn < 2:
                await shop.perform(ship(list(orders)[turn * 50]))  # goes to the end of the list
            if not batch.more:
                break
        assert set(seen) == set(orders)
        assert [seen[list(orders)[n]] for n in (0, 50)] == [PlatformState.SHIPPED] * 2
        await shop.close()
