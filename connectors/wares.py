"""What the merchant offers to other shops, as the settings say it."""

from pathlib import Path

from msgspec import Struct

from connectors.options import Options, number
from connectors.sold import Book
from core.model.text import clean

_FORM = "goods must be ID|SKU|PRICE IN MINOR UNITS|STOCK|NAME, with semicolons between them; STOCK may be -1"


class Ware(Struct, frozen=True):
    """One thing on offer. ``id`` stays the same for ever: other shops keep it. ``price`` in minor units, ``stock`` -1
    where it is not told."""

    id: int
    sku: str
    price: int
    stock: int
    name: str


class Wares:
    """All of them, in the order of the settings."""

    def __init__(self, wares: tuple[Ware, ...]) -> None:
        self.all = wares
        self.by_id = {ware.id: ware for ware in wares}
        self.by_sku = {ware.sku: ware for ware in wares}
        if len(self.by_id) != len(wares) or len(self.by_sku) != len(wares):
            raise ValueError("goods: an ID or a SKU stands there twice")


def wares_of(text: str) -> Wares:
    """From the settings. Raises ValueError."""
    found = []
    for entry in filter(None, (part.strip() for part in text.split(";"))):
        words = [word.strip() for word in entry.split("|")]
        if len(words) != 5 or not words[1] or clean(words[1], 64) != words[1]:
            raise ValueError(_FORM)
        figures = [words[0], words[2], words[3].removeprefix("-1") or "0"]
        if not all(word.isascii() and word.isdigit() and len(word) < 10 for word in figures):
            raise ValueError(_FORM)
        ware = Ware(int(words[0]), words[1], int(words[2]), int(words[3]), clean(words[4], 100))
        if ware.id < 1 or ware.price < 1:
            raise ValueError("goods: an ID and a price are above zero")
        found.append(ware)
    if not found:
        raise ValueError(_FORM)
    return Wares(tuple(found))


def book_of(options: Options) -> Book:
    """The orders of the other shop, in ``orders_file``; ``credit`` in minor units. Raises ValueError."""
    credit = int(number(options, "credit", 0, 0, 10**12))
    try:
        return Book(Path(options["orders_file"]), credit)
    except OSError as exc:
        raise ValueError(f"orders_file cannot be used: {type(exc).__name__}") from None
