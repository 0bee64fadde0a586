"""What the core asks of the outside. Connectors implement these protocols; the core never imports a connector."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from core.model.effects import Call, Effect, EffectSpec, Outcome
from core.model.order import Batch, OrderUpdate, Quarantined


class ConnectorError(Exception):
    """A pull or read failed. ``kind`` is one of: network, timeout, auth, rate, platform, protocol."""

    def __init__(self, kind: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.kind, self.retry_after = kind, retry_after


@runtime_checkable
class Channel(Protocol):
    """A way to reach a buyer beside the platform itself, for example e-mail."""

    name: str
    specs: Mapping[Effect, EffectSpec]

    async def perform(self, call: Call) -> Outcome:
        """One attempt. Never raises for what the outside does: that is an Outcome. Cancelled mid-way = unknown."""
        ...

    async def ask(self, call: Call) -> Outcome:
        """Class B: what became of an earlier attempt of this call. Must not repeat it."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


@runtime_checkable
class Shop(Channel, Protocol):
    """A merchant's account at one platform."""

    platform: str
    send_via: str  # "shop", or the name of the channel that carries the keys
    poll_seconds: float  # how long to wait after a pull that brought nothing more

    async def pull(self, cursor: str | None) -> Batch:
        """The next batch after ``cursor`` (None: from the connector's configured start).

        The same cursor gives at least the same facts again; the core is idempotent, so overlap is free.
        Raises ConnectorError.
        """
        ...

    async def read(self, ext_id: str) -> OrderUpdate | Quarantined:
        """One order as it stands now, for the gate. Raises ConnectorError."""
        ...

    async def hint(self, headers: Mapping[str, str], body: bytes) -> bool:
        """A webhook arrived. True when its signature is right and a pull should follow at once; False to refuse it."""
        ...
