"""Finding an order by a fragment of its number or its buyer: exact and prefix by index, then among the recent ones."""

from typing import Any

from core.desk.filter_fields import like
from core.desk.reads import Reads
from core.desk.rows import Frame, rows_by_id

FOUND_MAX = 20
RECENT = 20_000  # orders looked through for a fragment in the middle; more would make typing feel slow


async def find(reads: Reads, fragment: str, frame: Frame) -> list[dict[str, Any]]:
    """Row dicts of at most 20 orders whose id, number or buyer matches; prefixes of the number first."""
    text = fragment.strip()
    if not text or "\x00" in text:
        return []
    ids: list[int] = []
    if text.isdigit() and len(text) < 19:
        ids += [row[0] for row in await reads.all("SELECT id FROM orders WHERE id = ?", (int(text),))]
    for shop in frame.shops:
        rows = await reads.all(
            "SELECT id FROM orders WHERE shop = ? AND ext_id >= ? AND ext_id < ? ORDER BY ext_id LIMIT ?",
            (shop, text, text + "\U0010ffff", FOUND_MAX),
        )
        ids += [row[0] for row in rows]
    if len(ids) < FOUND_MAX:
        rows = await reads.all(
            f"SELECT id FROM (SELECT id, ext_id, buyer, buyer_name FROM orders ORDER BY id DESC LIMIT {RECENT}) "
            "WHERE ext_id LIKE ?1 ESCAPE '\\' OR buyer LIKE ?1 ESCAPE '\\' OR buyer_name LIKE ?1 ESCAPE '\\' LIMIT ?2",
            (like(text), FOUND_MAX * 2),
        )
        ids += [row[0] for row in rows]
    return await rows_by_id(reads, list(dict.fromkeys(ids))[:FOUND_MAX], frame)
