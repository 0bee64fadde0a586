"""The next way: a delivery that provably did not happen is tried by the shop's next channel, with the same keys.

Proven means refused for good, with no attempt of the same intent in doubt and nothing picked up by its link. Never
after an unknown outcome: then the buyer may have the keys, and a person decides.
"""

from core.model.effects import Effect
from core.model.lifecycle import EventKind, IntentState, Stage
from core.pipeline.gate import INTENT, UNOPENED
from core.pipeline.sent import IntentRow
from core.pipeline.setup import Setup, Way
from core.store.tx import CHANNEL, RECEIVED, Tx

_STANDING = (
    "SELECT i.via, o.contact, (SELECT max(n.gen) FROM intent n WHERE n.order_id = i.order_id AND n.effect = i.effect), "
    "EXISTS(SELECT 1 FROM attempt a WHERE a.intent_id = i.id AND a.n <> i.tries AND a.result IN ('unknown', 'confirmed')), "
    "EXISTS(SELECT 1 FROM event e WHERE e.order_id = i.order_id AND e.kind = ? AND e.body ->> '$.intent' = i.id) "
    "FROM intent i JOIN orders o ON o.id = i.order_id WHERE i.id = ?"
)


def go_on(tx: Tx, setup: Setup, row: IntentRow) -> str:
    """Plan the next way of an intent that was refused just now; answers its lane, "" when there is none to go."""
    info = setup.shops.get(row.shop)
    if info is None or len(info.ways) < 2 or row.effect != Effect.SEND or row.stage != Stage.DELIVERING:
        return ""
    found = tx.one(_STANDING, (int(EventKind.PICKED_UP), row.intent))
    assert found is not None
    via, contact, newest, in_doubt, picked_up = found
    if in_doubt or picked_up or newest != row.gen:
        return ""
    chosen = info.way_for(contact, after=via)
    if chosen is None:
        return ""
    plan(tx, row.order, row.shop, row.gen + 1, *chosen)
    return chosen[0].lane


def plan(tx: Tx, order: int, shop: int, gen: int, way: Way, recipient: str) -> int:
    """A further generation of the intent to send, by this way; returns its number. Counters are the caller's."""
    (number,) = tx.new_ids(1)
    now, pending = tx.now, int(IntentState.PENDING)
    values = (number, order, shop, int(Effect.SEND), way.lane, way.send.cls.value, pending, gen, recipient)
    tx.insert(INTENT, [(*values, now, tx.epoch, now, now, *UNOPENED)])
    tx.counted_by(CHANNEL, RECEIVED, (way.lane,))
    tx.wake("effects")
    return number
