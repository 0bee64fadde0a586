"""An order as actions see it: read the same way for a preview and, again, inside the transaction that acts."""

import json
from collections.abc import Iterable
from typing import NamedTuple

from core.desk.reads import Reads, Row
from core.model.lifecycle import IntentState, Stage
from core.store.tx import Tx, as_json

_SQL = """
SELECT o.id, o.shop, o.stage, o.due, o.paid, o.refunded, o.refund_open, o.blocks, o.currency, o.nprio, o.tag, o.note,
 o.contact, o.writeback,
 (SELECT json_group_array(h.reason) FROM hold h WHERE h.order_id = o.id AND h.lifted_at IS NULL),
 (SELECT json_group_array(c.kind) FROM case_ c WHERE c.order_id = o.id AND c.closed_at IS NULL),
 (SELECT json_array(i.id, i.state, i.tries, i.gen) FROM intent i WHERE i.order_id = o.id AND i.effect = 1
  ORDER BY i.gen DESC LIMIT 1),
 (SELECT json_array(i.id, i.state, i.tries, i.gen) FROM intent i WHERE i.order_id = o.id AND i.effect = 2
  ORDER BY i.gen DESC LIMIT 1),
 (SELECT count(*) FROM key k WHERE k.order_id = o.id AND k.state = 1),
 EXISTS(SELECT 1 FROM intent i WHERE i.order_id = o.id AND i.effect = 1 AND i.tries > 0),
 (SELECT count(DISTINCT l.sku) FROM line l WHERE l.order_id = o.id AND l.product = ''), o.ext_id
FROM json_each(?) j JOIN orders o ON o.id = j.value ORDER BY j.key
"""


class Intent(NamedTuple):
    """The newest intent of one effect."""

    id: int
    state: IntentState
    tries: int
    gen: int


class OrderState(NamedTuple):
    """What an action is judged by. Amounts in minor units; ``sent``: an attempt to send was ever opened; ``unmapped``:
    articles without a product."""

    id: int
    shop: int
    stage: Stage
    due: int
    paid: int
    refunded: int
    refund_open: int
    blocks: int
    currency: str
    nprio: int
    tag: str
    note: str
    contact: str
    writeback: int
    holds: tuple[str, ...]
    cases: tuple[str, ...]
    send: Intent | None
    ship: Intent | None
    keys: int
    sent: bool
    unmapped: int
    ext_id: str

    @property
    def net(self) -> int:
        """Money that stays, minor units."""
        return self.paid - self.refunded

    def sending(self, *states: IntentState) -> bool:
        """Whether the newest intent to send is in one of these states."""
        return self.send is not None and self.send.state in states


def _intent(text: str | None) -> Intent | None:
    if text is None:
        return None
    number, state, tries, gen = json.loads(text)
    return Intent(number, IntentState(state), tries, gen)


def _state(row: Row) -> OrderState:
    holds, cases, send, ship = row[14:18]
    parts = (row[0], row[1], Stage(row[2]), *row[3:14], tuple(json.loads(holds)), tuple(json.loads(cases)))
    return OrderState._make((*parts, _intent(send), _intent(ship), row[18], bool(row[19]), row[20], row[21]))


def states_in(tx: Tx, ids: Iterable[int]) -> list[OrderState]:
    """The states of these orders inside a transaction, in the order given; unknown ids are left out."""
    return [_state(row) for row in tx.all(_SQL, (as_json(ids),))]


async def states_of(reads: Reads, ids: Iterable[int]) -> list[OrderState]:
    """The same from the reading side."""
    return [_state(row) for row in await reads.all(_SQL, (as_json(ids),))]
