"""acg-faka's signature between peers (facts: A10). No time and no nonce: a caller's order number must stop repeats."""

from collections.abc import Mapping
from typing import Any

from connectors.signing import key_of, md5, same


def sign(params: Mapping[str, Any], key: str) -> str:
    """Lower-case hex MD5 of PHP's query text, decoded, then ``&key=``. Raises ValueError.

    Names in ASCII order; ``sign`` and empty texts are left out, "0" stays. Values: text, int, bool, or nested
    mappings and lists, which PHP writes as ``name[sub]`` in their own order.
    """
    key_of(key, "the app key")
    pairs = [
        pair for name in sorted(params) if name != "sign" and params[name] != "" for pair in _pairs(name, params[name])
    ]
    return md5("&".join([*(f"{name}={value}" for name, value in pairs)]) + "&key=" + key)


def _pairs(name: str, value: Any) -> list[tuple[str, str]]:
    if value is None:
        return []
    if isinstance(value, Mapping):
        return [pair for sub in value for pair in _pairs(f"{name}[{sub}]", value[sub])]
    if isinstance(value, list | tuple):
        return [pair for at, item in enumerate(value) for pair in _pairs(f"{name}[{at}]", item)]
    return [(name, str(int(value)) if isinstance(value, bool) else str(value))]


def verify(params: Mapping[str, Any], key: str) -> bool:
    """Whether a peer with this key signed ``params``, its ``sign`` among them."""
    return bool(key.strip()) and same(sign(params, key), str(params.get("sign", "")))
