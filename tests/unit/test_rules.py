"""Rules: what is refused before it is live, what a verdict says, errors that hold, and hot reload."""

import asyncio
import os
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.clock import from_text
from core.model.lifecycle import HoldReason
from core.model.order import Line, OrderUpdate, PlatformState
from core.pipeline.judging import FACTS, Known
from core.pipeline.setup import ShopInfo
from core.rules.facts import FIELDS, SAMPLES
from core.rules.rulefile import RuleError, check_file, compile_rules, load_rules
from core.rules.ruleset import RuleSet
from core.rules.watcher import Watcher
from core.settings_files import package_root

FILE = Path("rules.toml")
PLAIN = dict(SAMPLES[0])
SHIPPED = package_root() / "rules.toml"


def rule(when: str, name: str = "r", **more: object) -> str:
    lines = [f"name = '''{name}'''", f"when = '''{when}'''"] + [f"{key} = {value}" for key, value in more.items()]
    return "[[rules]]\n" + "\n".join(lines) + "\n"


def refusal(text: str) -> RuleError:
    with pytest.raises(RuleError) as caught:
        compile_rules(text, FILE)
    return caught.value


# ---- the shipped rules


def shipped(**facts: Any) -> tuple[int, str, tuple[tuple[str, str], ...]]:
    verdict = load_rules(SHIPPED).judge(PLAIN | facts)
    return verdict.priority, verdict.tag, verdict.holds


def test_shipped_rules() -> None:
    assert shipped() == (0, "", ())
    assert shipped(amount=49_999) == (0, "", ())
    assert shipped(amount=50_000) == (5, "大额", ())
    assert shipped(buyer_orders=9, first_order=False) == (0, "", ())
    assert shipped(buyer_orders=10, first_order=False) == (4, "VIP", ())
    assert shipped(buyer_orders=10, first_order=False, amount=50_000) == (5, "VIP", ())
    assert shipped(hot=True) == (2, "热销", ())
    assert shipped(message="亲，很急") == (6, "加急", ())
    assert shipped(amount=100_000) == (5, "大额", ())
    assert shipped(amount=100_001) == (5, "大额", ((HoldReason.CONFIRM, "新客大额"),))
    assert shipped(amount=100_001, first_order=False) == (5, "大额", ())


def test_shipped_file_checks_clean() -> None:
    report = check_file(SHIPPED)
    assert (report.ok, report.errors, report.warnings, report.rules) == (True, (), (), 5)
    assert all(report.hits.values()), "a shipped rule that no sample meets is not tried at all"


def test_fields_are_what_the_stages_provide() -> None:
    shop = ShopInfo(1, "s", "taobao", "s", None, None)  # type: ignore[arg-type]
    line = Line(line="1", sku="x", title="t", qty=1, amount=5)
    at = from_text("2025-11-24 08:30:00")
    order = OrderUpdate(
        ext_id="1", rev=1, state=PlatformState.PAID, created_at=at, total=5, currency="CNY", lines=(line,)
    )
    facts = {name: make(order, Known(shop, "p", False, 1, 5, at)) for name, make in FACTS.items()}
    assert set(facts) == set(FIELDS)
    for given_facts in (facts, *SAMPLES):
        for name, field in FIELDS.items():
            assert type(given_facts[name]) is field.type, name
    assert (facts["hour"], facts["weekday"]) == (8, 1)


def test_the_docs_list_every_field() -> None:
    text = (package_root() / "docs" / "rules.md").read_text("utf-8")
    assert [name for name in FIELDS if f"| `{name}` |" not in text] == []


# ---- verdicts


def test_effects_combine() -> None:
    rules = compile_rules(
        rule("true", "a", priority=-3)
        + rule("true", "b", priority=2, tag="'B'")
        + rule("true", "c", tag="'C'", hold="'look'")
        + rule("true", "d", hold="'twice'", automation="'manual'")
        + rule("true", "e", automation="'confirm'")
        + rule("false", "f", priority=9, tag="'F'", hold="'never'"),
        FILE,
    )
    verdict = rules.judge(PLAIN)
    assert (verdict.priority, verdict.tag) == (2, "B")
    assert verdict.holds == (
        (HoldReason.RULE, "c: look; d: twice"),
        (HoldReason.MANUAL, "d"),
        (HoldReason.CONFIRM, "e"),
    )
    assert verdict.applied == ("a", "b", "c", "d", "e")
    assert verdict.errors == ()


def test_a_lone_low_priority_counts() -> None:
    assert compile_rules(rule("true", priority=-3), FILE).judge(PLAIN).priority == -3


def test_no_rules_say_nothing() -> None:
    for rules in (RuleSet(), compile_rules("", FILE), compile_rules(rule("true", priority=1, enabled="false"), FILE)):
        assert [v.priority for v in rules.judge_many([PLAIN, PLAIN])] == [0, 0]


