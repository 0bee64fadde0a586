"""A shop whose buyers pay at a provider: the shop's own door, the provider's beside it, and the notices it sends.

Some notices are lost for good, some orders are named by forged ones: the desk has to ask, and not to be fooled.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from connectors.practice.faults import Fate
from connectors.practice.front import Gate
from connectors.practice.gate import Call
from connectors.practice.market import Place
from connectors.practice.pushes import Message, Post
from connectors.practice.wire import Answer, Request
from connectors.practice.world import Order, Shop

_LOST = 7  # of so many orders one is paid without a word
_FORGED = 5  # of so many one is said to be paid when it was only placed
_TRIES = 6
_PAY = "pay:"


class Cashier(Protocol):
    """One provider as this world plays it."""

    kind: str  # as the desk's settings name it

    def read(self, request: Request) -> Call | Answer:
        """Checks a call of the merchant; an Answer is the refusal."""
        ...

    def act(self, call: Call) -> Answer:
        """Answers it. Nothing that the desk may ask here changes anything."""
        ...

    def notice(self, order: Order, forged: bool) -> Message:
        """The order is paid, says the provider, or somebody who would like to be it."""
        ...

    def took(self, status: int, body: bytes) -> bool:
        """Whether the provider is content with this answer."""
        ...

    def settings(self, url: str, hide: Callable[[str, str], str]) -> Mapping[str, str]:
        """What the desk needs to speak to it."""
        ...


class Till:
    """The door of both: paths with ``/pay`` after the door's name are the provider's."""

    def __init__(self, place: Place, shop: Gate, cashier: Cashier) -> None:
        self.platform = place.shop.platform
        self._shop, self._cashier, self._name = shop, cashier, gateway_of(place.shop)
        self._path = f"/{place.shop.market.door}/pay"
        assert place.pushes is not None
        self._pushes = place.pushes
        self._pushes.hear(place.shop.name, self._changed)

    def read(self, request: Request) -> Call | Answer:
        """The shop's call or the provider's."""
        if not request.path.startswith(self._path):
            return self._shop.read(request)
        call = self._cashier.read(request._replace(path=request.path.removeprefix(self._path)))
        return call if isinstance(call, Answer) else call._replace(method=_PAY + call.method)

    def act(self, call: Call, fate: Fate) -> Answer:
        """The answer of whose call it is."""
        if call.method.startswith(_PAY):
            return self._cashier.act(call._replace(method=call.method.removeprefix(_PAY)))
        return self._shop.act(call, fate)

    def refusal(self, kind: str) -> Answer:
        """Whose call it was is not told here; both refuse by their HTTP status."""
        return self._shop.refusal(kind)

    def expire_token(self) -> None:
        """Neither has any."""

    def _changed(self, order: Order, what: str) -> None:
        if what == "paid" and order.n % _LOST:
            self._post(order, False)
        elif what == "placed" and order.n % _FORGED == 1:
            self._post(order, True)

    def _post(self, order: Order, forged: bool) -> None:
        def make() -> Message:
            return self._cashier.notice(order, forged)

        def took(status: int, body: bytes) -> bool:
            # A forger leaves it at one try that was answered; to be put off would leave the door unproven.
            return self._cashier.took(status, body) or (forged and 400 <= status < 500)

        self._pushes.put(Post(self.platform, self._name, make, took, _TRIES))


def gateway_of(shop: Shop) -> str:
    """The gateway's name in the desk's settings, and in the address that notices go to."""
    return f"{shop.name}-pay"
