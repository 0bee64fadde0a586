"""The back office's words: nothing from outside steers a terminal, every finding has a sentence, paths complete."""

import ast
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from textual.content import Content

from console import i18n
from console.file_path import FileError, check, completions
from console.presenters import connections, rules, stock
from console.presenters.checks import said, todo
from console.state.messages import Messages
from console.terminal import terminal_checks
from core.model.checks import Check
from tests.catalogues import entries
from tests.console import fixture_office as fixed
from tests.console.fixture_orders import NOW
from tests.console.sources import ROOT

EVIL = "\x1b]0;owned\x07[bold]x[/]\u202e\n"


def poisoned(value: Any) -> Any:
    """The same answer with every text in it hostile, except the codes that the core itself picks."""
    codes = {"state", "code", "subject", "automation", "breaker", "error_kind", "part", "came", "priority"}
    if isinstance(value, dict):
        return {k: v if k in codes else poisoned(v) for k, v in value.items()}
    if isinstance(value, list):
        return [poisoned(one) for one in value]
    return EVIL + value if isinstance(value, str) else value


def harmless(lines: Iterable[Content]) -> str:
    text = "".join(line.plain for line in lines)
    assert text
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202e]", text)
    assert "[bold]x[/]" in text, "it is shown as it is, and is no markup"
    return text


@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_hostile_text_stays_text(language: str) -> None:
    i18n.use(language)
    room = 400
    for product in poisoned(fixed._stock()):
        harmless([stock.product_line(product, NOW, room), *stock.product_words(product, NOW)])
    for batch in poisoned(fixed.BATCHES):
        harmless([stock.batch_line(batch, room), *stock.batch_words(batch)])
    harmless(stock.preview_lines(poisoned(fixed.PREVIEW), 99))
    force = poisoned(fixed.IN_FORCE)
    for rule in force["rules"]:
        harmless([rules.rule_line(rule, force["recent"], room), *rules.rule_words(rule, force["recent"])])
    harmless([*rules.file_words(force), *rules.file_trouble(force)])
    tried = poisoned(fixed.TRIED)
    for order in tried["backtest"]["orders"]:
        order["was"]["held"], order["now"]["held"] = [], ["confirm"]
    harmless(rules.tried_lines(tried))
    for shop in poisoned(fixed.SHOPS):
        harmless([connections.shop_line(shop, NOW, room), *connections.shop_words(shop, NOW)])
    unread = poisoned(fixed.UNREAD)
    for group in unread["groups"]:
        harmless([connections.group_line(group, NOW, room), *connections.group_words(group, unread)])


@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_lines_have_the_width_of_their_room(language: str) -> None:
    i18n.use(language)
    for room in (78, 158):
        lines = [stock.product_line(one, NOW, room) for one in fixed._stock()]  # type: ignore[arg-type]
        lines += [stock.batch_line(one, room) for one in fixed.BATCHES]  # type: ignore[arg-type]
        lines += [connections.shop_line(one, NOW, room) for one in fixed.SHOPS]  # type: ignore[arg-type]
        assert {line.cell_length <= room for line in lines} == {True}
        assert len({line.cell_length for line in lines[:5]}) == 1, "columns stand straight whatever is in them"


def codes_of(*paths: str) -> dict[str, set[str]]:
    """State -> codes, of every Check that these modules make."""
    found: dict[str, set[str]] = {}
    for path in paths:
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Check":
                states = [c.value for c in ast.walk(node.args[1]) if isinstance(c, ast.Constant)]
                codes = [c.value for c in ast.walk(node.args[2]) if isinstance(c, ast.Constant)]
                for state in states:
                    if isinstance(state, str):
                        found.setdefault(state, set()).update(c for c in codes if isinstance(c, str) and c != "none")
    return found


