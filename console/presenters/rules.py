"""Rules as lines: what each asks and does, how it fits the newest orders, and what another file would change."""

from collections.abc import Sequence

from textual.content import Content

from console.i18n import t, word
from console.presenters.cells import clock_text, count
from console.presenters.table import Column, line
from console.wire import Facts
from console.wire_office import Recent, Rule, RulesInForce, Tried
from core.model.text import clean

RULES = (
    Column("rules.col.name", 20),
    Column("rules.col.effect", 26),
    Column("rules.col.hits", 8, True),
    Column("rules.col.when", 0),
)


def effects(rule: Rule) -> str:
    """What a rule does, in words."""
    parts = []
    if rule["priority"] is not None:
        parts.append(t("rules.priority", n=rule["priority"]))
    if rule["tag"]:
        parts.append(t("rules.tag", tag=clean(rule["tag"], 12)))
    if rule["hold"]:
        parts.append(t("rules.hold"))
    if rule["automation"] != "auto":
        parts.append(t(f"rules.automation.{rule['automation']}"))
    return " ".join(parts)


def rule_line(rule: Rule, recent: Recent, room: int) -> Content:
    """One rule."""
    found = recent["rules"].get(rule["name"])
    hits = (count(found["hits"], 8), "") if found else ("-", "")
    if found and found["failed"]:
        hits = (f"!{count(found['failed'], 7)}", "bold $error")
    return line(RULES, room, [clean(rule["name"], 60), effects(rule), hits, clean(rule["when"], 300)])


def rule_words(rule: Rule, recent: Recent) -> list[Content]:
    """One rule in full."""
    lines = [
        Content.assemble((clean(rule["name"], 60), "bold"), f"  {t('rules.line', n=rule['line'])}"),
        Content(f"{t('rules.col.when')}: {clean(rule['when'], 2048)}"),
        Content(f"{t('rules.col.effect')}: {effects(rule)}"),
    ]
    if rule["hold"]:
        lines.append(Content(f"{t('rules.note')}: {clean(rule['hold'], 200)}"))
    found = recent["rules"].get(rule["name"])
    if found is not None and recent["sample"]:
        facts = {"hits": found["hits"], "n": recent["sample"], "since": clock_text(recent["since"])}
        lines.append(Content.styled(t("rules.recent", **facts), "$text-muted"))
        if found["failed"]:
            lines.append(Content.styled(t("rules.failed", n=found["failed"]), "bold $error"))
    else:
        lines.append(Content.styled(t("rules.no_orders"), "$text-muted"))
    return lines


def file_words(force: RulesInForce) -> list[Content]:
    """Which file this is."""
    facts = {"version": force["version"], "mark": clean(force["mark"], 12) or "-", "at": clock_text(force["loaded_at"])}
    return [Content.styled(t("rules.file", file=clean(force["file"], 200), **facts), "$text-muted")]


def file_trouble(force: RulesInForce) -> list[Content]:
    """What is wrong with the file as it is now; nothing when it is what is in force."""
    refused = force["refused"]
    if refused is not None:
        why = t("rules.refused", at=clock_text(refused["at"]), why=clean(refused["why"], 400))
        return [Content.styled(why, "bold $error")]
    if force["on_disk"] is None:
        return [Content.styled(t("rules.file_gone"), "bold $error")]
    return [] if force["on_disk"] == force["mark"] else [Content.styled(t("rules.file_differs"), "bold $warning")]


def tried_lines(tried: Tried) -> list[Content]:
    """The verdict on a file: mistakes, what differs from what is in force, and what it would do to the newest orders."""
    lines = [Content.styled(clean(one, 500), "bold $error") for one in tried["errors"]]
    lines += [Content.styled(clean(one, 300), "$warning") for one in tried["warnings"]]
    diff, test = tried.get("diff"), tried.get("backtest")
    if diff is None or test is None:
        return [Content.styled(t("rules.not_taken"), "bold $error"), *lines]
    head = t("rules.good", n=len(test["rules"]), version=tried.get("version", 0), mark=clean(tried.get("mark", ""), 12))
    lines.insert(0, Content.styled(head, "bold $success"))
    lines += [Content(""), Content.styled(t("rules.diff"), "bold $accent")]
    if tried.get("same"):
        lines.append(Content(t("rules.same")))
    lines += [Content.styled(f"+ {clean(name, 60)}", "$success") for name in diff["added"]]
    lines += [Content.styled(f"- {clean(name, 60)}", "$error") for name in diff["removed"]]
    for rule in diff["changed"]:
        lines.append(Content.styled(f"~ {clean(rule['name'], 60)}", "$warning"))
        lines += [_part(part) for part in rule["parts"]]
    if diff["moved"]:
        lines.append(Content.styled(t("rules.moved"), "$warning"))
    return [
        *lines,
        Content(""),
        *_backtest(test["sample"], test["since"], test["changed"], test["orders"]),
        *_hits(test),
    ]


def _part(part: Facts) -> Content:
    was, now = (clean(str("-" if part[key] in (None, "") else part[key]), 300) for key in ("was", "now"))
    name = t(f"rules.part.{part['part']}")
    return Content(f"    {name}: {was}  ->  {now}")


def _backtest(sample: int, since: int | None, changed: dict[str, int], orders: Sequence[Facts]) -> list[Content]:
    lines = [Content.styled(t("rules.backtest", n=sample, since=clock_text(since)), "bold $accent")]
    if not changed["orders"]:
        return [*lines, Content(t("rules.no_change"))]
    lines.append(Content(t("rules.changes", n=changed["orders"], **changed)))
    if changed["failed"]:
        lines.append(Content.styled(t("rules.would_fail", n=changed["failed"]), "bold $error"))
    for one in orders:
        head = f"  {clean(one['shop'], 20)} {clean(one['ext_id'], 40)}: "
        lines.append(Content(f"{head}{_verdict(one['was'])}  ->  {_verdict(one['now'])}"))
    return lines


def _verdict(verdict: Facts) -> str:
    parts = [t("rules.priority", n=verdict["priority"])]
    if verdict["tag"]:
        parts.append(t("rules.tag", tag=clean(verdict["tag"], 12)))
    parts += [clean(word("hold", reason), 40) for reason in verdict["held"]]
    return " ".join(parts)


def _hits(test: Recent) -> list[Content]:
    lines = [Content(""), Content.styled(t("rules.hits"), "bold $accent")]
    columns = (Column("", 24), Column("", 8, True))
    return lines + [
        line(columns, 33, [clean(name, 60), (count(one["hits"], 8), "bold $error" if one["failed"] else "")])
        for name, one in test["rules"].items()
    ]