@pytest.mark.parametrize(
    ("when", "facts", "applies"),
    [
        ("amount >= 50000 // 大额", {"amount": 50_000}, True),
        ("chars(title) == 3", {"title": "充值卡"}, True),
        ("title.matches('^充.*卡$')", {"title": "充值卡"}, True),
        ("product in ['a', 'b']", {"product": "b"}, True),
        ("['急', '催'].exists(w, message.contains(w))", {"message": "催"}, True),
        ("hour >= 22 || hour < 6", {"hour": 23}, True),
        ("message == '\"), (true'", {"message": '"), (true'}, True),
        ("!hot && weekday in [6, 7]", {"weekday": 6}, True),
        ("!hot && weekday in [6, 7]", {"weekday": 5}, False),
    ],
)
def test_conditions(when: str, facts: dict[str, Any], applies: bool) -> None:
    # A second rule stands behind it: what one condition contains must not leak into its neighbour.
    rules = compile_rules(rule(when, "x", priority=1) + rule("false", "never", hold="'no'"), FILE)
    for _again in range(2):
        verdict = rules.judge(PLAIN | facts)
        assert verdict.applied == (("x",) if applies else ())
        assert verdict.errors == ()


# ---- errors inside a rule hold the order


def test_an_error_holds_and_the_other_rules_still_count() -> None:
    rules = compile_rules(rule("100 / qty > 5", "div", tag="'D'") + rule("true", "t", priority=3), FILE)
    assert rules.judge(PLAIN).errors == ()
    verdict = rules.judge(PLAIN | {"qty": 0})
    assert verdict.priority == 3
    assert verdict.holds == ((HoldReason.RULE_ERROR, "div: division by zero"),)
    assert verdict.errors == (("div", "division by zero"),)


def test_a_missing_or_odd_fact_holds() -> None:
    rules = compile_rules(rule("amount > 5", "m", priority=1) + rule("true", "t", tag="'T'"), FILE)
    for facts in ({}, {"amount": None}, {"amount": "6"}, {"amount": [6]}):
        verdict = rules.judge(facts)
        assert [name for name, _why in verdict.errors] == ["m"]
        assert verdict.holds[0][0] == HoldReason.RULE_ERROR
        assert verdict.tag == "T"


def test_overflow_holds() -> None:
    rules = compile_rules(rule("amount * 1000 > 5", "o", priority=1), FILE)
    assert rules.judge(PLAIN | {"amount": 2**62}).errors == (("o", "a number grew beyond 64 bits"),)


def test_what_a_buyer_wrote_stays_out_of_errors() -> None:
    rules = compile_rules(rule("qty > 0 ? true : int(message) > 1", "i", priority=1), FILE)
    verdict = rules.judge(PLAIN | {"qty": 0, "message": "CANARY-42X"})
    assert verdict.errors
    assert "CANARY" not in repr(verdict)


@given(st.lists(st.fixed_dictionaries({"amount": st.integers(-(2**63), 2**63 - 1), "message": st.text(max_size=20)})))
def test_many_at_once_equals_one_by_one(changes: list[dict[str, Any]]) -> None:
    rules, fresh = load_rules(SHIPPED), load_rules(SHIPPED)
    facts = [PLAIN | change for change in changes]
    assert rules.judge_many(facts) == [fresh.judge(one) for one in facts]


# ---- refused before it is live


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (rule("amuont > 5", priority=1), "there is no field 'amuont', did you mean 'amount'?"),
        (rule("amount >", priority=1), "not a valid condition, at character"),
        (rule("true), (true", priority=1), "not a valid condition"),
        (rule("title.contain('x')", priority=1), "no function 'contain', did you mean 'contains'?"),
        (rule("size(title) > 2", priority=1), "write chars(title)"),
        (rule(" ", priority=1), "empty condition"),
        (rule("true || " * 400 + "true", priority=1), "longer than 2048 bytes"),
        (rule("[1].map(x, [2].map(y, x + y)).exists(z, z == 3)", priority=1), "more than one"),
        (rule("[1].exists(amount, amount == 1)", priority=1), "hides the field"),
        (rule("1 / amount > 5", priority=1), "fails on a sample order: division by zero (with {'amount': 0})"),
        (rule("amount", priority=1), "gives int, not true or false"),
        (rule("title.matches('(')", priority=1), "fails on a sample order"),
        (rule("amount > 'x'", priority=1), "types do not fit together"),
        (rule("true"), "has no effect"),
        (rule("true", priority=10), "from -9 to 9"),
        (rule("true", priority="true"), "from -9 to 9"),
        (rule("true", pirority=1), "no such key 'pirority', did you mean 'priority'?"),
        (rule("true", automation="'maybe'"), "one of auto, confirm, manual"),
        (rule("true", tag="'a\u202eb'"), "tag is a text"),
        (rule("true", tag="'" + "x" * 13 + "'"), "at most 12"),
        (rule("true", priority=1, review_by="'soon'"), "date without quotes"),
        (rule("true", priority=1) * 2, "another rule of this name"),
    ],
)
def test_refused(text: str, why: str) -> None:
    error = refusal("# a comment\n" + text)
    assert why in str(error)
    assert error.rule == "r"
    assert error.line == (2 if text.count("[[rules]]") == 1 else 6)
    assert str(error).startswith(f"rules.toml:{error.line}: rule 'r': ")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("versoin = 1", "did you mean 'version'?"),
        ("version = 0", "whole number from 1"),
        ("[[rules]]\nwhen = 'true'", "a name of at most 40"),
        ("[rules]\na = 1", "under [[rules]]"),
        ("[[rules]\n", "not valid TOML"),
        ((rule("true", "n{}", priority=1) * 201), "at most 200"),
    ],
)
def test_a_broken_file_is_refused(text: str, why: str) -> None:
    assert why in str(refusal(text))


