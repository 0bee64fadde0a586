"""The lines around the list: who and how fast, the views, the state of the list, the stock, the keys."""

from collections.abc import Callable, Sequence

from textual.content import Content

from console.actions import ACTIONS, BY_ID, Action, Standing, why_not
from console.i18n import t, word
from console.keymap import Keymap
from console.presenters.cells import Glyphs, short_count, span, spark
from console.presenters.claims import seconds
from console.state.standing import DeskStanding
from console.wire import Product
from core.model.text import clean

Part = Content | str | tuple[str, str]
_LINK = {"live": "$success", "connecting": "$warning", "lost": "bold $error"}


def _rate(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def status_line(standing: DeskStanding, width: int, now: int) -> Content:
    """The first line: name, shops, who else is at work, who we are and as what, what we hold, the line's state."""
    left: list[Part] = [(f" {t('app.name')} ", "bold reverse"), " "]
    health = standing.health
    if standing.counters is not None:
        shops = standing.counters["shops"]
        good = [s for s in shops if s["state"] in ("ok", "idle", "live", "running")]
        look = "$text-muted" if len(good) == len(shops) else "bold $warning"
        left.append((t("head.shops", ok=len(good), all=len(shops)), look))
        for shop in [s for s in shops if s not in good][:2]:
            state = word("connections.state", str(shop["state"]))
            left.append((f" {clean(shop['name'], 12)}:{clean(state, 12)}", "$warning"))
        if standing.counters.get("sends_held_since"):
            left.append((f" [{t('head.sends_held')}]", "bold $error"))
        others = {who: n for who, n in standing.counters["claims"].items() if who != standing.me}
        if others and not standing.kiosk:  # a screen for all eyes names nobody
            some = "  ".join(f"{clean(who, 12)} {n}" for who, n in list(others.items())[:4])
            left.append((f"  {t('head.present', who=some)}", "$text-muted"))
    right: list[Part] = []
    if health is not None:
        right.append((f"{clean(health['operator'], 16)} {word('role', health['role'])} ", "$text-muted"))
    if standing.claims:
        ends_at = min(standing.claims.values())
        right.append((t("head.holding", n=len(standing.claims), left=seconds(ends_at - now)) + "  ", "$accent"))
    if standing.auto_next:
        right.append((f"[{t('head.auto_next')}] ", "$accent"))
    if standing.read_only:
        right.append((f"[{t('head.read_only')}] ", "bold $warning"))
    right.append((t(f"link.{standing.link}"), _LINK[standing.link]))
    return ends(Content.assemble(*left), Content.assemble(*right, " "), width)


def rates_line(standing: DeskStanding, now: int, width: int, glyphs: Glyphs) -> Content:
    """The second line: what comes in, what goes out, what waits, what fails, and the last hour as bars."""
    counters = standing.counters
    if counters is None:
        return Content("")
    oldest = "-" if counters["oldest_at"] is None else span(max(now - counters["oldest_at"], 0))
    rate = counters["error_rate"]
    parts: list[Part] = [
        (f" {t('head.in')} ", "$text-muted"),
        (t("head.per_min", n=_rate(counters["in_per_min"])), "bold"),
        (f"  {t('head.out')} ", "$text-muted"),
        (t("head.per_min", n=_rate(counters["delivered_per_min"])), "bold"),
        (f"  {t('head.backlog')} ", "$text-muted"),
        (short_count(counters["backlog"]), "bold"),
        (f"  {t('head.oldest')} ", "$text-muted"),
        (oldest, "bold"),
        (f"  {t('head.errors')} ", "$text-muted"),
        (f"{rate * 100:.1f}%", "bold $error" if rate >= 0.03 else "bold"),
        (f"  {t('head.late')} ", "$text-muted"),
        (short_count(counters["late"]), "bold $error" if counters["late"] else "bold"),
    ]
    line = Content.assemble(*parts)
    room = width - line.cell_length - 4
    if room >= 12:
        bars = spark(counters["series"].get("delivered", []), min(room, 60), glyphs)
        line = ends(line, Content.assemble((bars, "$accent"), " "), width)
    return line


def stock_line(products: Sequence[Product], now: int, width: int) -> Content:
    """What runs out first, in words; products with plenty come last and are cut off."""
    far = 1 << 62
    parts: list[Part] = [(f" {t('stock.line')} ", "$text-muted")]
    for product in sorted(products, key=lambda p: (p["free"] > 0, p["runs_out_at"] or far, p["free"])):
        title, free = clean(product["title"] or product["id"], 24), product["free"]
        if not free:
            parts.append((t("stock.out", title=title), "bold $error"))
        elif product["runs_out_at"] is not None and product["runs_out_at"] - now < 86_400_000_000:
            left = span(max(product["runs_out_at"] - now, 0))
            parts.append((t("stock.runs_out", title=title, free=short_count(free), left=left), "$warning"))
        else:
            parts.append(t("stock.free", title=title, free=short_count(free)))
        parts.append("  ")
    return Content.assemble(*parts).truncate(width, ellipsis=False)


def keys_line(keymap: Keymap, names: Sequence[str], standing: Standing, width: int) -> Content:
    """These actions with their keys, for the foot of a box; what is not available is dimmed (its key says why).

    The last one is the way out: those before it give way.
    """
    *parts, last = [_key_piece(keymap, BY_ID[name], standing) for name in names]
    while parts and sum(part.cell_length for part in (*parts, last)) > width:
        parts.pop()
    return Content("").join((*parts, last))


def _key_piece(keymap: Keymap, action: Action, standing: Standing) -> Content:
    look = "$text-muted" if why_not(action, standing) is None else "$text-disabled"
    return Content.styled(f" {keymap.sign(action.id)} {action.label}  ", look)


def footer_line(
    keymap: Keymap,
    standing: Standing,
    scopes: tuple[str, ...],
    width: int,
    why: Callable[[Action, Standing], str | None] = why_not,
) -> Content:
    """The keys that matter here, from the registry; what is not available is dimmed (its key says why)."""
    more = Content.assemble((keymap.sign("help"), "bold $accent"), f" {t('footer.more')} ")
    if scopes[0] != "queue":
        more = Content.assemble((keymap.sign("back"), "bold $accent"), f" {t('act.back')}  ", more)
    line = Content(" ")
    for scope in scopes:
        for action in ACTIONS:
            if not action.footer or action.scope != scope or not keymap.keys(action.id) or action.id == "help":
                continue
            off = why(action, standing) is not None
            looks = ("$text-disabled", "$text-disabled") if off else ("bold $accent", "$text")
            sign, label = keymap.sign(action.id), action.label
            if action.number:
                sign, label = "1-9", t("cases.pick")
            piece = Content.assemble((sign, looks[0]), (f" {label}  ", looks[1]))
            if line.cell_length + piece.cell_length + more.cell_length > width:
                continue
            line += piece
    return line + more


def ends(left: Content, right: Content, width: int) -> Content:
    """Two pieces at the two ends of a line; the left one gives way."""
    gap = width - left.cell_length - right.cell_length
    if gap < 1:
        return Content.assemble(left.truncate(max(width - right.cell_length - 1, 0), ellipsis=False), " ", right)
    return Content.assemble(left, " " * gap, right)
