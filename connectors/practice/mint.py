"""What the world invents from its seed: products, keys, buyers, their words. No invented key looks like an order number."""

import random
import re
from dataclasses import dataclass

KEY = re.compile(r"(?<![A-Z0-9-])[A-HJ-NP-Z2-9]{4}(?:-[A-HJ-NP-Z2-9]{4}){3}(?![A-Z0-9-])")
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"

_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀兰霞平刚桂英玉萍鹏华红玲飞"

# Text that harms a careless console: window title, clipboard write, clear screen, markup, bidi override.
HOSTILE = (
    "\x1b]0;owned\x07",
    "\x1b]52;c;cm0gLXJm\x07",
    "\x1b[2J\x1b[H",
    "[/]",
    "[@click=app.quit]点这里[/]",
    "\u202egro.elpmaxe\u202c",
    "\x9b31m红\x9b0m",
    "[bold",
)

THANKS = ("", "谢谢", "麻烦尽快", "急用", "老板发大财", "第二次买了", "请发邮箱")


@dataclass(frozen=True, slots=True)
class Product:
    """One product of the merchant: price in fen, share of the demand."""

    code: str
    title: str
    price: int
    weight: int

    def sku(self, prefix: str) -> str:
        """The merchant's SKU code on a platform; each platform has its own prefix."""
        return prefix + self.code.upper()


PRODUCTS = (
    Product("steam50", "Steam 钱包充值码 50元", 4890, 30),
    Product("psn100", "PSN 港服点卡 100", 9480, 16),
    Product("netease30", "网易一卡通 30元", 2910, 18),
    Product("office21", "Office 2021 专业增强版 激活码", 19900, 9),
    Product("win11pro", "Windows 11 专业版 密钥", 58800, 8),
    Product("nso12", "Switch 会员 12个月 兑换码", 12900, 9),
    Product("cloudpro", "云盘超级会员 年卡", 26800, 7),
    Product("adobe12", "创意套件 年度授权", 128800, 3),
)

REPLAY_PRODUCT = Product("cd", "音乐光盘 下载兑换码", 1200, 1)


def secret(rng: random.Random, prefix: str = "", length: int = 32) -> str:
    """Text for a credential of this world only; nothing outside it trusts one."""
    return prefix + "".join(rng.choices("abcdefghijkmnopqrstuvwxyz23456789", k=length))


def mint_keys(rng: random.Random, count: int, taken: dict[str, int], product: int) -> list[str]:
    """``count`` new keys, entered into ``taken`` (key -> product number) so that none repeats."""
    out: list[str] = []
    while len(out) < count:
        text = "".join(rng.choices(_LETTERS, k=16))
        key = f"{text[:4]}-{text[4:8]}-{text[8:12]}-{text[12:]}"
        if key not in taken:
            taken[key] = product
            out.append(key)
    return out


def nick(rng: random.Random, buyer: int) -> str:
    """A Chinese name as the platforms show it: masked, with a digit of the account."""
    return f"{rng.choice(_SURNAMES)}{rng.choice(_GIVEN)}**{buyer % 10}"


def email(buyer: int) -> str:
    """The buyer's address: the same buyer always gives the same one."""
    return f"buyer{buyer}@mail.example.com"


def broken_email(rng: random.Random, buyer: int) -> str:
    """What buyers type when they mean an address: nothing a mail can go to."""
    return rng.choice(
        (
            f"buyer{buyer}@@mail",
            f"buyer{buyer}#mail.example.com",
            f"buyer{buyer}@localhost",
            f"buyer{buyer} at mail.example.com",
            f"buyer{buyer}＠mail.example.com",
            "邮箱等下发你",
        )
    )


def remark(rng: random.Random, address: str) -> str:
    """A buyer's remark around an address, as people write it: before, after, or glued to Chinese text."""
    style = rng.randrange(5)
    thanks = rng.choice(THANKS)
    if style == 0:
        return address
    if style == 1:
        return f"邮箱：{address} {thanks}".rstrip()
    if style == 2:
        return f"发到{address}，{thanks or '好评'}"
    if style == 3:
        return f"{thanks}\n{address}"
    return f"email:{address}。{thanks}"
