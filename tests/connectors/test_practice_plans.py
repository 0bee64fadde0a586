"""Buyers come from the seed alone; their mix, the stock bought for them and the replay are as promised."""

from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from connectors.practice.buyers import order_number
from connectors.practice.mint import PRODUCTS
from connectors.practice.plans import Plan, plans
from connectors.practice.replay import demand, replay
from connectors.practice.stock import shop_for

PLATFORMS = ("taobao", "pinduoduo", "stripe-shop")


def drawn(seed: int = 7, count: int = 5000, late: float = 20.0) -> list[Plan]:
    return list(plans(seed, count, late, PLATFORMS, PRODUCTS))


def test_the_seed_decides() -> None:
    assert drawn(count=300) == drawn(count=300)
    assert drawn(count=300) != drawn(seed=8, count=300)
    assert len(list(islice(plans(7, 0, 20.0, PLATFORMS, PRODUCTS), 10_000))) == 10_000


def test_the_mix_of_5000() -> None:
    made = drawn()
    kinds = Counter(plan.behaviour for plan in made)
    assert 0.85 < kinds["simple"] / 5000 < 0.92
    assert {
        "late", "never", "quick_close", "twice", "short", "short_rest", "no_email", "bad_email", "refund_before",
        "refund_withdrawn", "refund_after", "refund_after_withdrawn", "forbid_cleared", "forbid_failed",
        "forming_cleared", "forming_failed", "risk_cleared", "risk_failed",
    } <= set(kinds)  # fmt: skip
    assert {plan.qty for plan in made} == {1, 2, 3}
    assert any(plan.due >= 50_000 for plan in made)
    assert max(Counter(plan.buyer for plan in made).values()) >= 5
    assert any("\x1b" in plan.message + plan.nick for plan in made)
    assert len({order_number(plan, 7) for plan in made}) == 5000
    assert all(not plan.email for plan in made if plan.platform == "pinduoduo")


def test_every_buyer_is_done_in_time() -> None:
    for plan in drawn(late=20.0):
        assert max((delay for delay, _ in plan.acts), default=0) <= 22.0
        if plan.behaviour in ("refund_before", "refund_withdrawn"):
            (opened, _), (ended, _) = plan.acts[1:]
            assert ended - opened >= 0.8 * 20.0  # nobody agrees to a refund in the second in which it is asked


def test_the_stock_covers_all_or_is_a_little_short() -> None:
    made = drawn()
    asked = [sum(plan.qty for plan in made if plan.product == number) for number in range(len(PRODUCTS))]
    assert all(count >= need for count, need in zip(shop_for(made, False).counts, asked, strict=True))
    short = shop_for(made, True).counts
    below = [number for number, need in enumerate(asked) if short[number] < need]
    assert below == [2]
    assert short[2] > asked[2] * 0.8


def purchases(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "purchases.txt"
    path.write_text(" customer_id date number_of_cds dollar_value\n" + "".join(f" {line}\n" for line in lines))
    return path


def test_replay_keeps_customers_at_home(tmp_path: Path) -> None:
    path = purchases(
        tmp_path,
        "00001 19970101  1   11.77",
        "00002 19970112  5   77.00",
        "00001 19970202 99 0.00",
        "00003 19970102 2 9.5",
    )
    made = list(replay(path, PLATFORMS))
    assert [(plan.buyer, plan.platform, plan.qty, plan.due) for plan in made] == [
        ("00001", "taobao", 1, 1177), ("00002", "stripe-shop", 5, 7700), ("00001", "taobao", 99, 0), ("00003", "taobao", 2, 950),
    ]  # fmt: skip
    assert demand(path) == 107
    assert made[0].message == "c00001@mail.example.com date:19970101"
    assert made[1].message == "date:19970112"
    assert {tuple(plan.acts) for plan in made} == {((0.0, "pay"),)}
    with pytest.raises(ValueError, match="names its buyers"):
        list(replay(path, ("pinduoduo",)))


@pytest.mark.parametrize(
    "line", ["00001 19970101 1", "00001 1997 1 2.00", "00001 19970101 0 2.00", "00001 19970101 x 2.00"]
)
def test_a_row_that_does_not_fit_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(ValueError, match="line 2"):
        list(replay(purchases(tmp_path, line), PLATFORMS))
