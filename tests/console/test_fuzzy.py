"""Names by the initials of their pinyin: rarer characters, characters with two readings, and what has none."""

import subprocess
import sys

import pytest

from console.fuzzy import FIRST, SPELLINGS_MAX, best, fits, initials, spellings
from console.pinyin_table import FIRSTS, SEVERAL

FOUND = [
    ("星穹铁道", "xqtd"), ("重庆", "cq"), ("重庆", "zq"), ("银行", "yh"), ("银行", "yx"), ("明日方舟", "mrfz"), ("崩坏", "bh"),
    ("绝区零", "jql"), ("鸣潮", "mc"), ("原神", "ys"), ("蔚蓝档案", "wlda"), ("碧蓝航线", "blhx"), ("阴阳师", "yys"),
    ("哔哩哔哩", "blbl"), ("音乐会员", "yyhy"), ("音乐会员", "ylhy"), ("长城", "cc"), ("长城", "zc"), ("女神", "ns"), ("绿", "l"),
    ("区块", "qk"), ("饿了么", "elm"), ("网易云", "wyy"), ("魔兽世界", "mssj"), ("螃蟹", "px"), ("燚", "y"), ("欧阳", "oy"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "typed"), FOUND, ids=[f"{name}-{typed}" for name, typed in FOUND])
def test_a_name_is_found_by_its_initials(name: str, typed: str) -> None:
    assert fits(typed, name)
    assert best(typed, [("p1", "不相干"), ("p2", f"{name} 月卡")]) == ["p2"]


def test_the_commonest_reading_comes_first() -> None:
    assert initials("游戏点卡 50元") == "yxdk50y"
    assert spellings("重庆银行") == ("zqyx", "zqyh", "cqyx", "cqyh")


def test_what_is_no_chinese_or_not_in_the_table_stands_for_itself() -> None:
    assert spellings("Steam 50元") == ("steam50y",)
    assert spellings("ガ𠮷龥龦") == ("ガ𠮷y龦",)
    assert spellings("") == ("",)
    assert not fits("xx", "原神")


def test_a_long_name_does_not_become_thousands() -> None:
    ways = spellings("重行长乐会" * 20)
    assert len(ways) <= SPELLINGS_MAX
    assert {len(way) for way in ways} == {100}
    assert ways[0] == initials("重行长乐会" * 20)


def test_the_table_is_whole() -> None:
    assert len(FIRSTS) == 0x9FA5 - FIRST + 1
    assert set(FIRSTS) <= set("abcdefghjklmnopqrstwxyz-"), "no pinyin begins with i, u or v"
    assert FIRSTS.count("-") < 20
    for one in SEVERAL.split():
        assert one[1] == FIRSTS[ord(one[0]) - FIRST], "the first of several is the commonest"
        assert len(set(one[1:])) == len(one) - 1 > 1
    for code in range(FIRST, FIRST + len(FIRSTS)):  # the first level of GB 2312 stands in the order of its pinyin
        try:
            place = int.from_bytes(chr(code).encode("gb2312"), "big")
        except UnicodeEncodeError:
            continue
        assert not 0xB0A1 <= place <= 0xD7F9 or FIRSTS[code - FIRST] != "-", chr(code)


def test_a_start_does_not_read_the_table() -> None:
    code = "import sys, console.app, console.places, console.command_line; print('console.pinyin_table' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.strip() == "False"
