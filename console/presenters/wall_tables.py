"""The wall's tables: a line for each shop, product, person, channel, stock and connector. Pure: figures in, cells out."""

from collections.abc import Mapping
from typing import NamedTuple

from console.i18n import has, t
from console.presenters.cells import short_count, span
from console.presenters.wall import (
    BAD,
    WARN,
    Cell,
    Line,
    Panel,
    drill_of,
    errors_of,
    late_of,
    share,
    spread_of,
    term,
    took,
)
from console.state.wall import TABLES
from console.wire import Facts, Product
from console.wire_wall import Wall, WallGroup
from core.model.clock import HOUR, SECOND
from core.model.text import clean

TIGHT = 72  # cells below which a table leaves columns out rather than its names
_SOON = 24 * HOUR
_WELL = frozenset({"ok", "idle", "live", "running", ""})


class Heading(NamedTuple):
    """A column; ``tight``: its cells where there is little room, 0 where it is left out then."""

    name: str
    width: int
    tight: int


_FIGURES = (
    Heading("in", 5, 5), Heading("delivered", 5, 5), Heading("backlog", 5, 5), Heading("late", 5, 5),
    Heading("oldest", 6, 0), Heading("on_time", 7, 0), Heading("took", 11, 5), Heading("auto", 4, 4),
    Heading("errors", 6, 6),
)  # fmt: skip
_PERSON = (
    Heading("worked", 6, 6), Heading("delivered", 6, 5), Heading("backlog", 6, 5), Heading("late", 6, 5),
    Heading("holds", 5, 5), Heading("hands", 11, 5), Heading("acts", 5, 0), Heading("errors", 6, 6),
)  # fmt: skip
_STOCK = (Heading("free", 7, 6), Heading("sold", 7, 6), Heading("pace", 8, 8), Heading("ends", 7, 5))
_HEALTH = (
    Heading("state", 10, 10), Heading("lag", 6, 5), Heading("token", 6, 6), Heading("aside", 6, 6),
    Heading("drift", 6, 0), Heading("error", 14, 12),
)  # fmt: skip


def _group(group: WallGroup, field: str, p95: bool) -> dict[str, Cell]:
    own = term(field, group["name"])
    sent, all_of = drill_of(own, "all", "sent<24h"), drill_of(own, "all", "came<24h")
    return {
        "in": Cell(short_count(group["in"]), all_of),
        "delivered": Cell(short_count(group["delivered"]), sent),
        "backlog": Cell(short_count(group["backlog"]), drill_of(own, "work")),
        "late": late_of(group["late"], drill_of(own, "work", "late:yes")),
        "oldest": Cell(took(group["waiting"]["oldest"]), drill_of(own, "work", "-money:unpaid")),
        "on_time": Cell(share(group["due_sent"] - group["late_sent"], group["due_sent"]),
                        drill_of(own, "all", "late:yes sent<24h"), WARN if group["late_sent"] else ""),
        "took": Cell(spread_of(group["handling"], p95), sent),
        "auto": Cell(share(group["auto"], group["sample"]["delivered"]), drill_of(own, "all", "by:none sent<24h")),
        "errors": errors_of(group["error_rate"], drill_of(own, "all", "error:any came<24h")),
    }  # fmt: skip


def _person(group: WallGroup, p95: bool) -> dict[str, Cell]:
    own = term("by", group["name"])
    came = drill_of(own, "all", "came<24h")
    return {
        "worked": Cell(short_count(group["in"]), came),
        "delivered": Cell(short_count(group["delivered"]), drill_of(own, "all", "sent<24h")),
        "backlog": Cell(short_count(group["backlog"]), drill_of(own, "work")),
        "late": late_of(group["late"], drill_of(own, "work", "late:yes")),
        "holds": Cell(short_count(group.get("holds", 0)), drill_of(term("claim", group["name"]), "work")),
        "hands": Cell(spread_of(group["hands_on"], p95) if "hands_on" in group else "-", came),
        "acts": Cell(short_count(group.get("acts", 0)), came),
        "errors": errors_of(group["error_rate"], drill_of(own, "all", "error:any came<24h")),
    }


