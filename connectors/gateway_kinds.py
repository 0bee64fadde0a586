"""Payment gateways by kind: a kind is a folder of ``connectors/payments`` whose ``gateway.py`` holds a ``KIND``.

Secrets arrive here as plain text, resolved by the caller, and go no further than the gateway.
"""

import importlib
import pkgutil

from connectors import payments
from connectors.options import Options, check, nearest
from connectors.payments.base import GatewayKind
from core.model.clock import Clock
from core.ports import Gateway


def build_gateway(name: str, options: Options, clock: Clock) -> Gateway:
    """The gateway ``name``; ``options["kind"]`` chooses its class.

    Raises ValueError that names the gateway, the key, and the nearest valid key; never a value of a key.
    """
    word = options.get("kind", "")
    if word not in kinds():
        raise ValueError(f"payment gateway {name}: unknown kind {word!r}{nearest(word, kinds())}")
    kind = importlib.import_module(f"{payments.__name__}.{word}.gateway").KIND
    assert isinstance(kind, GatewayKind)
    given = {key: value for key, value in options.items() if key != "kind"}
    check(f"payment gateway {name}", given, kind.required, kind.optional)
    try:
        return kind.build(name, given, clock)
    except ValueError as exc:
        raise ValueError(f"payment gateway {name}: {exc}") from None


def kinds() -> tuple[str, ...]:
    """The kinds that can be set up."""
    return tuple(sorted(folder.name for folder in pkgutil.iter_modules(payments.__path__) if folder.ispkg))
