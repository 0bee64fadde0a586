"""Prints the quick card, one page to lay beside the keyboard: ``python -m console.key_pages card en`` (or ``zh_CN``).

Keys and their names come from the registry; what is grouped here is the order in which a hand needs them.
"""

from console import i18n
from console.actions import BY_ID, key_sign
from console.keymap import Keymap

ACROSS = 4  # entries in a line
# Each line of the card: its name in both languages, and the actions it shows.
GROUPS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("move", "移动", ("down", "up", "page_down", "page_up", "home", "end", "jump", "find")),
    ("look", "查看", ("detail", "detail_down", "detail_up", "xray", "view.1", "view_next", "filter", "thaw")),
    ("mark", "标记", ("mark", "mark_range", "mark_filter", "mark_clear")),
    ("flow", "取单", ("next", "skip", "take", "break", "repeat", "undo", "recall", "jobs", "auto_next")),
    ("exceptions", "异常", ("cases", "open", "decide.1", "decide_all")),
    ("desk", "其他", ("command", "palette", "export", "evidence", "help", "back", "quit")),
)
FILTERS = (
    ("amount>=500 @pdd", "from 500 yuan, one platform", "一个平台 500 元起"),
    ("case:no_stock age>2h", "waiting for stock for two hours", "缺卡等了两小时"),
    ("tag:VIP -stage:delivered", "VIP buyers who have nothing yet", "还没发货的 VIP"),
    ("left<10m or case:any", "due soon, or waiting for a person", "快超时，或等人处理"),
)
_EN = {
    "title": "Keydesk: the keys on one page",
    "made": "Made from the desk's own table of actions by `python -m console.key_pages card en`. `{help}` on the desk shows "
    "your own keys. The whole guide: [desk.md](desk.md). 中文：[quick-card.zh.md](quick-card.zh.md)",
    "how": "**Every act goes the same way:** mark (or leave the cursor on one order), press its key, read the preview (how many, "
    "how much money, what cannot be done), `enter` applies, `esc` leaves, `{undo}` takes back what can be taken back.",
    "filters": "**Filters** (`{filter}`; terms side by side must all match, `or`, `-` before one negates; an empty one shows all):",
    "one": "one key",
    "menu": "`{leader}`, then",
}
_ZH = {
    "title": "卡台按键卡：一页看全",
    "made": "由 `python -m console.key_pages card zh_CN` 按订单台自己的操作表生成。在订单台按 `{help}` 可看你自己改过的键。"
    "完整说明：[desk.md](desk.md)。English: [quick-card.md](quick-card.md)",
    "how": "**所有操作都是一个走法：**先标记（不标记就是光标这一单），按操作键，看预览（多少单、多少钱、哪些做不了），"
    "`enter` 执行，`esc` 放弃，能撤销的按 `{undo}` 撤销。",
    "filters": "**筛选**（`{filter}`；并列即同时满足，`or` 为或，前面加 `-` 为非；清空即显示全部）：",
    "one": "单键",
    "menu": "先按 `{leader}`，再按",
}


def card(language: str) -> str:
    """The card in a language, as Markdown of at most 60 lines."""
    before, keymap = i18n.language(), Keymap()
    words, column = (_ZH, 1) if language == "zh_CN" else (_EN, 0)
    i18n.use(language)
    try:
        out = [f"# {words['title']}", "", words["made"].format(help=keymap.sign("help")), ""]
        out += [
            words["how"].format(undo=keymap.sign("undo")),
            "",
            *_head("", words["one"]),
        ]
        for en, zh, actions in GROUPS:
            out += _lines((en, zh)[column], [_entry(keymap, one) for one in actions])
        for leader in ("menu", "goto"):
            sign, label = keymap.sign(leader), BY_ID[leader].label
            out += ["", *_head(label, words["menu"].format(leader=sign))]
            behind = [f"`{key_sign(key)}` {BY_ID[one].label}" for key, one in keymap.after(leader).items()]
            out += _lines("", behind)
        out += ["", words["filters"].format(filter=keymap.sign("filter")), ""]
        out += [f"- `{text}` {meant[column]}" for text, *meant in FILTERS]
    finally:
        i18n.use(before)
    return "\n".join(out) + "\n"


def _head(title: str, above: str) -> list[str]:
    return ["| " + " | ".join([title, above, *[""] * (ACROSS - 1)]) + " |", "|---" * (ACROSS + 1) + "|"]


def _entry(keymap: Keymap, action_id: str) -> str:
    action = BY_ID[action_id]
    if action.number:
        name = action_id.partition(".")[0]
        last = max(a.number for a in BY_ID.values() if a.id.partition(".")[0] == name)
        return f"`{'1-9 0' if last == 10 else '1-9'}` {i18n.t(f'act.{name}', n='N')}"
    keys = " ".join(f"`{key_sign(key)}`" for key in keymap.keys(action_id))
    return f"{keys or f'`{keymap.sequence(action_id)}`'} {action.label}"


def _lines(title: str, entries: list[str]) -> list[str]:
    rows = [entries[at : at + ACROSS] for at in range(0, len(entries), ACROSS)]
    out = []
    for number, row in enumerate(rows):
        head = f"**{title}**" if title and not number else ""
        out.append("| " + " | ".join([head, *row, *[""] * (ACROSS - len(row))]) + " |")
    return out
