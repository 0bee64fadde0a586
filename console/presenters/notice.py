"""The line below the list: marks, orders that wait to be taken in, the filter, who else works on this one."""

from textual.content import Content

from console.i18n import t
from console.keymap import Keymap
from console.looking import Look
from console.presenters.cells import minute_text
from console.presenters.claims import held_words
from console.presenters.words import sums_text
from console.state.queue import QueueModel
from console.state.standing import DeskStanding


def looked_words(look: Look) -> str:
    """How far was looked for what seldom matches."""
    if look.to is None:
        return t("queue.looked", n=look.orders)
    return t("queue.looked_to", n=look.orders, to=minute_text(look.to))


def notice_line(model: QueueModel, standing: DeskStanding, thaw_key: str, look_key: str, now: int) -> Content:
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
    if model.look is not None and model.look.down and model.shown:
        parts.append(Content.styled(f" {looked_words(model.look)}: {t('queue.looks_on', key=look_key)}", "$accent"))
    if standing.filter:
        parts.append(Content.styled(" " + t("filter.on", text=standing.filter), "$warning"))
    held = held_words(model.current, standing.me, now)
    if held:
        parts.append(Content.styled(f" {held}", "bold $warning"))
    if standing.link != "live" and model.loaded:
        parts.append(Content.styled(" " + t("queue.lost"), "bold $warning"))
    return Content.assemble(*parts)


def empty_words(model: QueueModel, standing: DeskStanding, keymap: Keymap, socket_path: str) -> str:
    """What to show instead of rows."""
    if not model.loaded:
        return t("queue.loading") if standing.online else t("queue.offline", path=socket_path)
    if model.look is not None:
        key = keymap.sign("down" if model.look.down else "up")
        return f"{looked_words(model.look)}\n{t('queue.look_on', key=key, esc=keymap.sign('back'))}"
    if standing.filter:
        return t("queue.empty_filter", key=keymap.sign("filter"), esc=keymap.sign("back"))
    if standing.view == "work":
        return t("queue.all_done", next=keymap.sign("view_next"), exceptions=keymap.sign("cases"))
    return t("queue.empty")
