"""rules.toml: read, checked, tried on sample orders, compiled. A rule that could fail is refused before it is live."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from msgspec import Struct

from core.model.text import clean
from core.rules.facts import SAMPLES
from core.rules.lint import check
from core.rules.ruleset import Rule, RuleSet
from core.settings_files import SettingsError, nearest, parse, read_text

KEYS = ("name", "when", "priority", "tag", "hold", "automation", "enabled", "review_by")
AUTOMATION = ("auto", "confirm", "manual")
MAX_RULES = 200

Facts = Mapping[str, Any]


class RuleError(Exception):
    """A rule file cannot go live. ``file``, ``rule`` (may be "") and ``line`` (0 if unknown) say where."""

    def __init__(self, file: Path, rule: str, line: int, why: str) -> None:
        self.file, self.rule, self.line, self.why = file, rule, line, why
        place = f"{file}:{line}" if line else str(file)
        super().__init__(f"{place}: rule {rule!r}: {why}" if rule else f"{place}: {why}")


class CheckReport(Struct, frozen=True, kw_only=True):
    """What ``keydesk rules check`` prints. ``hits``: how many of ``samples`` orders each rule applies to."""

    file: str
    ok: bool
    version: int = 0
    rules: int = 0
    samples: int = 0
    hits: dict[str, int] = {}
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def mark_of(text: str) -> str:
    """The fingerprint of a rule file's text: twelve hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def compile_rules(text: str, file: Path, samples: Iterable[Facts] = SAMPLES) -> RuleSet:
    """A rule set from the text of rules.toml, tried on the samples. Raises RuleError."""
    return _compile(text, file, samples)[0]


def load_rules(file: Path, samples: Iterable[Facts] = SAMPLES) -> RuleSet:
    """Read and compile. Raises RuleError."""
    try:
        text = read_text(file)
    except SettingsError as error:
        raise RuleError(file, "", 0, str(error).removeprefix(f"{file}: ")) from None
    return compile_rules(text, file, samples)


def check_file(file: Path, samples: Iterable[Facts] = SAMPLES, today: date | None = None) -> CheckReport:
    """Everything that can be said of a rule file without making it live. Never raises for what is in the file."""
    try:
        text = read_text(file)
    except SettingsError as error:
        return CheckReport(file=str(file), ok=False, errors=(str(error),))
    return check_text(text, file, samples, today)


def check_text(text: str, file: Path, samples: Iterable[Facts] = SAMPLES, today: date | None = None) -> CheckReport:
    """The same of a text that was to be read from ``file``."""
    orders = list(samples)
    try:
        rules, reviews = _compile(text, file, orders)
    except RuleError as error:
        return CheckReport(file=str(file), ok=False, errors=(str(error),))
    day = today or datetime.now(UTC).date()
    warnings = [f"rule {name!r} was due for review on {by}" for name, by in reviews.items() if by < day]
    hits = {rule.name: 0 for rule in rules.rules}
    for verdict in rules.judge_many(orders):
        for name in verdict.applied:
            hits[name] += 1
    return CheckReport(
        file=str(file),
        ok=True,
        version=rules.version,
        rules=len(rules.rules),
        samples=len(orders),
        hits=hits,
        warnings=tuple(warnings),
    )


def _compile(text: str, file: Path, samples: Iterable[Facts]) -> tuple[RuleSet, dict[str, date]]:
    try:
        tree = parse(text, file)
    except SettingsError as error:
        raise RuleError(file, "", 0, str(error).removeprefix(f"{file}: ")) from None
    for key in tree:
        if key not in ("version", "rules"):
            raise RuleError(file, "", 0, f"no such key {clean(key, 64)!r}{nearest(key, ('version', 'rules'))}")
    version, table = tree.get("version", 1), tree.get("rules", [])
    if type(version) is not int or version < 1:
        raise RuleError(file, "", 0, "version is a whole number from 1")
    if not isinstance(table, list) or len(table) > MAX_RULES:
        raise RuleError(file, "", 0, f"rules is a list of at most {MAX_RULES} tables, each under [[rules]]")
    starts = [number for number, line in enumerate(text.splitlines(), 1) if line.strip().startswith("[[rules]]")]
    rules: list[Rule] = []
    reviews: dict[str, date] = {}
    for index, body in enumerate(table):
        rule = _rule(body, file, starts[index] if len(starts) == len(table) else 0)
        if any(rule.name == other.name for other in rules):
            raise RuleError(file, rule.name, rule.line, "there is another rule of this name")
        if body.get("enabled", True):
            rules.append(rule)
            if "review_by" in body:
                reviews[rule.name] = body["review_by"]
    made = RuleSet(rules, version, mark_of(text))
    _try(made, file, samples)
    return made, reviews


def _rule(body: Any, file: Path, line: int) -> Rule:
    name = body.get("name") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(name, str) or not name.strip() or len(name) > 40:
        raise RuleError(file, "", line, "a rule is a table with a name of at most 40 characters")
    name = clean(name, 40)

    def fail(why: str) -> RuleError:
        return RuleError(file, name, line, why)

    for key in body:
        if key not in KEYS:
            raise fail(f"no such key {clean(key, 64)!r}{nearest(key, KEYS)}")
    when, priority, tag = body.get("when"), body.get("priority"), body.get("tag", "")
    hold, automation = body.get("hold", ""), body.get("automation", "auto")
    if not isinstance(when, str):
        raise fail("when is the condition, as a text")
    if priority is not None and (type(priority) is not int or not -9 <= priority <= 9):
        raise fail("priority is a whole number from -9 to 9")
    if not isinstance(tag, str) or len(tag) > 12 or clean(tag) != tag:
        raise fail("tag is a text of at most 12 characters")
    if not isinstance(hold, str) or len(hold) > 200 or clean(hold) != hold:
        raise fail("hold is the note to the operator, at most 200 characters")
    if automation not in AUTOMATION:
        raise fail(f"automation is one of {', '.join(AUTOMATION)}")
    if not isinstance(body.get("enabled", True), bool):
        raise fail("enabled is true or false")
    review = body.get("review_by")
    if review is not None and (not isinstance(review, date) or isinstance(review, datetime)):
        raise fail("review_by is a date without quotes, such as 2027-01-31")
    if priority is None and not tag and not hold and automation == "auto":
        raise fail("has no effect; give it a priority, tag, hold or automation")
    try:
        check(when)
    except ValueError as error:
        raise fail(str(error)) from None
    return Rule(name=name, when=when, priority=priority, tag=tag, hold=hold, automation=automation, line=line)


def _try(rules: RuleSet, file: Path, samples: Iterable[Facts]) -> None:
    for facts in samples:
        for name, why in rules.judge(facts).errors:
            line = next(rule.line for rule in rules.rules if rule.name == name)
            # What a buyer wrote stays out of the message.
            shown = {field: facts.get(field) for field in rules.fields if field not in ("message", "title", "buyer")}
            raise RuleError(file, name, line, f"fails on a sample order: {why} (with {clean(str(shown), 300)})")
