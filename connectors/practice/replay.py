"""Replays real purchases from a file: one row is one order, in the file's order, each paid at once."""

from collections.abc import Iterator
from pathlib import Path

from connectors.practice import markets
from connectors.practice.plans import Plan


def rows(path: Path) -> Iterator[tuple[str, str, int, int]]:
    """(customer, date YYYYMMDD, items, dollars in hundredths) of a white-space table whose first line names columns.

    Raises ValueError with the line's number for a row that does not fit.
    """
    with path.open(encoding="ascii") as lines:
        next(lines, None)
        for number, line in enumerate(lines, 2):
            parts = line.split()
            if not parts:
                continue
            try:
                customer, date, items, dollars = parts
                whole, _, cents = dollars.partition(".")
                amount = int(whole) * 100 + int(cents.ljust(2, "0")[:2] or "0")
                quantity = int(items)
            except ValueError:
                raise ValueError(f"{path.name}, line {number}: not customer, date, items, dollars") from None
            if quantity < 1 or len(date) != 8 or not date.isdigit():
                raise ValueError(f"{path.name}, line {number}: not customer, date, items, dollars")
            yield customer, date, quantity, amount


def demand(path: Path) -> int:
    """How many keys the whole file asks for."""
    return sum(quantity for _, _, quantity, _ in rows(path))


def replay(path: Path, platforms: tuple[str, ...]) -> Iterator[Plan]:
    """The plans of a file. A customer stays with one shop for ever; customers alternate between ``platforms``.

    A platform that names no buyer is none of them: nobody could be recognised there. Dollars count as yuan.
    """
    homes: dict[str, str] = {}
    usable = [platform for platform in platforms if markets.of(platform).names_buyers]
    if not usable:
        raise ValueError("a replay needs a platform that names its buyers")
    for n, (customer, date, quantity, amount) in enumerate(rows(path), 1):
        platform = homes.get(customer)
        if platform is None:
            platform = homes[customer] = usable[len(homes) % len(usable)]
        email = f"c{customer}@mail.example.com"
        message = f"{email} date:{date}" if markets.of(platform).address_in_message else f"date:{date}"
        plan = Plan(n, platform, 0, quantity, amount, customer, f"顾客{customer}", email, message, "simple")
        plan.acts, plan.typed_email = [(0.0, "pay")], email
        yield plan
