"""What a platform sent, without what opens doors: tokens, signatures, links with codes in them, and card keys.

A name that looks like a secret's costs its value; better a field too few in a pack that leaves the house.
"""

import json
import re
from typing import Any, NamedTuple

from core.desk.scrub import REMOVED, Scrub

RAW_MAX = 256_000  # bytes; a pattern is searched for in one go, and meanwhile nothing else runs
_DEPTH_MAX = 40
_NAMED_MAX = 200
_NAME = re.compile(
    r"token|secret|passw|pwd|signature|authori[sz]ation|cookie|session|credential|private|bearer"
    r"|(?:^|[_\-.])(?:sign|key|auth|hash|hmac|csrf|otp|pin)$|(?-i:[a-z](?:Sign|Key|Auth|Hash)$)"
    r"|(?:api|app|access|master)key"
    r"|card_?(?:no|num|number|pwd|pass|code|key|info|secret|list)|cd_?key|redeem|voucher|activation|licen[cs]e"
    r"|auth_?code|verify_?code|卡密|卡号|密码|密钥|兑换码|激活码",
    re.IGNORECASE,
)
_LINK = re.compile(r"(https?://)(?:[^/\s@\"'<>]*@)?([^/?#\s\"'<>]+)([/?#][^\s\"'<>]*)?", re.IGNORECASE)
_SECRET = re.compile(
    r"(?<![\w\-])eyJ[\w\-]{8,}+\.[\w\-]++\.[\w\-]*"  # a signed token
    r"|(?:sk|rk|whsec|pk|shpat|shpss|ck|cs)_[A-Za-z0-9_]{12,}"  # keys of providers
    r"|(?i:bearer|basic)\s+[A-Za-z0-9+/=_.\-]{12,}"
    r"|-----BEGIN [A-Z ]+-----.*?(?:-----END [A-Z ]+-----|\Z)",
    re.DOTALL,
)
# Nothing here is tried again from within a word: a payload of one long word must not cost its square.
_PAIR = re.compile(r"(?<![\w\-.])([\w\-.]++)=([^&\s\"'<>]*+)")
_ELEMENT = re.compile(r"<([\w\-.:]++)([^<>]*+)>((?:[^<]|<!\[CDATA\[(?:(?!\]\]>).)*+\]\]>)*+)</\1>", re.DOTALL)
# How several platforms write their extra fields: {"name": what it is, "value": what it says}.
_CALLED = ("name", "key", "field", "label", "title", "code")
_SAYS = ("value", "val", "content", "text", "data")


class Cleaned(NamedTuple):
    """``payload``: JSON values, or text, or None when it is neither; ``removed``: where something was taken out."""

    payload: Any
    removed: list[str]
    note: str


def cleaned(raw: bytes, scrub: Scrub) -> Cleaned:
    """A raw payload fit to leave the house. Never raises: what cannot be read is left out whole."""
    if len(raw) > RAW_MAX:
        return Cleaned(None, ["$"], f"left out: {len(raw)} bytes are more than a pack holds")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return Cleaned(None, ["$"], f"left out: {len(raw)} bytes that are no text could not be looked through")
    walker = _Walker(scrub)
    try:
        payload = walker.value(json.loads(text), "$", 0)
    except (ValueError, RecursionError):
        payload = walker.form(text, "$")
    return Cleaned(payload, walker.removed, "")


class _Walker:
    def __init__(self, scrub: Scrub) -> None:
        self._scrub = scrub
        self.removed: list[str] = []

    def _took(self, at: str) -> None:
        if len(self.removed) < _NAMED_MAX and at not in self.removed:
            self.removed.append(at)

    def value(self, value: Any, at: str, depth: int) -> Any:
        if depth > _DEPTH_MAX:
            self._took(at)
            return REMOVED
        if isinstance(value, dict):
            names = {str(name).lower(): said for name, said in value.items()}
            secret = any(isinstance(names.get(n), str) and _NAME.search(names[n]) for n in _CALLED)
            pair = secret and any(n in names for n in _SAYS)
            return {
                self._scrub.text(str(k)): self._member(str(k), v, f"{at}.{k}", depth, pair) for k, v in value.items()
            }
        if isinstance(value, list):
            if len(value) == 2 and all(isinstance(one, str) for one in value) and _NAME.search(value[0]):
                self._took(f"{at}[1]")
                return [self._scrub.text(value[0]), REMOVED]
            return [self.value(one, f"{at}[{i}]", depth + 1) for i, one in enumerate(value)]
        if isinstance(value, str):
            return self._text(value, at, depth)
        scrubbed = self._scrub.value(value)
        if scrubbed != value:
            self._took(at)
        return scrubbed

    def _member(self, name: str, value: Any, at: str, depth: int, pair: bool) -> Any:
        lower = name.lower()
        # What such a pair calls its secret is not the secret.
        secret = lower in _SAYS if pair and lower in _CALLED + _SAYS else bool(_NAME.search(name))
        if secret and value not in (None, "", True, False, [], {}):
            self._took(self._scrub.text(at))
            return REMOVED
        return self.value(value, self._scrub.text(at), depth + 1)

    def _text(self, text: str, at: str, depth: int) -> str:
        if text[:1] in "{[" and text[-1:] in "}]":  # JSON inside JSON
            try:
                return json.dumps(self.value(json.loads(text), at, depth + 1), ensure_ascii=False)
            except (ValueError, RecursionError):
                pass
        return self.form(text, at)

    def form(self, text: str, at: str) -> str:
        """A text that is no JSON: forms, XML, prose."""
        out = _LINK.sub(_no_path, self._scrub.text(text))
        out = _SECRET.sub(REMOVED, out)
        out = _PAIR.sub(lambda m: f"{m[1]}={REMOVED}" if m[2] and _NAME.search(m[1]) else m[0], out)
        out = _ELEMENT.sub(
            lambda m: f"<{m[1]}{m[2]}>{REMOVED}</{m[1]}>" if m[3].strip() and _NAME.search(m[1]) else m[0], out
        )
        if out != text:
            self._took(at)
        return out


def _no_path(link: "re.Match[str]") -> str:
    # Order pages and pick-up pages carry their right of entry in the path as often as behind the question mark.
    return f"{link[1]}{link[2]}/{REMOVED}" if (link[3] or "/") != "/" else f"{link[1]}{link[2]}{link[3] or ''}"
