"""The Vendure door, and the connector against it over real HTTP."""

from pathlib import Path
from typing import Any

from connectors.registry import build_shop
from core.model.clock import now_us
from core.model.effects import Result
from core.model.order import OrderUpdate, PlatformState, RefundState
from core.ports import Shop
from tests.connectors.kit import ship
from tests.connectors.practice_client import Desk, plan, world

WORD = ("vendure",)
LIST = """query L($s: DateTime!, $e: DateTime!) {
  orders(options: { filter: { orderPlacedAt: { between: { start: $s, end: $e } } }, sort: { orderPlacedAt: ASC }, take: 100 }) {
    totalItems items { id code state lines { id quantity } }
  }
}"""
FULFIL = """mutation F($lines: [OrderLineInput!]!, $code: String!) {
  addFulfillmentToOrder(input: { lines: $lines, handler: { code: $code, arguments: [] } }) {
    __typename ... on Fulfillment { id state } ... on ErrorResult { errorCode }
  }
}"""
SHIP = """mutation S($id: ID!, $to: String!) {
  transitionFulfillmentToState(id: $id, state: $to) { __typename ... on Fulfillment { state } ... on ErrorResult { errorCode } }
}"""


def connect(desk: Desk, **more: str) -> Shop:
    return build_shop("vendure-main", desk.shops["vendure-main"] | {"start_days": "0.01"} | more, now_us)


async def asked(desk: Desk, document: str, token: str = "", **variables: Any) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token or desk.setting.world.shops['vendure-main'].token}"}
    body = {"query": document, "variables": variables}
    got = await desk.http.post(desk.shops["vendure-main"]["url"], json=body, headers=headers)
    return {"status": got.status_code, "token": got.headers.get("vendure-auth-token", ""), **got.json()}


def code(answer: dict[str, Any]) -> str:
    return str(answer["errors"][0]["extensions"]["code"])


async def settled(shop: Shop, cursor: str | None = None) -> tuple[dict[str, OrderUpdate], str | None]:
    found: dict[str, OrderUpdate] = {}
    for _ in range(40):
        batch = await shop.pull(cursor)
        found |= {one.ext_id: one for one in batch.updates if isinstance(one, OrderUpdate)}
        cursor = batch.cursor
        if not batch.more:
            return found, cursor
    raise AssertionError("pull does not end")


async def test_gateway_checks(tmp_path: Path) -> None:
    async with world(tmp_path, [plan(1, "vendure"), plan(2, "vendure", acts=())], platforms=WORD) as desk:
        await desk.begin()
        span = {"s": "2026-01-01T00:00:00Z", "e": "2099-01-01T00:00:00.999Z"}
        rows = (await asked(desk, LIST, **span))["data"]["orders"]
        assert (rows["totalItems"], rows["items"][0]["state"]) == (1, "PaymentSettled")  # who has not paid has a cart
        refused = await asked(desk, LIST, token="other", **span)
        assert (refused["status"], code(refused)) == (200, "FORBIDDEN")
        assert code(await asked(desk, LIST, s="x")) == "BAD_USER_INPUT"
        wrong = await asked(desk, LIST.replace("totalItems", "totalItem"), **span)
        assert (wrong["status"], code(wrong)) == (400, "GRAPHQL_VALIDATION_FAILED")
        shop = desk.shops["vendure-main"]
        login = "mutation L($u: String!, $p: String!) { login(username: $u, password: $p) { __typename } }"
        assert (await asked(desk, login, token="x", u=shop["username"], p="wrong"))["token"] == ""
        assert (await asked(desk, login, token="x", u=shop["username"], p=shop["password"]))["token"]


async def test_fulfilments_are_made_and_moved_once(tmp_path: Path) -> None:
    async with world(tmp_path, [plan(1, "vendure", qty=2), plan(2, "vendure", flag=3)], platforms=WORD) as desk:
        await desk.begin()
        span = {"s": "2026-01-01T00:00:00Z", "e": "2099-01-01T00:00:00.999Z"}
        paid, authorised = (await asked(desk, LIST, **span))["data"]["orders"]["items"]
        lines = [{"orderLineId": paid["lines"][0]["id"], "quantity": 2}]

        async def made(lines: list[dict[str, Any]], handler: str = "manual-fulfillment") -> dict[str, Any]:
            return (await asked(desk, FULFIL, lines=lines, code=handler))["data"]["addFulfillmentToOrder"]  # type: ignore[no-any-return]

        assert (await made(lines, "other"))["errorCode"] == "INVALID_FULFILLMENT_HANDLER_ERROR"
        assert (await made([]))["errorCode"] == "EMPTY_ORDER_LINE_SELECTION_ERROR"
        begun = await made(lines)
        assert begun["state"] == "Pending"
        assert (await made(lines))["errorCode"] == "ITEMS_ALREADY_FULFILLED_ERROR"
        assert "errorCode" in await made([{"orderLineId": authorised["lines"][0]["id"], "quantity": 1}])
        for wanted in ("state", "errorCode"):
            moved = (await asked(desk, SHIP, id=begun["id"], to="Shipped"))["data"]["transitionFulfillmentToState"]
            assert wanted in moved
        assert len(desk.ledger("ship")) == 1


async def test_pulling_reading_and_shipping(tmp_path: Path) -> None:
    acts = [(0.0, "pay"), (0.01, "refund")]
    plans = [
        plan(1, "vendure", email="buyer1@mail.example.com", qty=3), plan(2, "vendure", acts=()), plan(3, "vendure", flag=3),
        plan(4, "vendure", acts=[*acts, (0.02, "refund_agreed")]), plan(5, "vendure", acts=acts),
    ]  # fmt: skip
    async with world(tmp_path, plans, platforms=WORD) as desk:
        await desk.begin()
        shop = connect(desk, sweep_seconds="0.5")
        found, cursor = await settled(shop)
        paid, unpaid, authorised, refunded, asking = desk.setting.world.shops["vendure-main"].orders
        assert {number: one.state for number, one in found.items()} == {
            paid: PlatformState.PAID, authorised: PlatformState.UNPAID, refunded: PlatformState.REFUNDED,
            asking: PlatformState.PAID,
        }  # fmt: skip
        assert (found[paid].total, found[paid].lines[0].sku, found[paid].contact) == (
            14670,
            "VD-STEAM50",
            "buyer1@mail.example.com",
        )
        assert [refund.state for refund in found[asking].refunds] == [RefundState.OPEN]
        desk.setting.front._gates["vendure"].expire_token()
        assert (await shop.perform(ship(paid))).result is Result.CONFIRMED
        again = await shop.perform(ship(paid, attempt=2))
        assert (again.why, again.evidence) == ("already shipped", {"note": "was there"})
        for number in (unpaid, authorised, refunded, "404"):
            assert (await shop.perform(ship(number))).result is Result.REJECTED
        assert [record["ext_id"] for record in desk.ledger("ship")] == [paid]
        assert len(desk.ledger("note")) == 1
        deadline = now_us() + 10_000_000
        seen: dict[str, OrderUpdate] = {}
        while paid not in seen:  # no list tells of it by time: the sweep finds it
            assert now_us() < deadline
            more, cursor = await settled(shop, cursor)
            seen |= {number: one for number, one in more.items() if one.state is PlatformState.SHIPPED}
        await shop.close()
