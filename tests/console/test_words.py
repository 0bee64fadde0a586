"""The catalogues: complete in both languages, compiled as they are written, every word used, one counted as one."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from console import i18n
from console.presenters.facts import CODES, slug
from tests.catalogues import compiled_bytes, entries, messages, source_bytes, source_path, tidy, words_of
from tests.console.sources import ROOT, SOURCES

# Tails that code puts together in other ways than a constant or an f-string of the whole key.
JOINED = {"act.close.by_hand", "act.close.as_is",  # an argument's name behind the action's
          "blocked.needs_operator", "blocked.needs_admin",  # needs_ and the role
          "doctor.core_answers_own", "doctor.core_silent_own"}  # fmt: skip
THINGS = (
    "orders|keys|rows|lines|shops|people|cases|products|rules|items|events|steps|times|macros|commands|jobs|batches"
)
# Said of two at least, or of a constant.
NEVER_ONE = {"claim.some", "find.several", "history.count_so_far", "history.enough", "history.no_order", "macro.many",
             "macro.steps"}  # fmt: skip


def forms(language: str) -> Iterator[tuple[str, str]]:
    """Each key with each of its forms."""
    for key, words in entries(language).items():
        for form in (words,) if isinstance(words, str) else words:
            yield key, form


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_the_catalogue_is_tidy_and_compiled(language: str) -> None:
    source = source_path(language).read_bytes()
    catalog = tidy(source, language)
    assert source == source_bytes(catalog), "make words"
    assert i18n.compiled_path(language).read_bytes() == compiled_bytes(catalog), "make words"


def test_all_languages_have_the_same_words_and_facts() -> None:
    facts: dict[str, dict[str, set[str]]] = {language: {} for language in i18n.LANGUAGES}
    for language, found in facts.items():
        for key, form in forms(language):
            named = set(re.findall(r"{[^}]*}", form))
            assert found.setdefault(key, named) == named, f"{key}: forms of {language} tell different facts"
            assert all(re.fullmatch(r"{\w+(:,)?}", one) for one in named), key
    assert all(found == facts["en"] for found in facts.values())
    counted = [{k for k, words in entries(one).items() if isinstance(words, tuple)} for one in i18n.LANGUAGES]
    assert all(found == counted[0] for found in counted)
    assert all("{n:,}" in facts["en"][key] or "{n}" in facts["en"][key] for key in counted[0]), "n picks the form"


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_no_word_is_empty_or_in_doubt(language: str) -> None:
    found = list(messages(source_path(language).read_bytes(), language))
    assert len(found) > 900
    assert [words_of(one)[0] for one in found if one.fuzzy] == []
    assert [key for key, form in forms(language) if not form.strip() or form == key] == []


def test_every_word_that_code_asks_for_exists() -> None:
    wanted = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute) and node.args:
                name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
                for first in ast.walk(node.args[0]) if name in ("t", "ask") else ():
                    if isinstance(first, ast.Constant) and "." in str(first.value) and not _inside(first, node.args[0]):
                        wanted.add(str(first.value))
    assert len(wanted) > 200, "the search itself must find them"
    assert wanted - set(entries("en")) == set()


def _inside(constant: ast.Constant, key: ast.expr) -> bool:
    """Whether it is a piece of a key, or a part of what chooses between two."""
    parts = (node for node in ast.walk(key) if isinstance(node, ast.JoinedStr | ast.Compare | ast.Call | ast.Subscript))
    return any(constant is piece for part in parts for piece in ast.walk(part))


def test_no_word_is_left_over() -> None:
    """A key stands in code as it is, or code puts it together: then what fills the gap must be a name of the code too."""
    whole: set[str] = set()
    names: set[str] = set()
    built: set[str] = set()
    for top in ("console", "core", "connectors"):
        for path in (ROOT / top).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    names |= {
                        node.value,
                        slug(node.value.lower()),
                        *node.value.split(", "),
                    }  # columns stand in one text
                    whole |= {node.value} if top == "console" else set()
                elif isinstance(node, ast.ClassDef):  # members of an enumeration give their names in lower case
                    sets = (target for line in node.body if isinstance(line, ast.Assign) for target in line.targets)
                    names |= {target.id.lower() for target in sets if isinstance(target, ast.Name)}
                elif top == "console":
                    built |= _patterns(node)
    assert len(built) > 40, "the search itself must find them"
    built |= {re.escape(family) + r"\.(.*)" for families in CODES.values() for family in families}
    patterns = [re.compile(one) for one in built]
    left = []
    for key in set(entries("en")) - whole - JOINED:
        fits = filter(None, (one.fullmatch(key) for one in patterns))
        if not any(set(fit.groups()) <= names for fit in fits):
            left.append(key)
    assert sorted(left) == []
    assert set(entries("en")) >= JOINED


def _patterns(node: ast.AST) -> set[str]:
    """Which keys ``f"family.{code}"`` or ``word("family", code)`` may look up, as regular expressions."""
    if isinstance(node, ast.JoinedStr):
        parts = [re.escape(v.value) if isinstance(v, ast.Constant) else "(.*)" for v in node.values]  # type: ignore[arg-type]
        return {"".join(parts)} if re.match(r"[a-z]+\\\.", parts[0]) else set()
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute) and node.args:
        name, first = node.func.id if isinstance(node.func, ast.Name) else node.func.attr, node.args[0]
        if name == "word" and isinstance(first, ast.Constant):
            return {re.escape(str(first.value)) + r"\.(.*)"}
    return set()


def test_one_is_counted_as_one() -> None:
    i18n.use("en")
    assert [i18n.t("mark.done", n=n) for n in (0, 1, 2, 12345)] == [
        "0 orders marked", "1 order marked", "2 orders marked", "12,345 orders marked"]  # fmt: skip
    assert i18n.t("stock.waiting", n=1) == "1 order waits for keys of it. An import sets it free at once."
    i18n.use("zh_CN")
    assert [i18n.t("mark.done", n=n) for n in (1, 12345)] == ["已标记 1 个订单", "已标记 12,345 个订单"]


def test_english_that_counts_things_has_a_form_for_one() -> None:
    counts = re.compile(rf"{{n(:,)?}} (\w+ )?({THINGS})\b")
    found = {key for key, words in entries("en").items() if isinstance(words, str) and counts.search(words)}
    assert found - NEVER_ONE == set()


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_missing_facts_and_unknown_keys_never_raise(language: str) -> None:
    i18n.use(language)
    for key in entries(language):
        assert i18n.has(key)
        i18n.t(key)
        i18n.t(key, n="-")
        assert "{" not in i18n.t(key, n=True), key
    assert i18n.t("no.such.key", n=1) == i18n.t("no.such.key") == "no.such.key"
    assert i18n.word("why", "no_such_code") == "no_such_code"
    assert not i18n.has("no.such.key")


def test_what_is_missing_is_shown_as_missing() -> None:
    i18n.use("en")
    assert i18n.t("queue.marked") == "? marked ?"
    assert i18n.t("mark.done") == "? orders marked"
    assert i18n.t("mark.done", n="-") == "- orders marked"
    with pytest.raises(KeyError):
        i18n.use("de")
    assert i18n.language() == "en"


def test_only_the_language_in_use_is_read_and_nothing_else_is_needed() -> None:
    code = (
        "import json, sys; opened = []; "
        "sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == 'open' else None); "
        "from console import i18n; i18n.use('en'); said = i18n.t('app.name'); "
        "print(json.dumps([said, [p for p in opened if p.endswith(('.mo', '.po'))], 'babel' in sys.modules]))"
    )
    said = json.loads(subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True))
    assert said == ["Keydesk", [str(i18n.compiled_path("en"))], False]


@pytest.mark.parametrize(
    ("asked", "env", "found"),
    [
        ("en", "zh_CN.UTF-8", "en"),
        (None, "zh_CN.UTF-8", "zh_CN"),
        (None, "de_DE.UTF-8", "en"),
        (None, "C.UTF-8", "zh_CN"),
    ],
)
def test_language_from_settings_then_locale(
    asked: str | None, env: str, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.delenv("LC_MESSAGES", raising=False)
    monkeypatch.setenv("LANG", env)
    assert i18n.pick(asked) == found