@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_every_finding_has_words_and_what_is_wrong_says_what_to_do(language: str) -> None:
    found = codes_of("core/doctor.py", "console/commands/examine.py", "console/screens/doctor.py")
    words = entries(language)
    assert sum(map(len, found.values())) > 9
    for codes in found.values():
        assert {f"doctor.{code}" for code in codes} <= set(words)
    lone = {code for state in ("warn", "bad") for code in found[state]} - found["ok"]
    assert {f"doctor.todo.{code}" for code in lone} <= set(words)


def test_the_terminal_is_told_as_it_is() -> None:
    i18n.use("en")
    good = terminal_checks((160, 48), "utf-8", {"TERM": "xterm-256color"})
    assert {one.state for one in good} == {"ok"}
    assert said(good[0]) == "TERM=xterm-256color, 160x48, colours 256"
    small = {one.subject: one for one in terminal_checks((60, 20), "ascii", {"NO_COLOR": ""})}
    assert (small["size"].state, small["encoding"].state) == ("bad", "bad")
    assert "LANG=C.UTF-8" in todo(small["encoding"])
    assert "no colours" in said(small["terminal"])
    assert [one.subject for one in terminal_checks(None, "utf-8", {})] == ["terminal", "encoding"]
    assert todo(Check("x", "ok", "core_answers", {"path": "p"})) == ""


def test_every_kind_of_connector_error_has_advice_and_a_name() -> None:
    text = (ROOT / "core" / "service" / "troubles.py").read_text(encoding="utf-8")
    kinds = ast.literal_eval(re.search(r"_KINDS: Final = frozenset\((\{.*?\})\)", text)[1])  # type: ignore[index]
    assert "auth" in kinds
    for words in map(entries, i18n.LANGUAGES):
        assert {f"advice.{kind}" for kind in kinds} <= set(words)
        assert {f"connections.error.{kind}" for kind in kinds} <= set(words)
    i18n.use("en")
    assert connections.advice("never seen") == "See the core's log."


def test_paths_complete_as_a_shell_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "keys").mkdir()
    for name in ("kfile.txt", ".hidden", "中文.txt", "bad\x1bname"):
        (tmp_path / name).write_text("x")
    base = f"{tmp_path}/"
    assert completions(base) == [f"{base}keys/", f"{base}kfile.txt", f"{base}中文.txt"]
    assert completions(f"{base}k") == [f"{base}keys/", f"{base}kfile.txt"]
    assert completions(f"{base}.") == [f"{base}.hidden"]
    assert completions(f"{base}none/") == []
    monkeypatch.chdir(tmp_path)
    assert completions("kf") == ["kfile.txt"]
    monkeypatch.setenv("HOME", str(tmp_path))
    assert completions("~/kf") == ["~/kfile.txt"]
    assert check("~/kfile.txt") == tmp_path / "kfile.txt"


def test_a_file_that_cannot_be_taken_says_why(tmp_path: Path) -> None:
    for text, code in (
        (f"{tmp_path}/none", "file.missing"),
        (str(tmp_path), "file.not_a_file"),
        ("\0", "file.missing"),
    ):
        with pytest.raises(FileError) as caught:
            check(text)
        assert caught.value.code == code
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        os.truncate(file.fileno(), 65 * 1024 * 1024)
    with pytest.raises(FileError) as caught:
        check(str(huge))
    assert caught.value.code == "file.too_large"
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(FileError) as caught:
        check(str(fifo))
    assert caught.value.code == "file.not_a_file", "opening it would wait for ever"


def test_messages_count_what_was_missed() -> None:
    messages = Messages(lambda: NOW)
    messages.add("a", "bad")
    assert messages.missed == 0, "it still stands at the foot"
    messages.add("", "warn")
    messages.add("b", "good")
    assert messages.missed == 1
    messages.look()
    messages.add("c", "warn")
    messages.add("d", "good")
    assert messages.missed == 1
    assert [one.text for one in messages.kept] == ["a", "b", "c", "d"]
