"""Runs a typed command by the same ways that keys take: nothing can be done here that a key could not do."""

from typing import TYPE_CHECKING

from console.actions import BY_ID
from console.command_line import Command, history_path, load_history, parse, save_history
from console.i18n import t
from console.screens.command import CommandScreen
from core.model.text import clean

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen

_SHOWN = 4  # orders named when a fragment fits several


async def ask_command(desk: "DeskScreen") -> None:
    """Asks for one command and runs it. Raises ClientError."""
    path = history_path()
    past = desk.history.setdefault("command", []) or load_history(path)
    desk.history["command"] = past
    text = await desk.app.push_screen_wait(CommandScreen(desk, past))
    if text is None or not text.strip():
        return
    desk.typeahead.begin(keep=False)  # until what the command opens is on the screen
    save_history(path, past)
    await run_command(desk, parse(text, desk.scopes))


async def run_command(desk: "DeskScreen", command: Command) -> None:
    """Does what a command says. Raises ClientError."""
    if command.name == "view":
        await desk.show_view(command.argument)
    elif command.name == "order":
        await _order(desk, command.argument)
    elif command.name == "filter" and command.argument:
        if desk.allowed("filter"):
            await _filter(desk, command.argument)
    elif command.name == "export" and command.argument:
        if desk.allowed("export"):
            await desk.exports.to_file(command.argument)
    elif desk.allowed(command.name):
        action = BY_ID[command.name]
        if action.order:
            await desk.acts.act(action, command.argument or None)
        else:
            work = desk.work_of(command.name)
            if work is not None:
                await work


async def _filter(desk: "DeskScreen", text: str) -> None:
    wrong = await desk.browse.wrong_filter(text)
    if wrong is not None:
        desk.say(wrong, "bad")
        return
    desk.standing.filter = text
    await desk.reload()


async def _order(desk: "DeskScreen", fragment: str) -> None:
    rows = await desk.client.find(fragment)
    exact = [row for row in rows if fragment in (row["ext_id"], str(row["id"]))]
    found = exact if len(exact) == 1 else rows
    if not found:
        desk.say(t("command.no_order", text=fragment), "warn")
        return
    if len(found) > 1:
        some = "  ".join(clean(row["ext_id"], 40) for row in found[:_SHOWN])
        desk.say(t("command.several", n=len(found), some=some), "warn")
        return
    row = found[0]
    # A window starts at an order's place even when the order is not in it; the cursor would stand on another one.
    for view, text in ((desk.standing.view, desk.standing.filter), ("open", ""), ("recent", "")):
        at = (await desk.client.queue(view, text, limit=1, at=row["id"]))["rows"]
        if at and at[0]["id"] == row["id"]:
            break
    else:
        desk.say(t("command.nowhere", ext_id=clean(row["ext_id"], 60)), "warn")
        return
    if desk.pane != "queue" or (view, text) != (desk.standing.view, desk.standing.filter):
        desk.standing.filter = text
        await desk.show_view(view)
    await desk.loader.at(row["id"])
    desk.open_detail(True)
    await desk.browse.read_detail()
