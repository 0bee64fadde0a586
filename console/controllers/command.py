"""Runs a typed command by the same ways that keys take: nothing can be done here that a key could not do."""

from typing import TYPE_CHECKING

from console.actions import BY_ID
from console.command_line import Command, history_path, load_history, parse, save_history
from console.controllers.find import find_order
from console.i18n import t
from console.screens.command import CommandScreen

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen


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
    await run_command(desk, parse(text, desk.scopes, desk.standing.tabs))


async def run_command(desk: "DeskScreen", command: Command) -> None:
    """Does what a command says. Raises ClientError."""
    desk.trail.add(command.name)
    desk.wall.stand_aside(command.name)
    if command.name == "wall" and command.argument:
        await desk.wall.save(command.argument.partition(" ")[2].strip())
    elif command.name == "view":
        if command.argument not in desk.standing.tabs:  # a macro may name one that was forgotten since
            desk.say(t("views.unknown", name=command.argument), "warn")
            return
        await desk.show_view(command.argument)
    elif command.name == "save":
        desk.own.save(command.argument)
    elif command.name == "forget":
        await desk.own.forget(command.argument)
    elif command.name == "macro":
        await desk.own.run(command.argument)
    elif command.name == "order":
        await find_order(desk, command.argument)
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
