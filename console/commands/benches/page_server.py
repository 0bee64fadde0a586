"""A platform's door for ``bench intake``, in a process of its own: pages of orders, ready made but for their numbers.

It speaks just enough of Pinduoduo's protocol to be read by the shipped connector: every window of time holds
``ROWS`` orders that nobody has seen, a hundred a page. Printed on the first line: its port.
"""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

ROWS, PAGE = 1000, 100
PRODUCTS = 20
_BEIJING = timedelta(hours=8)
_ROW = (
    '{"order_sn":"%s","order_status":1,"refund_status":1,"after_sales_status":0,"confirm_status":1,"group_status":1,'
    '"risk_control_status":0,"created_time":"%s","pay_time":"%s","updated_at":"%s","pay_amount":"%s","goods_amount":"%s",'
    '"discount_amount":"0.00","postage":"0.00","pay_no":"XP%s","pay_type":"WEIXIN","buyer_memo":"请尽快发货，谢谢",'
    '"item_list":[{"goods_id":410056442805,"sku_id":910056442805,"outer_id":"p%d","goods_name":"游戏点卡 100 点 自动发货",'
    '"goods_count":1,"goods_price":"%s"}]}'
)  # about 600 bytes, as the rows of the floor


def page(shop: str, start: int, number: int, count: bool) -> bytes:
    """One page of the window that begins at ``start`` (UTC seconds)."""
    at = (datetime.fromtimestamp(start, UTC) + _BEIJING).strftime("%Y-%m-%d %H:%M:%S")
    rows = []
    for n in range((number - 1) * PAGE, number * PAGE):
        unique = start * ROWS + n
        price = f"{10 + unique % PRODUCTS * 35}.00"  # every product has its price
        rows.append(_ROW % (f"{shop}-{unique}", at, at, at, price, price, unique, unique % PRODUCTS, price))
    total = f'"total_count":{ROWS},' if count else ""
    return f'{{"order_sn_increment_get_response":{{{total}"order_sn_list":[{",".join(rows)}]}}}}'.encode()


_NO_REFUNDS = b'{"refund_increment_get_response":{"total_count":0,"refund_list":[]}}'


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            size = next(int(line[15:]) for line in head.lower().split("\r\n") if line.startswith("content-length:"))
            form = {key: values[0] for key, values in parse_qs((await reader.readexactly(size)).decode()).items()}
            if form["type"] == "pdd.order.number.list.increment.get":
                count = form.get("use_has_next") == "false"
                body = page(form["client_id"], int(form["start_updated_at"]), int(form["page"]), count)
            else:
                body = _NO_REFUNDS
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body
            )
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def _main() -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # until the starter is gone


if __name__ == "__main__":
    asyncio.run(_main())
