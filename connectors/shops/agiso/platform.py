"""How the settings name a Xianyu shop that is run through Agiso."""

from connectors.options import Options, Platform, http_of, poll_seconds, url_of
from connectors.shops.agiso.client import Agiso
from connectors.shops.agiso.shop import AgisoShop
from core.model.clock import Clock
from core.ports import Shop


def _build(name: str, options: Options, clock: Clock) -> Shop:
    agiso = Agiso(url_of(options), options["secret"], options["access_token"], clock)
    return AgisoShop(name, agiso, options["secret"], clock, http_of(options), poll_seconds(options))


PLATFORM = Platform(frozenset({"url", "secret", "access_token"}), frozenset({"connections"}), _build)
