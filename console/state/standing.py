"""Our standing with the core: who we are there, whether the line is up, what it counts."""

from dataclasses import dataclass, field

from console.wire import Counters, Health, Product

VIEWS = ("work", "open", "waiting_money", "delivering", "exceptions", "held", "vip", "big", "mine", "recent")


@dataclass
class DeskStanding:
    """Facts that guards and the header read."""

    health: Health | None = None
    counters: Counters | None = None
    link: str = "connecting"  # connecting, live, lost
    view: str = "work"
    filter: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    stock: list[Product] = field(default_factory=list)
    claims: dict[int, int] = field(default_factory=dict)  # order id -> until, ours
    chosen: int = 0
    force_read_only: bool = False
    kiosk: bool = False

    @property
    def role(self) -> str:
        """Our role in the core; nobody until it has answered."""
        return self.health["role"] if self.health else "viewer"

    @property
    def read_only(self) -> bool:
        """Whether the core or this console refuses to change anything."""
        return self.force_read_only or bool(self.health and self.health["read_only"])

    @property
    def online(self) -> bool:
        """Whether the core answers."""
        return self.link == "live"
