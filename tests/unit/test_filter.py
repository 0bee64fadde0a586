"""The filter language: what it finds, what it refuses and where; it raises FilterError only and never interpolates."""

import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.desk.filter import FIELDS, Context, FilterError, compile_filter
from core.store import driver
from core.store.migrations.versions.v0001_initial import statements

_sqlite = driver.swap()
_NOW = 1_000_000_000_000
_CONTEXT = Context(_NOW, "wang", 120_000_000)
_HOUR = 3_600_000_000


def _database() -> Any:
    connection = _sqlite.connect(":memory:")
    for statement in statements():
        connection.execute(statement)
    connection.executemany("INSERT INTO shop VALUES(?, ?, ?)", [(1, "taobao-main", "taobao"), (2, "pdd", "pinduoduo")])
    orders = [
        # id, shop, ext, stage, due, paid, currency, buyer, title, tag, note, age h, deadline in h
        (1, 1, "A-100%", 1, 50_000, 50_000, "CNY", "张三", "Steam 充值", "大额", "", 3, 1),
        (2, 1, "A_200", 1, 1230, 0, "CNY", "li", "QQ", "", "call \"back\"", 1, None),
        (3, 2, "B300", 4, 600, 600, "JPY", "wang", "Netflix", "VIP", "", 50, -1),
        (4, 2, "B400", 3, 99, 99, "CNY", "zhao", "Netflix", "", "", 0, 40),
    ]  # fmt: skip
    for i, shop, ext, stage, due, paid, currency, buyer, title, tag, note, age, left in orders:
        connection.execute(
            "INSERT INTO orders(id, shop, ext_id, rev, seen_at, version, stage, pstate, nprio, due_at, blocks, due, paid, "
            "refunded, refund_open, currency, qty, product, title, buyer, buyer_name, contact, message, tag, writeback, "
            "created_at, deadline, received_at, changed_at, note) "
            "VALUES(?, ?, ?, 0, ?, 1, ?, 1, ?, 0, 0, ?, ?, 0, 0, ?, 1, 'p', ?, ?, '', '', '', ?, 0, ?, ?, 0, 0, ?)",
            (i, shop, ext, _NOW, stage, -i, due, paid, currency, title, buyer, tag, _NOW - age * _HOUR)
            + (None if left is None else _NOW + left * _HOUR, note),
        )
    connection.execute("INSERT INTO hold VALUES(1, 2, 'manual', 'x', '', 0, NULL, NULL, NULL)")
    connection.execute("INSERT INTO hold VALUES(2, 1, 'manual', 'x', '', 0, NULL, 5, 'x')")
    connection.execute("INSERT INTO case_ VALUES(1, 4, 2, 'unknown_outcome', '', '{}', 0, 0, NULL, NULL, NULL, NULL)")
    connection.execute("INSERT INTO claim VALUES(1, 'wang', ?)", (_NOW + 1,))
    connection.execute("INSERT INTO claim VALUES(2, 'wang', ?)", (_NOW - 1,))
    return connection


@pytest.fixture(scope="module")
def database() -> Any:
    connection = _database()
    yield connection
    connection.close()


