"""What a person has marked: orders by number, shown or not, each with its amount."""

from collections import Counter
from typing import NamedTuple

from console.wire import Row


class Mark(NamedTuple):
    """A marked order. ``amount`` in minor units of ``currency``; ``row`` only when it has been on the screen."""

    amount: int
    currency: str
    row: Row | None = None


class Chosen(NamedTuple):
    """The orders that an act would touch, and the row when it is a single one that is known."""

    ids: tuple[int, ...] = ()
    row: Row | None = None


def mark_of(row: Row) -> Mark:
    """The mark of an order that is on the screen."""
    return Mark(row["amount"], row["currency"], row)


class Marks(dict[int, Mark]):
    """Marks by order number. The sums are kept, not counted: they are shown at every step of the cursor."""

    def __init__(self) -> None:
        super().__init__()
        self.money: Counter[str] = Counter()  # minor units by currency

    def put(self, order: int, mark: Mark) -> None:
        """Marks an order, or renews what is known of a marked one."""
        self.drop(order)
        self[order] = mark
        self.money[mark.currency] += mark.amount

    def drop(self, order: int) -> bool:
        """Unmarks an order; whether it was marked."""
        old = self.pop(order, None)
        if old is not None:
            self.money[old.currency] -= old.amount
        return old is not None

    def clear(self) -> None:
        """Unmarks all."""
        super().clear()
        self.money.clear()


def chosen_of(marks: Marks, current: Row | None) -> Chosen:
    """The marks, else the order under the cursor, else nothing."""
    if marks:
        return Chosen(tuple(marks), next(iter(marks.values())).row if len(marks) == 1 else None)
    return Chosen((current["id"],), current) if current is not None else Chosen()
