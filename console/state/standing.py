"""Our standing with the core: who we are there, whether the line is up, what it counts."""

from dataclasses import dataclass, field

from console.wire import Counters, Health, Product

# As the tabs stand: the queues that people split their work by have the digits.
VIEWS = (
    "work",
    "vip",
    "big",
    "stuck",
    "refunds",
    "drift",
    "no_stock",
    "unknown",
    "mine",
    "exceptions",
    "held",
    "open",
    "waiting_money",
    "delivering",
    "recent",
)


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
    saved: dict[str, tuple[str, str]] = field(default_factory=dict)  # the person's own views: (view, filter) by name
    own: str = ""  # the saved view that was chosen last
    chosen: int = 0
    force_read_only: bool = False
    kiosk: bool = False
    auto_next: bool = False  # the next order comes by itself after a decision

    @property
    def tabs(self) -> tuple[str, ...]:
        """All views by name: the fixed ones, then the person's own."""
        return (*VIEWS, *self.saved)

    @property
    def tab(self) -> str:
        """Where the person is: a saved view as long as view and filter are what was saved, else the fixed one."""
        own = self.saved.get(self.own)
        return self.own if own is not None and own == (self.view, self.filter) else self.view

    @property
    def me(self) -> str:
        """Our name in the core."""
        return self.health["operator"] if self.health else ""

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
