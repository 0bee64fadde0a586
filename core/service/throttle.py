"""How often one caller may do something: a bucket each, bounded in number."""

import ipaddress
from collections import OrderedDict

CALLERS_MAX = 10_000


class Throttle:
    """``burst`` at once, then ``per_minute``. Times in seconds of any clock that only goes forward."""

    def __init__(self, burst: int, per_minute: float, callers: int = CALLERS_MAX) -> None:
        self._burst, self._rate, self._callers = float(burst), per_minute / 60, callers
        self._held: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, who: str, now: float) -> bool:
        """Whether it may be done now; if so it counts."""
        left, at = self._held.pop(who, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._rate)
        allowed = left >= 1
        self._held[who] = (left - 1 if allowed else left, now)
        while len(self._held) > self._callers:
            self._held.popitem(last=False)
        return allowed


def network(address: str) -> str:
    """What counts as one caller: an IPv4 address, an IPv6 /64 (one customer holds all of it); "" for neither."""
    try:
        parsed = ipaddress.ip_address(address.strip().strip("[]"))
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped) if mapped else str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
