"""The wall's figures as tables of cells, each with the orders behind it. Pure: no screen, no core."""

from dataclasses import dataclass
from typing import NamedTuple

from console.i18n import has, t
from console.presenters.cells import minute_text, short_count, span
from console.state.wall import TABLES, TOTALS
from console.wire import Facts, Product
from console.wire_wall import Spread, Wall, WallGroup
from core.model.clock import HOUR, MINUTE, SECOND
from core.model.text import clean

_BAD = "bold $error"
_WARN = "bold $warning"
ERRORS_FROM = 0.03  # the rate at which the trade's own hand work loses its customers
_SOON = 24 * HOUR
_WELL = frozenset({"ok", "idle", "live", "running", ""})


class Drill(NamedTuple):
    """The orders behind a figure, as the desk shows them."""

    view: str
    filter: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure. ``look`` is a style; what it says is in the text too."""

    text: str
    drill: Drill | None = None
    look: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One name with its figures."""

    key: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """``columns``: heading and width of each figure; ``empty``: what stands in place of lines."""

    id: str
    title: str
    columns: tuple[tuple[str, int], ...]
    lines: tuple[Line, ...]
    empty: str = ""

    @property
    def keys(self) -> list[str]:
        """The keys of its lines."""
        return [line.key for line in self.lines]


def took(us: int | None) -> str:
    """A length of time in at most five cells: ``34ms 1.8s 42s 3.4m 2.1h 3.0d``."""
    if us is None:
        return "-"
    if us < SECOND:
        return f"{us // 1000}ms"
    if us < 10 * SECOND:
        return f"{us / SECOND:.1f}s"
    for size, sign in ((SECOND, "s"), (MINUTE, "m"), (HOUR, "h")):
        if us < (60 * size if sign != "h" else 24 * size):
            return f"{us / size:.0f}s" if sign == "s" else f"{us / size:.1f}{sign}"
    return f"{min(us / (24 * HOUR), 99):.1f}d"


def share(part: int, whole: int) -> str:
    """``86%``, or nothing to judge by."""
    return f"{100 * part / whole:.0f}%" if whole else "-"


def term(field: str, value: str) -> str | None:
    """A filter's term for one exact value; None when the language cannot say it (it has no way to quote a quote)."""
    return None if '"' in value else f'{field}="{value}"'


def _drill(own: str | None, view: str, more: str = "") -> Drill | None:
    return None if own is None else Drill(view, f"{own} {more}".strip())


def _late(n: int, drill: Drill | None) -> Cell:
    return Cell(f"!{short_count(n)}" if n else "0", drill, _BAD if n else "")


def _errors(rate: float, drill: Drill | None) -> Cell:
    text = f"{rate * 100:.1f}%"
    return Cell(f"!{text}" if rate >= ERRORS_FROM else text, drill, _BAD if rate >= ERRORS_FROM else "")


def _spread(spread: Spread, p95: bool = True) -> str:
    if not spread["n"]:
        return "-"
    return f"{took(spread['median'])}/{took(spread['p95'])}" if p95 else took(spread["median"])


def _group(group: WallGroup, field: str) -> Line:
    own = term(field, group["name"])
    judged = group["sample"]["delivered"] if "sample" in group else group["delivered"]
    sent, all_of = _drill(own, "all", "sent<24h"), _drill(own, "all", "came<24h")
    return Line(
        group["name"],
        (
            Cell(short_count(group["in"]), all_of),
            Cell(short_count(group["delivered"]), sent),
            Cell(short_count(group["backlog"]), _drill(own, "work")),
            _late(group["late"], _drill(own, "work", "late:yes")),
            Cell(share(group["due_sent"] - group["late_sent"], group["due_sent"]),
                 _drill(own, "all", "late:yes sent<24h"), _WARN if group["late_sent"] else ""),
            Cell(_spread(group["handling"]), sent),
            Cell(share(group["auto"], judged), _drill(own, "all", "by:none sent<24h")),
            _errors(group["error_rate"], _drill(own, "all", "error:any came<24h")),
        ),
    )  # fmt: skip


def _person(group: WallGroup) -> Line:
    own = term("by", group["name"])
    came = _drill(own, "all", "came<24h")
    return Line(
        group["name"],
        (
            Cell(short_count(group["in"]), came),
            Cell(short_count(group["delivered"]), _drill(own, "all", "sent<24h")),
            Cell(short_count(group["backlog"]), _drill(own, "work")),
            _late(group["late"], _drill(own, "work", "late:yes")),
            Cell(short_count(group.get("holds", 0)), _drill(term("claim", group["name"]), "work")),
            Cell(_spread(group["hands_on"]) if "hands_on" in group else "-", came),
            Cell(short_count(group.get("acts", 0)), came),
            _errors(group["error_rate"], _drill(own, "all", "error:any came<24h")),
        ),
    )


def _stock(product: Product, now: int) -> Line:
    own = term("product", product["id"])
    left = None if product["runs_out_at"] is None else max(product["runs_out_at"] - now, 0)
    soon = left is not None and left < _SOON
    look = _BAD if not product["free"] else _WARN if soon else ""
    ends = t("wall.out") if not product["free"] else "-" if left is None else span(left)
    pace = product["per_hour"]
    return Line(
        product["id"],
        (
            Cell(f"!{short_count(product['free'])}" if look else short_count(product["free"]),
                 _drill(own, "work", "case:no_stock"), look),
            Cell(short_count(product["sold"]), _drill(own, "all", "sent<24h")),
            Cell("-" if pace is None else f"{pace:.0f}" if pace >= 10 else f"{pace:.1f}", _drill(own, "all", "sent<6h")),
            Cell(ends, _drill(own, "work"), look),
        ),
    )  # fmt: skip


