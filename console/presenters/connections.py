"""Connections as lines, and what to do about each kind of error."""

from textual.content import Content

from console.i18n import has, t, word
from console.presenters.cells import clock_text, count, fit, span
from console.presenters.table import Column, line
from console.wire import Facts
from console.wire_office import Connection, Unread, UnreadGroup
from core.model.clock import MINUTE, SECOND
from core.model.text import clean

SHOPS = (
    Column("connections.col.shop", 16),
    Column("connections.col.platform", 11),
    Column("connections.col.state", 9),
    Column("connections.col.pull", 6, True),
    Column("connections.col.token", 6, True),
    Column("connections.col.aside", 6, True),
    Column("connections.col.drift", 5, True),
    Column("connections.col.error", 0),
)
UNREAD = (
    Column("connections.col.field", 22),
    Column("connections.col.n", 6, True),
    Column("connections.col.seen", 6, True),
    Column("connections.col.oldest", 7, True),
    Column("connections.col.why", 0),
)


def ago(us: int) -> str:
    """A length of time that does not change by the second: an idle screen writes nothing."""
    return t("connections.now") if us < MINUTE else span(us)


def shop_line(shop: Connection, now: int, room: int) -> Content:
    """One connector."""
    state, pull = shop["state"], shop["last_pull_at"]
    look = {"ok": "$success", "failing": "bold $error", "silent": "bold $error"}.get(state, "$warning")
    token = shop["token_age_s"]
    aside, kind = shop["set_aside"], shop["error_kind"]
    error = word("connections.error", kind) if kind else ""
    if shop["breaker"] not in (None, "closed"):
        error = f"{error} {t('connections.breaker')}".strip()
    return line(
        SHOPS,
        room,
        [
            clean(shop["name"], 64),
            clean(shop["platform"], 30),
            (word("connections.state", state or "unknown"), look),
            "-" if pull is None else ago(max(now - pull, 0)),
            "-" if token is None else ago(token * SECOND),
            (count(aside, 6), "bold $warning" if aside else ""),
            count(shop["drift"], 5),
            (clean(error, 80), "$error"),
        ],
    )


def shop_words(shop: Connection, now: int) -> list[Content]:
    """One connector in full, with what to do."""
    pull, kind = shop["last_pull_at"], shop["error_kind"]
    if pull is None:
        pulled = t("connections.never")
    else:  # a healthy shop pulls every second, and an idle screen writes nothing
        pulled = t("connections.lately") if now - pull < MINUTE else clock_text(pull)
    lines = [
        Content.assemble(
            (clean(shop["name"], 64), "bold"), f"  {clean(shop['platform'], 30)}  {t('connections.pulled', at=pulled)}"
        )
    ]
    if shop["error"]:
        failed = t("connections.in_a_row", n=shop["failures"]) if shop["failures"] else ""
        lines.append(Content.styled(f"{clean(shop['error'], 300)} {failed}".rstrip(), "$error"))
    if kind:
        lines.append(Content.styled(t("connections.do", what=advice(kind)), "bold"))
    if shop["breaker"] not in (None, "closed"):
        lines.append(Content.styled(t("connections.breaker_long"), "$warning"))
    if shop["silent_since"]:
        lines.append(Content.styled(t("connections.silent", at=clock_text(shop["silent_since"])), "bold $error"))
    if shop["set_aside"]:
        lines.append(Content.styled(t("connections.aside", n=shop["set_aside"]), "$warning"))
    elif shop["drift"]:
        lines.append(
            Content.styled(t("connections.drifted", n=shop["drift"], at=clock_text(shop["drift_at"])), "$text-muted")
        )
    if len(lines) == 1:
        lines.append(Content.styled(t("connections.well"), "$text-muted"))
    return lines


def advice(kind: str) -> str:
    """What to do about a class of error; also what ``keydesk connect test`` says."""
    return t(f"advice.{kind}" if has(f"advice.{kind}") else "advice.other")


def group_line(group: UnreadGroup, now: int, room: int) -> Content:
    """Items that were not understood for one reason."""
    return line(
        UNREAD,
        room,
        [
            clean(group["field"], 60),
            (count(group["n"], 6), "bold $warning"),
            count(group["seen"], 6),
            ago(max(now - group["first_at"], 0)),
            clean(group["why"], 200),
        ],
    )


def group_words(group: UnreadGroup, unread: Unread) -> list[Content]:
    """What is known of such items; never the payload."""
    ever = next((int(one["n"]) for one in unread["drift"] if one["field"] == group["field"]), 0)
    orders = "  ".join(clean(one, 40) for one in group["orders"]) or t("connections.no_number")
    lines = [
        Content.assemble((clean(group["field"], 60), "bold"), f"  {clean(group['why'], 300)}"),
        Content(t("connections.span", first=clock_text(group["first_at"]), last=clock_text(group["last_at"]))),
        Content(t("connections.orders", orders=orders)),
    ]
    if ever:
        lines.append(Content.styled(t("connections.ever", n=ever), "$text-muted"))
    lines.append(Content.styled(t("connections.replay_hint"), "bold"))
    if not unread["whole"]:
        lines.append(Content.styled(t("connections.newest_only"), "$warning"))
    return lines


def replay_lines(counts: dict[str, int], items: list[Facts], dry: bool) -> list[Content]:
    """What came of reading again, by outcome, then item by item as far as they were kept."""
    lines = []
    for came, n in counts.items():
        name = "would_take" if dry and came == "taken" else came
        look = {"taken": "$success", "failed": "bold $error"}.get(came, "")
        lines.append(Content.styled(f"{fit(count(n), 6, True)}  {t(f'connections.came.{name}')}", look))
    if not lines:
        return [Content(t("connections.nothing_aside"))]
    lines.append(Content(""))
    for one in items:
        why = f": {clean(one['why'], 200)}" if one["why"] else ""
        name = "would_take" if dry and one["came"] == "taken" else one["came"]
        order = clean(one["ext_id"], 40) or t("connections.no_number")
        lines.append(Content(f"{order}  {clean(one['field'], 60)}  {t(f'connections.came.{name}')}{why}"))
    return lines
