"""The places beside the queue (stock and imports of keys) worked by keys alone, on the real service over its real socket."""

from pathlib import Path
from typing import Any

from console.screens.desk import DeskScreen
from console.screens.key_import import ImportScreen
from console.screens.report import ReportScreen
from console.screens.stock import StockScreen
from core.desk.cases import CaseRow
from core.model.lifecycle import CaseKind
from tests.console.conftest import until
from tests.console.officekit import at, console, said, type_path
from tests.console.test_desk_keys import on_screen, shown
from tests.end_to_end.servicekit import desk
from tests.end_to_end.test_service_office import _import
from tests.end_to_end.test_service_reads import cases
from tests.end_to_end.test_service_uploads import _CANARY
from tests.store.deskdata import Seed, query


async def test_a_key_file_goes_from_disk_to_waiting_orders_and_back_out(tmp_path: Path) -> None:
    file = tmp_path / "june.txt"
    file.write_text(f"{_CANARY}\nBBBB-2222-0001\n\nBBBB-2222-0001\n", encoding="utf-8")
    async with desk(tmp_path, [Seed(1), Seed(2)]) as d:
        await d.writer.do(cases, [CaseRow(i, 1, CaseKind.NO_STOCK, "steam-50") for i in (1, 2)])
        async with console(d) as pilot:
            await pilot.press("S")
            await at(pilot, StockScreen)
            assert "2 orders wait" in shown(pilot, "#pane-detail")
            await pilot.press("u")
            assert "open a product" in shown(pilot, "#pane-say"), "the reason why it cannot be done here"
            await pilot.press("i")
            await type_path(pilot, file)
            await on_screen(pilot, ImportScreen)
            await until(pilot, lambda: "2 keys become stock" in shown(pilot, "#import-state"), "the preview")
            lines = shown(pilot, "#import-lines")
            assert "CANA-****-5d0" in lines
            assert _CANARY not in lines
            assert query(d.writer.path, "SELECT count(*) FROM key") == [(0,)], "a preview stores nothing"
            await pilot.press("enter")
            await until(pilot, lambda: "Imported" in shown(pilot, "#import-state"), "imported")
            await pilot.press("enter")
            place = await at(pilot, StockScreen)
            await until(pilot, lambda: place.product["free"] == 2, "the stock as it is now")
            assert "2 waiting orders go on" in said(pilot)[-1]
            await pilot.press("enter")
            await until(pilot, lambda: "june.txt" in shown(pilot, "#pane-list"), "its imports")
            await pilot.press("u")
            await on_screen(pilot, ReportScreen)
            await pilot.press("enter")
            await until(pilot, lambda: "taken back" in shown(pilot, "#pane-list"), "withdrawn")
            assert query(d.writer.path, "SELECT free, withdrawn FROM stock") == [(0, 2)]
            await pilot.press("u")
            assert "already" in said(pilot)[-1] or "taken back" in said(pilot)[-1]
            await pilot.press("escape")
            await until(
                pilot, lambda: "Steam" in shown(pilot, "#pane-list") or "steam-50" in shown(pilot, "#pane-list")
            )
            await pilot.press("escape")
            await on_screen(pilot, DeskScreen)
        assert _CANARY not in str(said(pilot))


async def test_a_file_with_a_bad_line_is_named_and_read_again_when_it_was_put_right(tmp_path: Path) -> None:
    file = tmp_path / "k.txt"
    file.write_text("AAAA-1111\nBB\tBB\n", encoding="utf-8")
    async with desk(tmp_path) as d, console(d) as pilot:
        await pilot.press("S")
        await at(pilot, StockScreen)
        await pilot.press("i")
        await type_path(pilot, tmp_path / "none.txt")
        await until(pilot, lambda: "no such file" in shown(pilot, "#prompt-error"), "named at once")
        await type_path(pilot, file)
        await on_screen(pilot, ImportScreen)
        await until(pilot, lambda: "line 2: control character" in shown(pilot, "#import-lines"), "the bad line")
        await pilot.press("enter")
        assert "nothing that could be imported" in said(pilot)[-1]
        file.write_text("AAAA-1111\nBB----BB\n", encoding="utf-8")
        await pilot.press("r")
        await until(pilot, lambda: "2 keys become stock" in shown(pilot, "#import-state"), "read again")
        file.unlink()
        await pilot.press("r")
        await until(pilot, lambda: "no such file" in shown(pilot, "#import-state"), "it is gone")
        await pilot.press("escape")
        await on_screen(pilot, StockScreen)


async def test_a_used_import_is_not_offered_for_taking_back(tmp_path: Path) -> None:
    async with desk(tmp_path, [Seed(1)]) as d:
        told = await _import(d, "AAAA-1111\nBBBB-2222\n")
        await d.writer.do(_sell_one, told["batch"])
        async with console(d) as pilot:
            await pilot.press("S")
            await at(pilot, StockScreen)
            await pilot.press("enter")
            await until(pilot, lambda: "in use" in shown(pilot, "#pane-list"), "its imports")
            await pilot.press("u")
            assert "cannot be taken back" in shown(pilot, "#pane-say")
            assert isinstance(pilot.app.screen, StockScreen)


def _sell_one(tx: Any, items: list[int]) -> list[None]:
    for batch in items:
        sql = "UPDATE key SET state = 1, order_id = 1, line = '1', slot = 1 WHERE id = (SELECT min(id) FROM key WHERE batch = ?)"
        tx.run(sql, (batch,))
    return [None for _ in items]
