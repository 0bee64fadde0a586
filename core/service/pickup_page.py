"""The buyer's page: one sheet of HTML without a script, in Chinese or English. Everything from outside is escaped."""

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from typing import Final

from core.model.effects import Slot
from core.model.text import clean
from core.pipeline.pickup import Answer

STYLE: Final = (
    "body{font:16px/1.6 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem;color:#222;background:#fff}"
    "button{font:inherit;padding:.8rem 2rem;border:0;border-radius:.4rem;background:#1668dc;color:#fff}"
    "pre{font:1.1rem/1.5 ui-monospace,monospace;padding:.8rem;border:1px solid #bbb;border-radius:.4rem;"
    "white-space:pre-wrap;overflow-wrap:anywhere;user-select:all}h2{font-size:1rem;margin:1.5rem 0 .3rem}"
)
_HASH: Final = b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS: Final = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "content-security-policy": f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex, nofollow, noarchive",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "content-type": "text/html; charset=utf-8",
}
TEXTS: Final = {
    "zh_CN": {
        "lang": "zh-CN",
        "title": "领取卡密",
        "button": "显示卡密",
        "head": "订单 {order},共 {n} 个卡密",
        "item": "第 {i}/{n} 个 {title}",
        "foot": "请妥善保管,不要转发本页链接。每次显示都会被记录。",
        "gone": "链接无效或已过期。请向卖家询问。",
        "refunded": "该订单已退款或关闭,卡密不再显示。",
        "replaced": "卡密已更换或收件方式已更改,请使用最新消息中的链接,或向卖家询问。",
        "waits": "卖家正在处理该订单,卡密暂不能显示。请稍后再试,或向卖家询问。",
        "slow": "操作太频繁,请稍后再试。",
        "later": "暂时无法处理,请稍后再试。",
    },
    "en": {
        "lang": "en",
        "title": "Pick up your keys",
        "button": "Show the keys",
        "head": "Order {order}: {n} key(s)",
        "item": "{i} of {n} {title}",
        "foot": "Keep them safe and do not pass this link on. Each time they are shown is recorded.",
        "gone": "This link is not valid or has expired. Please ask the seller.",
        "refunded": "This order was refunded or closed; its keys are not shown any more.",
        "replaced": "The keys or the address were changed since. Use the link in the newest message, or ask the seller.",
        "waits": "The seller is looking at this order; the keys cannot be shown now. Try again later, or ask the seller.",
        "slow": "Too many tries. Please wait a little.",
        "later": "This does not work just now. Please try again later.",
    },
}
STATUS: Final = {
    Answer.KEYS: 200,
    Answer.GONE: 404,
    Answer.REFUNDED: 410,
    Answer.REPLACED: 410,
    Answer.WAITS: 409,
    Answer.STALE: 503,
}


def language_of(accepted: str, default: str) -> str:
    """Chinese or English by what the browser asks for; ``default`` when it asks for neither."""
    for part in accepted.lower().split(","):
        word = part.split(";")[0].strip()
        if word.startswith("zh"):
            return "zh_CN"
        if word.startswith("en"):
            return "en"
    return default


def button(language: str) -> str:
    """What a GET shows, whatever the link: nothing of the order, so that a preview of the link reveals nothing."""
    words = TEXTS[language]
    return _sheet(words, f'<form method="post"><button type="submit">{escape(words["button"])}</button></form>')


def told(language: str, word: str) -> str:
    """One sentence: an Answer that is no keys, ``slow`` or ``later``."""
    words = TEXTS[language]
    return _sheet(words, f"<p>{escape(words[word])}</p>")


def keys(language: str, order: str, slots: Sequence[Slot]) -> str:
    """All keys, n of n. A key stands byte for byte: cleaning could change it, escaping does not."""
    words, n = TEXTS[language], len(slots)
    parts = [f"<p>{escape(words['head'].format(order=clean(order, 64), n=n))}</p>"]
    for i, slot in enumerate(slots, 1):
        parts.append(f"<h2>{escape(words['item'].format(i=i, n=n, title=clean(slot.title, 200)))}</h2>")
        # A line break right behind <pre> would be dropped by the browser; one of ours goes instead of the key's own.
        parts.append(f'<pre dir="ltr">\n{escape(slot.secret)}</pre>')
    parts.append(f"<p>{escape(words['foot'])}</p>")
    return _sheet(words, "\n".join(parts))


def _sheet(words: dict[str, str], body: str) -> str:
    title = escape(words["title"])
    return (
        f'<!doctype html><html lang="{words["lang"]}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head><body><h1>{title}</h1>\n{body}\n</body></html>\n"
    )
