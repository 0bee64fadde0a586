"""What the stages know of a shop, made from its connector and the channels that it delivers by."""

from collections.abc import Mapping

from core.model.contact import EMAIL_ONLY
from core.model.effects import Effect, EffectClass, EffectSpec
from core.pipeline.setup import ShopInfo, Way
from core.ports import Carrier, Channel, Shop, ways_of


def info_of(number: int, shop: Shop, channels: Mapping[str, Channel]) -> ShopInfo:
    """The shop with its ways in the order in which they are tried. Raises KeyError for a channel that is not there."""
    ways = tuple(_way(channels[name]) for name in ways_of(shop.send_via))
    ways = ways or (Way(shop.name, shop.specs[Effect.SEND]),)
    return ShopInfo(number, shop.name, shop.platform, ways[0].lane, ways[0].send, shop.specs.get(Effect.SHIP), ways)


def retired(number: int, name: str, platform: str) -> ShopInfo:
    """A shop of the database that is not configured any more: it keeps its orders, and nothing is sent for them."""
    spec = EffectSpec(Effect.SEND, EffectClass.C, "its shop is not configured")
    return ShopInfo(number, name, platform, name, spec, None)


def _way(channel: Channel) -> Way:
    reaches = channel.reaches if isinstance(channel, Carrier) else EMAIL_ONLY
    return Way(channel.name, channel.specs[Effect.SEND], reaches)
