"""Acts whose one argument must fit every order of the set: an address is one buyer's, a mapping is one article's."""

import hashlib
from collections.abc import Sequence
from typing import Final

from core.desk.deeds import Action, Alike
from core.desk.reads import Reads
from core.desk.refusals import Refused
from core.store.tx import Tx, as_json

# A platform that hides its buyers ("li**", "匿名用户") makes strangers look alike: then every order stands for itself.
ONE_BUYER: Final = Alike(
    "CASE WHEN o.buyer = '' OR instr(o.buyer, '*') > 0 OR instr(o.buyer, '＊') > 0 OR instr(o.buyer, '匿名') > 0 "
    "THEN 'order ' || o.id ELSE o.shop || ' ' || o.buyer END",
    "these orders are not all of one buyer; one address would send their keys to one place",
    "Act on one order, or on orders of one buyer.",
)
# An order that waits for several articles is like no other: one mapping would take all of them for one.
ONE_ARTICLE: Final = Alike(
    "(SELECT CASE WHEN count(DISTINCT l.sku) > 1 THEN 'order ' || o.id WHEN count(*) THEN o.shop || ' ' || min(l.sku) END "
    "FROM line l WHERE l.order_id = o.id AND l.product = '')",
    "these orders wait for different articles; one mapping would sell the wrong keys",
    "Act on orders of the same shop and article.",
)


def alike_sql(alike: Alike) -> str:
    """The statement that tells whether orders (a JSON array of ids) differ: at most two of their values. Orders that
    have none are not what the act is for; they are left out of it with their own reason."""
    return f"SELECT DISTINCT v FROM ({values_sql(alike)}) WHERE v IS NOT NULL LIMIT 2"


def values_sql(alike: Alike) -> str:
    """The statement for the value of each order of a JSON array of ids."""
    return f"SELECT o.id AS id, {alike.sql} AS v FROM json_each(?1) j CROSS JOIN orders o ON o.id = j.value"


async def agreed(reads: Reads, action: Action, orders: Sequence[int]) -> str | None:
    """The mark of what all these orders share, or None when nothing is asked of them or none has it.

    Raises Refused when one argument of this act cannot be right for all of them.
    """
    if action.alike is None:
        return None
    found = await reads.all(alike_sql(action.alike), (as_json(orders),))
    if len(found) > 1:
        raise Refused(409, "not_alike", action.alike.refusal, action.alike.hint)
    return _mark(found[0][0]) if found else None


def strayed(tx: Tx, action: Action, orders: Sequence[int], mark: str | None) -> set[int]:
    """Which of these orders share something else by now than what the preview froze (``agreed``)."""
    if action.alike is None:
        return set()
    rows = tx.all(values_sql(action.alike), (as_json(orders),))
    return {order for order, value in rows if value is not None and _mark(value) != mark}


def _mark(value: str) -> str:
    """A job's row lives longer than a buyer's name may: the name itself is not kept in it."""
    return hashlib.sha256(value.encode()).hexdigest()
