"""Where the command line and the palette can go by name: views, shops, products."""

from collections.abc import Iterable
from typing import NamedTuple

from console.i18n import t
from console.presenters.tabs import view_name
from console.state.standing import DeskStanding
from console.wire import Row
from core.model.text import clean

MAX = 500  # products offered at most


class Place(NamedTuple):
    """``id`` is the command that goes there."""

    id: str
    label: str
    tip: str


def quoted(text: str) -> str:
    """A filter's value, in quotes where it needs them."""
    return f'"{text}"' if any(c.isspace() or c in "()" for c in text) else text


def places(standing: DeskStanding, rows: Iterable[Row] = ()) -> list[Place]:
    """Views, then shops, then products, each with the command that shows its orders.

    ``rows``: orders that are at hand, whose titles name products that the stock knows by id alone.
    """
    out = [Place(f"view {name}", view_name(name), t("palette.view")) for name in standing.tabs]
    for shop in standing.health["shops"] if standing.health else []:
        name = clean(shop["name"], 40)
        out.append(Place(f"filter @{quoted(name)}", name, t("palette.shop")))
    titles = {row["product"]: row["title"] for row in rows}
    for product in standing.stock[:MAX]:
        known = product["title"] if product["title"] != product["id"] else ""
        title = clean(known or titles.get(product["id"]) or product["id"], 40)
        out.append(Place(f"filter product={quoted(clean(product['id'], 64))}", title, t("palette.product")))
    return out
