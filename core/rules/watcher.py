"""Hot reload: a changed file is parsed, checked and tried before it replaces what is live; a broken one changes nothing."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import watchfiles

T = TypeVar("T")

Report = Callable[[Path, Exception | None], None]  # (file, None) after a swap, (file, why) when the old stays


class Watcher(Generic[T]):
    """Keeps one file's compiled object current. ``load`` reads, checks and compiles, and raises if it cannot.

    Used for rules.toml and products.toml alike::

        rules = Watcher(path, load_rules, swap=use, report=tell)
        await rules.run(stop)
    """

    def __init__(self, file: Path, load: Callable[[Path], T], swap: Callable[[T], None], report: Report) -> None:
        self.file, self._load, self._swap, self._report = file, load, swap, report
        self._seen = self._stamp()

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until ``stop`` is set. The folder is watched, since editors replace files instead of writing them."""
        self.refresh()  # a change between the first load and now would otherwise wait for the next one
        async for _changes in watchfiles.awatch(
            self.file.parent, watch_filter=self._is_ours, stop_event=stop, step=50, debounce=400, recursive=False
        ):
            self.refresh()

    def refresh(self) -> bool:
        """Take the file as it is now; True if it went live. A file that vanished or is broken changes nothing."""
        stamp = self._stamp()
        if stamp == self._seen:
            return False
        self._seen = stamp
        return self.reload()

    def reload(self) -> bool:
        """Load whatever the stamp says. True if it went live."""
        try:
            made = self._load(self.file)
        except Exception as error:
            self._report(self.file, error)
            return False
        self._swap(made)
        self._report(self.file, None)
        return True

    def _is_ours(self, _change: watchfiles.Change, path: str) -> bool:
        return Path(path).name == self.file.name

    def _stamp(self) -> tuple[int, int, int]:
        try:
            info = self.file.stat()
        except OSError:
            return (0, 0, 0)
        return (info.st_mtime_ns, info.st_size, info.st_ino)
