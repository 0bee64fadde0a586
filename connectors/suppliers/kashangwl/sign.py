"""Kashangwl's signature (facts: A11). Its callback carries none: what it says is confirmed by a query."""

from collections.abc import Mapping

from connectors.signing import key_of, md5, run_together


def sign(params: Mapping[str, str | int], key: str) -> str:
    """Lower-case hex MD5 of key, then names and values in ASCII order. Raises ValueError."""
    texts = {name: str(value) for name, value in params.items()}
    return md5(key_of(key, "the customer key") + run_together(texts))
