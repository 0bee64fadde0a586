"""Prints what docs say of keys, from the registry: ``python -m console.key_pages reference``, or ``card LANGUAGE``.

The reference is the end of docs/desk.md, from its heading *All keys* on; the cards are docs/quick-card.md and
docs/quick-card.zh.md. A test holds the pages against this.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from console import i18n
from console.actions import ACTIONS, SCOPES, Action, key_sign
from console.keymap import Keymap
from console.quick_card import card

# Scopes that have keys of their own, as people speak of them.
_SCOPES = {
    "queue": "In the queue 队列",
    "cases": "In the exceptions 异常",
    "jobs": "In the jobs 任务",
    "recall": "In my decisions 我的决定",
    "stock": "In the stock 库存",
    "import": "While importing keys 导入卡密",
    "rules": "In the rules 规则",
    "connections": "In the connections 店铺接口",
    "wall": "On the wall 大屏",
    "xray": "In the x-ray 透视订单",
    "history": "In the history 历史",
    "desk": "Everywhere 全局",
}


@contextmanager
def _speaking(language: str) -> Iterator[None]:
    before = i18n.language()
    i18n.use(language)
    try:
        yield
    finally:
        i18n.use(before)


def _words(action: Action, language: str) -> str:
    with _speaking(language):
        label = i18n.t(f"act.{action.id.partition('.')[0]}", n="N") if action.number else action.label
        between = ": " if language == "en" else "："
        return f"{label}{between}{action.tip}" if action.tip else label


def reference() -> str:
    """Every key of every place, in both languages, as Markdown."""
    keymap, out = Keymap(), ["## All keys"]
    assert {a.scope for a in ACTIONS} == set(_SCOPES) <= set(SCOPES)
    for scope, heading in _SCOPES.items():
        out += ["", f"### {heading}", "", "| action | key | also | English | 中文 |", "|---|---|---|---|---|"]
        for action in ACTIONS:
            if action.scope == scope and action.number <= 1:
                out.append(_row(action, keymap))
    return "\n".join(out) + "\n"


def _row(action: Action, keymap: Keymap) -> str:
    name, last = action.id, [a for a in ACTIONS if a.number and a.id.partition(".")[0] == action.id.partition(".")[0]]
    keys = [key_sign(key) for key in keymap.keys(action.id)]
    if last:
        name = f"{action.id} .. .{last[-1].number}"
        keys = ["1-9 0" if last[-1].number == 10 else "1-9"]
    keys += [keymap.sequence(action.id)] if action.leader else []
    first, also = keys[0], ", ".join(f"`{key}`" for key in keys[1:])
    return f"| `{name}` | `{first}` | {also} | {_words(action, 'en')} | {_words(action, 'zh_CN')} |"


if __name__ == "__main__":
    sys.stdout.write(card(sys.argv[2]) if sys.argv[1] == "card" else reference())
