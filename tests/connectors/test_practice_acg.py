"""acg-faka in the practice world: it buys what is paid, until it is heard, under one number."""

from pathlib import Path
from urllib.parse import parse_qsl

from connectors.registry import build_shop
from core.model.clock import now_us
from core.model.order import OrderUpdate
from tests.connectors.hook_kit import Hooked, behind
from tests.connectors.practice_client import plan, world
from tests.connectors.server import Answer, Request

SHOP = "acg-main"


async def test_trades_insist_and_are_one_order_each(tmp_path: Path) -> None:
    plans = [plan(n, "acg-faka", qty=1 + n % 2, email=f"b{n}@mail.example.com") for n in range(1, 7)]
    plans.append(plan(7, "acg-faka", acts=((60.0, "pay"),)))
    async with world(tmp_path, plans, platforms=("acg-faka",), faults="chaos") as desk:
        shop = build_shop(SHOP, desk.shops[SHOP], now_us)
        take = behind(shop, SHOP)  # type: ignore[arg-type]
        seen: list[str] = []

        async def half_deaf(request: Request) -> Answer:
            form = dict(parse_qsl(request.body.decode()))
            assert request.target == f"/hook/{SHOP}/shared/commodity/trade"
            seen.append(form["request_no"])
            if seen.count(form["request_no"]) == 1:
                return 502, {}
            return await take(request)

        async with Hooked(half_deaf, desk):
            await desk.control("POST", "begin")
            await desk.until(lambda: desk.setting.pushes is not None and desk.setting.pushes.delivered >= 6)
        found = {one.ext_id: one for one in (await shop.pull(None)).updates if isinstance(one, OrderUpdate)}
        orders = desk.setting.world.shops[SHOP].orders
        assert len(found) == 6
        for number, update in found.items():
            order = orders[number]
            assert seen.count(number) >= 2
            assert (update.total, update.contact) == (order.due, order.email)
            assert (update.lines[0].sku, update.lines[0].qty) == ("AC-STEAM50", order.qty)
        answer = await desk.http.post(f"{desk.ready['http']}/acg/shared/commodity/items")
        assert answer.status_code == 404
        await shop.close()
