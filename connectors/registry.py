"""Shops by name and options: the one place that finds the class behind a platform's name (channels: channel_kinds).

A platform is a folder of ``connectors/shops`` whose ``platform.py`` holds a ``PLATFORM``; another package adds one
through the entry point group ``keydesk.shops`` (the name is the platform, the object a ``Platform``). Secrets arrive
here as plain text, resolved by the caller, and go no further than the connector.
"""

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points
from typing import Final

from connectors import shops
from connectors.channel_kinds import build_channel
from connectors.options import COMMON, Options, Platform, check, nearest
from core.model.clock import Clock
from core.ports import Shop

__all__ = ["GROUP", "Platform", "build_channel", "build_shop", "platforms"]

GROUP: Final = "keydesk.shops"


def build_shop(name: str, options: Options, clock: Clock) -> Shop:
    """The shop ``name``. ``options["platform"]`` chooses its class.

    Raises ValueError that names the shop, the key, and the nearest valid key; never a value.
    """
    platform = options.get("platform", "")
    kind = _platform(platform)
    if kind is None:
        raise ValueError(f"shop {name}: unknown platform {platform!r}{nearest(platform, frozenset(platforms()))}")
    given = {key: value for key, value in options.items() if key != "platform"}
    check(f"shop {name}", given, kind.required, kind.optional | COMMON)
    try:
        return kind.build(name, given, clock)
    except ValueError as exc:
        raise ValueError(f"shop {name}: {exc}") from None


def platforms() -> tuple[str, ...]:
    """The names of all platforms that can be set up, ours and other packages'."""
    return tuple(sorted({*_ours(), *(point.name for point in entry_points(group=GROUP))}))


@cache
def _ours() -> dict[str, str]:
    """Platform name to module, without importing any: a core loads only what its settings name."""
    found = {}
    for folder in pkgutil.iter_modules(shops.__path__):
        if folder.ispkg and any(
            m.name == "platform" for m in pkgutil.iter_modules([f"{shops.__path__[0]}/{folder.name}"])
        ):
            found[folder.name.replace("_", "-")] = f"{shops.__name__}.{folder.name}.platform"
    return found


def _platform(name: str) -> Platform | None:
    module = _ours().get(name)
    if module is not None:
        loaded = importlib.import_module(module).PLATFORM
    else:
        point = next((point for point in entry_points(group=GROUP) if point.name == name), None)
        if point is None:
            return None
        loaded = point.load()
    if not isinstance(loaded, Platform):
        raise ValueError(f"platform {name}: what stands behind it is not a Platform")
    return loaded