def test_nesting_does_not_exhaust_the_engine() -> None:
    assert "not a valid condition" in str(refusal(rule("(" * 900 + "true" + ")" * 900, priority=1)))


def test_check_file_reports_instead_of_raising(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    assert "No such file" in check_file(path).errors[0]
    path.write_text(rule("nope", priority=1))
    report = check_file(path)
    assert not report.ok
    assert report.errors[0].startswith(f"{path}:1: rule 'r': there is no field 'nope'")
    path.write_text("version = 3\n" + rule("amount > 5", priority=1, review_by="2025-01-31"))
    report = check_file(path, [PLAIN, PLAIN | {"amount": 1}], date(2025, 2, 1))
    assert (report.ok, report.version, report.samples, report.hits) == (True, 3, 2, {"r": 1})
    assert report.warnings == ("rule 'r' was due for review on 2025-01-31",)
    assert check_file(path, today=date(2025, 1, 31)).warnings == ()


# ---- hot reload


class Live:
    """What a core would hold: the live set and what it was told."""

    def __init__(self, file: Path) -> None:
        self.rules = load_rules(file)
        self.told: list[Exception | None] = []
        self.watcher = Watcher(file, load_rules, self._swap, lambda _file, error: self.told.append(error))

    def _swap(self, rules: RuleSet) -> None:
        self.rules = rules

    async def until(self, count: int) -> None:
        deadline = time.monotonic() + 20
        while len(self.told) < count:
            assert time.monotonic() < deadline, "the change was never noticed"
            await asyncio.sleep(0.02)


def replace(file: Path, text: str) -> None:
    """As editors do: write beside, then rename."""
    part = file.with_suffix(".part")
    part.write_text(text)
    os.replace(part, file)


async def test_a_change_goes_live_and_a_broken_one_does_not(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(rule("true", priority=1))
    live = Live(file)
    file.write_text(rule("true", priority=2) + "# changed before the watch began\n")
    stop = asyncio.Event()
    task = asyncio.create_task(live.watcher.run(stop))
    await live.until(1)
    assert live.rules.judge(PLAIN).priority == 2
    replace(file, rule("amuont > 1", priority=3))
    await live.until(2)
    assert isinstance(live.told[1], RuleError)
    assert live.rules.judge(PLAIN).priority == 2
    file.unlink()
    await live.until(3)
    assert live.rules.judge(PLAIN).priority == 2
    replace(file, rule("true", priority=4))
    await live.until(4)
    assert (live.told[3], live.rules.judge(PLAIN).priority) == (None, 4)
    stop.set()
    await asyncio.wait_for(task, 20)


def test_refresh_without_a_change_does_nothing(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(rule("true", priority=1))
    live = Live(file)
    assert not live.watcher.refresh()
    assert live.told == []
    assert live.watcher.reload()


# ---- speed


def test_five_rules_stay_cheap(record_property: Any) -> None:
    rules = load_rules(SHIPPED)
    facts = [PLAIN | {"amount": n, "message": f"m{n}"} for n in range(8000)]
    start = time.perf_counter()
    rules.judge_many(facts)
    cold = (time.perf_counter() - start) / len(facts) * 1e6
    start = time.perf_counter()
    rules.judge_many(facts)
    warm = (time.perf_counter() - start) / len(facts) * 1e6
    record_property("us_cold", round(cold, 2))
    record_property("us_seen", round(warm, 2))
    print(f"us an order: {cold:.2f} new facts, {warm:.2f} seen facts")
    assert cold < 80  # one program for each rule took 89 us where this was first measured
