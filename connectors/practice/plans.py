"""How buyers behave: each order's plan comes from the seed alone, before anything happens, so that a run can be repeated."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from connectors.practice import markets, mint
from connectors.practice.mint import Product

_HELD = {"forbid": 3, "forming": 1, "risk": 2}  # first word of a behaviour -> world.Flag


@dataclass(slots=True)
class Plan:
    """What one buyer will do. ``acts`` are (seconds after placing, act); ``later`` happens that long after shipping."""

    n: int
    platform: str
    product: int
    qty: int
    due: int
    buyer: str
    nick: str
    email: str  # "" when no mail can reach the buyer
    message: str
    behaviour: str
    flag: int = 0
    acts: list[tuple[float, str]] = field(default_factory=list)
    later: tuple[float, str] | None = None
    typed_email: str = ""  # what the buyer wrote, right or wrong

    @property
    def paid(self) -> bool:
        """Whether the money ever covers the order."""
        return self.behaviour not in ("never", "quick_close", "short")


def plans(
    seed: int, count: int, late: float, platforms: tuple[str, ...], products: tuple[Product, ...]
) -> Iterator[Plan]:
    """``count`` plans (0: without end). ``late`` seconds bound every delay before the buyer is done."""
    rng = random.Random(f"plans/{seed}")
    weights = [product.weight for product in products]
    population = max(200, count * 2 // 3) if count else 50_000
    n = 0
    while not count or n < count:
        n += 1
        yield _plan(rng, n, late, platforms, products, weights, population)


def _plan(
    rng: random.Random,
    n: int,
    late: float,
    platforms: tuple[str, ...],
    products: tuple[Product, ...],
    weights: list[int],
    population: int,
) -> Plan:
    platform = rng.choice(platforms)
    chosen = rng.choices(range(len(products)), weights)[0]
    qty = rng.choices((1, 2, 3), (86, 10, 4))[0]
    # Squaring makes low numbers common: some buyers come again and again.
    buyer = int(rng.random() ** 2 * population)
    draw, behaviour = rng.randrange(1000), "simple"
    for name, share in markets.of(platform).mix:
        if draw < share:
            behaviour = name
            break
        draw -= share
    plan = Plan(
        n,
        platform,
        chosen,
        qty,
        products[chosen].price * qty,
        f"u{buyer:06d}",
        mint.nick(rng, buyer),
        "",
        "",
        behaviour,
    )
    _words(rng, plan, buyer)
    _schedule(rng, plan, late)
    return plan


def _words(rng: random.Random, plan: Plan, buyer: int) -> None:
    market = markets.of(plan.platform)
    if market.mails and plan.behaviour != "no_email":
        if plan.behaviour == "bad_email":
            plan.typed_email = mint.broken_email(rng, buyer)
        else:
            plan.email = plan.typed_email = mint.email(buyer)
    plan.message = rng.choice(mint.THANKS)
    if market.address_in_message:
        plan.message = mint.remark(rng, plan.typed_email) if plan.typed_email else plan.message
    if rng.random() < 0.02:
        plan.message = f"{rng.choice(mint.HOSTILE)} {plan.message}"
    if rng.random() < 0.02:
        plan.nick += rng.choice(mint.HOSTILE)


def _schedule(rng: random.Random, plan: Plan, late: float) -> None:
    kind = plan.behaviour
    soon, end = late * rng.uniform(0.05, 0.25), late * rng.uniform(0.75, 1.0)
    # A refund takes most of the window: a platform never agrees in the second in which the buyer asks.
    agreed = late * rng.uniform(0.8, 1.0)
    if kind in ("never", "quick_close"):
        plan.acts = [(end if kind == "never" else soon, "close")]
        return
    if kind == "late":
        plan.acts = [(soon + late * 0.6 * rng.random(), "pay")]
    elif kind in ("short", "short_rest"):
        plan.acts = [(0.0, "pay_short")] + ([(soon, "pay_rest")] if kind == "short_rest" else [])
    else:
        plan.acts = [(0.0, "pay")]
    if kind == "twice":
        plan.acts.append((soon, "pay_again"))
    elif kind in ("refund_before", "refund_withdrawn"):
        opened = min(2.0, late * 0.1) * rng.random()
        plan.acts.append((opened, "refund"))
        plan.acts.append((opened + agreed, "refund_agreed" if kind == "refund_before" else "refund_withdrawn"))
    elif kind == "refund_after":
        plan.later = (min(3.0, late * 0.2) * rng.random(), "refund_agreed")
    elif kind == "refund_after_withdrawn":
        plan.later = (min(3.0, late * 0.2) * rng.random(), "refund_withdrawn")
    elif kind.endswith(("_cleared", "_failed")):
        held, outcome = kind.split("_")
        plan.flag = _HELD[held]
        plan.acts.append((late * rng.uniform(0.1, 0.7), outcome))
    elif rng.random() < 0.35:
        plan.later = (min(4.0, late * 0.3) * rng.random(), "finish")
