"""Going to one order wherever it is: by a fragment of its number, or by its id. Marking those of a pasted list."""

import re
from typing import TYPE_CHECKING

from textual.content import Content

from console.i18n import t
from console.presenters.cells import amount, fit
from console.presenters.claims import held_words
from console.presenters.words import state_words
from console.wire import Row
from core.model.text import clean

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen


_BETWEEN = re.compile(r"[\s,;|，；、]+")
_NAMED = 3  # numbers that are named among those that led nowhere


async def find_order(desk: "DeskScreen", fragment: str) -> None:
    """Puts the cursor on the order that a fragment fits; of several the person picks. Raises ClientError."""
    rows = await desk.client.find(fragment)
    exact = [row for row in rows if fragment in (row["ext_id"], str(row["id"]))]
    found = exact if len(exact) == 1 else rows
    if not found:
        desk.say(t("command.no_order", text=fragment), "warn")
        return
    row = found[0]
    if len(found) > 1:
        from console.screens.list import ListScreen

        items = [(one["id"], Content(_line(one))) for one in found]
        title = t("find.several", n=len(found), text=clean(fragment, 40))
        picked = await desk.app.push_screen_wait(ListScreen(desk, title, items, "", t("find.foot")))
        if picked is None:
            return
        row = next(one for one in found if one["id"] == picked)
    await show_order(desk, row["id"], row["ext_id"])


async def pasted(desk: "DeskScreen", text: str) -> None:
    """One number goes to its order; of several, all orders are marked. Raises ClientError."""
    numbers = [one.strip("\"'") for one in _BETWEEN.split(text) if one.strip("\"'")]
    if len(numbers) == 1 and desk.allowed("find"):
        await find_order(desk, clean(numbers[0], 100))
    elif len(numbers) > 1 and desk.allowed("mark_filter"):
        await _mark(desk, list(dict.fromkeys(numbers)))


async def _mark(desk: "DeskScreen", numbers: list[str]) -> None:
    found = await desk.client.lookup(numbers)
    desk.queue.model.mark(found["orders"])
    desk.queue.draw_all()
    desk.show_head()
    desk.show_notice()
    said = [t("paste.marked", n=len(found["orders"]), all=len(numbers))]
    said += [t(f"paste.{why}", text=_some(left)) for why in ("missing", "several") if (left := found[why])]
    desk.say("  ".join(said), "good" if len(said) == 1 else "warn")


def _some(numbers: list[str]) -> str:
    more = len(numbers) - _NAMED
    return clean(" ".join(numbers[:_NAMED]), 90) + (f" +{more}" if more > 0 else "")


def _line(row: Row) -> str:
    title = fit(row["title"] or row["product"], 18)
    return (
        f"{fit(row['ext_id'], 26)} {title} {fit(amount(row['amount'], row['currency']), 10, True)} {state_words(row)}"
    )


async def show_order(desk: "DeskScreen", order_id: int, ext_id: str) -> None:
    """The order in full with the cursor on it, in the first view that holds it. Raises ClientError."""
    # A window starts at an order's place even when the order is not in it; the cursor would stand on another one.
    for view, text in ((desk.standing.view, desk.standing.filter), ("work", ""), ("recent", "")):
        at = (await desk.client.queue(view, text, limit=1, at=order_id))["rows"]
        if at and at[0]["id"] == order_id:
            break
    else:
        desk.say(t("command.nowhere", ext_id=clean(ext_id, 60)), "warn")
        return
    if desk.pane != "queue" or (view, text) != (desk.standing.view, desk.standing.filter):
        desk.standing.filter = text
        await desk.show_view(view)
    await desk.loader.at(order_id)
    desk.open_detail(True)
    warn_when_held(desk)
    await desk.browse.read_detail()


def warn_when_held(desk: "DeskScreen") -> None:
    """Says so when another person works on the order under the cursor."""
    words = held_words(desk.queue.model.current, desk.standing.me, desk.clock())
    if words:
        desk.say(words, "warn")