def _health(shop: Facts, shops: frozenset[str], now: int) -> Line:
    name, state = str(shop["name"]), str(shop["state"])
    # A payment gateway stands in the same list, but no order is its own.
    own = term("shop", name) if name in shops else None
    well = state in _WELL and not shop.get("silent_since")
    words = t(f"wall.state.{state}") if has(f"wall.state.{state}") else clean(state, 12)
    lag, token = shop.get("lag_s"), shop.get("token_age_s")
    aside, drift = int(shop.get("set_aside") or 0), int(shop.get("drift") or 0)
    return Line(
        name,
        (
            Cell(words if well else f"!{words}", _drill(own, "work"), "" if well else _BAD),
            Cell("-" if lag is None else span(int(lag * SECOND)), _drill(own, "all", "came<24h")),
            Cell("-" if token is None else span(int(token * SECOND)), _drill(own, "work")),
            Cell(f"!{short_count(aside)}" if aside else "0", _drill(own, "work", "case:any"), _WARN if aside else ""),
            Cell(short_count(drift), _drill(own, "work", "case:any"), _WARN if drift else ""),
            Cell(clean(str(shop.get("error_kind") or "-"), 14), _drill(own, "work", "case:any")),
        ),
    )  # fmt: skip


_FIGURES = (
    ("in", 6),
    ("delivered", 6),
    ("backlog", 6),
    ("late", 6),
    ("on_time", 7),
    ("took", 11),
    ("auto", 5),
    ("errors", 6),
)
_PERSON = (
    ("worked", 6),
    ("delivered", 6),
    ("backlog", 6),
    ("late", 6),
    ("holds", 5),
    ("hands", 11),
    ("acts", 5),
    ("errors", 6),
)
_STOCK = (("free", 7), ("sold", 7), ("pace", 8), ("ends", 7))
_HEALTH = (("state", 10), ("lag", 6), ("token", 6), ("aside", 6), ("drift", 6), ("error", 14))


def totals(wall: Wall, p95: bool = True) -> Panel:
    """The day in one look, and the times that the trade measures itself by; without ``p95`` the medians alone."""
    auto, measured = wall["auto"], wall["measured"]
    went = auto["machine"] + auto["by_hand"]

    def figure(name: str, view: str, filter: str, cell: Cell | None = None, text: str = "") -> Cell:
        drill, made = Drill(view, filter), cell or Cell(text)
        return Cell(made.text, drill, made.look or "bold", t(f"wall.total.{name}"))

    def lasted(name: str, filter: str) -> Cell:
        return figure(name, "all", filter, text=_spread(measured[name], p95))

    day = (
        figure("in", "all", "came<24h", text=short_count(wall["in"])),
        figure("delivered", "all", "sent<24h", text=short_count(wall["delivered"])),
        figure("backlog", "work", "", text=short_count(wall["backlog"])),
        figure("late", "work", "late:yes", _late(wall["late"], None)),
        figure("errors", "all", "error:any came<24h", _errors(wall["error_rate"], None)),
        figure("auto", "all", "by:none sent<24h", text=share(auto["machine"], went)),
    )
    times = (
        lasted("by_machine", "by:none sent<24h"),
        lasted("by_hand", "by:any sent<24h"),
        lasted("hands_on", "by:any came<24h"),
        lasted("collection", "came<24h"),
        lasted("notification", "sent<24h"),
    )
    return Panel(TOTALS, "", (), (Line("day", day), Line("times", times)))


def tables(wall: Wall, now: int) -> list[Panel]:
    """All tables in their order. ``now`` in UTC us."""
    names = frozenset(shop["name"] for shop in wall["shops"])
    hidden = t("wall.hidden", n=wall["operators_hidden"]) if wall["operators_hidden"] else ""
    none = {"operators": hidden or t("wall.nobody")}
    lines: dict[str, tuple[tuple[tuple[str, int], ...], tuple[Line, ...]]] = {
        "shops": (_FIGURES, tuple(_group(one, "shop") for one in wall["shops"])),
        "products": (_FIGURES, tuple(_group(one, "product") for one in wall["products"])),
        "operators": (_PERSON, tuple(_person(one) for one in wall["operators"])),
        "channels": (_FIGURES, tuple(_group(one, "via") for one in wall["channels"])),
        "stock": (_STOCK, tuple(_stock(one, now) for one in _urgent(wall["stock"]))),
        "health": (_HEALTH, tuple(_health(one, names, now) for one in wall["health"])),
    }
    return [
        Panel(
            id,
            t(f"wall.panel.{id}"),
            tuple((t(f"wall.col.{name}"), width) for name, width in lines[id][0]),
            lines[id][1],
            none.get(id, t("wall.none")),
        )
        for id in TABLES
    ]


def _urgent(products: list[Product]) -> list[Product]:
    far = 1 << 62
    return sorted(products, key=lambda p: (p["free"] > 0, p["runs_out_at"] or far, p["free"], p["id"]))


def window_words(wall: Wall, whole: int) -> str:
    """What the figures are of: the day, or the newest orders when the day holds more than ``whole`` of them."""
    parts = [t("wall.day")]
    sample = wall["sample"]
    if sample["orders"] >= whole and sample["since"] is not None:
        # To the minute: a busy desk would otherwise change this line with every order.
        parts.append(t("wall.newest", n=sample["orders"], since=minute_text(sample["since"])))
    if not wall["queue_seen"]["whole"]:
        parts.append(t("wall.queue_cut", n=wall["queue_seen"]["orders"]))
    return "  ".join(parts)