def _find(database: Any, text: str) -> list[int]:
    where, params = compile_filter(text, _CONTEXT)
    rows = database.execute(f"SELECT o.id FROM orders o WHERE {where or '1'} ORDER BY o.id", params)
    return [row[0] for row in rows]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", [1, 2, 3, 4]),
        ("   ", [1, 2, 3, 4]),
        ("steam", [1]),
        ("张三", [1]),
        ("100%", [1]),
        ("%", [1]),
        ("_", [2]),
        ("@taobao", [1, 2]),
        ("@pdd", [3, 4]),
        ("@pinduoduo netflix", [3, 4]),
        ("amount>=500", [1, 3]),  # 600 yen are 600 in major units too
        ("amount:12.30", [2]),
        ("amount<1", [4]),
        ("paid=0", [2]),
        ("stage:open", [1, 2]),
        ("stage>=delivering", [3, 4]),
        ("stage!=open -stage:delivered", [4]),
        ("tag:VIP or tag=大额", [1, 3]),
        ("tag=\"\"", [2, 4]),
        ("@taobao tag:大额 or @pdd stage:delivering", [1, 4]),
        ("@taobao (tag:大额 or paid:0)", [1, 2]),
        ("-(steam or qq)", [3, 4]),
        ("note:\"call\"", [2]),
        ("age>2h", [1, 3]),
        ("age<90m", [2, 4]),
        ("left<2h", [1, 3]),
        ("-left<2h", [2, 4]),
        ("case:any", [4]),
        ("case:none @pdd", [3]),
        ("case:unknown_outcome", [4]),
        ("hold:any", [2]),
        ("hold!=manual @taobao", [1]),
        ("claim:me", [1]),
        ("claim:none", [2, 3, 4]),
        ("why:hold:manual", [2]),
        ("why:case:unknown_outcome", [4]),
        ("why:at_gate", [1]),
        ("why:none", [3]),
        ("money:unpaid", [2]),
        ("priority>=3", [3, 4]),
        ("id:3", [3]),
        ("ext=B300", [3]),
        ("ext!=B300 @pdd", [4]),
        ("currency:jpy", [3]),
        ("（@pdd or qq） -stage：delivered", [2, 4]),
        ("buyer:\"（\"", []),
    ],
)  # fmt: skip
def test_finds(database: Any, text: str, ids: list[int]) -> None:
    assert _find(database, text) == ids


@pytest.mark.parametrize(
    ("text", "position", "nearest"),
    [
        ("steam amuont>5", 6, "amount"),
        ("amount>abc", 0, ""),
        ("amount>1.234", 0, ""),
        ("stage:opne", 0, "open"),
        ("case:no_stok", 0, "no_stock"),
        ("(a or b", 0, ""),
        ("a )", 2, ""),
        ("a or", 4, ""),
        ("or a", 0, ""),
        ("()", 1, ""),
        ('note:"abc', 5, ""),
        ("@", 0, ""),
        ("id:99999999999999999999", 0, ""),
        ("id:9999999999999999999", 0, ""),
        ("buyer>x", 0, ""),
        ("age:soon", 0, ""),
        ("left:", 0, ""),
        ("(" * 40 + "a", 21, ""),
        ("a " * 51, 100, ""),
        ("x" * 1001, 1000, ""),
        ("a \ud800", 2, ""),
    ],
)
def test_refuses_with_position(text: str, position: int, nearest: str) -> None:
    with pytest.raises(FilterError) as caught:
        compile_filter(text, _CONTEXT)
    assert (caught.value.position, caught.value.nearest) == (position, nearest)


_words = st.sampled_from(
    [
        *FIELDS,
        ":",
        "=",
        "!=",
        ">=",
        "<",
        "(",
        ")",
        "-",
        " ",
        " or ",
        "@",
        '"',
        "open",
        "any",
        "me",
        "5m",
        "12.5",
        "'",
        "；",
        "--",
    ]
)


@settings(max_examples=400, deadline=None)
@given(
    st.one_of(st.text(max_size=60), st.lists(_words, max_size=12).map("".join), st.text(string.printable, max_size=40))
)
def test_raises_only_filter_errors_and_runs(text: str) -> None:
    """Whatever compiles also runs on SQLite; whatever does not is a FilterError that points into the text."""
    try:
        where, params = compile_filter(text, _CONTEXT)
    except FilterError as error:
        outside = not 0 <= error.position <= len(text)
        assert not outside
        return
    assert where.count("?") == len(params)
    _shared().execute(f"SELECT o.id FROM orders o WHERE {where or '1'}", params).fetchall()


_memo: list[Any] = []


def _shared() -> Any:
    if not _memo:
        _memo.append(_database())
    return _memo[0]


@given(st.text(st.characters(exclude_characters='"', exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_values_are_bound_never_written_into_the_statement(value: str) -> None:
    """Two different values give the same statement."""
    for field in ("buyer:", "ext=", "@", ""):
        first = compile_filter(f'{field}"{value}"', _CONTEXT)
        assert first.where == compile_filter(f'{field}"x"', _CONTEXT).where
