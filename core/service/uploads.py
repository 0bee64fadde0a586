"""Files that are looked at first and taken in later: key files into the vault, order files into the intake."""

import asyncio
import difflib
import re
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import msgspec

from core.desk import orders_file
from core.desk.reads import Reader
from core.desk.refusals import Refused, bad_request
from core.model.clock import MINUTE
from core.model.order import Batch
from core.model.text import clean
from core.pipeline.intake import Intake, IntakeItem
from core.pipeline.setup import Setup
from core.pipeline.upkeep import restocked
from core.store.writer import Writer
from core.vault import imports, keyfile
from core.vault.plan import Plan
from core.vault.seal import Vault

_HELD_MAX = 4  # a file under way may be large; an older one that nobody took in makes room
_LIFE = 10 * MINUTE
_ORDERS_CHUNK = 500
_encode = msgspec.json.Encoder().encode


class _Held(NamedTuple):
    by: str
    until: int
    what: Plan | orders_file.OrdersFile

    def __repr__(self) -> str:
        return f"_Held(by={self.by!r})"


@runtime_checkable
class _Listed(Protocol):
    """A catalogue that can name all its products, as the merchant's own can."""

    @property
    def ids(self) -> Sequence[str]: ...


class Uploads:
    """Holds previewed files by token until they are taken in or forgotten."""

    def __init__(
        self, writer: Writer, reads: Reader, setup: Setup, vault: Vault | None, intake: Intake, keys_max: int
    ) -> None:
        self._writer, self._reads, self._setup = writer, reads, setup
        self._vault, self._intake, self._keys_max = vault, intake, keys_max
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def close(self) -> None:
        """Let an import that is being written finish; forget the rest."""
        self._held.clear()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _hold(self, by: str, what: Plan | orders_file.OrdersFile) -> str:
        token = secrets.token_urlsafe(12)
        self._held[token] = _Held(by, self._writer.clock() + _LIFE, what)
        while len(self._held) > _HELD_MAX:
            self._held.popitem(last=False)
        return token

    def _take(self, by: str, token: str) -> Plan | orders_file.OrdersFile:
        held = self._held.get(token)
        if held is None or held.by != by or held.until < self._writer.clock():
            raise Refused(409, "stale_preview", "this preview is not valid any more", "Preview the file again.")
        del self._held[token]
        return held.what

    # ---- keys

    async def preview_keys(self, by: str, product: str, name: str, data: bytes) -> dict[str, Any]:
        """Compare a key file with the stock; nothing is stored. Raises Refused."""
        vault = self._need_vault()
        if not product or clean(product, 64) != product or any(c.isspace() for c in product):
            raise bad_request("which product?", "Give product=ID, as in products.toml.")
        catalogue = self._setup.catalogue
        if isinstance(catalogue, _Listed) and product not in catalogue.ids:
            raise _unknown(product, catalogue.ids)
        title = catalogue.title_of(product)

        def read() -> Plan:
            return Plan(vault, product, clean(name, 100), title, keyfile.read(data, self._keys_max))

        made = await asyncio.to_thread(read)
        for sql, params in made.questions():
            made.answer(await self._reads.all(sql, params))
        return {"token": self._hold(by, made), **made.preview()}

    def import_keys(self, by: str, token: str) -> AsyncIterator[bytes]:
        """Seal and store a previewed file; NDJSON lines with progress, then the result. Raises Refused at once."""
        made = self._take(by, token)
        if not isinstance(made, Plan):
            raise bad_request("this token stands for an order file")
        steps: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        # A task of its own: a console that goes away must not leave an import half told.
        task = asyncio.get_running_loop().create_task(self._import(by, made, steps), name="keys-import")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return _lines(steps)

    async def _import(self, by: str, made: Plan, steps: "asyncio.Queue[dict[str, Any] | None]") -> None:
        loop = asyncio.get_running_loop()
        whole = 2 * made.new  # sealing, then writing

        def tell(offset: int) -> imports.Progress:
            def progress(done: int, _: int) -> None:
                loop.call_soon_threadsafe(steps.put_nowait, {"done": offset + done, "total": whole})

            return progress

        try:
            ids = await self._writer.do(imports.reserve, made.ids_needed())
            await asyncio.to_thread(made.seal, ids, tell(0))
            product = await self._writer.do(imports.write_imports, imports.WriteWork(made, by, tell(whole // 2)))
            freed = await self._writer.do(restocked, product)
            steps.put_nowait({"batch": made.batch, "imported": made.imported, "orders_freed": freed})
        except imports.ImportRefused as refused:
            steps.put_nowait({"error": {"code": "import_refused", "message": str(refused), "hint": ""}})
        except Exception as error:
            kind = type(error).__name__
            steps.put_nowait({"error": {"code": "internal", "message": f"nothing was imported ({kind})", "hint": ""}})
        finally:
            steps.put_nowait(None)

    async def undo_keys(self, by: str, batch: int) -> int:
        """Withdraw an unused batch. Raises ImportRefused."""
        return await self._writer.do(imports.undo_batches, imports.UndoWork(batch, by))

    def _need_vault(self) -> Vault:
        if self._vault is None:
            raise Refused(503, "no_vault", "this core has no vault open")
        return self._vault

    # ---- orders

    async def preview_orders(self, by: str, data: bytes) -> dict[str, Any]:
        """Read an order file and tell what is new in it; nothing is stored."""
        shops = {info.name: number for number, info in self._setup.shops.items()}
        read = await asyncio.to_thread(orders_file.read, data, shops, self._writer.clock())
        known = await orders_file.known(self._reads, read)
        return {
            "token": self._hold(by, read),
            "orders": len(read.orders),
            "new": len(read.orders) - len(known),
            "known": len(known),
            "errors": [{"line": e.line, "why": e.why} for e in read.errors[:100]],
            "bad": len(read.errors),
        }

    async def import_orders(self, by: str, token: str) -> dict[str, Any]:
        """Take in the new orders of a previewed file; known ones are left as they are. Raises Refused."""
        read = self._take(by, token)
        if not isinstance(read, orders_file.OrdersFile):
            raise bad_request("this token stands for a key file")
        if read.errors:
            raise Refused(409, "bad_lines", f"{len(read.errors)} lines cannot be read", "Put the file right first.")
        known = await orders_file.known(self._reads, read)
        fresh = [order for order in read.orders if (order.shop, order.update.ext_id) not in known]
        done = 0
        for at in range(0, len(fresh), _ORDERS_CHUNK):
            by_shop: dict[int, list[orders_file.FileOrder]] = {}
            for order in fresh[at : at + _ORDERS_CHUNK]:
                by_shop.setdefault(order.shop, []).append(order)
            for shop, orders in by_shop.items():
                batch = Batch(updates=tuple(order.update for order in orders), cursor=None, more=False)
                item = IntakeItem(shop, batch, self._writer.clock(), keep_cursor=False)
                await self._writer.do(self._intake.apply, item)
                done += len(orders)
        return {"imported": done, "known": len(known)}


def _unknown(product: str, known: Sequence[str]) -> Refused:
    """Keys of a product that is not sold would lie where no order finds them."""
    near = difflib.get_close_matches(product, known, n=3, cutoff=0.5)
    meant = f"; near to it: {', '.join(near)}" if near else f"; it has {len(known)} others"
    name = product if re.fullmatch(r"[A-Za-z0-9_-]+", product) else f'"{product}"'
    return Refused(
        400,
        "unknown_product",
        f"products.toml has no product {product!r}{meant}",
        f"If it is a new one, add it there first: [products.{name}] with title and skus.",
    )


async def _lines(steps: "asyncio.Queue[dict[str, Any] | None]") -> AsyncIterator[bytes]:
    while (step := await steps.get()) is not None:
        yield _encode(step) + b"\n"
