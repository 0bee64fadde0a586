"""Stock by product, the imports of one, and the way to a new import."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.content import Content

from console.controllers.importing import Importing
from console.i18n import t
from console.presenters import stock as words
from console.presenters.table import header
from console.screens.pane import PaneScreen
from console.screens.report import ReportScreen
from console.widgets.pick_list import Item
from console.wire_office import Batch, Stocked
from core.model.text import clean

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen

PAGE = 100


class StockScreen(PaneScreen):
    """Products; Enter opens the imports of one."""

    scope = "stock"
    scopes = ("stock",)

    def __init__(self, desk: "DeskScreen") -> None:
        super().__init__(desk)
        self._products: list[Stocked] = []
        self._open: str | None = None  # the product whose imports are shown
        self._batches: list[Batch] = []
        self._next: int | None = None
        self._pages = 1

    # what is shown

    async def fetch(self) -> None:
        """Products, and the imports of the one that is open."""
        office = self.desk.office
        self._products = await office.stock()
        wanted = self._open
        if wanted is None:
            return
        found: list[Batch] = []
        mark: int | None = 0
        for _ in range(self._pages):
            page = await office.batches(wanted, mark or 0, PAGE)
            found, mark = found + page["batches"], page["next"]
            if mark is None:
                break
        if self._open != wanted:
            await self.fetch()  # somebody went on meanwhile: what is shown must be of what is open
        else:
            self._batches, self._next = found, mark

    @property
    def product(self) -> Stocked | None:
        """The product that is open, or under the cursor."""
        key = self._open or self.pick.key
        return next((one for one in self._products if one["id"] == key), None)

    @property
    def picked(self) -> Batch | None:
        """The import under the cursor."""
        key = self.pick.key
        return next((one for one in self._batches if one["id"] == key), None) if self._open else None

    def heading(self) -> Content:
        """Which level this is."""
        if self._open is None:
            return Content.styled(t("stock.title", n=len(self._products)), "bold")
        product = self.product
        return Content.styled(t("stock.imports", title=clean(product["title"] if product else self._open, 80)), "bold")

    def columns(self) -> Content:
        """Of the level that is open."""
        return header(words.PRODUCTS if self._open is None else words.BATCHES, self.room)

    def items(self) -> Sequence[Item]:
        """Products by urgency, or imports from the newest."""
        now, room = self.desk.clock(), self.room
        if self._open is not None:
            return [(one["id"], words.batch_line(one, room)) for one in self._batches]
        found = sorted(self._products, key=lambda one: words.urgency(one, now))
        return [(one["id"], words.product_line(one, now, room)) for one in found]

    def empty(self) -> str:
        """No product, or no import."""
        return t("stock.no_imports" if self._open else "stock.no_products", key=self.desk.keymap.sign("stock_import"))

    def particulars(self) -> list[Content]:
        """What the figures under the cursor mean."""
        if self._open is not None:
            return words.batch_words(self.picked) if self.picked is not None else []
        return words.product_words(self.product, self.desk.clock()) if self.product is not None else []

    def moved(self) -> None:
        """Older imports are read when the cursor nears the end."""
        if self._open and self._next is not None and self.pick.index + self.pick.size.height >= len(self._batches):
            self._pages += 1
            self.look()

    def leave(self) -> bool:
        """From the imports back to the products."""
        was, self._open = self._open, None
        self._batches, self._pages = [], 1
        if was is not None:
            self.draw()
            self.pick.put(was)
        return was is not None

    # what can be done

    def reason(self, action: str) -> str | None:
        """Beyond role and line."""
        if action == "stock_open":
            return t("stock.open_already") if self._open else None if self.product else t("stock.no_product")
        if action == "stock_import":
            return None if self.product else t("stock.no_product")
        batch = self.picked
        if batch is None:
            return t("stock.pick_batch")
        state = words.batch_state(batch)
        return t(f"stock.batch.{state}_long", at="") if state in ("used", "undone") else None

    def do_stock_open(self) -> None:
        """The imports of the product under the cursor."""
        if self.product is not None:
            self._open, self._pages, self._batches = self.product["id"], 1, []
            self.read_at = None  # another list: it is not empty before it was read
            self.draw()
            self.look()

    def do_stock_import(self) -> None:
        """Asks for a file and shows what it holds."""
        product = self.product
        if product is not None:
            self.desk.run(self._import(product), opens=True)

    async def _import(self, product: Stocked) -> None:
        await Importing(self.desk, product["id"], product["title"] or product["id"]).run()
        if self.is_mounted:
            self.look()

    def do_stock_undo(self) -> None:
        """Withdraws the import under the cursor, after a yes."""
        if self.picked is not None:
            self.desk.run(self._undo(self.picked), opens=True)

    async def _undo(self, batch: Batch) -> None:
        lines = [*words.batch_words(batch), Content(t("stock.undo_ask", n=batch["size"]))]
        agreed = await self.app.push_screen_wait(
            ReportScreen(self.desk, t("act.stock_undo"), lines, t("act.stock_undo"))
        )
        if agreed:
            withdrawn = await self.desk.office.undo_batch(batch["id"])
            self.desk.say(t("stock.undone", n=withdrawn, batch=batch["id"]), "good")
            if self.is_mounted:
                self.look()
