"""Access tokens that expire: renewed once for all callers, and kept across restarts.

Platforms may void a refresh token as it is used (TOP does), so the pair that came back must outlive the process, or the
shop has to be authorised again by hand after every restart.
"""

import asyncio
import hashlib
import logging
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from core.model.clock import Clock, now_us
from core.ports import ConnectorError

log = logging.getLogger(__name__)


_looking: ContextVar[bool] = ContextVar("looking", default=False)


@contextmanager
def no_renewal() -> Iterator[None]:
    """Within this, ``tokens_of`` makes tokens that are used and never renewed: for a look beside a running core."""
    before = _looking.set(True)
    try:
        yield
    finally:
        _looking.reset(before)


def only_looking() -> bool:
    """Whether ``no_renewal`` is in force here."""
    return _looking.get()


class Pair(Struct, frozen=True):
    """What an exchange brings back; an empty ``refresh`` means that the old one stays good."""

    access: str
    refresh: str = ""

    def __repr__(self) -> str:
        return "Pair(***)"


class _Kept(Struct, frozen=True):
    root: str  # fingerprint of the configured pair: a new authorisation in the settings wins over what was kept
    access: str
    refresh: str


class Tokens:
    """One shop's pair. ``path``: a private file (mode 0600) for the latest pair, or None to keep it in memory alone.

    ``frozen``: the refresh token belongs to somebody else's process and is not spent here. ``since``: when the access
    token in use came (UTC us); None for one of the settings, of which nobody says.
    """

    def __init__(
        self, access: str, refresh: str = "", path: Path | None = None, frozen: bool = False, clock: Clock = now_us
    ) -> None:
        self._frozen = frozen
        self._root = hashlib.sha256(f"{access}|{refresh}".encode()).hexdigest()
        self._access, self._refresh, self._path = access, refresh, path
        self._lock, self._clock = asyncio.Lock(), clock
        self.since: int | None = None
        self._load()

    def __repr__(self) -> str:
        return "Tokens(***)"

    @property
    def access(self) -> str:
        """The token of now: hand it to ``renew`` when a call that used it was refused."""
        return self._access

    @property
    def renewable(self) -> bool:
        """False without a refresh token that may be spent."""
        return bool(self._refresh) and not self._frozen

    async def renew(self, used: str, exchange: Callable[[str], Awaitable[Pair]]) -> None:
        """Call ``exchange`` with the refresh token, unless another caller already replaced ``used``.

        Its errors pass through and change nothing. Raises ConnectorError when the refresh token is not ours to spend.
        """
        if self._frozen and self._refresh:
            raise ConnectorError("auth", "the access token has ended, and a test renews no token")
        async with self._lock:
            if self._access != used:
                return
            pair = await exchange(self._refresh)
            self._access, self._refresh = pair.access, pair.refresh or self._refresh
            self.since = self._clock()
            self._save()

    def _load(self) -> None:
        if self._path is None:
            return
        try:
            kept = msgspec.json.decode(self._path.read_bytes(), type=_Kept)
            written = self._path.stat().st_mtime_ns // 1000
        except FileNotFoundError:
            return
        except (OSError, *UNREADABLE) as exc:
            log.warning("kept tokens are unreadable: %s", type(exc).__name__)
            return
        if kept.root == self._root:
            self._access, self._refresh, self.since = kept.access, kept.refresh, written

    def _save(self) -> None:
        if self._path is None:
            return
        fresh = self._path.with_name(self._path.name + ".new")
        try:
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.encode(_Kept(self._root, self._access, self._refresh)))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
        except OSError as exc:
            # The pair still works in this process; losing it costs an authorisation by hand after a restart.
            log.warning("tokens were not kept: %s", type(exc).__name__)
