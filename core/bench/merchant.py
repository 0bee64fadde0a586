"""A large merchant's database, made by the database itself in seconds: what ``bench queue`` and ``bench desk`` read.

Half of the orders are open, which is far more than a working day leaves behind: the queue's index is as large as it
gets. Shapes and spreads are a merchant's; names, numbers and money are made up from the order's number alone.
"""

import time
from pathlib import Path
from typing import Any

from core.model.clock import SECOND, now_us
from core.store.engines import writer_engine
from core.store.migrate import migrate

SHOPS = 12
SHOP = "shop-{:02d}"
PLATFORMS = ("taobao", "pinduoduo", "stripe-shop")
DAY = 86_400 * SECOND

# :n orders, :t UTC us. Every second one is finished. Of the open ones one in ten waits for money, one in fifty for a
# person. They are days old, so that no age on a screen changes by itself while silence is measured.
_FILL = """
WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < :n)
INSERT INTO orders(id, shop, ext_id, rev, seen_at, version, stage, pstate, nprio, due_at, blocks, due, paid, refunded,
 refund_open, currency, qty, product, title, buyer, buyer_name, contact, message, tag, writeback, created_at, paid_at,
 deadline, received_at, delivered_at, changed_at)
SELECT i, 1 + i * 7919 % {shops}, printf('KD%010d', i), :t, :t, 1,
 CASE WHEN i % 2 THEN 4 + (i % 11 = 0) ELSE 1 + (i % 3 = 0) * (i % 4 / 2) END, 1,
 CASE WHEN i % 14 = 0 THEN -5 WHEN i % 22 = 0 THEN -4 WHEN i % 10 = 0 THEN -2 ELSE 0 END,
 :t - (:n - i) * 200000 - 2 * {day}, i % 100 = 0, 1000 + i * 37 % 70000, CASE WHEN i % 20 = 0 THEN 0 ELSE 1000 + i * 37 % 70000 END,
 0, 0, 'CNY', 1 + (i % 9 = 0), 'p' || i % 20, '游戏点卡 ' || (50 + i % 20 * 10) || ' 元', 'u' || i % 9973, '买家' || i % 9973,
 'buyer@example.com', '', CASE WHEN i % 14 = 0 THEN '大额' WHEN i % 22 = 0 THEN 'VIP' ELSE '' END, 0,
 :t - (:n - i) * 200000 - 3 * {day}, :t - 3 * {day}, NULL, :t - 3 * {day}, CASE WHEN i % 2 THEN :t END, :t FROM s;
INSERT INTO line SELECT id, '1', product, product, title, qty, due FROM orders;
INSERT INTO intent SELECT id, id, shop, 1, 'email', 'A', CASE stage WHEN 2 THEN 5 ELSE 2 END, stage > 2, 1, contact, :t, 1, :t, :t, :t
 FROM orders WHERE stage IN (2, 4);
INSERT INTO hold SELECT id, id, 'manual', 'wang', '', :t, NULL, NULL, '' FROM orders WHERE stage = 1 AND id % 100 = 0;
INSERT INTO case_ SELECT id, id, shop, 'no_stock', product, '{{}}', 0, :t, NULL, NULL, '', ''
 FROM orders WHERE stage = 1 AND id % 150 = 0;
INSERT INTO buyer SELECT buyer, count(*), sum(due), :t, count(*) >= 10 FROM orders GROUP BY buyer;
INSERT INTO tally SELECT shop, stage, count(*) FROM orders GROUP BY shop, stage;
INSERT INTO case_tally SELECT kind, count(*) FROM case_ GROUP BY kind;
INSERT INTO product SELECT DISTINCT product, product, 'key' FROM orders
"""


def build(path: Path, orders: int) -> float:
    """Make a database of so many orders at ``path``; returns the seconds it took."""
    begun = time.monotonic()
    migrate(path)
    engine = writer_engine(path)
    with engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        # Nothing of value is in it before it is whole.
        raw.execute("PRAGMA synchronous = OFF")
        raw.execute("BEGIN IMMEDIATE")
        for number in range(1, SHOPS + 1):
            row = (number, SHOP.format(number), PLATFORMS[number % len(PLATFORMS)])
            raw.execute("INSERT INTO shop(id, name, platform) VALUES(?, ?, ?)", row)
        for statement in _FILL.format(shops=SHOPS, day=DAY).split(";\n"):
            given = {name: value for name, value in (("n", orders), ("t", now_us())) if f":{name}" in statement}
            raw.execute(statement, given)
        raw.execute("COMMIT")
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    return time.monotonic() - begun
