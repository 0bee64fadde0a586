"""The wall's figures as cells, each with the orders behind it; the day's totals. Pure: no screen, no core."""

from dataclasses import dataclass
from typing import NamedTuple

from console.i18n import t
from console.presenters.cells import minute_text, short_count
from console.state.wall import TOTALS
from console.wire_wall import Spread, Wall
from core.model.clock import HOUR, MINUTE, SECOND

BAD = "bold $error"
WARN = "bold $warning"
ERRORS_FROM = 0.03  # the rate at which the trade's own hand work loses its customers


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


def drill_of(own: str | None, view: str, more: str = "") -> Drill | None:
    """A name's own orders in a view, narrowed by ``more``; None when its term cannot be said."""
    return None if own is None else Drill(view, f"{own} {more}".strip())


def late_of(n: int, drill: Drill | None) -> Cell:
    """Late orders: any is one too many."""
    return Cell(f"!{short_count(n)}" if n else "0", drill, BAD if n else "")


def errors_of(rate: float, drill: Drill | None) -> Cell:
    """An error rate, 0 to 1."""
    text = f"{rate * 100:.1f}%"
    return Cell(f"!{text}" if rate >= ERRORS_FROM else text, drill, BAD if rate >= ERRORS_FROM else "")


def spread_of(spread: Spread, p95: bool = True) -> str:
    """The median of times, with the 95th of 100 beside it unless there is no room."""
    if not spread["n"]:
        return "-"
    return f"{took(spread['median'])}/{took(spread['p95'])}" if p95 else took(spread["median"])


def totals(wall: Wall, p95: bool = True) -> Panel:
    """The day in one look, and the times that the trade measures itself by; without ``p95`` the medians alone."""
    auto, measured = wall["auto"], wall["measured"]
    went = auto["machine"] + auto["by_hand"]

    def figure(name: str, view: str, filter: str, cell: Cell | None = None, text: str = "") -> Cell:
        drill, made = Drill(view, filter), cell or Cell(text)
        return Cell(made.text, drill, made.look or "bold", t(f"wall.total.{name}"))

    def lasted(name: str, filter: str) -> Cell:
        return figure(name, "all", filter, text=spread_of(measured[name], p95))

    waits = wall["waiting"]
    oldest = took(waits["oldest"])
    day = (
        figure("in", "all", "came<24h", text=short_count(wall["in"])),
        figure("delivered", "all", "sent<24h", text=short_count(wall["delivered"])),
        figure("backlog", "work", "", text=short_count(wall["backlog"])),
        figure("waiting" if p95 else "oldest", "work", "-money:unpaid",
               text=f"{took(waits['median'])}/{oldest}" if p95 and waits["n"] else oldest),
        figure("late", "work", "late:yes", late_of(wall["late"], None)),
        figure("errors", "all", "error:any came<24h", errors_of(wall["error_rate"], None)),
        figure("auto", "all", "by:none sent<24h", text=share(auto["machine"], went)),
    )  # fmt: skip
    times = (
        lasted("by_machine", "by:none sent<24h"),
        lasted("by_hand", "by:any sent<24h"),
        lasted("hands_on", "by:any came<24h"),
        lasted("collection", "came<24h"),
        lasted("notification", "sent<24h"),
    )
    return Panel(TOTALS, "", (), (Line("day", day), Line("times", times)))


def window_words(wall: Wall) -> str:
    """What the figures are of: the day; and where it holds more than is looked at, what of it was."""
    parts = [t("wall.day")]
    finished = wall["finished"]
    if not finished["whole"] and finished["since"] is not None:
        # To the minute: a busy desk would otherwise change this line with every order.
        parts.append(t("wall.finished_cut", n=finished["orders"], since=minute_text(finished["since"])))
    if not wall["queue_seen"]["whole"]:
        parts.append(t("wall.queue_cut", n=wall["queue_seen"]["orders"]))
    return "  ".join(parts)
