"""Payment gateways from settings, each tied to the shop whose buyers pay through it."""

from collections.abc import Mapping

from connectors.gateway_kinds import build_gateway
from core.engine import refuse_shared
from core.model.clock import now_us
from core.ports import Gateway, Shop
from core.settings import PAY_VIA, Endpoint, Settings


def shop_options(end: Endpoint) -> dict[str, str]:
    """A shop's options as its connector takes them."""
    return {"platform": end.kind, **{key: value for key, value in end.plain().items() if key != PAY_VIA}}


def gateways_of(settings: Settings, shops: Mapping[str, Shop]) -> dict[str, Gateway]:
    """Gateways by the name of the shop that each pays.

    Raises ValueError for one that its connector does not take, that no shop names, or that two shops share.
    """
    built = {
        name: build_gateway(name, {"kind": end.kind, **end.plain()}, now_us) for name, end in settings.payments.items()
    }
    found: dict[str, Gateway] = {}
    for shop, end in settings.shops.items():
        if end.pay_via:
            if end.pay_via not in built:
                raise ValueError(f"shop {shop} is paid via {end.pay_via!r}, but there is no [payments.{end.pay_via}]")
            found[shop] = built[end.pay_via]
    idle = sorted(set(built) - {gateway.name for gateway in found.values()})
    if idle:
        raise ValueError(
            f'payment gateway {idle[0]} pays no shop; write pay_via = "{idle[0]}" under the shop it belongs to'
        )
    refuse_shared(shops, found)
    return found


def refused_gateways(settings: Settings, shops: Mapping[str, Shop]) -> dict[str, str]:
    """Why gateways are not taken: ``payments.NAME`` -> reason; for ``doctor``, which wants all reasons at once."""
    refused: dict[str, str] = {}
    for name, end in settings.payments.items():
        try:
            build_gateway(name, {"kind": end.kind, **end.plain()}, now_us)
        except Exception as error:
            refused[f"payments.{name}"] = str(error)
    if not refused:
        try:
            gateways_of(settings, shops)
        except Exception as error:
            refused["payments"] = str(error)
    return refused
