"""The places beside the queue worked by keys alone, on the real service over its real socket."""

from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from console.screens.connections import ConnectionsScreen
from console.screens.desk import DeskScreen
from console.screens.doctor import DoctorScreen
from console.screens.help import HelpScreen
from console.screens.log import LogScreen
from console.screens.report import ReportScreen
from console.screens.rules import RulesScreen
from console.screens.stock import StockScreen
from console.widgets.plain import Plain
from core.model.order import Quarantined
from core.pipeline.silence import Stop, Word
from core.service.options import Options as CoreOptions
from tests.console.conftest import until
from tests.console.officekit import at, console, said, type_path
from tests.console.test_desk_keys import desk_of, on_screen, shown
from tests.end_to_end.servicekit import desk
from tests.end_to_end.test_connect_health import _set_aside, _silence
from tests.end_to_end.test_service_office import OTHER, RULES, _follow, _import
from tests.store.deskdata import Seed, query


async def test_an_operator_may_look_and_is_told_why_not_more(tmp_path: Path) -> None:
    options = CoreOptions("test", role_of=lambda user, owner: "operator")
    async with desk(tmp_path, options=options) as d:
        _follow(d, tmp_path / "rules.toml")
        async with console(d) as pilot:
            await pilot.press("S")
            await at(pilot, StockScreen)
            await pilot.press("i")
            assert "needs role supervisor" in shown(pilot, "#pane-say")
            desk_of(pilot).perform("rules")
            await at(pilot, RulesScreen)
            await pilot.press("R")
            assert "reload: needs role supervisor" in shown(pilot, "#pane-say")
            await pilot.press("c")
            await on_screen(pilot, ReportScreen)
            assert "No order would be treated otherwise" in shown(pilot, "#report-lines")


async def test_a_rule_file_is_tried_and_then_taken(tmp_path: Path) -> None:
    file, other = tmp_path / "rules.toml", tmp_path / "new.toml"
    other.write_text(OTHER, encoding="utf-8")
    async with desk(tmp_path, [Seed(1, due=3000, buyer="wang"), Seed(2)]) as d:
        _follow(d, file)
        async with console(d) as pilot:
            await pilot.press("colon")
            await until(pilot, lambda: pilot.app.screen.query(Input), "the command line")
            await pilot.press(*"rules", "enter")
            place = await at(pilot, RulesScreen)
            assert "Fits 1 of the newest 2 orders" in shown(pilot, "#pane-detail")
            await pilot.press("t")
            await type_path(pilot, other)
            await on_screen(pilot, ReportScreen)
            lines = shown(pilot, "#report-lines")
            assert "+ wang" in lines
            assert "amount >= 2000  ->  amount >= 1000" in lines
            assert "2 orders otherwise: 1 held" in lines
            await pilot.press("escape")
            file.write_text(RULES.replace("amount", "amuont"), encoding="utf-8")
            await pilot.press("R")
            await until(pilot, lambda: "refused" in shown(pilot, "#pane-detail"), "what is wrong with it")
            assert "amuont" in said(pilot)[-1]
            file.write_text(OTHER, encoding="utf-8")
            await pilot.press("R")
            await until(pilot, lambda: "wang" in shown(pilot, "#pane-list"), "in force")
            assert place.trouble is None


class _Reads:
    """A shop of a platform whose interface was mended: it reads again what it could not."""

    name, platform, send_via = "pdd-main", "pinduoduo", "shop"

    async def remap(self, kept: Quarantined, at: int) -> tuple[Any, ...]:
        return () if kept.field == "mended" else (kept,)


async def test_what_was_set_aside_is_looked_at_and_read_again(tmp_path: Path) -> None:
    async with desk(tmp_path, [Seed(1)]) as d:
        await _silence(d)
        await d.writer.do(_aside, ("mended", b"1"))
        await d.writer.do(_aside, ("broken", b"2"))
        d.service.replayer._shops = {2: _Reads()}  # type: ignore[dict-item]
        async with console(d) as pilot:
            desk_of(pilot).perform("connections")
            await at(pilot, ConnectionsScreen)
            await pilot.press("R")
            assert "nothing is set aside" in shown(pilot, "#pane-say")
            await pilot.press("j")
            assert "What to do: Check the token" in shown(pilot, "#pane-detail")
            await pilot.press("enter")
            await until(pilot, lambda: "mended" in shown(pilot, "#pane-list"), "fields and reasons")
            await pilot.press("R")
            await on_screen(pilot, ReportScreen)
            assert "1  would be taken in" in shown(pilot, "#report-lines")
            assert query(d.writer.path, "SELECT count(*) FROM quarantine WHERE resolved_at IS NULL") == [(2,)]
            await pilot.press("enter")
            await until(pilot, lambda: "1 taken in, 1 stay" in shown(pilot, "#report-title"), "for good")
            await pilot.press("enter")
            await until(pilot, lambda: "mended" not in shown(pilot, "#pane-list"), "what is left")
            assert query(d.writer.path, "SELECT field FROM quarantine WHERE resolved_at IS NULL") == [("broken",)]


def _aside(tx: Any, items: list[tuple[str, bytes]]) -> list[None]:
    for field, raw in items:
        tx.run(
            "INSERT INTO quarantine(id, shop, ext_id, field, why, raw, print, at, seen) VALUES(?, 2, '', ?, 'w', ?, ?, ?, 1)",
            (tx.new_id(), field, raw, raw, tx.now),
        )
    return [None for _ in items]


