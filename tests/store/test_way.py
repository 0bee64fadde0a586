"""The whole way of one order, stage by stage, through the real writer."""

from pathlib import Path

from core.model.effects import Effect, Result
from core.model.lifecycle import CaseKind, IntentState, Stage
from core.model.order import PaymentKind, PlatformState, RefundState
from core.pipeline import upkeep
from core.pipeline.attempts import NotOpened
from tests.rig import T0, Rig, order, pay, refund


async def test_paid_order_goes_all_the_way(tmp_path: Path) -> None:
    """Received, allocated, sent, written back; one key, one send, one write-back."""
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 3)
        await rig.pull(order(paid=1000))
        assert await rig.stage() == Stage.ALLOCATED
        await rig.deliver(await rig.intent())
        assert await rig.stage() == Stage.DELIVERED
        await rig.deliver(await rig.intent(effect=Effect.SHIP))
        assert await rig.one("SELECT writeback FROM orders") == 2
        assert await rig.all("SELECT free, sold FROM stock") == [(2, 1)]
        await rig.pull(order(paid=1000, rev=T0 + 1, state=PlatformState.FINISHED))
        assert await rig.stage() == Stage.CLOSED


async def test_unpaid_and_underpaid_orders_get_no_key(tmp_path: Path) -> None:
    """P2: nothing is allocated before confirmed money covers the order."""
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 3)
        await rig.pull(order("A1"), order("A2", paid=999))
        assert (await rig.pass_gate()).allocated == 0
        assert await rig.cases("A2") == ["underpaid"]
        await rig.pull(pay("A1", 1000), pay("A2", 1, "rest"))
        assert await rig.cases("A2") == []
        assert (await rig.pass_gate()).allocated == 2


async def test_payment_before_its_order_counts_once(tmp_path: Path) -> None:
    """Money may be heard of first, and twice; it is adopted by its order and counted once."""
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 1)
        await rig.pull(pay("A1", 1000))
        await rig.pull(pay("A1", 1000))
        await rig.pull(order("A1"))
        assert await rig.all("SELECT paid, stage FROM orders") == [(1000, Stage.ALLOCATED)]


async def test_refund_opened_between_gate_and_attempt_stops_the_send(tmp_path: Path) -> None:
    """Every attempt checks again; a refund in between blocks it, and the money's return frees the key."""
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 1)
        await rig.pull(order(paid=1000))
        await rig.pass_gate()
        await rig.pull(refund("A1", RefundState.OPEN))
        assert isinstance(await rig.open(await rig.intent()), NotOpened)
        assert await rig.cases() == ["refund_before"]
        await rig.pull(refund("A1", RefundState.DONE, at=T0 + 1), pay("A1", 1000, kind=PaymentKind.REFUND))
        assert await rig.stage() == Stage.CANCELLED
        assert await rig.all("SELECT free, sold FROM stock") == [(1, 0)]
        assert await rig.cases() == []


async def test_shortage_opens_a_case_and_the_rest_go(tmp_path: Path) -> None:
    """All slots or none; an order that cannot be filled is a case, and restocking sends it on."""
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 2)
        await rig.pull(order("A1", paid=3000, qty=3, total=3000), order("A2", paid=2000, qty=2, total=2000))
        assert await rig.stage("A2") == Stage.ALLOCATED
        assert await rig.cases("A1") == ["no_stock"]


async def test_newcomers_queue_behind_whoever_waits(tmp_path: Path) -> None:
    """A ready order that arrives while another waits at the gate does not overtake it: the gate ranks them."""
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 1)
        await rig.pull(order("A1"))
        await rig.pull(pay("A1", 1000))
        await rig.pull(order("A2", paid=1000))
        assert await rig.stage("A2") == Stage.OPEN
        assert (await rig.pass_gate()).allocated == 1
        assert await rig.stage("A1") == Stage.ALLOCATED
        assert await rig.cases("A2") == ["no_stock"]


async def test_unknown_outcomes_follow_their_effect_class(tmp_path: Path) -> None:
    """A repeats the same keys, bounded; C parks at once with a case; nothing is guessed."""
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 2)
        await rig.pull(order("A1", paid=1000), shop=1)
        await rig.pull(order("C1", paid=1000, payments=(pay("C1", 1000),)), shop=3)
        await rig.pass_gate()
        a, c = await rig.intent("A1"), await rig.intent("C1")
        first = await rig.open(a)
        await rig.come(a, 1, Result.UNKNOWN)
        again = await rig.open(a)
        assert [k.id for k in first.keys] == [k.id for k in again.keys]  # type: ignore[union-attr]
        await rig.come(a, 2, Result.UNKNOWN)
        await rig.open(a)
        await rig.come(a, 3, Result.UNKNOWN)
        assert await rig.cases("A1") == ["unknown_outcome"]
        await rig.open(c)
        await rig.come(c, 1, Result.UNKNOWN)
        assert await rig.cases("C1") == ["unknown_outcome"]
        assert await rig.one("SELECT state FROM intent WHERE id = ?", c) == IntentState.UNKNOWN
        assert isinstance(await rig.open(c), NotOpened)


async def test_orders_of_a_removed_shop_are_held_until_it_is_back(tmp_path: Path) -> None:
    """No key is tied up for a shop without a connector; when the shop is configured again its orders go on."""
    async with Rig(tmp_path) as rig:
        await rig.pull(order("A1"), shop=1)
        await rig.writer.do(upkeep.keep_shops, frozenset({2, 3}))
        await rig.stock("p1", 1)
        await rig.pull(pay("A1", 1000))
        assert (await rig.pass_gate()).allocated == 0
        await rig.writer.do(upkeep.keep_shops, frozenset({1, 2, 3}))
        assert (await rig.pass_gate()).allocated == 1


