"""Access tokens that expire: renewed once for all callers, and kept across restarts.

Platforms may void a refresh token as it is used (TOP does), so the pair that came back must outlive the process, or the
shop has to be authorised again by hand after every restart.
"""

import asyncio
import hashlib
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE

log = logging.getLogger(__name__)


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
    """One shop's pair. ``path``: a private file (mode 0600) for the latest pair, or None to keep it in memory alone."""

    def __init__(self, access: str, refresh: str = "", path: Path | None = None) -> None:
        self._root = hashlib.sha256(f"{access}|{refresh}".encode()).hexdigest()
        self._access, self._refresh, self._path = access, refresh, path
        self._lock = asyncio.Lock()
        self._load()

    def __repr__(self) -> str:
        return "Tokens(***)"

    @property
    def access(self) -> str:
        """The token of now: hand it to ``renew`` when a call that used it was refused."""
        return self._access

    @property
    def renewable(self) -> bool:
        """False without a refresh token."""
        return bool(self._refresh)

    async def renew(self, used: str, exchange: Callable[[str], Awaitable[Pair]]) -> None:
        """Call ``exchange`` with the refresh token, unless another caller already replaced ``used``.

        Its errors pass through and change nothing.
        """
        async with self._lock:
            if self._access != used:
                return
            pair = await exchange(self._refresh)
            self._access, self._refresh = pair.access, pair.refresh or self._refresh
            self._save()

    def _load(self) -> None:
        if self._path is None:
            return
        try:
            kept = msgspec.json.decode(self._path.read_bytes(), type=_Kept)
        except FileNotFoundError:
            return
        except (OSError, *UNREADABLE) as exc:
            log.warning("kept tokens are unreadable: %s", type(exc).__name__)
            return
        if kept.root == self._root:
            self._access, self._refresh = kept.access, kept.refresh

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
