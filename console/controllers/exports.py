"""What leaves the desk as a file, and the two screens for looking closely: the x-ray of an order, the history.

What writes files is imported when one is written: every start would pay for it.
"""

import asyncio
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from console.client import ClientError
from console.i18n import t
from console.presenters.cells import stamp
from console.wire import Facts
from core.model.text import clean

if TYPE_CHECKING:
    from console.export.table import Table
    from console.screens.desk import DeskScreen

SHOWN_S = 0.5  # between two figures of progress
TURN = 200  # rows written before a key gets its turn


class Exports:
    """One export of orders at a time; its figures stand in the line at the foot."""

    def __init__(self, desk: "DeskScreen") -> None:
        self._desk = desk
        self.running: asyncio.Task[None] | None = None

    # orders

    async def do_export(self) -> None:
        """Asks for a file and writes the marked orders to it, or the view with its filter. Raises ClientError."""
        desk = self._desk
        if self.running is not None:
            await self._ask_to_stop()
            return
        if desk.pane == "cases" and desk.cases.kind == "quarantine":
            desk.say(t("export.no_orders"), "warn")
            return
        marks = len(desk.queue.model.marks)
        title = "export.marks" if marks else "export.view"
        name = f"keydesk-{'marked' if marks else self._which()['view']}-{self._stamp()}.csv"
        text = await desk.ask(title, str(Path.home() / name), needed=True, history="export", hint=t("export.hint"))
        desk.typeahead.end()
        if text is not None:
            await self.to_file(text)

    async def to_file(self, text: str) -> None:
        """Writes to this file, asking before it takes the place of another. Raises ClientError."""
        from console.export.file import FileRefused, NewFile, expand

        path, force = expand(text), False
        try:
            NewFile(path).check()
        except FileRefused as error:
            if not error.taken:
                self._desk.say(str(error), "bad")
                return
            if not await self._may_go(path):
                return
            force = True
        self._desk.run(self._run(path, force))

    async def _may_go(self, path: Path) -> bool:
        shown = clean(str(path), 200)
        answer = await self._desk.ask("export.taken", "", history="export.taken", hint=shown)
        self._desk.typeahead.end()
        return answer is not None and answer.strip().lower() in (t("export.yes"), "yes")

    async def _ask_to_stop(self) -> None:
        answer = await self._desk.ask("export.running", "", history="export.taken")
        self._desk.typeahead.end()
        if answer is not None and answer.strip().lower() in (t("export.yes"), "yes") and self.running is not None:
            self.running.cancel()

    def _which(self) -> Facts:
        desk = self._desk
        marks = list(desk.queue.model.marks)
        if marks:
            return {"orders": marks}
        if desk.pane == "cases":
            kind = desk.cases.kind
            return {"view": "exceptions", "filter": f"case:{kind}" if kind else ""}
        return {"view": desk.standing.view, "filter": desk.standing.filter}

    def _stamp(self) -> str:
        return stamp(self._desk.clock())

    async def _run(self, path: Path, force: bool) -> None:
        from console.export.file import FileRefused
        from console.export.table import Look, Table

        desk = self._desk
        if self.running is not None:
            desk.say(t("export.busy"), "warn")
            return
        form = "json" if path.suffix.lower() == ".json" else "csv"
        wanted = {**self._which(), "format": form}
        self.running = asyncio.ensure_future(self._write(path, force, wanted, Table(form, Look())))
        try:
            await self.running
        except asyncio.CancelledError:
            desk.say(t("export.stopped"), "warn")
        except FileRefused as error:
            desk.say(str(error), "bad")
        finally:
            self.running = None

    async def _write(self, path: Path, force: bool, wanted: Facts, table: "Table") -> None:
        from console.export.file import NewFile

        desk, rows, total, end, shown = self._desk, 0, 0, -1, time.monotonic()
        with NewFile(path, force) as out:
            async for line in desk.client.export(wanted):
                if "export" in line:
                    total = line["export"]["total"]
                    out.write(table.head(line["export"]).encode())
                elif "end" in line:
                    end = line["end"]["rows"]
                else:
                    out.write(table.row(line).encode())
                    rows += 1
                    if rows % TURN == 0:
                        await asyncio.sleep(0)
                    if time.monotonic() - shown > SHOWN_S:
                        shown = time.monotonic()
                        desk.say(t("export.progress", done=rows, total=total))
            if rows != end:
                raise ClientError("offline", "export cut off")
            out.write(table.foot().encode())
            out.keep()
        desk.say(t("export.done", n=rows, path=clean(str(path), 200)))

    # one order

    def order(self) -> tuple[int, str] | None:
        """Id and number of the order under the cursor; None without one."""
        desk = self._desk
        if desk.pane == "cases":
            case = desk.cases.current
            return (case["order_id"], case["ext_id"]) if case is not None and case["order_id"] else None
        row = desk.queue.model.current
        return (row["id"], row["ext_id"]) if row is not None else None

    async def do_evidence(self) -> None:
        """One key: the evidence pack of the order under the cursor, into the home folder. Raises ClientError."""
        order = self.order()
        if order is None:
            self._desk.say(t("guard.no_order"), "warn")
        else:
            await self.evidence(*order)

    async def evidence(self, order_id: int, ext_id: str) -> None:
        """The pack of one order. Raises ClientError."""
        self._desk.say(t("evidence.making", ext_id=clean(ext_id, 60)))
        self._put(_file("evidence", ext_id, ".zip"), await self._desk.client.evidence(order_id), "evidence.done")

    async def timeline(self, order_id: int, ext_id: str) -> None:
        """One order's story as text and as JSON, side by side. Raises ClientError."""
        told = await self._desk.client.timeline(order_id)
        text = str(told.pop("text"))
        path = _file("timeline", ext_id, ".txt")
        data = json.dumps(told, ensure_ascii=False, indent=1).encode() + b"\n"
        if self._put(path, text.encode(), "timeline.done"):
            self._put(path.with_suffix(".json"), data, "")

    def _put(self, path: Path, data: bytes, said: str) -> bool:
        from console.export.file import FileRefused, NewFile

        try:
            with NewFile(path) as out:
                out.write(data)
                out.keep()
        except FileRefused as error:
            self._desk.say(str(error), "bad")
            return False
        if said:
            self._desk.say(t(said, path=clean(str(path), 200)))
        return True

    # looking closely

    async def do_xray(self) -> None:
        """The order under the cursor, all of it, as a tree."""
        order = self.order()
        if order is None:
            self._desk.say(t("guard.no_order"), "warn")
        else:
            await self.xray(order[0])

    async def xray(self, order_id: int) -> None:
        """The x-ray of one order."""
        from console.screens.xray import XrayScreen

        found = await self._desk.client.order(order_id)
        await self._desk.app.push_screen_wait(XrayScreen(self._desk, found))

    async def do_history(self) -> None:
        """The event log; comes back with the order that was opened there."""
        await self.history("")

    async def history(self, text: str) -> None:
        """The event log under a filter. Raises ClientError."""
        from console.command_line import Command
        from console.controllers.command import run_command
        from console.screens.history import HistoryScreen

        order = await self._desk.app.push_screen_wait(HistoryScreen(self._desk, text))
        if order is not None:
            await run_command(self._desk, Command("order", str(order)))


def _file(what: str, ext_id: str, suffix: str) -> Path:
    from console.export.file import free_name, safe_name

    return free_name(Path.home() / f"keydesk-{what}-{safe_name(ext_id)}{suffix}")
