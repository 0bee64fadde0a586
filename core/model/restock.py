"""When a product is bought from a supplier, and how much of it."""

from msgspec import Struct


class Restock(Struct, frozen=True):
    """``buy`` of the supplier's ``code`` when fewer than ``below`` keys of the product are free.

    ``price``: decimal text, the most that one may cost. ``most_a_day``: keys in any 24 hours, refused purchases not counted.
    """

    product: str
    title: str
    supplier: str
    code: str
    below: int
    buy: int
    price: str
    most_a_day: int
