"""The line of views: digits, names and counts, shortened until they fit."""

from collections.abc import Sequence

from textual.content import Content

from console.i18n import has, t
from console.presenters.cells import short_count
from console.state.standing import VIEWS, DeskStanding
from core.model.text import clean

ALARMS = frozenset({"exceptions", "stuck", "no_stock", "unknown", "drift"})  # red while they hold anything


def view_name(name: str, short: bool = False) -> str:
    """A view's name in the language in use; a saved one's own name."""
    if name not in VIEWS and not has(f"view.{name}"):
        return clean(name, 24)
    return t(f"tab.{name}") if short and has(f"tab.{name}") else t(f"view.{name}")


def tabs_line(standing: DeskStanding, width: int, pane: str) -> Content:
    """The views with their digits and counts.

    When they do not fit, names are shortened, then empty ones go, then those far from where the person is; ``<`` and
    ``>`` say that there are more.
    """
    names = standing.tabs
    if standing.tab not in names:  # one that the wall opened has no tab else
        names = (*names, standing.tab)
    here = standing.tab if pane == "queue" else ""

    def draw(chosen: Sequence[str], short: bool) -> Content:
        parts = [_tab(standing, name, names.index(name), short, name == here) for name in chosen]
        before = "<" if chosen and chosen[0] != names[0] else ""
        after = ">" if chosen and chosen[-1] != names[-1] else ""
        return Content.assemble((before, "$text-muted"), *parts, (after, "$text-muted"))

    filled = [name for name in names if standing.counts.get(name) != 0 or name == standing.tab]
    for chosen, short in ((names, False), (names, True), (filled, False)):
        line = draw(chosen, short)
        if line.cell_length <= width:
            return line
    chosen = list(filled)
    while len(chosen) > 1 and draw(chosen, True).cell_length > width:
        at = chosen.index(standing.tab) if standing.tab in chosen else 0
        chosen.pop(0 if at > len(chosen) // 2 else -1)
    return draw(chosen, True).truncate(width, ellipsis=False)


def _tab(standing: DeskStanding, name: str, index: int, short: bool, active: bool) -> Content:
    count = standing.counts.get(name)
    sign = str((index + 1) % 10) if index < 10 else ""
    text = f" {sign}{view_name(name, short)}" + (f" {short_count(count)} " if count is not None else " ")
    look = "bold reverse" if active else "$error" if name in ALARMS and count else "$text-muted"
    return Content.styled(text, look)