async def test_a_payment_used_by_another_order_opens_a_case(tmp_path: Path) -> None:
    """One transaction pays one order: replayed onto a second it neither pays it nor lets it pass unseen (F12)."""
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 2)
        await rig.pull(order("A1", payments=(pay("A1", 1000, "t"),), state=PlatformState.PAID))
        await rig.pull(order("A2", payments=(pay("A2", 1000, "t"),), state=PlatformState.PAID))
        assert await rig.stage("A1") == Stage.ALLOCATED
        assert await rig.stage("A2") == Stage.OPEN
        assert await rig.cases("A2") == ["price_mismatch"]


async def test_lines_follow_the_platform_until_a_key_is_bound(tmp_path: Path) -> None:
    """The buyer changes the SKU at the same price: the new product's key goes, not the old one's."""
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 1)
        await rig.stock("p2", 1)
        await rig.pull(order("A1"), order("A2", sku="?unknown"))
        await rig.pull(order("A1", sku="p2", rev=T0 + 1, paid=1000), order("A2", sku="p1", rev=T0 + 1))
        assert (await rig.pass_gate()).allocated == 1
        assert await rig.one("SELECT product FROM key WHERE order_id IS NOT NULL") == "p2"
        assert await rig.stage("A2") == Stage.OPEN
        assert await rig.cases("A2") == []


async def test_an_order_goes_on_when_its_sku_is_mapped(tmp_path: Path) -> None:
    """A new products.toml maps what waited."""
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 1)
        await rig.pull(order("A1", sku="?new", paid=1000))
        assert await rig.cases("A1") == ["sku_unmapped"]
        await rig.writer.do(upkeep.remap, {("mailshop", "?new"): "p1"})
        assert (await rig.pass_gate()).allocated == 1


async def test_a_snapshot_that_ends_an_order_and_changes_its_lines_leaves_it_ended(tmp_path: Path) -> None:
    """Found by a random history: the rewritten line had moved the cancelled order back to OPEN."""
    async with Rig(tmp_path) as rig:
        await rig.pull(order("A1"))
        await rig.pull(order("A1", sku="p2", rev=T0 + 1, state=PlatformState.CANCELLED))
        assert await rig.stage("A1") == Stage.CANCELLED
        assert await rig.all("SELECT stage, n FROM tally WHERE n != 0") == [(Stage.CANCELLED, 1)]


async def test_an_attempt_waits_for_a_fresh_snapshot(tmp_path: Path) -> None:
    """An intent that waited behind an outage is not sent on old news: the buyer may have his money back by now."""
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 1)
        await rig.pull(order("A1", paid=1000))
        intent = await rig.intent()
        rig.clock.step(rig.setup.fresh_us / 1_000_000 + 1)
        opened = await rig.open(intent)
        assert isinstance(opened, NotOpened)
        assert (opened.why, opened.shop, opened.ext_id) == ("stale", 1, "A1")
        assert await rig.one("SELECT state FROM intent") == IntentState.PENDING
        await rig.pull(order("A1", paid=1000))  # read again, and nothing had changed
        await rig.deliver(intent)


async def test_the_gate_waits_for_a_fresh_snapshot(tmp_path: Path) -> None:
    """An order that became ready on old news is read again first. A pull that does not name it is no news of it:
    platforms' lists may show a change late."""
    async with Rig(tmp_path) as rig:
        await rig.pull(order("A1", paid=1000))
        rig.clock.step(rig.setup.fresh_us / 1_000_000 + 1)
        await rig.stock("p1", 1)
        await rig.close("A1", [CaseKind.NO_STOCK])
        assert (await rig.pass_gate()).stale == ((1, "A1", await rig.one("SELECT id FROM orders")),)
        await rig.pull()
        assert (await rig.pass_gate()).allocated == 0
        await rig.pull(order("A1", paid=1000))
        assert (await rig.pass_gate()).allocated == 1


async def test_an_event_about_the_past_is_no_fresh_news(tmp_path: Path) -> None:
    """Pulled late, an event tells how things stood then. A chaos run (seed 11) sent 13 keys between two pulled events,
    the one that closed a dispute and the one, already waiting, that gave the money back."""
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 1)
        await rig.pull(order("A1", paid=1000))
        intent = await rig.intent()
        rig.clock.step(rig.setup.fresh_us / 1_000_000 + 1)
        await rig.pull(order("A1", paid=1000, rev=T0 + 5, as_of=T0 + 5))
        opened = await rig.open(intent)
        assert isinstance(opened, NotOpened)
        assert opened.why == "stale"


async def test_an_attempt_left_open_for_a_shop_that_is_gone_goes_to_a_person(tmp_path: Path) -> None:
    """A core that starts without the shop of an open attempt neither crashes nor guesses."""
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 1)
        await rig.pull(order("A1", paid=1000))
        intent = await rig.intent()
        await rig.open(intent)
        del rig.setup.shops[1]
        await rig.come(intent, 1, Result.UNKNOWN)
        assert await rig.one("SELECT state FROM intent WHERE id = ?", intent) in (
            IntentState.PENDING,
            IntentState.UNKNOWN,
        )
        assert await rig.stage("A1") == Stage.DELIVERING
