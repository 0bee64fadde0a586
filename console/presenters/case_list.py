"""The exceptions as lists: the kinds with what each is, and the cases of one kind. Pure functions."""

from textual.content import Content

from console.i18n import has, t, word
from console.presenters.cells import count, fit, span, tail
from console.presenters.words import money_text, sums_text
from console.wire import Case, Group
from core.model.text import clean

_NUMBER, _SHOP, _MONEY, _AGE, _LEFT = 20, 8, 12, 4, 5
_REST = _NUMBER + _SHOP + _MONEY + _AGE + _LEFT + 5  # and a space between


def group_line(group: Group, now: int) -> Content:
    """A kind: how many, the oldest, the money in question."""
    rest = t(
        "cases.group",
        kind="",
        count=fit(count(group["count"], 5), 5, True),
        age=span(max(now - group["oldest_at"], 0)),
        money=money_text(group["money"]),
    )
    return Content.assemble((fit(kind_name(group["kind"]), 18), "bold $error"), rest)


def kind_lines(kind: str) -> list[Content]:
    """What a kind of case is, and what to do about it."""
    key = f"about.{kind}"
    return [Content.styled(kind_name(kind), "bold $error"), *([Content(t(key))] if has(key) else [])]


def kind_name(kind: str) -> str:
    """A kind in a few words."""
    return clean(word("case", kind), 30)


def case_head(width: int) -> str:
    """The line above the cases of a kind, for lines of ``width`` cells."""
    return _line(width, *(t(f"col.{name}") for name in ("ext_id", "shop", "product", "amount", "age", "left")))


def case_line(case: Case, now: int, width: int) -> str:
    """A case in ``width`` cells."""
    row = case["row"]
    return _line(
        width,
        tail(clean(case["ext_id"], 60), _NUMBER),
        case["shop"],
        (row["title"] or row["product"]) if row is not None else "",
        sums_text(case["money"]),
        span(max(now - case["opened_at"], 0)),
        "" if case["deadline"] is None else span(case["deadline"] - now),
    )


def _line(width: int, number: str, shop: str, title: str, money: str, age: str, left: str) -> str:
    first = f"{fit(number, _NUMBER)} {fit(shop, _SHOP)} {fit(title, max(width - _REST, 12))} "
    return f"{first}{fit(money, _MONEY, True)} {fit(age, _AGE, True)} {fit(left, _LEFT, True)}"