async def test_a_silent_shop_is_let_go_with_a_reason(tmp_path: Path) -> None:
    async with desk(tmp_path, [Seed(1)]) as d:
        silence = await _silence(d)
        await d.writer.do(silence.apply, Word(1, "core", Stop(d.service.clock(), 12, 15)))
        async with console(d) as pilot:
            desk_of(pilot).perform("connections")
            await at(pilot, ConnectionsScreen)
            assert "SILENT" in shown(pilot, "#pane-list")
            await pilot.press("r")
            await until(pilot, lambda: pilot.app.screen.query(Input), "the reason")
            await until(pilot, lambda: not desk_of(pilot).typeahead._until, "keys count")
            await pilot.press(*"holiday", "enter")
            await until(pilot, lambda: "SILENT" not in shown(pilot, "#pane-list"), "it goes on")
            await pilot.press("r")
            assert "not stopped" in shown(pilot, "#pane-say")


async def test_places_lead_to_each_other_and_tell_their_keys(tmp_path: Path) -> None:
    async with desk(tmp_path) as d, console(d) as pilot:
        await pilot.press("S")
        await at(pilot, StockScreen)
        await pilot.press("question_mark")
        await on_screen(pilot, HelpScreen)
        await until(pilot, lambda: "import keys" in shown(pilot, "#help-keys"), "its own keys")
        assert "next row" in shown(pilot, "#help-keys")
        assert "hold" not in shown(pilot, "#help-keys"), "nothing that means something elsewhere alone"
        await pilot.press("escape")
        await pilot.press("L")
        await at(pilot, LogScreen)
        await pilot.press("c", "h", "r", "1", "tab")
        assert isinstance(pilot.app.screen, LogScreen), "keys of the queue do nothing here"
        assert len(pilot.app.screen_stack) == 2
        await pilot.press("q")
        await on_screen(pilot, DeskScreen)


async def test_missed_messages_are_counted_until_they_are_looked_up(tmp_path: Path) -> None:
    async with desk(tmp_path) as d, console(d) as pilot:
        desk_screen = desk_of(pilot)
        before = len(desk_screen.messages.kept)
        desk_screen.say("first went wrong", "bad")
        desk_screen.say("second went wrong", "bad")
        desk_screen.say("third went well", "good")
        desk_screen.show_notice()
        assert "2 missed: L" in shown(pilot, "#notice")
        await pilot.press("L")
        place = await at(pilot, LogScreen)
        assert place.pick.index == before + 2
        assert [line.split()[-3:] for line in shown(pilot, "#pane-list").splitlines()][-3:] == [
            ["first", "went", "wrong"],
            ["second", "went", "wrong"],
            ["third", "went", "well"],
        ]
        await pilot.press("escape")
        assert "missed" not in shown(pilot, "#notice")
        for n in range(250):
            desk_screen.say(f"line {n}", "good")
        assert len(desk_screen.messages.kept) == 200


async def test_a_core_that_goes_leaves_what_was_read_and_comes_back_by_itself(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        await _import(d, "AAAA-1111\n")
        async with console(d, live=True) as pilot:
            await pilot.press("S")
            place = await at(pilot, StockScreen)
            place.every = 0.05
            d.server.ask_stop()
            await until(pilot, lambda: not d.path.exists(), "the core is gone")
            place.look()
            await until(pilot, lambda: "No core answers" in shown(pilot, "#pane-title"), "it is said", 15)
            assert "steam-50" in shown(pilot, "#pane-list")
            await until(pilot, lambda: not desk_of(pilot).standing.online, "the desk knows", 15)
            await pilot.press("i")
            assert "line to the core is lost" in shown(pilot, "#pane-say")
            assert any("line to the core is lost" in text for text in said(pilot))


@pytest.mark.parametrize("place", ["stock", "rules", "connections", "doctor", "log"])
async def test_a_place_that_shows_the_same_draws_nothing(
    tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path, [Seed(1)]) as d:
        _follow(d, tmp_path / "rules.toml")
        await _silence(d)
        await d.writer.do(_set_aside, (2, "order.total"))
        async with console(d) as pilot:
            desk_of(pilot).perform(place)
            await until(pilot, lambda: getattr(pilot.app.screen, "trouble", 0) is None, "it is open")
            screen: Any = pilot.app.screen
            await until(pilot, lambda: screen.read_at is not None or screen.trouble is not None, "it has read")
            await pilot.pause(0.2)
            drawn: list[str] = []
            update = Plain.update

            def counted(self: Plain, *args: Any, **kinds: Any) -> None:
                drawn.append(str(self.id))
                update(self, *args, **kinds)

            monkeypatch.setattr(Plain, "update", counted)
            for _ in range(3):
                before = screen.read_at
                screen.look()
                await until(
                    pilot,
                    lambda b=before: (not screen._reading and screen.read_at != b) or place == "log" or screen.trouble,
                )
            assert drawn == []


async def test_the_doctor_speaks_of_the_terminal_even_without_findings_of_the_core(tmp_path: Path) -> None:
    async with desk(tmp_path) as d, console(d) as pilot:
        desk_of(pilot).perform("doctor")
        place = await on_screen(pilot, DoctorScreen)
        await until(pilot, lambda: place.trouble is not None, "this core has no settings at hand")
        assert "160x48" in shown(pilot, "#pane-list")
        assert "without its settings" in shown(pilot, "#pane-title")
