"""``orders.blocks``: how many open holds and open blocking cases stand before the gate; kept here and nowhere else."""

from collections.abc import Iterable

from core.model.lifecycle import IntentState
from core.store.tx import Tx, as_json

# Counted anew instead of stepped up and down: a figure that money depends on must heal, not drift.
_RECOUNT = """
UPDATE orders SET version = version + 1, changed_at = ?2, blocks =
 (SELECT count(*) FROM hold h WHERE h.order_id = orders.id AND h.lifted_at IS NULL)
 + (SELECT count(*) FROM case_ c WHERE c.order_id = orders.id AND c.closed_at IS NULL AND c.blocking = 1)
WHERE id IN (SELECT value FROM json_each(?1)) RETURNING id, blocks
"""
_REARM = f"""
UPDATE intent SET state = {int(IntentState.PENDING)}, next_at = ?2, changed_at = ?2
WHERE state = 5 AND order_id IN (SELECT value FROM json_each(?1))
"""


def recount(tx: Tx, order_ids: Iterable[int]) -> list[int]:
    """Count the blocks of these orders again; returns those that are free now.

    A free order's blocked intents become pending at once, and the gate and the effects are woken.
    """
    ids = [order for order in dict.fromkeys(order_ids) if order]
    if not ids:
        return []
    free = [int(order) for order, blocks in tx.all(_RECOUNT, (as_json(ids), tx.now)) if blocks == 0]
    if free:
        tx.run(_REARM, (as_json(free), tx.now))
        tx.wake("gate")
        tx.wake("effects")
    tx.touch(ids)
    return free
