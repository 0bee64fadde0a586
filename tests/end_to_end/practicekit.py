"""A core of our own on a practice world, stocked through the command as a merchant would, and what both say."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from console.commands.calls import CallError, Core
from console.commands.demo.world import World, write_files
from core.audit import audit
from tests.end_to_end.processes import CoreProcess, environment, keydesk, place, until

RULES = Path(__file__).parents[2] / "rules.toml"
KILLED = -9


class Merchant:
    """A folder with settings, and the cores that are started on them one after the other."""

    def __init__(self, folder: Path, settings: Path, env: Mapping[str, str]) -> None:
        self.folder, self.settings, self.env = folder, settings, env
        self.socket, self.database = folder / "core.sock", folder / "keydesk.db"
        self.api = Core(os.fspath(self.socket), timeout=20)
        self._cores: list[CoreProcess] = []

    def core(self, **env: str) -> CoreProcess:
        """A core that answers; ended with the merchant."""
        made = CoreProcess(self.folder, self.settings, self.socket, {**self.env, **env})
        self._cores.append(made)
        return made

    def run(self, *arguments: object) -> "subprocess.CompletedProcess[str]":
        """A command that speaks to the core."""
        return keydesk(*arguments, "--socket", self.socket, env=self.env)

    def stock(self, product: str, file: Path) -> None:
        """Import a file of keys."""
        ran = self.run("keys", "import", file, "--product", product, "--yes")
        assert ran.returncode == 0, ran.stderr

    def rows(self, view: str = "work", filter_: str = "") -> list[dict[str, Any]]:
        """The head of a view; nothing while no core answers."""
        try:
            found: list[dict[str, Any]] = self.api.get("/v1/queue", view=view, filter=filter_, limit=200)["rows"]
        except CallError:
            return []
        return found

    def row(self, ext_id: str) -> dict[str, Any]:
        """One order's row, wherever it stands."""
        found = self.api.get("/v1/find", q=ext_id)["rows"]
        (row,) = [row for row in found if row["ext_id"] == ext_id]
        return dict(row)

    def full(self, ext_id: str) -> dict[str, Any]:
        """One order with everything that is known of it."""
        whole: dict[str, Any] = self.api.get(f"/v1/orders/{self.row(ext_id)['id']}")
        return whole

    def act(self, action: str, ext_id: str, reason: str = "") -> dict[str, Any]:
        """Carry out a decision on one order; the finished job, which must have worked."""
        seen = self.api.post("/v1/preview", action=action, args={}, orders=[self.row(ext_id)["id"]])
        job = self.api.post("/v1/apply", token=seen["token"], reason=reason, number=seen["confirm_number"])["job"]

        def ended() -> dict[str, Any] | None:
            found: dict[str, Any] = self.api.get(f"/v1/jobs/{job}")
            return found if found["state"] != "running" else None

        done = until(ended, f"the job of {action}")
        assert done["items"][0]["ok"], done
        return done

    def settlement(self) -> list[dict[str, Any]]:
        """Where each order stands; nothing while no core answers."""
        try:
            return list(self.api.lines("GET", "/v1/settlement"))
        except CallError:
            return []

    def promises_hold(self) -> None:
        """No violation in the database as it is now, whether a core works on it or was just killed."""
        assert [f for f in audit(self.database).findings if f.severity == "violation"] == []

    def end(self) -> None:
        """End every core."""
        for core in self._cores:
            core.end()


class Practice(Merchant):
    """A merchant of the practice world."""

    def __init__(self, folder: Path, world: World, env: Mapping[str, str]) -> None:
        super().__init__(folder, write_files(world.ready, folder, RULES, "en", fresh=1), env)
        self.world = world

    def stock_all(self) -> None:
        """Import the keys of every product."""
        for product, told in self.world.ready["products"].items():
            self.stock(product, Path(told["keys"]))

    def settled(self, seconds: float = 60) -> dict[str, Any]:
        """Wait until every order of the world is settled; the world's report, which must show zeros."""

        def done() -> bool:
            state, lines = self.world.get("state"), self.settlement()
            return bool(
                state["buyers_done"]
                and len(lines) == state["orders_created"]
                and all(line["settled"] and "other" not in line["kinds"] for line in lines)
            )

        until(done, "every order is settled", seconds)
        return self.zeros()

    def zeros(self) -> dict[str, Any]:
        """The world's report so far: no key twice, none unpaid, none too many."""
        report = self.world.get("report")
        assert (report["keys_sent_twice"], report["sent_unpaid"], report["oversold"]) == (0, 0, 0)
        return report


@contextmanager
def practice(*arguments: str) -> Iterator[Practice]:
    """A world and its merchant in a folder of their own; no core is started yet, nobody buys before ``begin``."""
    with place() as folder, ExitStack() as stack:
        world = World(folder / "world", ["--seed", "5", "--late", "3", *arguments], folder / "world.log")
        stack.callback(world.process.stdout.close)  # type: ignore[union-attr]
        stack.callback(world.stop)
        made = Practice(folder, world, environment(folder))
        stack.callback(made.end)
        yield made
