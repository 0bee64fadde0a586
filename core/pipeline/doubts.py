"""What about a new order needs a person: cases and holds, from its snapshot, its money and the rules."""

from collections.abc import Sequence

from core.desk.cases import CaseRow
from core.desk.holds import HoldRow
from core.model.lifecycle import CaseKind, HoldReason
from core.model.order import OrderUpdate, PlatformState
from core.pipeline.setup import Judgement

_SHIPPED = (PlatformState.SHIPPED, PlatformState.FINISHED)


def trouble_of(
    shop: int, u: OrderUpdate, order_id: int, products: Sequence[str], standing: tuple[int, int, int], alien: bool
) -> list[CaseRow]:
    """The cases that a new order brings along. ``standing``: paid, refunded, open refund requests; ``alien``: money
    came in another currency than the order's."""
    paid, refunded, refund_open = standing
    found: list[CaseRow] = []
    if not all(products):
        skus = [line.sku for line, product in zip(u.lines, products, strict=True) if not product]
        found.append(CaseRow(order_id, shop, CaseKind.SKU_UNMAPPED, skus[0], {"skus": skus}))
    if alien:
        found.append(CaseRow(order_id, shop, CaseKind.PRICE_MISMATCH, "currency", {"due": u.currency}))
    elif paid > u.total:
        found.append(CaseRow(order_id, shop, CaseKind.OVERPAID, "", {"due": u.total, "paid": paid}))
    elif 0 < paid < u.total and not refunded:
        found.append(CaseRow(order_id, shop, CaseKind.UNDERPAID, "", {"due": u.total, "paid": paid}))
    if refund_open:
        found.append(CaseRow(order_id, shop, CaseKind.REFUND_BEFORE, "", {"requests": refund_open}))
    if u.state in _SHIPPED:
        found.append(CaseRow(order_id, shop, CaseKind.ALREADY_SHIPPED, "", {"state": u.state.name}))
    return found


def holds_of(order_id: int, u: OrderUpdate, verdict: Judgement) -> list[HoldRow]:
    """The holds that rules and platform put on a new order."""
    found = [HoldRow(order_id, HoldReason(reason), "rules", note) for reason, note in verdict.holds]
    if u.state is PlatformState.FORBIDDEN:
        found.append(HoldRow(order_id, HoldReason.FORBIDDEN, "platform", u.forbid))
    return found
