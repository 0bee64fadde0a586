"""Stock and its imports as lines; a key file's preview in words. Nothing here has ever seen a whole key."""

from textual.content import Content

from console.i18n import t
from console.presenters.cells import clock_text, count, span
from console.presenters.table import Column, line
from console.wire_office import Batch, KeyPreview, Stocked
from core.model.clock import HOUR
from core.model.text import clean

SOON = 24 * HOUR  # running out within a day is worth a colour
PRODUCTS = (
    Column("stock.col.product", 0, most=44),
    Column("stock.col.free", 7, True),
    Column("stock.col.sold", 7, True),
    Column("stock.col.suspect", 5, True),
    Column("stock.col.burnt", 5, True),
    Column("stock.col.withdrawn", 6, True),
    Column("stock.col.rate", 6, True),
    Column("stock.col.left", 6, True),
    Column("stock.col.waiting", 6, True),
)
BATCHES = (
    Column("stock.col.at", 14),
    Column("stock.col.source", 0, most=44),
    Column("stock.col.by", 10),
    Column("stock.col.size", 8, True),
    Column("stock.col.free", 8, True),
    Column("stock.col.used", 8, True),
    Column("stock.col.state", 10),
)


def urgency(product: Stocked, now: int) -> tuple[int, str]:
    """What needs keys first: orders wait, none free, gone within a day, the rest; of one kind by name."""
    ends = product["runs_out_at"]
    if product["waiting"]:
        rank = 0
    elif not product["free"]:
        rank = 1
    else:
        rank = 2 if ends is not None and ends - now < SOON else 3
    return rank, product["title"] or product["id"]


def product_line(product: Stocked, now: int, room: int) -> Content:
    """One product."""
    free, waiting, ends = product["free"], product["waiting"], product["runs_out_at"]
    pace = product["per_hour"]
    soon = ends is not None and ends - now < SOON
    look = "bold $error" if not free else "$warning" if soon else ""
    return line(
        PRODUCTS,
        room,
        [
            clean(product["title"] or product["id"], 80),
            (count(free, 7), look),
            count(product["sold"], 7),
            (count(product["suspect"], 5), "$warning" if product["suspect"] else ""),
            count(product["burnt"], 5),
            count(product["withdrawn"], 6),
            "-" if pace is None else _pace(pace),
            ("-" if ends is None or not free else span(max(ends - now, 0)), look),
            (count(waiting, 6) if waiting else "-", "bold $error" if waiting else ""),
        ],
    )


def product_words(product: Stocked, now: int) -> list[Content]:
    """What the figures of one product mean."""
    title, known = clean(product["title"], 80), clean(product["id"], 64)
    lines = [Content.assemble((title or known, "bold"), f"  {known}" if title not in ("", known) else "")]
    if product["waiting"]:
        lines.append(Content.styled(t("stock.waiting", n=product["waiting"]), "bold $error"))
    elif not product["free"]:
        lines.append(Content.styled(t("stock.none_free"), "$error"))
    ends = product["runs_out_at"]
    if product["per_hour"] is None:
        lines.append(Content.styled(t("stock.no_pace"), "$text-muted"))
    elif not product["per_hour"]:
        lines.append(Content.styled(t("stock.still"), "$text-muted"))
    elif ends is not None and product["free"]:
        when = t("stock.ends", left=span(max(ends - now, 0)), pace=_pace(product["per_hour"]))
        lines.append(Content.styled(when, "$warning" if ends - now < SOON else "$text-muted"))
    else:
        lines.append(Content.styled(t("stock.pace", pace=_pace(product["per_hour"])), "$text-muted"))
    return lines


def _pace(per_hour: float) -> str:
    return f"{per_hour:.0f}" if per_hour >= 10 else f"{per_hour:.1f}"


def batch_state(batch: Batch) -> str:
    """Whether an import can still be taken back, as a code."""
    if batch["undone_at"] is not None:
        return "undone"
    if batch["free"] is None:
        return "unknown"
    return "whole" if batch["free"] == batch["size"] else "used"


def batch_line(batch: Batch, room: int) -> Content:
    """One import."""
    state, free = batch_state(batch), batch["free"]
    looks = {"whole": "$success", "undone": "$text-muted"}
    return line(
        BATCHES,
        room,
        [
            clock_text(batch["at"]),
            clean(batch["source"], 100),
            clean(batch["by"], 40),
            count(batch["size"], 8),
            "?" if free is None else count(free, 8),
            "?" if free is None else "0" if state == "undone" else count(batch["size"] - free, 8),
            (t(f"stock.batch.{state}"), looks.get(state, "")),
        ],
    )


def batch_words(batch: Batch) -> list[Content]:
    """What can be done with one import."""
    state = batch_state(batch)
    head = t("stock.batch.head", id=batch["id"], source=clean(batch["source"], 100), by=clean(batch["by"], 40))
    words = t(f"stock.batch.{state}_long", at=clock_text(batch["undone_at"]))
    return [Content.styled(head, "bold"), Content.styled(words, "$text-muted")]


def preview_lines(preview: KeyPreview, errors: int) -> list[Content]:
    """What a key file holds: counts, the lines that cannot be taken (at most ``errors`` of them), a few masked keys."""
    rows: list[tuple[str, int, str]] = [
        ("keys.new", preview["new"], "bold $success" if preview["new"] else "bold $warning"),
        ("keys.duplicate_in_file", preview["duplicate_in_file"], ""),
        ("keys.duplicate_in_stock", preview["duplicate_in_stock"], ""),
        ("keys.already_sold", preview["already_sold"], "bold $warning" if preview["already_sold"] else ""),
        ("keys.blank", preview["blank"], ""),
        ("keys.bad", preview["bad"], "bold $error" if preview["bad"] else ""),
    ]
    lines = [Content(t("keys.file", n=preview["lines"], encoding=clean(preview["encoding"], 20) or "?"))]
    columns = (Column("", 24), Column("", 9, True))
    lines += [line(columns, 34, [t(key), (count(n, 9), look)]) for key, n, look in rows]
    if preview["padded"]:
        where = ", ".join(str(n) for n in preview["padded_lines"][:8])
        lines.append(Content.styled(t("keys.padded", n=preview["padded"], lines=where), "$warning"))
    for one in preview["errors"][:errors]:
        at = t("keys.line", n=one["line"]) if one["line"] else t("keys.whole_file")
        lines.append(Content.styled(f"{at}: {clean(one['why'], 160)}", "$error"))
    if preview["bad"] > min(errors, len(preview["errors"])):
        lines.append(
            Content.styled(t("keys.more_bad", n=preview["bad"] - min(errors, len(preview["errors"]))), "$error")
        )
    if preview["sample"] and not preview["bad"]:
        lines.append(Content.styled(t("keys.sample"), "$text-muted"))
        for key in preview["sample"]:
            lines.append(Content.styled(f"  {t('keys.line', n=key['line'])}: {clean(key['mask'], 40)}", "$text-muted"))
    return lines
