"""Contacts: one writing each, found in a buyer's text only when there is no doubt, and masked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.contact import ContactKind, address, gathered, kind_of, many, mask, normal, part

OPENID = "oABCDEFGHIJKLMNOPQRSTUVWXYZ1"
MAIL, PHONE, TELEGRAM, WECHAT = ContactKind.EMAIL, ContactKind.PHONE, ContactKind.TELEGRAM, ContactKind.WECHAT


@pytest.mark.parametrize(
    ("text", "contact", "kind"),
    [
        (" a.b@example.com ", "a.b@example.com", MAIL),
        ("13800138000", "+8613800138000", PHONE),
        ("138-0013-8000", "+8613800138000", PHONE),
        ("+86 138 0013 8000", "+8613800138000", PHONE),
        ("+852 9123 4567", "+85291234567", PHONE),
        ("Telegram: 123456789", "telegram:123456789", TELEGRAM),
        (f"wechat:{OPENID}", f"wechat:{OPENID}", WECHAT),
        ("wecom:zhang.san", "wecom:zhang.san", ContactKind.WECOM),
        ("wecom:zhang@corp.com", "wecom:zhang@corp.com", ContactKind.WECOM),
    ],
)
def test_each_kind_has_one_writing(text: str, contact: str, kind: ContactKind) -> None:
    assert normal(text) == contact
    assert normal(contact) == contact
    assert kind_of(contact) is kind
    assert part(contact, {kind}) == contact
    assert part(contact, set(ContactKind) - {kind}) == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "someone",
        "12345678901",
        "1380013800",
        "138001380001",
        "+86 12345678901",
        "+8613",
        "91234567",
        "a@b",
        "a b@c.de",
    ]
    + ["a@b.de,c@d.de", "telegram:-100", "telegram:@name", "wechat:short", "qq:12345", "é@example.com", "+0123456789"],
)
def test_a_doubtful_one_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError, match="not a contact") as caught:
        normal(text)
    assert not text.strip() or text not in str(caught.value)


@given(st.text(max_size=60))
def test_what_is_taken_is_stable(text: str) -> None:
    try:
        contact = normal(text)
    except ValueError:
        return
    assert normal(contact) == contact
    assert kind_of(contact) is not None
    assert " " not in contact


def test_several_kinds_of_one_order() -> None:
    both = many("13800138000, a@example.com")
    assert both == "+8613800138000 a@example.com"
    assert part(both, {MAIL}) == "a@example.com"
    assert part(both, {PHONE}) == "+8613800138000"
    assert part(both, {TELEGRAM}) == ""
    for wrong in ("", ";", "a@example.com, b@example.com", "a@example.com, nobody"):
        with pytest.raises(ValueError, match="contact"):
            many(wrong)


@pytest.mark.parametrize(
    ("given_", "text", "kinds", "kept"),
    [
        ("a@example.com", "", {MAIL}, "a@example.com"),
        ("a@example.com", "打我电话13800138000", {PHONE}, "+8613800138000"),
        ("a@example.com", "打我电话13800138000", {PHONE, MAIL}, "a@example.com +8613800138000"),
        ("", "138 0013 8000 谢谢 13800138000", {PHONE}, "+8613800138000"),
        ("", "13800138000 或 13900139000", {PHONE}, ""),
        ("", "订单 4138001380001234", {PHONE}, ""),
        ("", "号码 +85291234567", {PHONE}, "+85291234567"),
        ("", "发到 b@example.com", {MAIL, PHONE}, ""),
        ("", "telegram:123456789", {TELEGRAM}, "telegram:123456789"),
        ("", f"wechat:{OPENID}", {WECHAT}, f"wechat:{OPENID}"),
        ("13800138000", "", {PHONE}, "+8613800138000"),
        ("13800138000", "13900139000", {PHONE}, "+8613800138000"),
        ("a@example.com", "", {PHONE}, ""),
        ("a@example.com 13800138000", "", {PHONE, MAIL}, "a@example.com +8613800138000"),
        ("138 0013 8000", "", {PHONE}, "+8613800138000"),
    ],
)
def test_what_an_order_keeps(given_: str, text: str, kinds: set[ContactKind], kept: str) -> None:
    assert gathered(given_, text, kinds) == kept


def test_a_channel_of_one_kind_gets_the_bare_address() -> None:
    assert address("telegram:12345", {TELEGRAM}) == "12345"
    assert address("telegram:12345", {TELEGRAM, MAIL}) == "telegram:12345"
    assert address("+8613800138000", {PHONE}) == "+8613800138000"
    assert address("a@example.com", {MAIL}) == "a@example.com"


@pytest.mark.parametrize(
    ("contact", "shown"),
    [
        ("buyer@example.com", "bu***@example.com"),
        ("+8613800138000", "+86138****00"),
        ("+85291234567", "+852****67"),
        ("telegram:123456789", "telegram:12***"),
        (f"wechat:{OPENID}", "wechat:oA***"),
        ("+8613800138000 buyer@example.com", "+86138****00 bu***@example.com"),
        ("something", "so***"),
        ("", ""),
    ],
)
def test_masks(contact: str, shown: str) -> None:
    assert mask(contact) == shown