def _stock(product: Product, now: int) -> dict[str, Cell]:
    own = term("product", product["id"])
    left = None if product["runs_out_at"] is None else max(product["runs_out_at"] - now, 0)
    soon = left is not None and left < _SOON
    look = BAD if not product["free"] else WARN if soon else ""
    ends = t("wall.out") if not product["free"] else "-" if left is None else span(left)
    pace, free = product["per_hour"], short_count(product["free"])
    return {
        "free": Cell(f"!{free}" if look else free, drill_of(own, "work", "case:no_stock"), look),
        "sold": Cell(short_count(product["sold"]), drill_of(own, "all", "sent<24h")),
        "pace": Cell(
            "-" if pace is None else f"{pace:.0f}" if pace >= 10 else f"{pace:.1f}", drill_of(own, "all", "sent<6h")
        ),
        "ends": Cell(ends, drill_of(own, "work"), look),
    }


def _health(shop: Facts, shops: frozenset[str]) -> dict[str, Cell]:
    name, state = str(shop["name"]), str(shop["state"])
    # A payment gateway stands in the same list, but no order is its own.
    own = term("shop", name) if name in shops else None
    work, troubled = drill_of(own, "work"), drill_of(own, "work", "case:any")
    well = state in _WELL and not shop.get("silent_since")
    words = t(f"wall.state.{state}") if has(f"wall.state.{state}") else clean(state, 12)
    lag, token = shop.get("lag_s"), shop.get("token_age_s")
    aside, drift = int(shop.get("set_aside") or 0), int(shop.get("drift") or 0)
    return {
        "state": Cell(words if well else f"!{words}", work, "" if well else BAD),
        "lag": Cell("-" if lag is None else span(int(lag * SECOND)), drill_of(own, "all", "came<24h")),
        "token": Cell("-" if token is None else span(int(token * SECOND)), work),
        "aside": Cell(f"!{short_count(aside)}" if aside else "0", troubled, WARN if aside else ""),
        "drift": Cell(short_count(drift), troubled, WARN if drift else ""),
        "error": Cell(clean(str(shop.get("error_kind") or "-"), 14), troubled),
    }


def tables(wall: Wall, now: int, room: int = TIGHT) -> list[Panel]:
    """All tables in their order, each for ``room`` cells. ``now`` in UTC us."""
    p95 = room >= TIGHT
    names = frozenset(shop["name"] for shop in wall["shops"])
    hidden = t("wall.hidden", n=wall["operators_hidden"]) if wall["operators_hidden"] else ""
    none = {"operators": hidden or t("wall.nobody")}
    made: dict[str, tuple[tuple[Heading, ...], list[tuple[str, dict[str, Cell]]]]] = {
        "shops": (_FIGURES, [(one["name"], _group(one, "shop", p95)) for one in wall["shops"]]),
        "products": (_FIGURES, [(one["name"], _group(one, "product", p95)) for one in wall["products"]]),
        "operators": (_PERSON, [(one["name"], _person(one, p95)) for one in wall["operators"]]),
        "channels": (_FIGURES, [(one["name"], _group(one, "via", p95)) for one in wall["channels"]]),
        "stock": (_STOCK, [(one["id"], _stock(one, now)) for one in _urgent(wall["stock"])]),
        "health": (_HEALTH, [(str(one["name"]), _health(one, names)) for one in wall["health"]]),
    }
    return [_panel(id, *made[id], p95, none.get(id, t("wall.none"))) for id in TABLES]


def _panel(
    id: str, headings: tuple[Heading, ...], rows: list[tuple[str, dict[str, Cell]]], roomy: bool, empty: str
) -> Panel:
    shown = [heading for heading in headings if roomy or heading.tight]
    columns = tuple((_heading(one.name, roomy), one.width if roomy else one.tight) for one in shown)

    def line(key: str, cells: Mapping[str, Cell]) -> Line:
        return Line(key, tuple(cells[one.name] for one in shown))

    return Panel(id, t(f"wall.panel.{id}"), columns, tuple(line(*row) for row in rows), empty)


def _heading(name: str, roomy: bool) -> str:
    """Where only medians are shown, the heading says no more than that."""
    tight = f"wall.col.{name}.tight"
    return t(tight) if not roomy and has(tight) else t(f"wall.col.{name}")


def _urgent(products: list[Product]) -> list[Product]:
    far = 1 << 62
    return sorted(products, key=lambda p: (p["free"] > 0, p["runs_out_at"] or far, p["free"], p["id"]))
