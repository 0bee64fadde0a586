"""One import of keys: a file of this machine is read, held against the stock, and taken in after a yes.

The file's bytes are held from reading to the core's answer and nowhere kept; of keys the desk shows masks alone.
"""

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

from console import file_path
from console.client import ClientError
from console.file_path import FileError
from console.i18n import t
from console.wire_office import KeyPreview
from core.model.text import clean

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen


class Importing:
    """What became of it so far. ``state`` is reading, seen, writing, done or failed."""

    def __init__(self, desk: "DeskScreen", product: str, title: str) -> None:
        self._desk, self.product, self.title = desk, product, clean(title, 80)
        self.path = Path()
        self.state, self.problem = "reading", ""
        self.preview: KeyPreview | None = None
        self.done = self.total = 0

    async def run(self) -> None:
        """Asks for the file, then shows the import until it is left. Raises ClientError."""
        from console.screens.completing import PathScreen
        from console.screens.key_import import ImportScreen

        past = self._desk.history.setdefault("path", [])
        text = await self._desk.app.push_screen_wait(PathScreen(self._desk, t("keys.which", title=self.title), past))
        if text is None:
            return
        self.path = file_path.expand(text)
        await self._desk.app.push_screen_wait(ImportScreen(self._desk, self))

    async def read(self) -> None:
        """Reads the file and asks the core what it holds; a refusal is a state, not an error."""
        self.state, self.preview = "reading", None
        try:
            data = await asyncio.to_thread(lambda: file_path.read(file_path.check(str(self.path))))
            name = clean(self.path.name, 100)
            self.preview = await self._desk.office.preview_keys(self.product, name, data)
            self.state = "seen"
        except FileError as error:
            self._fail(t(error.code, **error.facts))
        except ClientError as error:
            self._fail(t("error.offline") if error.offline else f"{error.message} {error.hint}")

    def _fail(self, why: str) -> None:
        self.state, self.problem = "failed", why

    @property
    def ready(self) -> bool:
        """Whether a yes would import something."""
        return self.state == "seen" and self.preview is not None and self.preview["new"] > 0 and not self.preview["bad"]

    async def write(self) -> None:
        """Imports what was seen. The core finishes it whether or not anybody watches; how it ended is said."""
        seen = self.preview
        if seen is None or not self.ready:
            return
        self.state, self.done, self.total = "writing", 0, 2 * seen["new"]
        name = clean(self.path.name, 60)
        try:
            async with aclosing(self._desk.office.import_keys(seen["token"])) as steps:
                async for step in steps:
                    if "error" in step:
                        self._fail(clean(str(step["error"].get("message", "")), 300))
                    elif "batch" in step:
                        self.state = "done"
                        done = t("keys.imported", name=name, n=step["imported"], batch=step["batch"])
                        self._desk.say(done + t("keys.freed", n=step["orders_freed"]), "good")
                    else:
                        self.done, self.total = int(step["done"]), int(step["total"])
        except ClientError as error:
            self._fail(t("keys.cut_off") if error.offline else f"{error.message} {error.hint}")
        if self.state == "writing":
            self._fail(t("keys.cut_off"))
        if self.state == "failed":
            self._desk.say(t("keys.not_imported", name=name, why=self.problem), "bad")
