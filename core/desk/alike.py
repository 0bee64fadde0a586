"""Acts whose one argument must fit every order of the set: an address is one buyer's, a mapping is one article's."""

from collections.abc import Sequence
from typing import Final

from core.desk.deeds import Action, Alike
from core.desk.reads import Reads
from core.desk.refusals import Refused
from core.store.tx import as_json

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
    return (
        f"SELECT DISTINCT v FROM (SELECT {alike.sql} AS v FROM json_each(?1) j CROSS JOIN orders o ON o.id = j.value) "
        "WHERE v IS NOT NULL LIMIT 2"
    )


async def need_alike(reads: Reads, action: Action, orders: Sequence[int]) -> None:
    """Raises Refused when one argument of this act cannot be right for all of these orders."""
    if action.alike is None or len(orders) < 2:
        return
    if len(await reads.all(alike_sql(action.alike), (as_json(orders),))) > 1:
        raise Refused(409, "not_alike", action.alike.refusal, action.alike.hint)
