"""The line below the list: marks, orders that wait to be taken in, the filter, who else works on this one."""

from textual.content import Content

from console.i18n import t
from console.presenters.claims import held_words
from console.presenters.words import sums_text
from console.state.queue import QueueModel
from console.state.standing import DeskStanding


def notice_line(model: QueueModel, standing: DeskStanding, thaw_key: str, now: int) -> Content:
    """Its left side, for the queue. ``now`` is UTC us."""
    parts = []
    if model.marks:
        hidden = model.hidden_marks()
        money = sums_text(model.marks.money)
        text = t("queue.marked", n=len(model.marks), money=money) + (t("queue.hidden", n=hidden) if hidden else "")
        parts.append(Content.styled(f" {text} ", "bold $text on $primary"))
    if model.fresh or model.gone:
        chip = t("queue.chip", new=len(model.fresh), gone=len(model.gone), key=thaw_key)
        parts.append(Content.styled(f" {chip}", "$accent"))
    if standing.filter:
        parts.append(Content.styled(" " + t("filter.on", text=standing.filter), "$warning"))
    held = held_words(model.current, standing.me, now)
    if held:
        parts.append(Content.styled(f" {held}", "bold $warning"))
    if standing.link != "live" and model.loaded:
        parts.append(Content.styled(" " + t("queue.lost"), "bold $warning"))
    return Content.assemble(*parts)
