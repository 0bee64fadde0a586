"""A large merchant made by the database itself, for plans and times; only shapes and spreads matter here."""

from pathlib import Path
from typing import Any

from core.store import driver
from core.store.migrate import migrate

T = 1_790_000_000_000_000

# One order in twenty works; the rest are delivered or closed. ``:n`` orders, ids from 1.
_FILL = """
WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < :n)
INSERT INTO orders(id, shop, ext_id, rev, seen_at, version, stage, pstate, nprio, due_at, blocks, due, paid, refunded,
 refund_open, currency, qty, product, title, buyer, buyer_name, contact, message, tag, writeback, created_at, paid_at,
 deadline, received_at, delivered_at, changed_at)
SELECT i, 1 + i % 3, 'E' || i, {T}, {T}, 1, CASE WHEN i % 20 THEN 4 + i % 2 ELSE i / 20 % 4 END, 1, -(i % 3), {T} + i, 0,
 1000, 1000, 0, 0, 'CNY', 1, 'p' || i % 20, 't', 'b' || i % 997, '', 'c', '', '', 0, {T}, {T}, NULL, {T}, NULL, {T} FROM s;
INSERT INTO line SELECT id, '1', product, product, 't', 1, 1000 FROM orders;
INSERT INTO order_raw SELECT id, x'7b7d' FROM orders;
INSERT INTO payment SELECT id, 'acc', 't' || id, shop, ext_id, CASE WHEN id % 50 THEN id END, 0, 1000, 'CNY', {T}, {T} FROM orders;
INSERT INTO refund SELECT shop, 'r' || id, ext_id, id, id % 3, 1000, '', {T}, NULL FROM orders WHERE id % 10 = 0;
INSERT INTO key SELECT id, product, 1 + id % 100, stage > 1, x'00', CAST('k' || id AS BLOB), CASE WHEN stage > 1 THEN id END,
 CASE WHEN stage > 1 THEN '1' END, CASE WHEN stage > 1 THEN 1 END, 0, NULL FROM orders;
INSERT INTO intent SELECT id, id, shop, 1, 'email', 'A', CASE stage WHEN 2 THEN 0 WHEN 3 THEN 1 ELSE 2 END, stage > 2, 1,
 'c', {T} + id, 1, {T}, {T}, {T} FROM orders WHERE stage > 1;
INSERT INTO attempt SELECT id, 1, order_id, {T}, 1, {T}, 'confirmed', '', '' FROM intent WHERE tries = 1 AND state <> 1;
INSERT INTO event SELECT id, {T}, id, 1, 'intake', '{{}}' FROM orders;
INSERT INTO case_ SELECT id, id, shop, 'no_stock', product, '{{}}', 1, {T}, NULL, CASE WHEN id % 2 THEN {T} END, '', ''
 FROM orders WHERE id % 30 = 0;
INSERT INTO hold SELECT id, id, 'manual', 'w', '', {T}, NULL, CASE WHEN id % 2 THEN {T} END, '' FROM orders WHERE id % 31 = 0;
INSERT INTO claim SELECT id, 'w', {T} FROM orders WHERE id % 100 = 0;
INSERT INTO buyer SELECT DISTINCT buyer, 1, 1000, {T}, 0 FROM orders;
INSERT INTO quarantine SELECT id, shop, ext_id, 'f', 'w', x'00', x'00', {T}, 1, {T} FROM orders WHERE id % 40 = 0;
INSERT INTO stock SELECT product, sum(state = 0), sum(state = 1), 0, 0, 0 FROM key GROUP BY product;
INSERT INTO product SELECT product, product, 'key' FROM stock;
INSERT INTO batch SELECT id, 'p1', 's', 'w', {T}, 100, x'00', NULL FROM orders WHERE id <= 100;
INSERT INTO shop VALUES(1, 'mailshop', 'taobao'), (2, 'pddshop', 'pinduoduo'), (3, 'topup', 'other');
INSERT INTO cursor VALUES(1, 'c', {T})
"""


def big(path: Path, orders: int, statistics: bool = False) -> Path:
    """A database of so many orders; with the planner's statistics gathered if asked."""
    migrate(path)
    connection: Any = driver.swap().connect(path, isolation_level=None)  # plans are the shipped SQLite's
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("BEGIN")
    for statement in _FILL.format(T=T).split(";\n"):
        connection.execute(statement, {"n": orders} if ":n" in statement else {})
    connection.execute("COMMIT")
    if statistics:
        connection.execute("ANALYZE")
    connection.close()
    return path
