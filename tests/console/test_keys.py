"""The registry is the only binder of keys, every action has a name and a doer, the keymap file is checked."""

import ast
import re
from pathlib import Path

import pytest

from console import i18n
from console.actions import ACTIONS, BY_ID, SCOPES, why_not
from console.controllers.batch import Batch
from console.controllers.browse import Browse
from console.controllers.cases import Cases
from console.controllers.exports import Exports
from console.controllers.flow import Flow
from console.controllers.jobs import Jobs
from console.controllers.jump import Jump
from console.controllers.own import Own
from console.controllers.places import Places
from console.controllers.wall import WallControl
from console.keymap import Keymap, KeymapError, default_path, load
from console.screens.connections import ConnectionsScreen
from console.screens.doctor import DoctorScreen
from console.screens.log import LogScreen
from console.screens.rules import RulesScreen
from console.screens.stock import StockScreen
from console.state.standing import DeskStanding
from tests.catalogues import entries
from tests.console.sources import ROOT, SOURCES


def test_every_action_has_a_name_and_something_that_does_it() -> None:
    owners = (Browse, Batch, Cases, Jobs, Flow, Own, Jump, Places, WallControl, Exports)
    screens = ("jobs", "recall", "import", "xray", "history")  # these do their own
    places = (StockScreen, RulesScreen, ConnectionsScreen, DoctorScreen, LogScreen)
    named = [entries(language) for language in i18n.LANGUAGES]
    for action in ACTIONS:
        assert action.scope in SCOPES
        for words in named:
            assert f"act.{action.id.partition('.')[0]}" in words, action.id
        if action.order or action.scope in screens or action.id in ("help", "palette", "quit"):
            continue
        place = next((one for one in places if one.scope == action.scope), None)
        if place is not None:
            assert hasattr(place, f"do_{action.id}"), action.id
            continue
        name = f"do_{action.id.partition('.')[0]}"
        assert sum(hasattr(owner, name) for owner in owners) == 1, action.id


def test_nothing_but_the_registry_binds_keys() -> None:
    for path in SOURCES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id != "Binding", path
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.name == "key_sign" or not node.name.startswith("key_"), path
                assert node.name != "on_key" or path.name == "box.py", path  # which only puts them in order


def test_the_shipped_keys_do_not_clash() -> None:
    assert Keymap().clashes == []


def test_the_actions_of_the_socket_page_are_all_here() -> None:
    page = (ROOT / "docs" / "socket.md").read_text(encoding="utf-8")
    table = page[page.index("## Actions") :]
    named = {m[1]: m[2] for m in re.finditer(r"^\| (\w+) \|[^|]*\| (\w+) \|", table, re.M) if m[1] != "action"}
    assert len(named) > 15
    assert {a.order: a.role for a in ACTIONS if a.order} == named


def test_keys_of_the_page_are_the_keys_of_the_registry() -> None:
    page = (ROOT / "docs" / "desk.md").read_text(encoding="utf-8")
    keymap = Keymap()
    for action in ACTIONS:
        if keymap.keys(action.id) and not action.number:
            assert f"| `{action.id}` | `{keymap.sign(action.id)}`" in page, action.id


def test_guards_say_why() -> None:
    i18n.use("en")
    standing = DeskStanding(link="live", chosen=1)
    assert why_not(BY_ID["hold"], standing) == "needs role operator"
    health = {"version": "", "operator": "a", "role": "operator", "read_only": False, "shops": [], "now": 0}
    standing.health = health  # type: ignore[assignment]
    assert why_not(BY_ID["hold"], standing) is None
    assert why_not(BY_ID["close"], standing) == "needs role supervisor"
    standing.chosen = 0
    assert why_not(BY_ID["hold"], standing) == "no order is chosen"
    standing.force_read_only = True
    assert why_not(BY_ID["hold"], standing) == "the core is read-only"
    standing.link = "lost"
    assert why_not(BY_ID["hold"], standing) == "the line to the core is lost"
    assert why_not(BY_ID["down"], standing) is None


def test_a_keymap_file_changes_keys(tmp_path: Path) -> None:
    path = tmp_path / "keymap.toml"
    path.write_text('hold = ["H", "/"]\nfilter = "f"\n[view]\n1 = "z"\n', encoding="utf-8")
    keymap = Keymap(load(path))
    assert keymap.find("H", ("queue", "desk")) == "hold"
    assert keymap.find("slash", ("queue", "desk")) == "hold"
    assert keymap.find("f", ("queue", "desk")) == "filter"
    assert keymap.find("h", ("queue", "desk")) is None
    assert keymap.find("z", ("queue",)) == "view.1"
    assert keymap.sign("hold") == "H"


def test_clashes_are_named(tmp_path: Path) -> None:
    path = tmp_path / "keymap.toml"
    path.write_text('hold = "c"\n', encoding="utf-8")
    assert Keymap(load(path)).clashes == ["c: confirm / hold (queue)"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('hodl = "h"', "no action 'hodl'; nearest is 'hold'"),
        ("hold = 3", "hold must be a key or a list of keys"),
        ("hold = ", "keymap.toml: "),
    ],
)
def test_a_wrong_keymap_file_says_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "keymap.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(KeymapError, match=re.escape(said)):
        load(path)


def test_no_keymap_file_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert default_path() == tmp_path / "keydesk" / "keymap.toml"
    assert load(default_path()) == {}


def test_files_stay_readable_and_console_stays_light() -> None:
    for path in SOURCES:
        count = len(path.read_text(encoding="utf-8").splitlines())
        assert count <= 400, (path, count)
    assert len((ROOT / "console" / "app.py").read_text(encoding="utf-8").splitlines()) <= 250
